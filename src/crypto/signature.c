/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A P-256 key with its curve named has one length and one beginning as SubjectPublicKeyInfo
 * (RFC 5480 §2). So it is compared with that before OpenSSL sees it: other curves, other kinds of
 * keys, spelt-out parameters and compressed points need no parser to be refused, and there is
 * nothing behind it that a parser could pass over.
 *
 * OpenSSL itself checks that the DER of a signature is the only one for its two numbers, that
 * nothing follows it, and that both are in range; the tests hold it to that.
 */
#include "crypto/signature.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "base/limits.h"

#define SPKI_BYTES 91
#define DER_BYTES_MAX 72 /* two numbers of 33 bytes, three headers of 2 */

/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING 04 ... */
static const uint8_t spki_begin[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06,
    0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};

static const char pem_begin[] = "-----BEGIN PUBLIC KEY-----";
static const char pem_end[] = "-----END PUBLIC KEY-----";

struct signature_key {
    EVP_PKEY *key;
};

/* --- the key --------------------------------------------------------------------------------- */

static bool begins(const char *text, size_t length, const char *with)
{
    size_t needed = strlen(with);
    return length >= needed && memcmp(text, with, needed) == 0;
}

/* What is between the two lines, without its line feeds (also those of Windows). */
static tkr_error_t read_pem(const char *pem, size_t length, char ret_text[PEM_BYTES_MAX],
                            size_t *ret_length)
{
    ENSURE(length <= PEM_BYTES_MAX, TKR_TOO_LARGE);
    while (length > 0 && (pem[length - 1] == '\n' || pem[length - 1] == '\r')) {
        length--;
    }
    size_t first = strlen(pem_begin), last = strlen(pem_end);
    ENSURE(begins(pem, length, pem_begin) && length >= first + last, TKR_MALFORMED);
    ENSURE(memcmp(pem + length - last, pem_end, last) == 0, TKR_MALFORMED);
    size_t written = 0;
    for (size_t i = first; i < length - last; i++) {
        if (pem[i] != '\n' && pem[i] != '\r') {
            ret_text[written++] = pem[i];
        }
    }
    *ret_length = written;
    return TKR_OK;
}

static tkr_error_t read_spki(const char *pem, size_t length, uint8_t ret_spki[SPKI_BYTES])
{
    char text[PEM_BYTES_MAX];
    uint8_t spki[BASE64_BYTES_MAX(PEM_BYTES_MAX)];
    size_t chars = 0, bytes = 0;
    TRY(read_pem(pem, length, text, &chars));
    TRY(base64_decode(text, chars, spki, sizeof(spki), &bytes));
    ENSURE(bytes > 0, TKR_MALFORMED);
    ENSURE(bytes == SPKI_BYTES && memcmp(spki, spki_begin, sizeof(spki_begin)) == 0, TKR_INVALID);
    memcpy(ret_spki, spki, SPKI_BYTES);
    return TKR_OK;
}

/* d2i_PUBKEY refuses a point that is not on the curve; the check says it again, and that it is
 * not the point at infinity. */
static tkr_error_t load(const uint8_t spki[SPKI_BYTES], EVP_PKEY **ret_key)
{
    const uint8_t *at = spki;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, SPKI_BYTES);
    EVP_PKEY_CTX *context = key != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool good = context != NULL && at == spki + SPKI_BYTES && EVP_PKEY_is_a(key, "EC") == 1 &&
                EVP_PKEY_get_bits(key) == 256 && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error(); /* nobody reads them, and they may quote what was given */
    if (!good) {
        EVP_PKEY_free(key);
        return TKR_INVALID;
    }
    *ret_key = key;
    return TKR_OK;
}

tkr_error_t signature_key_new(const char *pem, size_t length, struct signature_key **ret_key)
{
    uint8_t spki[SPKI_BYTES];
    TRY(read_spki(pem, length, spki));
    struct signature_key *key CLEANUP(signature_key_free_p) = calloc(1, sizeof(*key));
    ENSURE(key != NULL, TKR_MEMORY);
    TRY(load(spki, &key->key));
    *ret_key = key;
    key = NULL;
    return TKR_OK;
}

void signature_key_free(struct signature_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->key);
        free(key);
    }
}

void signature_key_free_p(struct signature_key **key)
{
    signature_key_free(*key);
}

/* --- the signature --------------------------------------------------------------------------- */

/* EVP_DigestVerify gives 1, 0 for a wrong signature and below 0 for one that cannot be read; both
 * of these are the sender's. */
static tkr_error_t verify(const struct signature_key *key, EVP_MD_CTX *context, const void *bytes,
                          size_t length, const uint8_t *der, size_t der_length)
{
    ENSURE(EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key->key, NULL) == 1,
           TKR_INTERNAL);
    return EVP_DigestVerify(context, der, der_length, bytes, length) == 1 ? TKR_OK : TKR_FORBIDDEN;
}

tkr_error_t signature_verify(const struct signature_key *key, const void *bytes, size_t length,
                             const char *signature, size_t signature_length)
{
    uint8_t der[DER_BYTES_MAX];
    size_t der_length = 0;
    tkr_error_t decoded = base64_decode(signature, signature_length, der, sizeof(der), &der_length);
    ENSURE(decoded == TKR_OK && der_length > 0, TKR_MALFORMED);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ENSURE(context != NULL, TKR_MEMORY);
    tkr_error_t error = verify(key, context, bytes, length, der, der_length);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return error;
}
