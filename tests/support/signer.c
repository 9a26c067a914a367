/* SPDX-License-Identifier: Apache-2.0 */
#include "signer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/check.h"

struct signer {
    EVP_PKEY *key;
    char pem[SIGNER_TEXT_SIZE];
};

void signer_base64(const uint8_t *bytes, size_t length, char ret_text[SIGNER_TEXT_SIZE])
{
    ASSERT(length < SIGNER_TEXT_SIZE / 2);
    EVP_EncodeBlock((unsigned char *)ret_text, bytes, (int)length);
}

void signer_armour(const uint8_t *der, size_t length, char ret_pem[SIGNER_TEXT_SIZE])
{
    char text[SIGNER_TEXT_SIZE];
    signer_base64(der, length, text);
    size_t written = (size_t)sprintf(ret_pem, "-----BEGIN PUBLIC KEY-----\n");
    for (size_t at = 0; at < strlen(text); at += 64) {
        written += (size_t)sprintf(ret_pem + written, "%.64s\n", text + at);
    }
    sprintf(ret_pem + written, "-----END PUBLIC KEY-----\n");
}

size_t signer_public_der(const struct signer *signer, const char *form,
                         uint8_t ret_der[SIGNER_TEXT_SIZE / 2])
{
    uint8_t *at = ret_der;
    if (EVP_PKEY_is_a(signer->key, "EC")) {
        ASSERT(EVP_PKEY_set_utf8_string_param(
                   signer->key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form) == 1);
    }
    int length = i2d_PUBKEY(signer->key, NULL);
    ASSERT(length > 0 && length <= SIGNER_TEXT_SIZE / 2);
    ASSERT(i2d_PUBKEY(signer->key, &at) == length);
    return (size_t)length;
}

struct signer *signer_new(const char *kind)
{
    struct signer *signer = calloc(1, sizeof(*signer));
    ASSERT(signer != NULL);
    if (strcmp(kind, "RSA") == 0) {
        signer->key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    } else if (strcmp(kind, "ED25519") == 0) {
        signer->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    } else {
        signer->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
    }
    ASSERT(signer->key != NULL);
    uint8_t der[SIGNER_TEXT_SIZE / 2];
    signer_armour(der, signer_public_der(signer, "uncompressed", der), signer->pem);
    return signer;
}

void signer_free(struct signer *signer)
{
    EVP_PKEY_free(signer->key);
    free(signer);
}

const char *signer_pem(const struct signer *signer)
{
    return signer->pem;
}

size_t signer_sign_der(const struct signer *signer, const void *bytes, size_t length,
                       uint8_t ret_der[SIGNER_TEXT_SIZE / 2])
{
    size_t signed_length = SIGNER_TEXT_SIZE / 2;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ASSERT(context != NULL);
    ASSERT(EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, signer->key, NULL) == 1);
    ASSERT(EVP_DigestSign(context, ret_der, &signed_length, bytes, length) == 1);
    EVP_MD_CTX_free(context);
    return signed_length;
}

void signer_sign(const struct signer *signer, const void *bytes, size_t length,
                 char ret_signature[SIGNER_TEXT_SIZE])
{
    uint8_t der[SIGNER_TEXT_SIZE / 2];
    signer_base64(der, signer_sign_der(signer, bytes, length, der), ret_signature);
}
