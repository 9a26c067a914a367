/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "seeded_random.h"
#include "token/token_text.h"

static void test_texts_that_are_no_identifier(void **state)
{
    static const char *const bad[] = {
        "",
        "tok_",
        "tok_01HZXJ5M0G7QK4S8T2V6W9YAB",   /* one short */
        "tok_01HZXJ5M0G7QK4S8T2V6W9YABCD", /* one long */
        "tik_01HZXJ5M0G7QK4S8T2V6W9YABC",
        "tok-01HZXJ5M0G7QK4S8T2V6W9YABC",
        "tok_81HZXJ5M0G7QK4S8T2V6W9YABC", /* 130 bits, the first of which must be 0 */
        "tok_Z1HZXJ5M0G7QK4S8T2V6W9YABC",
        "tok_01HZXJ5M0G7QK4S8T2V6W9YABI", /* look-alikes */
        "tok_01HZXJ5M0G7QK4S8T2V6W9YABL",
        "tok_01HZXJ5M0G7QK4S8T2V6W9YABO",
        "tok_01HZXJ5M0G7QK4S8T2V6W9YABU",
        "tok_01HZXJ5M0G7QK4S8T2V6W9YAB-",
        "tok_01HZXJ5M0G7QK4S8T2V6W9YAB ",
        "tok_01HZXJ5M0G7QK4S8T2V6W9YAB\xC3",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t id[TOKEN_ID_BYTES];
        assert_int_equal(token_id_parse(bad[i], strlen(bad[i]), id), TKR_MALFORMED);
    }
    uint8_t id[TOKEN_ID_BYTES];
    assert_int_equal(token_id_parse("tok_01HZXJ5M0G7QK4S8T2V6W9YAB\0", 30, id), TKR_MALFORMED);
}

static void test_the_smallest_and_the_largest(void **state)
{
    uint8_t id[TOKEN_ID_BYTES];
    char text[TOKEN_ID_CHARS + 1];
    memset(id, 0, sizeof(id));
    token_id_format(id, text);
    assert_string_equal(text, "tok_00000000000000000000000000");
    memset(id, 0xFF, sizeof(id));
    token_id_format(id, text);
    assert_string_equal(text, "tok_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    uint8_t parsed[TOKEN_ID_BYTES];
    assert_int_equal(token_id_parse(text, strlen(text), parsed), TKR_OK);
    assert_memory_equal(parsed, id, sizeof(id));
}

static void test_every_identifier_reads_as_it_was_written_in_either_case(void **state)
{
    struct seeded_random random;
    seeded_random_init(&random, 13);
    for (int i = 0; i < 20000; i++) {
        uint8_t id[TOKEN_ID_BYTES];
        assert_int_equal(random_fill(&random.source, id, sizeof(id)), TKR_OK);
        char text[TOKEN_ID_CHARS + 1];
        token_id_format(id, text);
        assert_int_equal(strlen(text), TOKEN_ID_CHARS);
        for (int lower = 0; lower < 2; lower++) {
            uint8_t parsed[TOKEN_ID_BYTES];
            assert_int_equal(token_id_parse(text, strlen(text), parsed), TKR_OK);
            assert_memory_equal(parsed, id, sizeof(id));
            for (char *c = text; *c != '\0'; c++) {
                *c = (char)tolower((unsigned char)*c);
            }
        }
    }
}

static void test_later_identifiers_sort_later_as_bytes_and_as_text(void **state)
{
    struct seeded_random random;
    seeded_random_init(&random, 17);
    static const int64_t times[] = {0, 1, 255, 256, 1767225600000, 1767225600001, 281474976710655};
    uint8_t last[TOKEN_ID_BYTES];
    char last_text[TOKEN_ID_CHARS + 1];
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        uint8_t id[TOKEN_ID_BYTES];
        char text[TOKEN_ID_CHARS + 1];
        assert_int_equal(token_id_new(&random.source, times[i], id), TKR_OK);
        token_id_format(id, text);
        assert_true(i == 0 || memcmp(last, id, sizeof(id)) < 0);
        assert_true(i == 0 || strcmp(last_text, text) < 0);
        memcpy(last, id, sizeof(id));
        memcpy(last_text, text, sizeof(text));
    }
}

static void test_identifiers_of_one_millisecond_differ(void **state)
{
    uint8_t a[TOKEN_ID_BYTES];
    uint8_t b[TOKEN_ID_BYTES];
    assert_int_equal(token_id_new(random_system(), 1767225600000, a), TKR_OK);
    assert_int_equal(token_id_new(random_system(), 1767225600000, b), TKR_OK);
    assert_memory_equal(a, b, 6);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void test_a_time_before_1970_counts_as_1970(void **state)
{
    uint8_t id[TOKEN_ID_BYTES];
    assert_int_equal(token_id_new(random_system(), -1, id), TKR_OK);
    assert_memory_equal(id, "\0\0\0\0\0\0", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_that_are_no_identifier),
        cmocka_unit_test(test_the_smallest_and_the_largest),
        cmocka_unit_test(test_every_identifier_reads_as_it_was_written_in_either_case),
        cmocka_unit_test(test_later_identifiers_sort_later_as_bytes_and_as_text),
        cmocka_unit_test(test_identifiers_of_one_millisecond_differ),
        cmocka_unit_test(test_a_time_before_1970_counts_as_1970),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
