/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "seeded_random.h"

static tkr_error_t parse_u64(const char *text, uint64_t *ret_value)
{
    return text_parse_u64(text, strlen(text), ret_value);
}

static void test_a_number_with_anything_else_in_it_is_malformed(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "+1",
                                      "-1",
                                      "1 ",
                                      " 1",
                                      "1.0",
                                      "0x1",
                                      "1e3",
                                      "\xD9\xA1",
                                      "99999999999999999999999x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value = 77;
        assert_int_equal(parse_u64(bad[i], &value), TKR_MALFORMED);
        assert_int_equal(value, 77);
    }
    uint64_t value;
    assert_int_equal(text_parse_u64("1\0", 2, &value), TKR_MALFORMED);
}

static void test_a_number_beyond_64_bits_is_out_of_range(void **state)
{
    static const char *const bad[] = {"18446744073709551616", "18446744073709551620",
                                      "99999999999999999999", "184467440737095516150"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value = 77;
        assert_int_equal(parse_u64(bad[i], &value), TKR_OUT_OF_RANGE);
        assert_int_equal(value, 77);
    }
}

static void test_numbers_are_read_to_the_last(void **state)
{
    uint64_t value;
    assert_int_equal(parse_u64("0", &value), TKR_OK);
    assert_int_equal(value, 0);
    assert_int_equal(parse_u64("0000000000000000000000000000042", &value), TKR_OK);
    assert_int_equal(value, 42);
    assert_int_equal(parse_u64("18446744073709551615", &value), TKR_OK);
    assert_true(value == UINT64_MAX);
    assert_int_equal(text_parse_u64("123456", 3, &value), TKR_OK);
    assert_int_equal(value, 123);
}

static void test_a_duration_with_a_wrong_unit_is_malformed(void **state)
{
    static const char *const bad[] = {"",    "s",   "d",    "1x", "1 d", "d1",
                                      "-1d", "1dd", "1.5h", "1D", "1ms"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t seconds = 77;
        assert_int_equal(text_parse_duration_s(bad[i], strlen(bad[i]), &seconds), TKR_MALFORMED);
        assert_int_equal(seconds, 77);
    }
}

static void test_a_duration_beyond_a_century_is_out_of_range(void **state)
{
    static const char *const bad[] = {"36601d",
                                      "5229w",
                                      "3162240001",
                                      "9223372036854775807w",
                                      "18446744073709551615s",
                                      "99999999999999999999d"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t seconds = 77;
        assert_int_equal(text_parse_duration_s(bad[i], strlen(bad[i]), &seconds), TKR_OUT_OF_RANGE);
        assert_int_equal(seconds, 77);
    }
}

static void test_each_unit_of_duration(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {{"0", 0},       {"45", 45},       {"90s", 90},     {"15m", 900},
                {"24h", 86400}, {"30d", 2592000}, {"2w", 1209600}, {"36600d", DURATION_S_MAX}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t seconds;
        assert_int_equal(text_parse_duration_s(good[i].text, strlen(good[i].text), &seconds),
                         TKR_OK);
        assert_int_equal(seconds, good[i].seconds);
    }
}

static void test_hex_with_odd_length_or_other_letters_is_malformed(void **state)
{
    static const char *const bad[] = {"a",  "abc", "0g", "0x", " 0", "0\xC3",
                                      "@0", "`0",  "G0", "/0", ":0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t out[4] = {9, 9, 9, 9};
        assert_int_equal(text_unhex(bad[i], strlen(bad[i]), out), TKR_MALFORMED);
        assert_int_equal(out[0], 9);
    }
}

static void test_hex_goes_both_ways(void **state)
{
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)i;
    }
    char hex[2 * sizeof(bytes) + 1];
    text_hex(bytes, sizeof(bytes), hex);
    assert_memory_equal(hex, "000102", 6);
    assert_string_equal(hex + 2 * 250, "fafbfcfdfeff");
    uint8_t again[sizeof(bytes)];
    assert_int_equal(text_unhex(hex, strlen(hex), again), TKR_OK);
    assert_memory_equal(again, bytes, sizeof(bytes));
    assert_int_equal(text_unhex("aBfF", 4, again), TKR_OK);
    assert_memory_equal(again, "\xAB\xFF", 2);
    assert_int_equal(text_unhex("", 0, again), TKR_OK);
}

static void test_invalid_utf8_is_not_printable(void **state)
{
    static const char *const bad[] = {
        "\x80",             /* a continuation alone */
        "\xC3",             /* cut off */
        "\xE2\x82",         /* cut off */
        "\xF0\x9F\x98",     /* cut off */
        "\xC3(",            /* no continuation */
        "\xC0\x80",         /* overlong NUL */
        "\xC1\xBF",         /* overlong */
        "\xE0\x9F\xBF",     /* overlong */
        "\xF0\x8F\xBF\xBF", /* overlong */
        "\xED\xA0\x80",     /* surrogate */
        "\xED\xBF\xBF",     /* surrogate */
        "\xF4\x90\x80\x80", /* beyond U+10FFFF */
        "\xF5\x80\x80\x80", /* beyond */
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "ok\xFF",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(text_is_printable_utf8(bad[i], strlen(bad[i])));
    }
}

