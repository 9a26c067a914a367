/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules of rotation: written whole, and listed with the version that is current. */
#include "store_suite.h"

#include <string.h>

/* --- steps ------------------------------------------------------------------------------------ */

static struct schedule schedule_of(const struct token *token)
{
    struct schedule schedule = {.target = "deploy",
                                .error = "",
                                .created_at_ms = SAMPLE_NOW,
                                .updated_at_ms = SAMPLE_NOW,
                                .version = 1};
    memcpy(schedule.lineage_id, token->lineage_id, sizeof(schedule.lineage_id));
    return schedule;
}

static void put(struct fixture *fixture, const struct schedule *schedule,
                const struct store_event *event)
{
    begin(fixture);
    assert_int_equal(fixture->port.schedules.put(fixture->store, schedule, event), TKR_OK);
    commit(fixture);
}

static struct scheduled_token get_scheduled(struct fixture *fixture, const char *lineage_id)
{
    struct scheduled_token found;
    assert_int_equal(
        fixture->port.schedules.get(fixture->store, lineage_id, fixture->arena, &found), TKR_OK);
    return found;
}

static size_t list_scheduled(struct fixture *fixture, struct schedule_page_of page,
                             struct scheduled_token **ret_tokens)
{
    size_t count = 0;
    page.limit = page.limit > 0 ? page.limit : 100;
    assert_int_equal(
        fixture->port.schedules.list(fixture->store, &page, fixture->arena, ret_tokens, &count),
        TKR_OK);
    return count;
}

/* The token gets a successor. */
static struct token succeed(struct fixture *fixture, struct token token, unsigned number)
{
    struct token successor = sample_token(number);
    memcpy(successor.lineage_id, token.lineage_id, sizeof(successor.lineage_id));
    memcpy(successor.rotated_from, token.id, sizeof(successor.rotated_from));
    successor = sample_store(&fixture->port, successor);
    memcpy(token.replaced_by, successor.id, sizeof(token.replaced_by));
    assert_int_equal(update_alone(fixture, &token), TKR_OK);
    return successor;
}

/* --- cases ------------------------------------------------------------------------------------ */

static void test_what_has_no_schedule_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct scheduled_token found;
    struct scheduled_token *all;
    struct schedule read;
    const struct store_schedules *schedules = &fixture->port.schedules;
    assert_int_equal(schedules->get(fixture->store, token.id, fixture->arena, &found),
                     TKR_NOT_FOUND);
    assert_int_equal(list_scheduled(fixture, (struct schedule_page_of){0}, &all), 0);
    begin(fixture);
    assert_int_equal(schedules->read(fixture->store, token.id, fixture->arena, &read),
                     TKR_NOT_FOUND);
    assert_int_equal(schedules->remove(fixture->store, token.id, NULL), TKR_NOT_FOUND);
    commit(fixture);
}

static void test_a_schedule_of_defaults_says_nothing_after_a_restart_either(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct schedule schedule = schedule_of(&token);
    put(fixture, &schedule, NULL);
    reopen_store(fixture);
    struct schedule found = get_scheduled(fixture, token.id).schedule;
    assert_string_equal(found.target, "deploy");
    assert_false(found.has_max_age || found.has_uses || found.has_uses_age || found.has_overlap);
    assert_null(found.window);
    assert_null(found.time_zone);
    assert_string_equal(found.rotating_id, "");
    assert_string_equal(found.error, "");
    assert_int_equal(found.outcome, SCHEDULE_NEVER);
}

static void test_every_member_is_read_as_it_was_put(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct schedule schedule = {
        .target = "vault",
        .has_max_age = true,
        .has_uses = true,
        .has_uses_age = true,
        .has_overlap = true,
        .max_age_s = 0,
        .uses_age_s = 2,
        .overlap_s = 3,
        .uses = 4,
        .window = "",
        .time_zone = "UTC",
        .created_at_ms = 5,
        .updated_at_ms = 6,
        .version = 7,
        .since_ms = 8,
        .wished = true,
        .outcome = SCHEDULE_UNSURE,
        .outcome_at_ms = 9,
        .error = "it burned",
        .delivered_at_ms = 10,
        .failures = 11,
        .unsure = 12,
        .unsure_since_ms = 13,
        .next_at_ms = 14,
    };
    memcpy(schedule.lineage_id, token.id, sizeof(schedule.lineage_id));
    memcpy(schedule.rotating_id, token.id, sizeof(schedule.rotating_id));
    put(fixture, &schedule, NULL);
    struct schedule found;
    begin(fixture);
    assert_int_equal(fixture->port.schedules.read(fixture->store, token.id, fixture->arena, &found),
                     TKR_OK);
    commit(fixture);
    assert_true(found.has_max_age && found.has_uses && found.has_uses_age && found.has_overlap);
    assert_int_equal(found.max_age_s, 0);
    assert_int_equal(found.uses_age_s, 2);
    assert_int_equal(found.overlap_s, 3);
    assert_int_equal(found.uses, 4);
    assert_string_equal(found.window, "");
    assert_string_equal(found.time_zone, "UTC");
    assert_int_equal(found.created_at_ms, 5);
    assert_int_equal(found.updated_at_ms, 6);
    assert_int_equal(found.version, 7);
    assert_string_equal(found.rotating_id, token.id);
    assert_int_equal(found.since_ms, 8);
    assert_true(found.wished);
    assert_int_equal(found.outcome, SCHEDULE_UNSURE);
    assert_int_equal(found.outcome_at_ms, 9);
    assert_string_equal(found.error, "it burned");
    assert_int_equal(found.delivered_at_ms, 10);
    assert_int_equal(found.failures, 11);
    assert_int_equal(found.unsure, 12);
    assert_int_equal(found.unsure_since_ms, 13);
    assert_int_equal(found.next_at_ms, 14);
}

