/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that only the holder of a secret key can read, and whose sender nobody can tell:
 * libsodium's sealed box (X25519, XSalsa20-Poly1305 with an ephemeral key, which is thrown away).
 * Secrets of GitHub's Actions are sent so.
 */
#ifndef CRYPTO_SEALED_BOX_H
#define CRYPTO_SEALED_BOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

#define SEALED_BOX_KEY_BYTES 32
#define SEALED_BOX_MORE_BYTES 48 /* than the message has */

/* Any thread. `ret_box` has length + SEALED_BOX_MORE_BYTES. Errors: TKR_INVALID (a key that no
 * secret key belongs to), TKR_INTERNAL. */
MUST_USE tkr_error_t sealed_box_make(const uint8_t key[SEALED_BOX_KEY_BYTES], const void *message,
                                     size_t length, uint8_t *ret_box);

#endif
