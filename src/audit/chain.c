/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/chain.h"

#include <stdbool.h>
#include <string.h>

#include "base/limits.h"

static const char tag[] = "TKA1";
static const char begin_tag[] = "tokenry audit chain 1";

#define FIELD_NAME(id, name) name,
const char *const audit_field_names[AUDIT_FIELDS] = {AUDIT_FIELDS_EACH(FIELD_NAME)};
#undef FIELD_NAME

struct encoded {
    uint8_t bytes[AUDIT_EVENT_BYTES_MAX];
    size_t length;
    bool overflowed;
};

static void put(struct encoded *encoded, const void *bytes, size_t length)
{
    if (encoded->overflowed || length > sizeof(encoded->bytes) - encoded->length) {
        encoded->overflowed = true;
        return;
    }
    memcpy(encoded->bytes + encoded->length, bytes, length);
    encoded->length += length;
}

static void put_number(struct encoded *encoded, uint64_t number, size_t width)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < width; i++) {
        bytes[i] = (uint8_t)(number >> (8 * (width - 1 - i)));
    }
    put(encoded, bytes, width);
}

tkr_error_t audit_chain_begin(const void *store_id, size_t bytes,
                              uint8_t ret_digest[AUDIT_DIGEST_BYTES])
{
    struct encoded encoded;
    encoded.length = 0;
    encoded.overflowed = false;
    put(&encoded, begin_tag, sizeof(begin_tag));
    put(&encoded, store_id, bytes);
    ENSURE(!encoded.overflowed, TKR_TOO_LARGE);
    return digest_sha256(encoded.bytes, encoded.length, ret_digest);
}

tkr_error_t audit_chain_next(const uint8_t before[AUDIT_DIGEST_BYTES],
                             const struct audit_event *event,
                             uint8_t ret_digest[AUDIT_DIGEST_BYTES])
{
    struct encoded encoded; /* not zeroed: it is 8 KiB */
    encoded.length = 0;
    encoded.overflowed = false;
    put(&encoded, tag, sizeof(tag) - 1);
    put(&encoded, before, AUDIT_DIGEST_BYTES);
    put_number(&encoded, event->seq, 8);
    put_number(&encoded, (uint64_t)event->at_ms, 8);
    for (size_t i = 0; i < AUDIT_FIELDS; i++) {
        const char *text = event->fields[i] != NULL ? event->fields[i] : "";
        size_t length = strlen(text);
        put_number(&encoded, length, 4);
        put(&encoded, text, length);
    }
    ENSURE(!encoded.overflowed, TKR_TOO_LARGE);
    return digest_sha256(encoded.bytes, encoded.length, ret_digest);
}
