/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/rotation_rule.h"

#define S INT64_C(1000)
#define HOUR (3600 * S)
#define DAY (86400 * S)
#define BORN (INT64_C(1767225600) * S) /* 2026-01-01T00:00:00Z, a Thursday */

static const struct rotation_rule shipped = {
    .max_age_s = 90 * 86400, .uses = 1000, .uses_age_s = 30 * 86400, .overlap_s = 86400};

static struct rotation_rule in_window(const char *text)
{
    static struct calendar calendar;
    struct rotation_rule rule = shipped;
    assert_int_equal(calendar_parse(text, strlen(text), &calendar, NULL), TKR_OK);
    rule.window = &calendar;
    rule.zone = zone_utc();
    return rule;
}

static void expect(struct rotation_moment moment, enum rotation_reason reason, int64_t due_ms,
                   int64_t at_ms)
{
    assert_string_equal(rotation_reason_name(moment.reason), rotation_reason_name(reason));
    assert_int_equal(moment.due_ms, due_ms);
    assert_int_equal(moment.at_ms, at_ms);
    assert_int_equal(moment.too_late, at_ms == 0);
}

static void test_without_an_age_and_an_end_it_is_never_due(void **state)
{
    struct rotation_rule silent = {.overlap_s = 86400};
    struct rotation_subject subject = {.created_at_ms = BORN, .uses = 1000000};
    assert_int_equal(rotation_when(&silent, &subject, BORN + 1000 * DAY).reason, ROTATION_NONE);
}

static void test_it_is_due_at_its_age(void **state)
{
    struct rotation_subject subject = {.created_at_ms = BORN};
    expect(rotation_when(&shipped, &subject, BORN), ROTATION_BY_AGE, BORN + 90 * DAY,
           BORN + 90 * DAY);
    expect(rotation_when(&shipped, &subject, BORN + 91 * DAY), ROTATION_BY_AGE, BORN + 90 * DAY,
           BORN + 91 * DAY);
}

static void test_only_more_uses_than_the_number_make_it_due_early(void **state)
{
    struct rotation_subject subject = {.created_at_ms = BORN, .uses = 1000};
    expect(rotation_when(&shipped, &subject, BORN), ROTATION_BY_AGE, BORN + 90 * DAY,
           BORN + 90 * DAY);
    subject.uses = 1001;
    expect(rotation_when(&shipped, &subject, BORN), ROTATION_BY_USE, BORN + 30 * DAY,
           BORN + 30 * DAY);
}

static void test_a_token_that_ends_at_its_age_is_rotated_an_overlap_before(void **state)
{
    struct rotation_subject subject = {.created_at_ms = BORN, .expires_at_ms = BORN + 90 * DAY};
    expect(rotation_when(&shipped, &subject, BORN), ROTATION_BY_END, BORN + 89 * DAY,
           BORN + 89 * DAY);
}

static void test_a_short_life_is_not_all_overlap(void **state)
{
    struct rotation_subject subject = {.created_at_ms = BORN, .expires_at_ms = BORN + 4 * HOUR};
    expect(rotation_when(&shipped, &subject, BORN), ROTATION_BY_END, BORN + 3 * HOUR,
           BORN + 3 * HOUR);
}

static void test_what_is_due_waits_for_a_window(void **state)
{
    struct rotation_rule rule = in_window("0 2 * * sat for 2h");
    struct rotation_subject subject = {.created_at_ms = BORN};
    /* 90 days are a Wednesday */
    expect(rotation_when(&rule, &subject, BORN), ROTATION_BY_AGE, BORN + 90 * DAY,
           BORN + 93 * DAY + 2 * HOUR);
    int64_t inside_ms = BORN + 93 * DAY + 3 * HOUR;
    expect(rotation_when(&rule, &subject, inside_ms), ROTATION_BY_AGE, BORN + 90 * DAY, inside_ms);
}

static void test_a_clock_that_jumps_over_a_window_waits_for_the_next(void **state)
{
    struct rotation_rule rule = in_window("0 2 * * sat for 2h");
    struct rotation_subject subject = {.created_at_ms = BORN};
    expect(rotation_when(&rule, &subject, BORN + 93 * DAY + 4 * HOUR), ROTATION_BY_AGE,
           BORN + 90 * DAY, BORN + 100 * DAY + 2 * HOUR);
}

