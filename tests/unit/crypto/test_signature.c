/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/limits.h"
#include "crypto/signature.h"
#include "signer.h"

#define BODY "[{\"token\":\"t\",\"type\":\"x\",\"url\":\"\",\"source\":\"content\"}]"

struct both {
    struct signer *signer;
    struct signature_key *key;
};

static int set_up(void **state)
{
    struct both *both = calloc(1, sizeof(*both));
    both->signer = signer_new("P-256");
    const char *pem = signer_pem(both->signer);
    assert_int_equal(signature_key_new(pem, strlen(pem), &both->key), TKR_OK);
    *state = both;
    return 0;
}

static int tear_down(void **state)
{
    struct both *both = *state;
    assert_int_equal(ERR_peek_error(), 0); /* nothing is left for others to log */
    signature_key_free(both->key);
    signer_free(both->signer);
    free(both);
    return 0;
}

static tkr_error_t check(const struct both *both, const char *body, const char *signature)
{
    return signature_verify(both->key, body, strlen(body), signature, strlen(signature));
}

static tkr_error_t check_der(const struct both *both, const uint8_t *der, size_t length)
{
    char text[SIGNER_TEXT_SIZE];
    signer_base64(der, length, text);
    return check(both, BODY, text);
}

static tkr_error_t read_key(const char *pem)
{
    struct signature_key *key = NULL;
    tkr_error_t error = signature_key_new(pem, strlen(pem), &key);
    assert_true((error == TKR_OK) == (key != NULL));
    signature_key_free(key);
    return error;
}

/* --- keys ------------------------------------------------------------------------------------ */

static void test_other_kinds_of_keys_are_refused(void **state)
{
    static const char *const kinds[] = {"P-384",           "P-521", "secp256k1", "prime192v1",
                                        "brainpoolP256r1", "RSA",   "ED25519"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct signer *other = signer_new(kinds[i]);
        assert_int_equal(read_key(signer_pem(other)), TKR_INVALID);
        signer_free(other);
    }
}

static void test_a_compressed_point_is_refused(void **state)
{
    struct both *both = *state;
    uint8_t der[SIGNER_TEXT_SIZE / 2];
    char pem[SIGNER_TEXT_SIZE];
    signer_armour(der, signer_public_der(both->signer, "compressed", der), pem);
    assert_int_equal(read_key(pem), TKR_INVALID);
}

static void test_a_point_that_is_not_on_the_curve_is_refused(void **state)
{
    struct both *both = *state;
    uint8_t der[SIGNER_TEXT_SIZE / 2];
    char pem[SIGNER_TEXT_SIZE];
    size_t length = signer_public_der(both->signer, "uncompressed", der);
    der[length - 1] ^= 1;
    signer_armour(der, length, pem);
    assert_int_equal(read_key(pem), TKR_INVALID);
    memset(der + 27, 0, 64);
    signer_armour(der, length, pem);
    assert_int_equal(read_key(pem), TKR_INVALID);
    memset(der + 27, 0xFF, 64);
    signer_armour(der, length, pem);
    assert_int_equal(read_key(pem), TKR_INVALID);
    assert_int_equal(ERR_peek_error(), 0);
}

static void test_bytes_behind_a_key_are_refused(void **state)
{
    struct both *both = *state;
    uint8_t der[SIGNER_TEXT_SIZE / 2];
    char pem[SIGNER_TEXT_SIZE];
    size_t length = signer_public_der(both->signer, "uncompressed", der);
    der[length] = 0;
    signer_armour(der, length + 1, pem);
    assert_int_equal(read_key(pem), TKR_INVALID);
    signer_armour(der, length - 1, pem);
    assert_int_equal(read_key(pem), TKR_INVALID);
}

static void test_what_is_no_pem_of_one_public_key_is_refused(void **state)
{
    struct both *both = *state;
    const char *good = signer_pem(both->signer);
    char text[3 * SIGNER_TEXT_SIZE];
    static const char *const bad[] = {
        "",
        "\n",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\nMF w\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n\nMFkw\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----END PUBLIC KEY-----",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_key(bad[i]), TKR_MALFORMED);
    }
    snprintf(text, sizeof(text), " %s", good);
    assert_int_equal(read_key(text), TKR_MALFORMED);
    snprintf(text, sizeof(text), "%sx", good);
    assert_int_equal(read_key(text), TKR_MALFORMED);
    snprintf(text, sizeof(text), "%s%s", good, good);
    assert_int_equal(read_key(text), TKR_MALFORMED);
}

