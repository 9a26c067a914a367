/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/text.h"
#include "crypto/seal.h"

static void bytes_of(const char *hex, uint8_t *ret_bytes)
{
    assert_int_equal(text_unhex(hex, strlen(hex), ret_bytes), TKR_OK);
}

static struct seal_key *key_of(const char *seed_hex)
{
    uint8_t seed[SEAL_SEED_BYTES];
    struct seal_key *key = NULL;
    bytes_of(seed_hex, seed);
    assert_int_equal(seal_key_new(seed, &key), TKR_OK);
    return key;
}

/* RFC 8032 §7.1, TEST 1 to 3. */
static const struct {
    const char *seed, *public_key, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void test_the_published_vectors(void **state)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct seal_key *key CLEANUP(seal_key_free_p) = key_of(vectors[i].seed);
        uint8_t public_key[SEAL_PUBLIC_BYTES], message[8], signature[SEAL_SIGNATURE_BYTES];
        uint8_t expected[SEAL_SIGNATURE_BYTES];
        size_t length = strlen(vectors[i].message) / 2;
        bytes_of(vectors[i].public_key, public_key);
        bytes_of(vectors[i].message, message);
        bytes_of(vectors[i].signature, expected);
        assert_memory_equal(seal_key_public(key), public_key, sizeof(public_key));
        assert_int_equal(seal_sign(key, message, length, signature), TKR_OK);
        assert_memory_equal(signature, expected, sizeof(expected));
        assert_int_equal(seal_verify(public_key, message, length, signature), TKR_OK);
    }
}

static void test_every_changed_bit_of_a_signature_is_refused(void **state)
{
    struct seal_key *key CLEANUP(seal_key_free_p) = key_of(vectors[1].seed);
    uint8_t signature[SEAL_SIGNATURE_BYTES];
    assert_int_equal(seal_sign(key, "message", 7, signature), TKR_OK);
    for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(seal_verify(seal_key_public(key), "message", 7, signature), TKR_FORBIDDEN);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_another_message_or_key_is_refused(void **state)
{
    struct seal_key *key CLEANUP(seal_key_free_p) = key_of(vectors[1].seed);
    struct seal_key *other CLEANUP(seal_key_free_p) = key_of(vectors[2].seed);
    uint8_t signature[SEAL_SIGNATURE_BYTES];
    assert_int_equal(seal_sign(key, "message", 7, signature), TKR_OK);
    assert_int_equal(seal_verify(seal_key_public(key), "messages", 8, signature), TKR_FORBIDDEN);
    assert_int_equal(seal_verify(seal_key_public(key), "message", 6, signature), TKR_FORBIDDEN);
    assert_int_equal(seal_verify(seal_key_public(other), "message", 7, signature), TKR_FORBIDDEN);
}

/* With the neutral point as key, the neutral point and 0 are a signature of every message. */
static void test_a_key_of_small_order_signs_nothing(void **state)
{
    static const char *const keys[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t signature[SEAL_SIGNATURE_BYTES] = {1};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        uint8_t public_key[SEAL_PUBLIC_BYTES];
        bytes_of(keys[i], public_key);
        for (char message = 'a'; message <= 'z'; message++) {
            assert_int_equal(seal_verify(public_key, &message, 1, signature), TKR_FORBIDDEN);
        }
    }
}

static void test_a_mac_is_of_the_key_and_the_bytes(void **state)
{
    static const char seed[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    struct seal_key *key CLEANUP(seal_key_free_p) = key_of(seed);
    struct seal_key *other CLEANUP(seal_key_free_p) = key_of(vectors[0].seed);
    uint8_t mac[SEAL_MAC_BYTES], again[SEAL_MAC_BYTES];
    char hex[2 * SEAL_MAC_BYTES + 1];
    assert_int_equal(seal_mac(key, "abc", 3, mac), TKR_OK);
    text_hex(mac, sizeof(mac), hex);
    /* HMAC-SHA-256 under the digest of "tokenry seal mac 1", a NUL and the seed. */
    assert_string_equal(hex, "9d124cc07c30d608b34e222041d7e0c45b210199c8807a0da323c0ff3e74e434");
    assert_int_equal(seal_mac(other, "abc", 3, again), TKR_OK);
    assert_memory_not_equal(again, mac, sizeof(mac));
    assert_int_equal(seal_mac(key, "abd", 3, again), TKR_OK);
    assert_memory_not_equal(again, mac, sizeof(mac));
    assert_int_equal(seal_mac(key, "ab", 2, again), TKR_OK);
    assert_memory_not_equal(again, mac, sizeof(mac));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_published_vectors),
        cmocka_unit_test(test_every_changed_bit_of_a_signature_is_refused),
        cmocka_unit_test(test_another_message_or_key_is_refused),
        cmocka_unit_test(test_a_key_of_small_order_signs_nothing),
        cmocka_unit_test(test_a_mac_is_of_the_key_and_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
