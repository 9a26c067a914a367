/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted, as what, and what happens when there is no room. */
#include "fixture.h"

static void test_nothing_counted_is_nothing_drained(void **state)
{
    assert_int_equal(drain(*state), 0);
}

static void test_an_event_comes_back_as_it_was(void **state)
{
    struct scene *scene = *state;
    uint16_t label = meter_label_intern(scene->meter, "v1/users", 8);
    struct meter_event event = {.line = 4000000000U,
                                .org = 65535,
                                .label = label,
                                .verdict = METER_VERDICTS_MAX - 1,
                                .network = 6ULL << 48 | 0x20010db80001,
                                .now_ms = NOW_MS};
    meter_count(scene->seat, &event, 1);
    meter_count(scene->seat, &event, 41);
    assert_int_equal(drain(scene), 1);
    const struct meter_entry *entry = &scene->drain.entries[0];
    assert_int_equal(entry->line, 4000000000U);
    assert_int_equal(entry->org, 65535);
    assert_int_equal(entry->label, label);
    assert_int_equal(entry->verdict, METER_VERDICTS_MAX - 1);
    assert_int_equal(entry->network, event.network);
    assert_int_equal(entry->hour_ms, NOW_MS - 1234);
    assert_int_equal(entry->count, 42);
}

static void test_each_dimension_makes_an_entry_of_its_own(void **state)
{
    struct scene *scene = *state;
    struct meter_event event = event_of(1);
    meter_count(scene->seat, &event, 1);
    event.line = METER_NO_LINE;
    meter_count(scene->seat, &event, 1);
    event.org = METER_NO_ORG;
    meter_count(scene->seat, &event, 1);
    event.label = METER_LABEL_OTHER;
    meter_count(scene->seat, &event, 1);
    event.verdict = 0;
    meter_count(scene->seat, &event, 1);
    event.network = METER_NETWORK_NONE;
    meter_count(scene->seat, &event, 1);
    event.now_ms += HOUR_MS;
    meter_count(scene->seat, &event, 1);
    assert_int_equal(drain(scene), 7);
    assert_int_equal(drained_all(scene), 7);
}

static void test_org_0_is_not_the_lack_of_one(void **state)
{
    struct scene *scene = *state;
    struct meter_event event = event_of(1);
    event.org = 0;
    meter_count(scene->seat, &event, 1);
    assert_int_equal(drain(scene), 1);
    assert_int_equal(scene->drain.entries[0].org, 0);
}

static void test_networks_are_24_and_48_bits(void **state)
{
    static const struct {
        const char *address, *network;
    } rows[] = {
        {"192.0.2.200", "192.0.2.0/24"},
        {"255.255.255.255", "255.255.255.0/24"},
        {"0.0.0.1", "0.0.0.0/24"},
        {"2001:db8:1:2::3", "2001:db8:1::/48"},
        {"::1", "::/48"},
        {"::ffff:192.0.2.1", "192.0.2.0/24"},
    };
    char text[CIDR_TEXT_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ip_address address;
        assert_int_equal(ip_parse(rows[i].address, strlen(rows[i].address), &address), TKR_OK);
        assert_string_equal(meter_network_format(meter_network(&address), text), rows[i].network);
    }
    struct ip_address none = {0};
    assert_string_equal(meter_network_format(meter_network(&none), text), "-");
    assert_string_equal(meter_network_format(METER_NETWORK_OTHER, text), "other");
}

static void test_beyond_its_room_a_token_counts_under_other(void **state)
{
    struct scene *scene = *state;
    struct meter_event event = event_of(1);
    for (uint64_t i = 0; i < 1000; i++) {
        event.network = 4ULL << 48 | i;
        meter_count(scene->seat, &event, 1);
    }
    drain(scene);
    assert_int_equal(drained(scene, 1), 1000);
    uint64_t other = 0;
    for (size_t i = 0; i < scene->drain.count; i++) {
        const struct meter_entry *entry = &scene->drain.entries[i];
        bool is_other = entry->network == METER_NETWORK_OTHER;
        assert_int_equal(entry->label, is_other ? METER_LABEL_OTHER : METER_LABEL_NONE);
        assert_int_equal(entry->org, 7);
        other += is_other ? entry->count : 0;
    }
    assert_in_range(other, 1000 - 64, 999);
}

