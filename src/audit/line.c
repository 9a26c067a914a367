/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/line.h"

#include <string.h>

#include "base/text.h"

/* --- writing ---------------------------------------------------------------------------------- */

/* RFC 8259 §7, as all of the API's answers. */
static void put_string(struct buffer *out, const char *text)
{
    buffer_add_char(out, '"');
    const char *start = text;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (LIKELY(c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)) {
            continue;
        }
        buffer_add(out, start, (size_t)(text - start));
        start = text + 1;
        if (c == '"' || c == '\\') {
            buffer_add(out, (char[]){'\\', (char)c}, 2);
        } else {
            buffer_print(out, "\\u%04x", c);
        }
    }
    buffer_add(out, start, (size_t)(text - start));
    buffer_add_char(out, '"');
}

static void put_optional(struct buffer *out, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        buffer_add_text(out, "null");
    } else {
        put_string(out, text);
    }
}

static void put_hex(struct buffer *out, const uint8_t *bytes, size_t length)
{
    char digits[2 * AUDIT_DIGEST_BYTES + 1];
    text_hex(bytes, length, digits);
    put_string(out, digits);
}

static void put_name(struct buffer *out, const char *name)
{
    buffer_add(out, ",\"", 2);
    buffer_add_text(out, name);
    buffer_add(out, "\":", 2);
}

static void put_details(struct buffer *out, const char *details, bool object)
{
    if (details == NULL || details[0] == '\0') {
        buffer_add_text(out, "{}");
    } else if (object) {
        buffer_add_text(out, details);
    } else {
        put_string(out, details);
    }
}

void audit_line_put_event(struct buffer *out, const struct audit_event *event,
                          const uint8_t *digest, bool object)
{
    char time[TEXT_TIME_SIZE];
    buffer_print(out, "{\"seq\":%llu,\"object\":\"event\",\"at\":", (unsigned long long)event->seq);
    put_optional(out, event->at_ms != 0 ? text_format_time(event->at_ms, time) : NULL);
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        put_name(out, audit_field_names[i]);
        if (i == AUDIT_FIELD_DETAILS) {
            put_details(out, event->fields[i], object);
        } else {
            put_optional(out, event->fields[i]);
        }
    }
    put_name(out, "digest");
    if (digest == NULL) {
        buffer_add_text(out, "null");
    } else {
        put_hex(out, digest, AUDIT_DIGEST_BYTES);
    }
    buffer_add_char(out, '}');
}

void audit_line_put_begin(struct buffer *out, const struct audit_begin *begin)
{
    buffer_add_text(out, "{\"object\":\"audit_log\",\"format\":1,\"store_id\":");
    put_hex(out, begin->store_id, sizeof(begin->store_id));
    buffer_print(out, ",\"first_seq\":%llu,\"base\":", (unsigned long long)begin->first_seq);
    put_hex(out, begin->base, sizeof(begin->base));
    buffer_add_char(out, '}');
}

void audit_line_put_checkpoint(struct buffer *out, const struct audit_checkpoint *checkpoint)
{
    char text[AUDIT_CHECKPOINT_SIZE];
    buffer_add_text(out, "{\"object\":\"audit_checkpoint\",\"checkpoint\":");
    put_string(out, audit_checkpoint_format(checkpoint, text));
    buffer_add_char(out, '}');
}

/* --- reading ---------------------------------------------------------------------------------- */

struct cursor {
    const char *at, *end;
    char *texts; /* where the next text goes */
};

static tkr_error_t expect(struct cursor *cursor, const char *words)
{
    size_t length = strlen(words);
    ENSURE((size_t)(cursor->end - cursor->at) >= length && memcmp(cursor->at, words, length) == 0,
           TKR_MALFORMED);
    cursor->at += length;
    return TKR_OK;
}

static bool comes(const struct cursor *cursor, const char *words)
{
    size_t length = strlen(words);
    return (size_t)(cursor->end - cursor->at) >= length && memcmp(cursor->at, words, length) == 0;
}