static void test_a_schedule_is_told_with_the_version_that_is_current(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct schedule schedule = schedule_of(&token);
    put(fixture, &schedule, NULL);
    assert_string_equal(get_scheduled(fixture, token.lineage_id).token.id, token.id);
    struct token successor = succeed(fixture, token, 2);
    assert_string_equal(get_scheduled(fixture, token.lineage_id).token.id, successor.id);
    struct scheduled_token *all;
    assert_int_equal(list_scheduled(fixture, (struct schedule_page_of){0}, &all), 1);
    assert_string_equal(all[0].token.id, successor.id);
}

static void test_lists_are_of_an_org_of_what_rotates_and_in_pages(void **state)
{
    struct fixture *fixture = *state;
    struct scheduled_token *all;
    for (unsigned i = 1; i <= 5; i++) {
        struct token token = sample_token(i);
        token.org_id = i == 5 ? "beta" : "acme";
        token = sample_store(&fixture->port, token);
        struct schedule schedule = schedule_of(&token);
        if (i == 2) {
            memcpy(schedule.rotating_id, token.id, sizeof(schedule.rotating_id));
        }
        put(fixture, &schedule, NULL);
    }
    assert_int_equal(list_scheduled(fixture, (struct schedule_page_of){.org_id = "acme"}, &all), 4);
    assert_int_equal(list_scheduled(fixture, (struct schedule_page_of){.org_id = "beta"}, &all), 1);
    assert_int_equal(
        list_scheduled(fixture, (struct schedule_page_of){.rotating_only = true}, &all), 1);
    assert_int_equal(list_scheduled(fixture, (struct schedule_page_of){.limit = 2}, &all), 2);
    const char *after = all[1].schedule.lineage_id;
    assert_int_equal(
        list_scheduled(fixture, (struct schedule_page_of){.limit = 9, .after = after}, &all), 3);
    assert_true(strcmp(all[0].schedule.lineage_id, after) > 0);
}

static void test_a_change_and_its_event_are_undone_together(void **state)
{
    struct fixture *fixture = *state;
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct schedule schedule = schedule_of(&token);
    const struct store_event event = sample_event("rotation.schedule", &token);
    struct store_log before, after;
    struct scheduled_token found;
    assert_int_equal(fixture->port.audit.read_log(fixture->store, &before), TKR_OK);
    begin(fixture);
    assert_int_equal(fixture->port.schedules.put(fixture->store, &schedule, &event), TKR_OK);
    fixture->port.rollback(fixture->store);
    assert_int_equal(fixture->port.schedules.get(fixture->store, token.id, fixture->arena, &found),
                     TKR_NOT_FOUND);
    put(fixture, &schedule, &event);
    begin(fixture);
    assert_int_equal(fixture->port.schedules.remove(fixture->store, token.id, &event), TKR_OK);
    commit(fixture);
    assert_int_equal(fixture->port.audit.read_log(fixture->store, &after), TKR_OK);
    assert_int_equal(after.head.seq, before.head.seq + 2);
}

static void test_another_lineage_with_the_target_is_found(void **state)
{
    struct fixture *fixture = *state;
    char found[TOKEN_ID_CHARS + 1];
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct token other = sample_store(&fixture->port, sample_token(2));
    struct schedule schedule = schedule_of(&token);
    const struct store_schedules *schedules = &fixture->port.schedules;
    put(fixture, &schedule, NULL);
    begin(fixture);
    assert_int_equal(schedules->find_target(fixture->store, "deploy", token.id, found),
                     TKR_NOT_FOUND);
    assert_int_equal(schedules->find_target(fixture->store, "other", other.id, found),
                     TKR_NOT_FOUND);
    assert_int_equal(schedules->find_target(fixture->store, "deploy", other.id, found), TKR_OK);
    commit(fixture);
    assert_string_equal(found, token.id);
}

static void test_a_schedule_without_a_token_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    uint64_t count = 0;
    struct token token = sample_store(&fixture->port, sample_token(1));
    struct token gone = sample_token(2);
    struct schedule schedule = schedule_of(&token), orphan = schedule_of(&gone);
    put(fixture, &schedule, NULL);
    put(fixture, &orphan, NULL);
    begin(fixture);
    assert_int_equal(fixture->port.schedules.drop_orphans(fixture->store, &count), TKR_OK);
    commit(fixture);
    assert_int_equal(count, 1);
    assert_string_equal(get_scheduled(fixture, token.id).token.id, token.id);
}

int suite_schedules(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(test_what_has_no_schedule_is_not_found),
        SUITE_TEST(test_a_schedule_of_defaults_says_nothing_after_a_restart_either),
        SUITE_TEST(test_every_member_is_read_as_it_was_put),
        SUITE_TEST(test_a_schedule_is_told_with_the_version_that_is_current),
        SUITE_TEST(test_lists_are_of_an_org_of_what_rotates_and_in_pages),
        SUITE_TEST(test_a_change_and_its_event_are_undone_together),
        SUITE_TEST(test_another_lineage_with_the_target_is_found),
        SUITE_TEST(test_a_schedule_without_a_token_is_dropped),
    };
    return cmocka_run_group_tests_name("schedules", tests, NULL, NULL);
}
