/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "seeded_random.h"
#include "token/token_strength.h"
#include "token/token_text.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const about[] = {"john.smith@example.com", "CI runner", "zo"};

static struct token_strength strength_of(const char *text)
{
    assert_true(token_acceptable(text, strlen(text)));
    return token_strength(text, strlen(text), about, COUNT_OF(about));
}

/* --- what is weak -------------------------------------------------------------------------- */

static const char *const weak[] = {
    /* words, as the documents show them */
    "alice_secret_token_2025",
    "bob_token_bob_token_bob",
    "token1_user_admin_token",
    "token2_user_analyst_x",
    "API_TOKEN=changeme_please",
    "my-super-secret-api-token",
    "changeme-changeme-changeme",
    "thisisaverysecrettoken",
    "ThisIsAVerySecretToken!",
    "a-token-that-somebody-chose",
    "replace-me-with-a-real-token",
    "your-api-key-goes-here",
    "example-token-for-testing",
    "P@ssw0rdP@ssw0rdP@ssw0rd",
    "S3cr3t-T0k3n-F0r-Pr0duct10n",
    "correct-horse-battery-staple",
    "CorrectHorseBatteryStaple",
    "letmein-letmein-letmein",
    "administrator-password",
    "service-account-production",
    "production_database_key",
    "Password123Password123",
    "Welcome2024!Welcome2024!",
    "Summer2025!Winter2025!",
    "internal-gateway-secret-key",
    "test-test-test-test-test",
    "webhook-signing-secret",
    "sk_live_changeme_changeme",
    "sk_test_0000000000000000",
    "bearer-token-placeholder",
    "tobeornottobethatisthequestion",
    "allyourbasearebelongtous",
    "maytheforcebewithyou!",
    /* what is known of it */
    "john.smith@example.com",
    "john.smith.john.smith1",
    "JohnSmith-CI-runner-2025",
    "john-smith-laptop-token",
    "CI-runner-CI-runner-CI",
    /* repeats */
    "aaaaaaaaaaaaaaaaaaaaaaaa",
    "abababababababababababab",
    "xYz9xYz9xYz9xYz9xYz9xYz9",
    "00000000000000000000000000000000",
    "deadbeefdeadbeefdeadbeefdeadbeef",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "kT4!kT4!kT4!kT4!kT4!kT4!",
    "qW3rT9qW3rT9qW3rT9qW3rT9",
    "aabbccddeeffaabbccddeeff",
    "00000000-0000-4000-8000-000000000000",
    "11111111-2222-4333-8444-555555555555",
    /* sequences and keys */
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "12345678901234567890",
    "09876543210987654321",
    "0123456789abcdef0123456789abcdef",
    "qwertyuiopasdfghjklzxcvbnm",
    "QWERTYUIOP1234567890",
    "1qaz2wsx3edc4rfv5tgb",
    "zxcvbnm,./asdfghjkl;",
    "poiuytrewqlkjhgfdsamnbvcxz",
    "a1b2c3d4e5f6g7h8i9j0k1",
    "00112233445566778899aabbccddeeff",
    "000102030405060708090a0b0c0d0e0f",
    "9b34c5e6a7d8f1e2b3c4a5d6e7f8a9b0",
    "fedcba98765432100123456789abcdef",
    "1a2b3c4d-5e6f-4a8b-9c0d-1e2f3a4b5c6d",
    /* dates */
    "2025-12-06-2026-01-31",
    "20251206T144414-20251206",
    "31.12.2026-01.01.2027",
    "12/31/2026/12/31/2027x",
    "1999-2000-2001-2002-2003",
    /* too short for what it is, too few different characters */
    "83920174650918273645",
    "01101000011011110110",
    "xqzjkvbwpxgqzjkv",
    "9f3e1c7a5b2d8064ce1f",
    "llIIlIlIIllIlIllIIIlIlIIllllIIlIlII",
    "0OoO0oOo0O0ooO0OOo0oO",
    /* UUIDs that a clock or a name makes */
    "c232ab00-9414-11ec-b3c8-9f6bdeced846",
    "5df41881-3aed-3515-88a7-2f4a814cf09e",
    "2ed6657d-e927-568b-95e1-2665a8aea6a2",
    "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    /* printed somewhere */
    "6a12a1f2250df9edcea50e7b00b30142f353749c1965960770a32ed2e61d3c64",
    "2d45f8a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "F47AC10B-58CC-4372-A567-0E02B2C3D479",
    "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
    "prod-2b7e151628aed2a6abf7158809cf4f3c",
};

