/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "seeded_random.h"
#include "token/token_text.h"

#define BODY "Qm3xYc7Rk9TzLw2Vb5Nd8Hf4Gj6Ks1Pa0Xe3Ui7Oy2Z"
#define BODY_CHECKSUM "30ESbK"

static enum token_shape shape_of(const char *text)
{
    return token_shape(&token_prefixes_default, text, strlen(text));
}

static tkr_error_t fill_nothing(void *context, void *bytes, size_t length)
{
    return TKR_IO;
}

/* Always the byte that `context` points to. */
static tkr_error_t fill_same(void *context, void *bytes, size_t length)
{
    memset(bytes, *(uint8_t *)context, length);
    return TKR_OK;
}

static void test_a_text_of_a_wrong_length_is_no_token(void **state)
{
    char text[TOKEN_TEXT_BYTES_MAX + 2];
    memset(text, 'a', sizeof(text));
    for (size_t length = 0; length <= TOKEN_TEXT_BYTES_MAX + 1; length++) {
        bool good = length >= TOKEN_TEXT_BYTES_MIN && length <= TOKEN_TEXT_BYTES_MAX;
        assert_int_equal(token_acceptable(text, length), good);
        assert_int_equal(token_shape(&token_prefixes_default, text, length),
                         good ? TOKEN_SHAPE_FOREIGN : TOKEN_SHAPE_BAD);
    }
}

static void test_a_text_with_an_invisible_byte_is_no_token(void **state)
{
    for (unsigned c = 0; c < 256; c++) {
        char text[] = "0123456789012345678901234";
        text[20] = (char)c;
        bool good = c > 0x20 && c < 0x7F;
        assert_int_equal(token_shape(&token_prefixes_default, text, sizeof(text) - 1),
                         good ? TOKEN_SHAPE_FOREIGN : TOKEN_SHAPE_BAD);
    }
}

static void test_our_form_with_a_wrong_checksum_is_told(void **state)
{
    assert_int_equal(shape_of("sk_live_" BODY "000000"), TOKEN_SHAPE_BAD_CHECKSUM);
    assert_int_equal(shape_of("sk_test_" BODY "zzzzzz"), TOKEN_SHAPE_BAD_CHECKSUM);
}

static void test_what_only_looks_like_ours_is_foreign(void **state)
{
    assert_int_equal(shape_of("sk_live_" BODY "00000"), TOKEN_SHAPE_FOREIGN);
    assert_int_equal(shape_of("sk_live_" BODY "0000000"), TOKEN_SHAPE_FOREIGN);
    assert_int_equal(shape_of("sk_live_" BODY "00000-"), TOKEN_SHAPE_FOREIGN);
    assert_int_equal(shape_of("sk_live_" BODY "00000_"), TOKEN_SHAPE_FOREIGN);
    assert_int_equal(shape_of("SK_LIVE_" BODY "000000"), TOKEN_SHAPE_FOREIGN);
    assert_int_equal(shape_of("pk_live_" BODY "000000"), TOKEN_SHAPE_FOREIGN);
    assert_int_equal(shape_of(BODY "000000"), TOKEN_SHAPE_FOREIGN);
}

static void test_only_base62_characters_are_of_our_form(void **state)
{
    static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (char c = 0x21; c < 0x7F; c++) {
        char text[] = "sk_live_" BODY "000000";
        text[12] = c;
        assert_int_equal(shape_of(text) == TOKEN_SHAPE_FOREIGN, strchr(base62, c) == NULL);
    }
}

static void test_a_source_that_fails_fails_the_generation(void **state)
{
    const struct random_source none = {fill_nothing, NULL};
    char text[TOKEN_GENERATED_BYTES_MAX + 1] = "untouched";
    assert_int_equal(token_generate(&none, "sk_live_", text), TKR_IO);
    assert_string_equal(text, "untouched");
    uint8_t id[TOKEN_ID_BYTES];
    assert_int_equal(token_id_new(&none, 1, id), TKR_IO);
}

static void test_a_source_that_gives_only_rejected_bytes_ends(void **state)
{
    char text[TOKEN_GENERATED_BYTES_MAX + 1] = "untouched";
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t same = (uint8_t)byte;
        const struct random_source source = {fill_same, &same};
        assert_int_equal(token_generate(&source, "sk_live_", text),
                         byte < 248 ? TKR_OK : TKR_INTERNAL);
    }
}

static void test_generated_tokens_are_ours_and_differ(void **state)
{
    static char texts[1000][TOKEN_GENERATED_BYTES_MAX + 1];
    for (size_t i = 0; i < 1000; i++) {
        const char *prefix = i % 2 ? token_prefixes_default.live : token_prefixes_default.test;
        assert_int_equal(token_generate(random_system(), prefix, texts[i]), TKR_OK);
        assert_int_equal(strlen(texts[i]), 57);
        assert_memory_equal(texts[i], prefix, 8);
        assert_int_equal(shape_of(texts[i]), TOKEN_SHAPE_OURS);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(texts[i], texts[j]);
        }
    }
}

