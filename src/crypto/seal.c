/* SPDX-License-Identifier: Apache-2.0 */
/* The key of the MAC is the digest of a label and the seed, so that neither use tells anything of
 * the other. */
#include "crypto/seal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/secret.h"
#include "crypto/digest.h"

static const char mac_label[] = "tokenry seal mac 1";

struct seal_secret {
    uint8_t mac_key[DIGEST_SHA256_BYTES];
    uint8_t derive[sizeof(mac_label) + SEAL_SEED_BYTES];
};

struct seal_key {
    EVP_PKEY *pair;
    struct seal_secret *secret;
    uint8_t public_key[SEAL_PUBLIC_BYTES];
};

static void free_context(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void free_pair(EVP_PKEY **pair)
{
    EVP_PKEY_free(*pair);
}

static tkr_error_t fill(struct seal_key *key, const uint8_t seed[SEAL_SEED_BYTES])
{
    size_t length = sizeof(key->public_key);
    void *secret = NULL;
    TRY(secret_alloc(sizeof(*key->secret), &secret));
    key->secret = secret;
    memcpy(key->secret->derive, mac_label, sizeof(mac_label));
    memcpy(key->secret->derive + sizeof(mac_label), seed, SEAL_SEED_BYTES);
    TRY(digest_sha256(key->secret->derive, sizeof(key->secret->derive), key->secret->mac_key));
    secret_wipe(key->secret->derive, sizeof(key->secret->derive));
    key->pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SEAL_SEED_BYTES);
    ENSURE(key->pair != NULL, TKR_INTERNAL);
    ENSURE(EVP_PKEY_get_raw_public_key(key->pair, key->public_key, &length) == 1 &&
               length == SEAL_PUBLIC_BYTES,
           TKR_INTERNAL);
    return TKR_OK;
}

tkr_error_t seal_key_new(const uint8_t seed[SEAL_SEED_BYTES], struct seal_key **ret_key)
{
    struct seal_key *key CLEANUP(seal_key_free_p) = calloc(1, sizeof(*key));
    ENSURE(key != NULL, TKR_MEMORY);
    TRY(fill(key, seed));
    *ret_key = key;
    key = NULL;
    return TKR_OK;
}

void seal_key_free(struct seal_key *key)
{
    if (key == NULL) {
        return;
    }
    EVP_PKEY_free(key->pair); /* which wipes its own copy of the seed */
    secret_free(key->secret, sizeof(*key->secret));
    free(key);
}

void seal_key_free_p(struct seal_key **key)
{
    seal_key_free(*key);
}

const uint8_t *seal_key_public(const struct seal_key *key)
{
    return key->public_key;
}

tkr_error_t seal_sign(const struct seal_key *key, const void *bytes, size_t length,
                      uint8_t ret_signature[SEAL_SIGNATURE_BYTES])
{
    uint8_t signature[SEAL_SIGNATURE_BYTES];
    size_t signature_length = sizeof(signature);
    EVP_MD_CTX *context CLEANUP(free_context) = EVP_MD_CTX_new();
    ENSURE(context != NULL, TKR_MEMORY);
    ENSURE(EVP_DigestSignInit(context, NULL, NULL, NULL, key->pair) == 1, TKR_INTERNAL);
    ENSURE(EVP_DigestSign(context, signature, &signature_length, bytes, length) == 1 &&
               signature_length == SEAL_SIGNATURE_BYTES,
           TKR_INTERNAL);
    memcpy(ret_signature, signature, sizeof(signature));
    return TKR_OK;
}

/*
 * The points of small order, without the bit of the sign: 0, 1, the two of order 8, -1, and the
 * first two again in the form that is not reduced. Such a key has signatures that hold for every
 * message, and OpenSSL takes it (RFC 8032 §5.1.7 leaves it to us).
 */
static const uint8_t small_order[][SEAL_PUBLIC_BYTES] = {
    {0},
    {1},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

static bool has_small_order(const uint8_t public_key[SEAL_PUBLIC_BYTES])
{
    uint8_t point[SEAL_PUBLIC_BYTES];
    bool found = false;
    memcpy(point, public_key, sizeof(point));
    point[SEAL_PUBLIC_BYTES - 1] &= 0x7f;
    for (size_t i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++) {
        found |= memcmp(point, small_order[i], sizeof(point)) == 0;
    }
    return found;
}

tkr_error_t seal_verify(const uint8_t public_key[SEAL_PUBLIC_BYTES], const void *bytes,
                        size_t length, const uint8_t signature[SEAL_SIGNATURE_BYTES])
{
    ENSURE(!has_small_order(public_key), TKR_FORBIDDEN);
    EVP_PKEY *pair CLEANUP(free_pair) =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, SEAL_PUBLIC_BYTES);
    ENSURE(pair != NULL, TKR_FORBIDDEN);
    EVP_MD_CTX *context CLEANUP(free_context) = EVP_MD_CTX_new();
    ENSURE(context != NULL, TKR_MEMORY);
    ENSURE(EVP_DigestVerifyInit(context, NULL, NULL, NULL, pair) == 1, TKR_INTERNAL);
    int verdict = EVP_DigestVerify(context, signature, SEAL_SIGNATURE_BYTES, bytes, length);
    return verdict == 1 ? TKR_OK : TKR_FORBIDDEN;
}

tkr_error_t seal_mac(const struct seal_key *key, const void *bytes, size_t length,
                     uint8_t ret_mac[SEAL_MAC_BYTES])
{
    unsigned mac_length = 0;
    uint8_t mac[EVP_MAX_MD_SIZE];
    ENSURE(HMAC(EVP_sha256(), key->secret->mac_key, sizeof(key->secret->mac_key), bytes, length,
                mac, &mac_length) != NULL &&
               mac_length == SEAL_MAC_BYTES,
           TKR_INTERNAL);
    memcpy(ret_mac, mac, SEAL_MAC_BYTES);
    return TKR_OK;
}