static void test_control_characters_are_not_printable(void **state)
{
    for (uint32_t c = 0; c < 0x20; c++) {
        char text[] = {'a', (char)c};
        assert_false(text_is_printable_utf8(text, 2));
    }
    assert_false(text_is_printable_utf8("\x7F", 1));
    assert_false(text_is_printable_utf8("\xC2\x80", 2));
    assert_false(text_is_printable_utf8("\xC2\x9F", 2));
}

static void test_characters_that_deceive_the_eye_are_not_printable(void **state)
{
    static const uint32_t ranges[][2] = {{0x061C, 0x061C}, {0x115F, 0x1160},  {0x180E, 0x180E},
                                         {0x200B, 0x200F}, {0x2028, 0x202E},  {0x2060, 0x2064},
                                         {0x2066, 0x2069}, {0x3164, 0x3164},  {0xFEFF, 0xFEFF},
                                         {0xFFA0, 0xFFA0}, {0xE0000, 0xE007F}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        for (uint32_t point = ranges[i][0] - 1; point <= ranges[i][1] + 1; point++) {
            bool good = point < ranges[i][0] || point > ranges[i][1];
            assert_int_equal(text_is_printable(point), good);
        }
    }
    assert_false(text_is_printable_utf8("admin\xE2\x80\xAE"
                                        "x",
                                        9));
    assert_false(text_is_printable_utf8("a\xE2\x80\x8B"
                                        "b",
                                        5));
    assert_false(text_is_printable_utf8("\xEF\xBB\xBF", 3));
    assert_false(text_is_printable_utf8("\xD8\x9C", 2));
}

static void test_text_of_any_script_is_printable(void **state)
{
    static const char *const good[] = {"",
                                       " ~",
                                       "\xC2\xA0",
                                       "\xC3\xBC",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(text_is_printable_utf8(good[i], strlen(good[i])));
    }
}

/* Encodes by the table of RFC 3629 §3, as an oracle for the reader. */
static size_t encode(uint32_t point, char out[4])
{
    size_t bytes = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = bytes; i > 1; i--) {
        out[i - 1] = (char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    out[0] = (char)(first[bytes] | point);
    return bytes;
}

static void test_every_code_point_is_read_as_it_was_written(void **state)
{
    for (uint32_t point = 0; point <= 0x110010; point++) {
        char text[4];
        size_t bytes = encode(point, text);
        uint32_t read = 0xFFFFFFFF;
        bool exists = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
        assert_int_equal(text_utf8_next(text, bytes, &read), exists ? bytes : 0);
        assert_int_equal(read, exists ? point : 0xFFFFFFFF);
        assert_int_equal(text_utf8_next(text, bytes - 1, &read), 0);
    }
}

static void test_visible_ascii_ends_where_it_ends(void **state)
{
    for (unsigned c = 0; c < 256; c++) {
        char text[45]; /* whole words of eight, and a tail */
        for (size_t at = 0; at < sizeof(text); at += 4) {
            memset(text, 'a', sizeof(text));
            text[at] = (char)c;
            assert_int_equal(text_is_visible_ascii(text, sizeof(text)), c >= 0x21 && c <= 0x7E);
        }
    }
    assert_true(text_is_visible_ascii("", 0));
}

static void test_a_word_of_a_command_is_one_for_a_shell(void **state)
{
    static const char *const words[][2] = {
        {"tok_01M8", "tok_01M8"}, {"/srv/a.b", "/srv/a.b"},     {"", "''"},
        {"-x", "'-x'"},           {"two words", "'two words'"}, {"$(id)", "'$(id)'"},
        {"it's", "'it'\\''s'"},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char out[64] = "x ";
        text_append_word(out, sizeof(out), words[i][0]);
        assert_string_equal(out + 2, words[i][1]);
    }
    char small[6] = "x ";
    text_append_word(small, sizeof(small), "a b c");
    assert_string_equal(small, "x 'a ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_number_with_anything_else_in_it_is_malformed),
        cmocka_unit_test(test_a_number_beyond_64_bits_is_out_of_range),
        cmocka_unit_test(test_numbers_are_read_to_the_last),
        cmocka_unit_test(test_a_duration_with_a_wrong_unit_is_malformed),
        cmocka_unit_test(test_a_duration_beyond_a_century_is_out_of_range),
        cmocka_unit_test(test_each_unit_of_duration),
        cmocka_unit_test(test_hex_with_odd_length_or_other_letters_is_malformed),
        cmocka_unit_test(test_hex_goes_both_ways),
        cmocka_unit_test(test_invalid_utf8_is_not_printable),
        cmocka_unit_test(test_control_characters_are_not_printable),
        cmocka_unit_test(test_characters_that_deceive_the_eye_are_not_printable),
        cmocka_unit_test(test_text_of_any_script_is_printable),
        cmocka_unit_test(test_every_code_point_is_read_as_it_was_written),
        cmocka_unit_test(test_visible_ascii_ends_where_it_ends),
        cmocka_unit_test(test_a_word_of_a_command_is_one_for_a_shell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
