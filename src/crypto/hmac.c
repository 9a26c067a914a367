/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hmac.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

tkr_error_t hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length,
                        uint8_t ret_mac[HMAC_SHA256_BYTES])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_length = 0;
    ENSURE(key_length <= INT_MAX, TKR_INTERNAL);
    ENSURE(HMAC(EVP_sha256(), key, (int)key_length, bytes, length, mac, &mac_length) != NULL &&
               mac_length == HMAC_SHA256_BYTES,
           TKR_INTERNAL);
    memcpy(ret_mac, mac, HMAC_SHA256_BYTES);
    return TKR_OK;
}
