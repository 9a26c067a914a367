/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who signs, for tests of those who verify. A failure ends the test program.
 *
 *     struct signer *signer = signer_new("P-256");
 *     char signature[SIGNER_TEXT_SIZE];
 *     signer_sign(signer, body, strlen(body), signature);
 *     signer_free(signer);
 */
#ifndef SUPPORT_SIGNER_H
#define SUPPORT_SIGNER_H

#include <stddef.h>
#include <stdint.h>

#define SIGNER_TEXT_SIZE 2048

struct signer;

/* A new key: of an elliptic curve by OpenSSL's name, or "RSA" (2048 bits), or "ED25519". */
struct signer *signer_new(const char *kind);
void signer_free(struct signer *signer);
/* The public key as PEM. */
const char *signer_pem(const struct signer *signer);
/* Base64 of the signature with SHA-256. */
void signer_sign(const struct signer *signer, const void *bytes, size_t length,
                 char ret_signature[SIGNER_TEXT_SIZE]);
/* The same as DER. Returns its length. */
size_t signer_sign_der(const struct signer *signer, const void *bytes, size_t length,
                       uint8_t ret_der[SIGNER_TEXT_SIZE / 2]);
void signer_base64(const uint8_t *bytes, size_t length, char ret_text[SIGNER_TEXT_SIZE]);
/* The public key's DER between the two lines of PEM. */
void signer_armour(const uint8_t *der, size_t length, char ret_pem[SIGNER_TEXT_SIZE]);
/* The public key's DER. Returns its length. `form`: "uncompressed" or "compressed" points. */
size_t signer_public_der(const struct signer *signer, const char *form,
                         uint8_t ret_der[SIGNER_TEXT_SIZE / 2]);

#endif
