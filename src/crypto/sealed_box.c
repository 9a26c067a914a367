/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sealed_box.h"

#include <assert.h>
#include <sodium.h>

static_assert(SEALED_BOX_KEY_BYTES == crypto_box_PUBLICKEYBYTES, "libsodium's key");
static_assert(SEALED_BOX_MORE_BYTES == crypto_box_SEALBYTES, "libsodium's box");

tkr_error_t sealed_box_make(const uint8_t key[SEALED_BOX_KEY_BYTES], const void *message,
                            size_t length, uint8_t *ret_box)
{
    ENSURE(sodium_init() >= 0, TKR_INTERNAL); /* once; any thread, any number of times */
    return crypto_box_seal(ret_box, message, length, key) == 0 ? TKR_OK : TKR_INVALID;
}
