/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the head of a request, strictly. libmicrohttpd 0.9.75 is lenient, and what two
 * parsers read differently is how requests are smuggled past a proxy:
 *
 *   it accepts                            and so a request could
 *   a NUL in a value or the target        be cut there: `Bearer abc\0def`
 *   a folded line                         hide a value: the fold is added to the *name*
 *   a line that ends in LF alone          have more lines than the proxy saw
 *   `Name : value`, any byte in a name    set a header that the proxy did not recognise
 *   two Content-Length lines, or one      end elsewhere than the proxy thinks
 *     beside Transfer-Encoding
 *   no Host, or two
 *
 * Each is refused with 400 (RFC 9112 §3.2, §5, §6.3; RFC 9110 §5.5) and the connection is
 * closed. libmicrohttpd does not give its buffer, but its strings point into it and it ends
 * each with the NUL that replaced the CR or the colon. So if what it gives covers the head
 * without a gap, it is what was sent: every field must start where the one before ended, two
 * bytes (CR LF) later, and the last must end four bytes before the end. A cut string, a
 * folded or a bare line leaves a gap of another size. That costs one subtraction a field.
 *
 * One thing cannot be told: NUL LF in the place of CR LF, for libmicrohttpd leaves NUL NUL of
 * both. It ends the line either way.
 *
 * What libmicrohttpd answers itself, with a short HTML text and a closed connection, before
 * this file sees it: a request line that is no request line or no HTTP/1.x (400, 505), a
 * target that does not fit in the pool (414), headers that do not fit (431), a line without
 * a colon (400), a Content-Length that is no number (400, or 413 for one beyond 64 bits;
 * it sends this header block twice, then closes), chunks that are none (400).
 */
#include <string.h>

#include "http/internal.h"

/* --- the target ------------------------------------------------------------------------------ */

void request_target(struct http_exchange *exchange, const char *target)
{
    struct exchange_state *now = &exchange->now;
    const char *query = NULL;
    const char *c = target;
    for (; *c != '\0'; c++) {
        if (*c <= 0x20 || *c >= 0x7F || *c == '#') { /* `char` is signed: 8-bit ones too */
            now->refusal = &refusal_malformed_target;
        } else if (*c == '?' && query == NULL) {
            query = c + 1;
        }
    }
    now->target_length = (size_t)(c - target);
    if (query == NULL) {
        return;
    }
    now->query_present = true;
    now->query_length = (size_t)(c - query);
    if (kept_reserve(&exchange->query, now->query_length + 1, 0) != TKR_OK) {
        now->refusal = &refusal_memory;
        return;
    }
    memcpy(exchange->query.bytes, query, now->query_length + 1);
}

/* RFC 9112 §3.2.2: a server must accept the absolute form. */
static const struct refusal *read_path(struct exchange_state *now, const char *path)
{
    if (*path != '/') {
        size_t scheme = strncmp(path, "http://", 7) == 0    ? 7
                        : strncmp(path, "https://", 8) == 0 ? 8
                                                            : 0;
        path = scheme != 0 ? strchr(path + scheme, '/') : NULL;
        if (path == NULL) {
            return &refusal_malformed_target;
        }
    }
    now->path = path;
    now->path_length = strlen(path);
    return NULL;
}

/* --- the fields ------------------------------------------------------------------------------ */

/* RFC 9110 §5.6.2 */
static const bool token_char[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

static bool name_valid(const char *name, size_t length)
{
    bool valid = length > 0;
    for (size_t i = 0; i < length; i++) {
        valid &= token_char[(unsigned char)name[i]];
    }
    return valid;
}

/* RFC 9110 §5.5: no control byte but the tab. Bytes above 0x7F are let through. */
static bool value_valid(const char *value, size_t length)
{
    const uint64_t ones = 0x0101010101010101U, high = 0x8080808080808080U;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        uint64_t x, del;
        memcpy(&x, value + i, 8);
        del = x ^ (ones * 0x7F);
        if (((x - ones * 0x20) & ~x & high) != 0 || ((del - ones) & ~del & high) != 0) {
            break; /* perhaps: look at each */
        }
    }
    for (; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F) {
            return false;
        }
    }
    return true;
}

struct collecting {
    struct http_thread *thread;
    const char *expected; /* where the next field must start */
    size_t count;
    bool check;
    const struct refusal *refusal;
    unsigned hosts, lengths, codings;
    const struct http_field *coding;
};

static bool is(const struct http_field *field, const char *lower, size_t length)
{
    return field->name_length == length && strncasecmp(field->name, lower, length) == 0;
}

static void notice(struct collecting *state, const struct http_field *field)
{
    if (is(field, "host", 4)) {
        state->hosts++;
    } else if (is(field, "content-length", 14)) {
        state->lengths++;
    } else if (is(field, "transfer-encoding", 17)) {
        state->codings++;
        state->coding = field;
    }
}

static enum MHD_Result collect(void *context, enum MHD_ValueKind kind, const char *name,
                               size_t name_length, const char *value, size_t value_length)
{
    struct collecting *state = context;
    (void)kind;
    if (value == NULL) {
        value = "";
    }
    if (state->count == HTTP_HEADER_LINES_MAX) {
        state->refusal = &refusal_many_fields;
        return MHD_NO;
    }
    struct http_field *field = &state->thread->fields[state->count];
    *field = (struct http_field){name, value, name_length, value_length};
    if (state->check) {
        if (name != state->expected || value <= name + name_length ||
            !name_valid(name, name_length) || !value_valid(value, value_length)) {
            state->refusal = &refusal_malformed_fields;
            return MHD_NO;
        }
        state->expected = value + value_length + 2;
        notice(state, field);
    }
    /* RFC 9112 §5.1: white space around the value is no part of it. */
    while (field->value_length > 0 &&
           (value[field->value_length - 1] == ' ' || value[field->value_length - 1] == '\t')) {
        field->value_length--;
    }
    state->count++;
    return MHD_YES;
}

