/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/signature.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/buffer.h"
#include "base/secret.h"
#include "crypto/hmac.h"

#define KEY_PREFIX "whsec_"
#define ID_BYTES_MAX 128

static tkr_error_t read_key(const char *text, size_t length, struct notify_keys *keys)
{
    size_t prefix = sizeof(KEY_PREFIX) - 1, bytes = 0;
    ENSURE(keys->count < NOTIFY_KEYS_MAX, TKR_TOO_LARGE);
    ENSURE(length > prefix && memcmp(text, KEY_PREFIX, prefix) == 0, TKR_MALFORMED);
    tkr_error_t error = base64_decode(text + prefix, length - prefix, keys->bytes[keys->count],
                                      NOTIFY_KEY_BYTES_MAX, &bytes);
    ENSURE(error == TKR_OK && bytes >= NOTIFY_KEY_BYTES_MIN, TKR_MALFORMED);
    keys->lengths[keys->count++] = bytes;
    return TKR_OK;
}

tkr_error_t signature_keys_read(const char *text, size_t length, struct notify_keys *ret_keys,
                                struct fault *fault)
{
    memset(ret_keys, 0, sizeof(*ret_keys));
    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t line = end != NULL ? (size_t)(end - text) : length;
        size_t taken = line + (end != NULL);
        size_t kept = line > 0 && text[line - 1] == '\r' ? line - 1 : line;
        tkr_error_t error = kept > 0 ? read_key(text, kept, ret_keys) : TKR_OK;
        if (error != TKR_OK) {
            return fault_set(fault, error, "",
                             "must be 1 to %d lines of %s and base64 of %d to %d "
                             "bytes",
                             NOTIFY_KEYS_MAX, KEY_PREFIX, NOTIFY_KEY_BYTES_MIN,
                             NOTIFY_KEY_BYTES_MAX);
        }
        text += taken;
        length -= taken;
    }
    return ret_keys->count > 0 ? TKR_OK
                               : fault_set(fault, TKR_MALFORMED, "", "there is no key in it");
}

tkr_error_t signature_make(const struct notify_keys *keys, const char *id, int64_t timestamp_s,
                           const char *body, size_t body_length, char ret_signature[SIGNATURE_SIZE])
{
    struct buffer text CLEANUP(buffer_deinit);
    size_t written = 0;
    buffer_init(&text, NOTIFY_PAYLOAD_BYTES_MAX + ID_BYTES_MAX);
    buffer_print(&text, "%s.%lld.", id, (long long)timestamp_s);
    buffer_add(&text, body, body_length);
    TRY(buffer_status(&text));
    ret_signature[0] = '\0';
    for (size_t i = 0; i < keys->count; i++) {
        uint8_t mac[HMAC_SHA256_BYTES];
        char mac_text[BASE64_CHARS(HMAC_SHA256_BYTES) + 1];
        TRY(hmac_sha256(keys->bytes[i], keys->lengths[i], text.data, text.length, mac));
        written += (size_t)snprintf(ret_signature + written, SIGNATURE_SIZE - written, "%sv1,%s",
                                    i > 0 ? " " : "", base64_encode(mac, sizeof(mac), mac_text));
    }
    return TKR_OK;
}