static void test_a_key_beyond_the_maximum_is_too_large(void **state)
{
    static char text[PEM_BYTES_MAX + 1];
    struct signature_key *key = NULL;
    memset(text, '\n', sizeof(text));
    assert_int_equal(signature_key_new(text, sizeof(text), &key), TKR_TOO_LARGE);
    assert_int_equal(signature_key_new(text, sizeof(text) - 1, &key), TKR_MALFORMED);
}

static void test_a_key_without_its_last_line_feed_or_from_windows_is_read(void **state)
{
    struct both *both = *state;
    char text[SIGNER_TEXT_SIZE];
    size_t length = 0;
    for (const char *at = signer_pem(both->signer); *at != '\0'; at++) {
        if (*at == '\n') {
            text[length++] = '\r';
        }
        text[length++] = *at;
    }
    text[length] = '\0';
    assert_int_equal(read_key(text), TKR_OK);
    strcpy(text, signer_pem(both->signer));
    text[strlen(text) - 1] = '\0';
    assert_int_equal(read_key(text), TKR_OK);
}

/* --- signatures ------------------------------------------------------------------------------ */

static void test_any_flipped_bit_of_the_body_is_refused(void **state)
{
    struct both *both = *state;
    char signature[SIGNER_TEXT_SIZE];
    signer_sign(both->signer, BODY, strlen(BODY), signature);
    for (size_t bit = 0; bit < 8 * strlen(BODY); bit++) {
        char body[] = BODY;
        body[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(
            signature_verify(both->key, body, strlen(BODY), signature, strlen(signature)),
            TKR_FORBIDDEN);
    }
    assert_int_equal(check(both, BODY " ", signature), TKR_FORBIDDEN);
    assert_int_equal(check(both, "", signature), TKR_FORBIDDEN);
    assert_int_equal(
        signature_verify(both->key, BODY, strlen(BODY) - 1, signature, strlen(signature)),
        TKR_FORBIDDEN);
}

static void test_any_flipped_bit_of_the_signature_is_refused(void **state)
{
    struct both *both = *state;
    uint8_t der[SIGNER_TEXT_SIZE / 2];
    size_t length = signer_sign_der(both->signer, BODY, strlen(BODY), der);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        der[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(check_der(both, der, length), TKR_FORBIDDEN);
        der[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(check_der(both, der, length), TKR_OK);
}

static void test_a_signature_that_is_cut_or_longer_is_refused(void **state)
{
    struct both *both = *state;
    uint8_t der[SIGNER_TEXT_SIZE / 2] = {0};
    size_t length = signer_sign_der(both->signer, BODY, strlen(BODY), der);
    for (size_t cut = 1; cut < length; cut++) {
        assert_int_equal(check_der(both, der, length - cut), TKR_FORBIDDEN);
    }
    der[length] = 0;
    assert_int_not_equal(check_der(both, der, length + 1), TKR_OK);
    der[1]++; /* and the sequence says so, too */
    assert_int_not_equal(check_der(both, der, length + 1), TKR_OK);
    assert_int_equal(check_der(both, der, 200), TKR_MALFORMED);
    assert_int_equal(check(both, BODY, ""), TKR_MALFORMED);
}

/* The length of the sequence in two bytes, and a number with a zero before it: BER, not DER. */
static void test_another_encoding_of_the_same_numbers_is_refused(void **state)
{
    struct both *both = *state;
    uint8_t der[SIGNER_TEXT_SIZE / 2], other[SIGNER_TEXT_SIZE / 2];
    size_t length;
    do { /* short enough that the other encoding has room */
        length = signer_sign_der(both->signer, BODY, strlen(BODY), der);
    } while (length > 71);
    other[0] = 0x30;
    other[1] = 0x81;
    memcpy(other + 2, der + 1, length - 1);
    assert_int_equal(check_der(both, other, length + 1), TKR_FORBIDDEN);
    memcpy(other, der, 4);
    other[1]++;
    other[3]++;
    other[4] = 0;
    memcpy(other + 5, der + 4, length - 4);
    assert_int_equal(check_der(both, other, length + 1), TKR_FORBIDDEN);
}

static void test_numbers_that_are_zero_or_too_large_are_refused(void **state)
{
    static const uint8_t zeros[] = {0x30, 6, 2, 1, 0, 2, 1, 0};
    static const uint8_t ones[] = {0x30, 6, 2, 1, 1, 2, 1, 1};
    static const uint8_t negative[] = {0x30, 6, 2, 1, 0x81, 2, 1, 1};
    uint8_t large[72] = {0x30, 70, 2, 33, 0};
    memset(large + 5, 0xFF, 32);
    large[37] = 2;
    large[38] = 33;
    memset(large + 40, 0xFF, 32);
    assert_int_equal(check_der(*state, zeros, sizeof(zeros)), TKR_FORBIDDEN);
    assert_int_equal(check_der(*state, ones, sizeof(ones)), TKR_FORBIDDEN);
    assert_int_equal(check_der(*state, negative, sizeof(negative)), TKR_FORBIDDEN);
    assert_int_equal(check_der(*state, large, sizeof(large)), TKR_FORBIDDEN);
}

static void test_what_is_no_base64_is_malformed(void **state)
{
    struct both *both = *state;
    char signature[SIGNER_TEXT_SIZE], text[SIGNER_TEXT_SIZE + 8];
    signer_sign(both->signer, BODY, strlen(BODY), signature);
    snprintf(text, sizeof(text), "%s\n", signature);
    assert_int_equal(check(both, BODY, text), TKR_MALFORMED);
    snprintf(text, sizeof(text), " %s", signature);
    assert_int_equal(check(both, BODY, text), TKR_MALFORMED);
    snprintf(text, sizeof(text), "%.8s-%s", signature, signature + 9);
    assert_int_equal(check(both, BODY, text), TKR_MALFORMED);
    snprintf(text, sizeof(text), "%s====", signature);
    assert_int_equal(check(both, BODY, text), TKR_MALFORMED);
}

static void test_the_signature_of_another_key_is_refused(void **state)
{
    struct signer *other = signer_new("P-256");
    char signature[SIGNER_TEXT_SIZE];
    signer_sign(other, BODY, strlen(BODY), signature);
    assert_int_equal(check(*state, BODY, signature), TKR_FORBIDDEN);
    signer_free(other);
}

static void test_a_signature_holds_for_the_very_bytes(void **state)
{
    struct both *both = *state;
    static char large[1024 * 1024];
    char signature[SIGNER_TEXT_SIZE];
    for (int i = 0; i < 50; i++) {
        signer_sign(both->signer, BODY, strlen(BODY), signature);
        assert_int_equal(check(both, BODY, signature), TKR_OK);
    }
    signer_sign(both->signer, large, sizeof(large), signature);
    assert_int_equal(
        signature_verify(both->key, large, sizeof(large), signature, strlen(signature)), TKR_OK);
    signer_sign(both->signer, "", 0, signature);
    assert_int_equal(check(both, "", signature), TKR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_other_kinds_of_keys_are_refused),
        TEST(test_a_compressed_point_is_refused),
        TEST(test_a_point_that_is_not_on_the_curve_is_refused),
        TEST(test_bytes_behind_a_key_are_refused),
        TEST(test_what_is_no_pem_of_one_public_key_is_refused),
        TEST(test_a_key_beyond_the_maximum_is_too_large),
        TEST(test_a_key_without_its_last_line_feed_or_from_windows_is_read),
        TEST(test_any_flipped_bit_of_the_body_is_refused),
        TEST(test_any_flipped_bit_of_the_signature_is_refused),
        TEST(test_a_signature_that_is_cut_or_longer_is_refused),
        TEST(test_another_encoding_of_the_same_numbers_is_refused),
        TEST(test_numbers_that_are_zero_or_too_large_are_refused),
        TEST(test_what_is_no_base64_is_malformed),
        TEST(test_the_signature_of_another_key_is_refused),
        TEST(test_a_signature_holds_for_the_very_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