static void test_the_last_window_that_leaves_the_overlap_is_taken(void **state)
{
    struct rotation_rule rule = in_window("0 2 * * sat for 2h");
    struct rotation_subject subject = {.created_at_ms = BORN, .expires_at_ms = BORN + 90 * DAY};
    /* the Saturday before is day 86; one later would be day 93 */
    expect(rotation_when(&rule, &subject, BORN), ROTATION_BY_END, BORN + 86 * DAY + 2 * HOUR,
           BORN + 86 * DAY + 2 * HOUR);
}

static void test_a_window_that_opens_only_after_the_end_is_too_late(void **state)
{
    struct rotation_rule rule = in_window("0 2 1 jan * for 2h");
    struct rotation_subject subject = {.created_at_ms = BORN + DAY,
                                       .expires_at_ms = BORN + 91 * DAY};
    expect(rotation_when(&rule, &subject, BORN + 2 * DAY), ROTATION_BY_END, BORN + DAY, 0);
}

static void test_a_window_that_never_opens_is_too_late(void **state)
{
    struct rotation_rule rule = in_window("0 2 30 feb * for 2h");
    struct rotation_subject subject = {.created_at_ms = BORN};
    expect(rotation_when(&rule, &subject, BORN), ROTATION_BY_AGE, BORN + 90 * DAY, 0);
}

static void test_the_next_try_is_waited_for_and_is_in_a_window(void **state)
{
    struct rotation_rule rule = in_window("0 2 * * sat for 2h");
    struct rotation_subject subject = {.created_at_ms = BORN};
    int64_t inside_ms = BORN + 93 * DAY + 3 * HOUR;
    subject.not_before_ms = inside_ms + 60 * S;
    expect(rotation_when(&rule, &subject, inside_ms), ROTATION_BY_AGE, BORN + 90 * DAY,
           inside_ms + 60 * S);
    subject.not_before_ms = inside_ms + 2 * HOUR;
    expect(rotation_when(&rule, &subject, inside_ms), ROTATION_BY_AGE, BORN + 90 * DAY,
           BORN + 100 * DAY + 2 * HOUR);
}

static void test_what_is_unfinished_is_due_whatever_its_age(void **state)
{
    struct rotation_rule rule = in_window("0 2 * * sat for 2h");
    struct rotation_subject subject = {
        .created_at_ms = BORN, .unfinished = true, .not_before_ms = BORN + 3 * DAY};
    expect(rotation_when(&rule, &subject, BORN), ROTATION_BY_RETRY, BORN,
           BORN + 9 * DAY + 2 * HOUR);
}

static void test_who_asks_waits_for_nothing(void **state)
{
    struct rotation_rule rule = in_window("0 2 * * sat for 2h");
    struct rotation_subject subject = {
        .created_at_ms = BORN, .wished = true, .not_before_ms = BORN + DAY};
    expect(rotation_when(&rule, &subject, BORN + 5), ROTATION_BY_WISH, BORN + 5, BORN + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_an_age_and_an_end_it_is_never_due),
        cmocka_unit_test(test_it_is_due_at_its_age),
        cmocka_unit_test(test_only_more_uses_than_the_number_make_it_due_early),
        cmocka_unit_test(test_a_token_that_ends_at_its_age_is_rotated_an_overlap_before),
        cmocka_unit_test(test_a_short_life_is_not_all_overlap),
        cmocka_unit_test(test_what_is_due_waits_for_a_window),
        cmocka_unit_test(test_a_clock_that_jumps_over_a_window_waits_for_the_next),
        cmocka_unit_test(test_the_last_window_that_leaves_the_overlap_is_taken),
        cmocka_unit_test(test_a_window_that_opens_only_after_the_end_is_too_late),
        cmocka_unit_test(test_a_window_that_never_opens_is_too_late),
        cmocka_unit_test(test_the_next_try_is_waited_for_and_is_in_a_window),
        cmocka_unit_test(test_what_is_unfinished_is_due_whatever_its_age),
        cmocka_unit_test(test_who_asks_waits_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
