/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as lines of JSON: what the API answers, `audit export` writes and archives keep.
 *
 *     {"object":"audit_log","format":1,"store_id":"5f…","first_seq":1,"base":"e3…"}
 *     {"seq":1,"object":"event","at":"2026-01-02T03:04:05Z","type":"token.create",…,
 *      "details":{…},"digest":"9a…"}
 *     {"object":"audit_checkpoint","checkpoint":"tokenry-checkpoint-1 …"}
 *
 * A copy of the log that can be held against its chain begins with the first kind of line, which
 * says what its events follow, and has each checkpoint directly behind the event that it is of. As
 * many copies as there are, in order, are one copy.
 *
 * Reading takes exactly what writing makes, byte for byte: no other spelling of the same JSON.
 * Pure. This is a format that is stored: another one gets another number.
 */
#ifndef AUDIT_LINE_H
#define AUDIT_LINE_H

#include <stdbool.h>

#include "audit/checkpoint.h"
#include "base/buffer.h"

struct audit_begin {
    uint8_t store_id[AUDIT_STORE_ID_BYTES];
    uint64_t first_seq;               /* of the event that follows */
    uint8_t base[AUDIT_DIGEST_BYTES]; /* the digest before that one */
};

/* Without a line feed; overflow is the buffer's. `digest` NULL: it has none. `object`: the details
 * are known to be a JSON object, else they are written as a text. */
void audit_line_put_event(struct buffer *out, const struct audit_event *event,
                          const uint8_t *digest, bool object);
void audit_line_put_begin(struct buffer *out, const struct audit_begin *begin);
void audit_line_put_checkpoint(struct buffer *out, const struct audit_checkpoint *checkpoint);

enum audit_line_kind { AUDIT_LINE_BEGIN, AUDIT_LINE_EVENT, AUDIT_LINE_CHECKPOINT };

struct audit_line {
    enum audit_line_kind kind;
    struct audit_begin begin;
    struct audit_event event; /* its texts are in `texts` */
    bool has_digest;
    uint8_t digest[AUDIT_DIGEST_BYTES];
    struct audit_checkpoint checkpoint;
    char texts[AUDIT_LINE_BYTES_MAX + AUDIT_FIELDS];
};

/* `text` without its line feed. About 2 us for an event of 600 bytes. Errors: TKR_MALFORMED,
 * TKR_TOO_LARGE (AUDIT_LINE_BYTES_MAX), TKR_MEMORY. */
MUST_USE tkr_error_t audit_line_read(const char *text, size_t length, struct audit_line *ret_line);

#endif