static void test_beyond_all_room_the_verdict_still_counts(void **state)
{
    struct scene *scene = *state;
    for (uint32_t i = 0; i < 10000; i++) {
        struct meter_event event = event_of(i);
        event.org = i % 1000;
        event.verdict = i % 3;
        meter_count(scene->seat, &event, 1);
    }
    drain(scene);
    assert_int_equal(drained_all(scene), 10000);
    uint64_t verdicts[3] = {0}, bare = 0;
    for (size_t i = 0; i < scene->drain.count; i++) {
        const struct meter_entry *entry = &scene->drain.entries[i];
        verdicts[entry->verdict] += entry->count;
        bare += entry->org == METER_NO_ORG;
    }
    assert_int_equal(verdicts[0], 3334);
    assert_int_equal(verdicts[1], 3333);
    assert_int_equal(verdicts[2], 3333);
    assert_int_equal(bare, 3);
}

static void test_what_is_drained_makes_room(void **state)
{
    struct scene *scene = *state;
    for (uint32_t i = 0; i < 2000; i++) {
        count(scene, i, 1);
        assert_int_equal(drain(scene), 1);
        assert_int_equal(scene->drain.entries[0].line, i);
        assert_int_equal(scene->drain.entries[0].count, 1);
    }
}

static void test_counts_go_on_in_a_slot_that_was_drained(void **state)
{
    struct scene *scene = *state;
    count(scene, 5, 3);
    drain(scene);
    count(scene, 5, 4);
    drain(scene);
    assert_int_equal(drained(scene, 5), 4);
}

/* --- labels ---------------------------------------------------------------------------------- */

static void test_labels_that_are_none(void **state)
{
    static const char *const wrong[] = {"",  "A", "a b",  "a\n",
                                        "ä", "*", "a\"b", "123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(meter_label_valid(wrong[i], strlen(wrong[i])));
    }
    assert_false(meter_label_valid("a\0b", 3));
    assert_true(meter_label_valid("/v1/users.list_a-z09", 20));
    assert_true(meter_label_valid("12345678901234567890123456789012", 32));
}

static void test_a_label_keeps_its_number(void **state)
{
    struct scene *scene = *state;
    uint16_t a = meter_label_intern(scene->meter, "12345678901234567890123456789012", 32);
    uint16_t b = meter_label_intern(scene->meter, "1", 1);
    assert_int_not_equal(a, b);
    assert_int_equal(meter_label_intern(scene->meter, "1", 1), b);
    char text[METER_LABEL_SIZE];
    assert_string_equal(meter_label_text(scene->meter, a, text),
                        "12345678901234567890123456789012");
    assert_string_equal(meter_label_text(scene->meter, b, text), "1");
    assert_string_equal(meter_label_text(scene->meter, METER_LABEL_NONE, text), "-");
    assert_string_equal(meter_label_text(scene->meter, METER_LABEL_OTHER, text), "other");
    assert_string_equal(meter_label_text(scene->meter, 200, text), "other");
}

static void test_one_label_too_many_is_other(void **state)
{
    struct scene *scene = *state;
    char label[16];
    for (int i = 0; i < METER_LABELS_MAX; i++) {
        int length = snprintf(label, sizeof label, "l%d", i);
        assert_int_equal(meter_label_intern(scene->meter, label, (size_t)length), i);
    }
    assert_int_equal(meter_label_intern(scene->meter, "more", 4), METER_LABEL_OTHER);
    assert_int_equal(meter_label_intern(scene->meter, "l0", 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_counted_is_nothing_drained),
        TEST(test_an_event_comes_back_as_it_was),
        TEST(test_each_dimension_makes_an_entry_of_its_own),
        TEST(test_org_0_is_not_the_lack_of_one),
        TEST(test_networks_are_24_and_48_bits),
        TEST(test_beyond_its_room_a_token_counts_under_other),
        TEST(test_beyond_all_room_the_verdict_still_counts),
        TEST(test_what_is_drained_makes_room),
        TEST(test_counts_go_on_in_a_slot_that_was_drained),
        TEST(test_labels_that_are_none),
        TEST(test_a_label_keeps_its_number),
        TEST(test_one_label_too_many_is_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