static void test_every_character_of_the_body_is_as_likely(void **state)
{
    struct seeded_random random;
    seeded_random_init(&random, 5);
    unsigned counts[128] = {0};
    const unsigned rounds = 20000;
    for (unsigned i = 0; i < rounds; i++) {
        char text[TOKEN_GENERATED_BYTES_MAX + 1];
        assert_int_equal(token_generate(&random.source, "a_", text), TKR_OK);
        for (size_t at = 2; at < 2 + TOKEN_BODY_CHARS; at++) {
            counts[(unsigned char)text[at]]++;
        }
    }
    /* Chi-square with 61 degrees of freedom: above 112 once in ten thousand. Taking bytes
     * modulo 62 without rejection would give about 6,000 here. */
    double expected = (double)rounds * TOKEN_BODY_CHARS / 62;
    double chi_square = 0;
    for (size_t c = 0; c < 128; c++) {
        double off = counts[c] - expected;
        chi_square += counts[c] > 0 ? off * off / expected : 0;
    }
    assert_true(chi_square < 112);
}

static void test_any_single_character_changed_is_noticed(void **state)
{
    char text[TOKEN_GENERATED_BYTES_MAX + 1];
    assert_int_equal(token_generate(random_system(), "sk_live_", text), TKR_OK);
    for (size_t i = 8; i < strlen(text); i++) {
        char kept = text[i];
        for (const char *c = "0123456789ABCXYZabcxyz"; *c != '\0'; c++) {
            text[i] = *c;
            assert_int_equal(shape_of(text),
                             *c == kept ? TOKEN_SHAPE_OURS : TOKEN_SHAPE_BAD_CHECKSUM);
        }
        text[i] = kept;
    }
}

/* zlib's definition, bit by bit. */
static uint32_t crc32_by_bits(const char *bytes, size_t length)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
    }
    return ~crc;
}

static uint32_t base62_value(const char *text)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t value = 0;
    for (; *text != '\0'; text++) {
        value = value * 62 + (uint64_t)(strchr(digits, *text) - digits);
    }
    assert_true(value <= UINT32_MAX);
    return (uint32_t)value;
}

static void test_the_checksum_is_crc32_in_base62(void **state)
{
    char checksum[TOKEN_CHECKSUM_CHARS + 1];
    token_checksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", 30, checksum);
    assert_string_equal(checksum, "0mLq17"); /* the example of GitHub's announcement */
    token_checksum("", 0, checksum);
    assert_string_equal(checksum, "000000");
    token_checksum("123456789", 9, checksum);
    assert_int_equal(base62_value(checksum), 0xCBF43926); /* the CRC catalogue's check value */
    struct seeded_random random;
    seeded_random_init(&random, 9);
    for (size_t length = 0; length < 600; length++) {
        char bytes[600];
        assert_int_equal(random_fill(&random.source, bytes, length), TKR_OK);
        token_checksum(bytes, length, checksum);
        assert_int_equal(base62_value(checksum), crc32_by_bits(bytes, length));
    }
}

static void test_the_display_prefix_of_a_foreign_token_is_four_characters(void **state)
{
    char display[TOKEN_DISPLAY_BYTES_MAX + 1];
    token_display_prefix(&token_prefixes_default, "ghp_0123456789abcdef0123", 24, display);
    assert_string_equal(display, "ghp_");
    token_display_prefix(&token_prefixes_default, "sk_live_0123456789abcdef", 24, display);
    assert_string_equal(display, "sk_l");
    token_display_prefix(&token_prefixes_default, "ab", 2, display);
    assert_string_equal(display, "ab");
    token_display_prefix(&token_prefixes_default, "a\n\x80\x7Fxxx", 7, display);
    assert_string_equal(display, "a???");
    token_display_prefix(&token_prefixes_default, "", 0, display);
    assert_string_equal(display, "");
}

static void test_the_display_prefix_of_ours_is_the_prefix_and_four_characters(void **state)
{
    char display[TOKEN_DISPLAY_BYTES_MAX + 1];
    token_display_prefix(&token_prefixes_default, "sk_test_" BODY "000000", 57, display);
    assert_string_equal(display, "sk_test_Qm3x");
}

static void test_the_longest_prefix_fits_everywhere(void **state)
{
    struct token_prefixes prefixes = {"a_", "a_"};
    memset(prefixes.test, 'x', TOKEN_PREFIX_BYTES_MAX - 1);
    prefixes.test[TOKEN_PREFIX_BYTES_MAX - 1] = '_';
    assert_true(token_prefix_valid(prefixes.test));
    char text[TOKEN_GENERATED_BYTES_MAX + 1];
    assert_int_equal(token_generate(random_system(), prefixes.test, text), TKR_OK);
    assert_int_equal(strlen(text), TOKEN_GENERATED_BYTES_MAX);
    assert_int_equal(token_shape(&prefixes, text, strlen(text)), TOKEN_SHAPE_OURS);
    char display[TOKEN_DISPLAY_BYTES_MAX + 1];
    token_display_prefix(&prefixes, text, strlen(text), display);
    assert_int_equal(strlen(display), TOKEN_DISPLAY_BYTES_MAX);
}