/* `\"`, `\\` or `\u00XX`, behind the backslash. */
static tkr_error_t read_escape(struct cursor *cursor, char *ret_c)
{
    ENSURE(cursor->at < cursor->end, TKR_MALFORMED);
    char c = *cursor->at++;
    if (c == '"' || c == '\\') {
        *ret_c = c;
        return TKR_OK;
    }
    ENSURE(c == 'u' && cursor->end - cursor->at >= 4 && memcmp(cursor->at, "00", 2) == 0,
           TKR_MALFORMED);
    TRY(text_unhex(cursor->at + 2, 2, ret_c));
    ENSURE(*ret_c != '\0', TKR_MALFORMED);
    cursor->at += 4;
    return TKR_OK;
}

/* What it is unescaped to is no longer than it is. */
static tkr_error_t read_string(struct cursor *cursor, const char **ret_text)
{
    char *text = cursor->texts;
    TRY(expect(cursor, "\""));
    for (;;) {
        ENSURE(cursor->at < cursor->end, TKR_MALFORMED);
        char c = *cursor->at++;
        if (c == '"') {
            break;
        }
        ENSURE(c != '\0', TKR_MALFORMED);
        if (c == '\\') {
            TRY(read_escape(cursor, &c));
        }
        *cursor->texts++ = c;
    }
    *cursor->texts++ = '\0';
    *ret_text = text;
    return TKR_OK;
}

static tkr_error_t read_optional(struct cursor *cursor, const char **ret_text)
{
    if (comes(cursor, "null")) {
        *ret_text = "";
        return expect(cursor, "null");
    }
    return read_string(cursor, ret_text);
}

static tkr_error_t read_hex(struct cursor *cursor, uint8_t *ret_bytes, size_t bytes)
{
    const char *text = NULL;
    TRY(read_string(cursor, &text));
    ENSURE(strlen(text) == 2 * bytes, TKR_MALFORMED);
    return text_unhex(text, 2 * bytes, ret_bytes);
}

static tkr_error_t read_number(struct cursor *cursor, uint64_t *ret_number)
{
    const char *from = cursor->at;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        cursor->at++;
    }
    uint64_t number = 0;
    ENSURE(text_parse_u64(from, (size_t)(cursor->at - from), &number) == TKR_OK &&
               number <= AUDIT_SEQ_MAX,
           TKR_MALFORMED);
    *ret_number = number;
    return TKR_OK;
}

static tkr_error_t read_time(struct cursor *cursor, int64_t *ret_ms)
{
    const char *text = NULL;
    TRY(read_optional(cursor, &text));
    *ret_ms = 0;
    ENSURE(text[0] == '\0' || text_parse_time(text, strlen(text), ret_ms) == TKR_OK, TKR_MALFORMED);
    return TKR_OK;
}

/* An object is everything up to the digest, which ends the line and has a fixed length: what is in
 * it need not be understood to be held against that. */
static tkr_error_t read_details(struct cursor *cursor, const char **ret_text)
{
    static const char none[] = ",\"digest\":null}";
    static const size_t digest_bytes = sizeof(",\"digest\":\"\"}") - 1 + 2 * AUDIT_DIGEST_BYTES;
    size_t left = (size_t)(cursor->end - cursor->at);
    if (comes(cursor, "\"")) {
        return read_string(cursor, ret_text);
    }
    size_t behind = left >= sizeof(none) - 1 &&
                            memcmp(cursor->end - (sizeof(none) - 1), none, sizeof(none) - 1) == 0
                        ? sizeof(none) - 1
                        : digest_bytes;
    ENSURE(left > behind + 1 && *cursor->at == '{', TKR_MALFORMED);
    size_t length = left - behind;
    *ret_text = cursor->texts;
    if (length != 2) { /* `{}` stands for none */
        memcpy(cursor->texts, cursor->at, length);
        cursor->texts += length;
    }
    *cursor->texts++ = '\0';
    cursor->at += length;
    return TKR_OK;
}