static void test_every_weak_token_is_refused(void **state)
{
    size_t missed = 0;
    assert_true(COUNT_OF(weak) >= 60);
    for (size_t i = 0; i < COUNT_OF(weak); i++) {
        if (strlen(weak[i]) < TOKEN_TEXT_BYTES_MIN) {
            continue; /* is refused for its length before */
        }
        struct token_strength strength = strength_of(weak[i]);
        if (strength.weakness == TOKEN_STRONG) {
            print_message("%s: %u bits\n", weak[i], strength.bits);
            missed++;
        }
    }
    assert_int_equal(missed, 0);
}

static void test_the_reason_names_what_weakens_most(void **state)
{
    static const struct {
        const char *text;
        enum token_weakness weakness;
    } rows[] = {
        {"83920174650918273645", TOKEN_WEAK_SHORT},
        {"llIIlIlIIllIlIllIIIlIlIIllllIIlIlIIlIIIIlllIlI", TOKEN_WEAK_UNVARIED},
        {"my-super-secret-api-token", TOKEN_WEAK_WORDS},
        {"john.smith@example.com", TOKEN_WEAK_NAMES},
        {"kT4!kT4!kT4!kT4!kT4!kT4!", TOKEN_WEAK_REPEATS},
        {"abcdefghijklmnopqrstuvwxyz", TOKEN_WEAK_SEQUENCES},
        {"qwertyuiopasdfghjklzxcvbnm", TOKEN_WEAK_SEQUENCES},
        {"31.12.2026-01.01.2027-1999", TOKEN_WEAK_DATES},
        {"c232ab00-9414-11ec-b3c8-9f6bdeced846", TOKEN_WEAK_UUID},
        {"AKIAIOSFODNN7EXAMPLE", TOKEN_WEAK_PUBLISHED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum token_weakness weakness = strength_of(rows[i].text).weakness;
        if (weakness != rows[i].weakness) {
            print_message("%s: it %s\n", rows[i].text, token_weakness_text(weakness));
        }
        assert_int_equal(weakness, rows[i].weakness);
    }
}

static void test_few_different_characters_are_too_few_in_any_order(void **state)
{
    struct seeded_random random;
    seeded_random_init(&random, 3);
    for (int i = 0; i < 100; i++) {
        char text[61] = "";
        for (size_t j = 0; j < 60; j++) {
            text[j] = "xQ"[seeded_random_below(&random, 2)];
        }
        assert_int_not_equal(strength_of(text).weakness, TOKEN_STRONG);
    }
}

static void test_a_name_counts_only_when_it_is_told(void **state)
{
    static const char text[] = "Wolfeschlegelstein-h7Qp2x";
    static const char *const names[] = {"wolfeschlegelstein"};
    struct token_strength without = token_strength(text, strlen(text), NULL, 0);
    struct token_strength with = token_strength(text, strlen(text), names, 1);
    assert_true(with.bits + 20 < without.bits);
    assert_int_equal(with.weakness, TOKEN_WEAK_NAMES);
}

static void test_a_label_before_random_characters_is_no_harm(void **state)
{
    static const char *const strong[] = {
        "john.smith_token_f1c9d7a24be80356c3a1907fd2e4b586",
        "password-Zk9vQx3TbW7mLr2NfJc8Hs",
        "Legacy!Tk#xW8q/R2v9==pL",
        "2025-12-06.Zk9vQx3TbW7mLr2NfJc8Hs",
    };
    for (size_t i = 0; i < COUNT_OF(strong); i++) {
        struct token_strength strength = strength_of(strong[i]);
        if (strength.weakness != TOKEN_STRONG) {
            print_message("%s: %u bits, it %s\n", strong[i], strength.bits,
                          token_weakness_text(strength.weakness));
        }
        assert_int_equal(strength.weakness, TOKEN_STRONG);
    }
}

static void test_the_longest_text_is_judged(void **state)
{
    char text[TOKEN_TEXT_BYTES_MAX + 1];
    memset(text, 'a', sizeof(text) - 1);
    text[TOKEN_TEXT_BYTES_MAX] = '\0';
    assert_int_equal(strength_of(text).weakness, TOKEN_WEAK_REPEATS);
}

static void test_every_weakness_has_words_that_follow_it(void **state)
{
    for (size_t i = 0; i < TOKEN_WEAKNESS_COUNT; i++) {
        const char *text = token_weakness_text((enum token_weakness)i);
        assert_true(strlen(text) > 10 && text[strlen(text) - 1] != '.');
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(text, token_weakness_text((enum token_weakness)j));
        }
    }
}