static void test_prefixes_that_are_not_valid(void **state)
{
    static const char *const bad[] = {
        "",     "_a",  "a",     "sk_live", "SK_",
        "s k_", "sk-", "sk_\n", "s\xC3_",  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(token_prefix_valid(bad[i]));
    }
    assert_true(token_prefix_valid("a_"));
    assert_true(token_prefix_valid("__"));
    assert_true(token_prefix_valid(token_prefixes_default.live));
    assert_true(token_prefix_valid(token_prefixes_default.test));
}

static void test_words_that_are_no_kind_or_environment(void **state)
{
    static const char *const bad[] = {"", "Live", "live ", "liv", "lives", "root", "USER", "users"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        enum token_env env;
        enum token_kind kind;
        assert_int_equal(token_env_parse(bad[i], strlen(bad[i]), &env), TKR_INVALID);
        assert_int_equal(token_kind_parse(bad[i], strlen(bad[i]), &kind), TKR_INVALID);
    }
}

static void test_kinds_and_environments_have_their_names(void **state)
{
    static const enum token_kind kinds[] = {TOKEN_KIND_USER, TOKEN_KIND_SERVICE, TOKEN_KIND_ADMIN};
    for (size_t i = 0; i < 3; i++) {
        enum token_kind kind;
        const char *name = token_kind_name(kinds[i]);
        assert_int_equal(token_kind_parse(name, strlen(name), &kind), TKR_OK);
        assert_int_equal(kind, kinds[i]);
    }
    enum token_env env;
    assert_int_equal(token_env_parse("test", 4, &env), TKR_OK);
    assert_int_equal(env, TOKEN_ENV_TEST);
    assert_string_equal(token_env_name(TOKEN_ENV_LIVE), "live");
}

static bool within(const char *text)
{
    return token_text_within(&token_prefixes_default, text, strlen(text));
}

static void test_a_text_without_a_whole_token_contains_none(void **state)
{
    assert_false(within(""));
    assert_false(within("sk_live_"));
    assert_false(within("sk_live_" BODY "000000"));      /* the checksum does not hold */
    assert_false(within("pk_live_" BODY BODY_CHECKSUM)); /* not our prefix */
    assert_false(within("sk_live_" BODY "-" BODY_CHECKSUM));
    assert_false(within(BODY BODY_CHECKSUM));
    char text[] = "see sk_live_" BODY BODY_CHECKSUM;
    for (size_t length = 0; length < sizeof(text) - 1; length++) {
        assert_false(token_text_within(&token_prefixes_default, text, length));
    }
}

static void test_a_token_anywhere_in_a_text_is_found(void **state)
{
    assert_true(within("sk_live_" BODY BODY_CHECKSUM));
    assert_true(within("sk_test_" BODY BODY_CHECKSUM));
    assert_true(within("curl/7.88 Bearer sk_live_" BODY BODY_CHECKSUM " and more"));
    assert_true(within("sk_live_sk_live_sk_test_" BODY BODY_CHECKSUM "000"));
    assert_true(within("sk_live_" BODY "000000 sk_live_" BODY BODY_CHECKSUM));
    const struct token_prefixes nested = {"a_a_", "b_"};
    static const char text[] = "a_a_a_" BODY BODY_CHECKSUM;
    assert_true(token_text_within(&nested, text, sizeof(text) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_text_of_a_wrong_length_is_no_token),
        cmocka_unit_test(test_a_text_with_an_invisible_byte_is_no_token),
        cmocka_unit_test(test_our_form_with_a_wrong_checksum_is_told),
        cmocka_unit_test(test_what_only_looks_like_ours_is_foreign),
        cmocka_unit_test(test_only_base62_characters_are_of_our_form),
        cmocka_unit_test(test_a_source_that_fails_fails_the_generation),
        cmocka_unit_test(test_a_source_that_gives_only_rejected_bytes_ends),
        cmocka_unit_test(test_generated_tokens_are_ours_and_differ),
        cmocka_unit_test(test_every_character_of_the_body_is_as_likely),
        cmocka_unit_test(test_any_single_character_changed_is_noticed),
        cmocka_unit_test(test_the_checksum_is_crc32_in_base62),
        cmocka_unit_test(test_the_display_prefix_of_a_foreign_token_is_four_characters),
        cmocka_unit_test(test_the_display_prefix_of_ours_is_the_prefix_and_four_characters),
        cmocka_unit_test(test_the_longest_prefix_fits_everywhere),
        cmocka_unit_test(test_prefixes_that_are_not_valid),
        cmocka_unit_test(test_a_text_without_a_whole_token_contains_none),
        cmocka_unit_test(test_a_token_anywhere_in_a_text_is_found),
        cmocka_unit_test(test_words_that_are_no_kind_or_environment),
        cmocka_unit_test(test_kinds_and_environments_have_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