static tkr_error_t read_fields(struct cursor *cursor, struct audit_event *event)
{
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        TRY(expect(cursor, ",\""));
        TRY(expect(cursor, audit_field_names[i]));
        TRY(expect(cursor, "\":"));
        TRY(i == AUDIT_FIELD_DETAILS ? read_details(cursor, &event->fields[i])
                                     : read_optional(cursor, &event->fields[i]));
    }
    return TKR_OK;
}

static tkr_error_t read_event(struct cursor *cursor, struct audit_line *line)
{
    line->kind = AUDIT_LINE_EVENT;
    TRY(expect(cursor, "{\"seq\":"));
    TRY(read_number(cursor, &line->event.seq));
    TRY(expect(cursor, ",\"object\":\"event\",\"at\":"));
    TRY(read_time(cursor, &line->event.at_ms));
    TRY(read_fields(cursor, &line->event));
    TRY(expect(cursor, ",\"digest\":"));
    line->has_digest = !comes(cursor, "null");
    TRY(line->has_digest ? read_hex(cursor, line->digest, sizeof(line->digest))
                         : expect(cursor, "null"));
    return expect(cursor, "}");
}

static tkr_error_t read_begin(struct cursor *cursor, struct audit_line *line)
{
    line->kind = AUDIT_LINE_BEGIN;
    TRY(expect(cursor, "{\"object\":\"audit_log\",\"format\":1,\"store_id\":"));
    TRY(read_hex(cursor, line->begin.store_id, sizeof(line->begin.store_id)));
    TRY(expect(cursor, ",\"first_seq\":"));
    TRY(read_number(cursor, &line->begin.first_seq));
    TRY(expect(cursor, ",\"base\":"));
    TRY(read_hex(cursor, line->begin.base, sizeof(line->begin.base)));
    return expect(cursor, "}");
}

static tkr_error_t read_checkpoint(struct cursor *cursor, struct audit_line *line)
{
    const char *text = NULL;
    line->kind = AUDIT_LINE_CHECKPOINT;
    TRY(expect(cursor, "{\"object\":\"audit_checkpoint\",\"checkpoint\":"));
    TRY(read_string(cursor, &text));
    ENSURE(audit_checkpoint_find(text, strlen(text), &line->checkpoint) == TKR_OK, TKR_MALFORMED);
    return expect(cursor, "}");
}

static void put_again(struct buffer *out, const struct audit_line *line)
{
    const char *details = line->event.fields[AUDIT_FIELD_DETAILS];
    switch (line->kind) {
    case AUDIT_LINE_BEGIN:
        audit_line_put_begin(out, &line->begin);
        return;
    case AUDIT_LINE_EVENT:
        audit_line_put_event(out, &line->event, line->has_digest ? line->digest : NULL,
                             details[0] == '{');
        return;
    case AUDIT_LINE_CHECKPOINT:
        audit_line_put_checkpoint(out, &line->checkpoint);
        return;
    }
}

/* Not the same in other words: a time of another zone, an escape that need not be one. */
static tkr_error_t check_spelling(const char *text, size_t length, const struct audit_line *line)
{
    struct buffer again CLEANUP(buffer_deinit);
    buffer_init(&again, AUDIT_LINE_BYTES_MAX);
    put_again(&again, line);
    TRY(buffer_status(&again));
    ENSURE(again.length == length && memcmp(again.data, text, length) == 0, TKR_MALFORMED);
    return TKR_OK;
}

tkr_error_t audit_line_read(const char *text, size_t length, struct audit_line *ret_line)
{
    struct cursor cursor = {text, text + length, ret_line->texts};
    ENSURE(length < AUDIT_LINE_BYTES_MAX, TKR_TOO_LARGE);
    if (comes(&cursor, "{\"seq\":")) {
        TRY(read_event(&cursor, ret_line));
    } else if (comes(&cursor, "{\"object\":\"audit_log\"")) {
        TRY(read_begin(&cursor, ret_line));
    } else {
        TRY(read_checkpoint(&cursor, ret_line));
    }
    ENSURE(cursor.at == cursor.end, TKR_MALFORMED);
    return check_spelling(text, length, ret_line);
}