/* --- what random makers make ----------------------------------------------------------------- */

static void make_hex(struct seeded_random *random, char *text)
{
    uint8_t bytes[32];
    assert_int_equal(random_fill(&random->source, bytes, sizeof(bytes)), TKR_OK);
    text_hex(bytes, sizeof(bytes), text);
}

static void make_uuid(struct seeded_random *random, char *text)
{
    uint8_t bytes[16];
    char hex[33];
    assert_int_equal(random_fill(&random->source, bytes, sizeof(bytes)), TKR_OK);
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    text_hex(bytes, sizeof(bytes), hex);
    sprintf(text, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void make_base64url(struct seeded_random *random, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < 22; i++) { /* 16 bytes: the last digit has 2 bits only */
        text[i] = digits[seeded_random_below(random, 64) & (i == 21 ? 48 : 63)];
    }
    text[22] = '\0';
}

static void make_ours(struct seeded_random *random, char *text)
{
    const char *prefix = seeded_random_below(random, 2) == 0 ? "sk_live_" : "sk_test_";
    assert_int_equal(token_generate(&random->source, prefix, text), TKR_OK);
}

#ifndef STRENGTH_ROUNDS
#define STRENGTH_ROUNDS 25000 /* of each of the four: 100,000 */
#endif

static void test_what_random_makers_make_is_never_refused(void **state)
{
    static const struct {
        const char *name;
        void (*make)(struct seeded_random *random, char *text);
    } makers[] = {
        {"hex", make_hex}, {"uuid", make_uuid}, {"base64url", make_base64url}, {"ours", make_ours}};
    struct seeded_random random;
    seeded_random_init(&random, 2026);
    for (size_t i = 0; i < COUNT_OF(makers); i++) {
        unsigned least = 1000, refused = 0;
        for (int round = 0; round < STRENGTH_ROUNDS; round++) {
            char text[TOKEN_GENERATED_BYTES_MAX + 1];
            makers[i].make(&random, text);
            struct token_strength strength = strength_of(text);
            refused += strength.weakness != TOKEN_STRONG;
            least = strength.bits < least ? strength.bits : least;
        }
        print_message("%s: at least %u bits\n", makers[i].name, least);
        assert_int_equal(refused, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_weak_token_is_refused),
        cmocka_unit_test(test_the_reason_names_what_weakens_most),
        cmocka_unit_test(test_few_different_characters_are_too_few_in_any_order),
        cmocka_unit_test(test_a_name_counts_only_when_it_is_told),
        cmocka_unit_test(test_a_label_before_random_characters_is_no_harm),
        cmocka_unit_test(test_the_longest_text_is_judged),
        cmocka_unit_test(test_every_weakness_has_words_that_follow_it),
        cmocka_unit_test(test_what_random_makers_make_is_never_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