/* RFC 9112 §6.1, §6.3; §3.2 for Host. */
static const struct refusal *framing(const struct collecting *state, bool http_1_0)
{
    if (state->hosts > 1 || (state->hosts == 0 && !http_1_0)) {
        return &refusal_no_host;
    }
    if (state->lengths + state->codings > 1 || (state->codings > 0 && http_1_0)) {
        return &refusal_framing;
    }
    if (state->codings > 0 && (state->coding->value_length != 7 ||
                               strncasecmp(state->coding->value, "chunked", 7) != 0)) {
        return &refusal_transfer_coding;
    }
    return NULL;
}

static const struct refusal *check_fields(struct http_exchange *exchange, const char *method,
                                          const char *version, struct collecting *state)
{
    struct exchange_state *now = &exchange->now;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info == NULL) {
        return &refusal_malformed_fields;
    }
    now->head_bytes = info->header_size;
    if (state->refusal != NULL) {
        return state->refusal;
    }
    if (state->expected + 2 != method + now->head_bytes) {
        return &refusal_malformed_fields;
    }
    if (now->head_bytes > HTTP_HEADER_BYTES_MAX) {
        return &refusal_large_head;
    }
    return framing(state, version[7] == '0');
}

const struct refusal *request_fields(struct http_exchange *exchange, const char *method,
                                     const char *version, bool check)
{
    struct exchange_state *now = &exchange->now;
    struct http_thread *thread = exchange->connection->thread;
    struct collecting state = {.thread = thread, .check = check};
    if (check) {
        state.expected = version + strlen("HTTP/1.1") + 2;
    }
    MHD_get_connection_values_n(exchange->connection->mhd, MHD_HEADER_KIND, collect, &state);
    now->fields = thread->fields;
    now->field_count = state.count;
    thread->fields_of = exchange;
    return check ? check_fields(exchange, method, version, &state) : NULL;
}

const struct refusal *request_head(struct http_exchange *exchange, const char *path,
                                   const char *method, const char *version)
{
    struct exchange_state *now = &exchange->now;
    now->method = router_method(method);
    if (now->refusal != NULL) {
        return now->refusal;
    }
    /* The blank before the version became the NUL of the target: nothing may lie between.
     * libmicrohttpd has split off the query, but has moved nothing. */
    if (path != method + strlen(method) + 1 || path + now->target_length + 1 != version) {
        return &refusal_malformed_target;
    }
    const struct refusal *refusal = read_path(now, path);
    return refusal != NULL ? refusal : request_fields(exchange, method, version, true);
}

const struct http_field *request_field(const struct http_exchange *exchange, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < exchange->now.field_count; i++) {
        const struct http_field *field = &exchange->now.fields[i];
        if (field->name_length == length && strncasecmp(field->name, name, length) == 0) {
            return field;
        }
    }
    return NULL;
}

unsigned http_header(struct http_exchange *exchange, const char *name, const char **ret_value,
                     size_t *ret_length)
{
    size_t length = strlen(name);
    unsigned count = 0;
    for (size_t i = 0; i < exchange->now.field_count; i++) {
        const struct http_field *field = &exchange->now.fields[i];
        if (field->name_length != length || strncasecmp(field->name, name, length) != 0) {
            continue;
        }
        if (count++ == 0) {
            *ret_value = field->value;
            *ret_length = field->value_length;
        }
    }
    return count;
}

void http_headers(struct http_exchange *exchange,
                  void (*visit)(void *context, const char *name, size_t name_length,
                                const char *value, size_t value_length),
                  void *context)
{
    for (size_t i = 0; i < exchange->now.field_count; i++) {
        const struct http_field *field = &exchange->now.fields[i];
        visit(context, field->name, field->name_length, field->value, field->value_length);
    }
}

/* --- for a worker ---------------------------------------------------------------------------- */

static const char *put(char **at, const char *text, size_t length)
{
    char *copy = memcpy(*at, text, length);
    copy[length] = '\0';
    *at += length + 1;
    return copy;
}

tkr_error_t request_snapshot(struct http_exchange *exchange)
{
    struct exchange_state *now = &exchange->now;
    struct http_field *fields = arena_alloc(now->arena, now->field_count * sizeof(*fields));
    ENSURE(fields != NULL, TKR_MEMORY);
    size_t bytes = now->path_length + 1;
    for (size_t i = 0; i < now->field_count; i++) {
        bytes += now->fields[i].name_length + now->fields[i].value_length + 2;
    }
    TRY(kept_reserve(&exchange->head, bytes, 0));
    now->head_copied = bytes;
    char *at = exchange->head.bytes;
    const char *path = put(&at, now->path, now->path_length);
    for (size_t i = 0; i < now->field_count; i++) {
        fields[i] = now->fields[i];
        fields[i].name = put(&at, fields[i].name, fields[i].name_length);
        fields[i].value = put(&at, fields[i].value, fields[i].value_length);
    }
    for (size_t i = 0; i < HTTP_PATH_ARGUMENTS_MAX; i++) {
        if (now->spans[i].text != NULL) {
            now->spans[i].text = path + (now->spans[i].text - now->path);
        }
    }
    now->fields = fields;
    now->path = path;
    return TKR_OK;
}
