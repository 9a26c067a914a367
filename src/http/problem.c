/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals in RFC 9457's form, and those that the layer makes by itself. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "http/internal.h"

/* clang-format off */
const struct refusal
    refusal_malformed_target = {400, true, "malformed", "The request is not well formed",
        "the target holds a byte that no URL has, or is no path"},
    refusal_malformed_fields = {400, true, "malformed", "The request is not well formed",
        "a header is folded, does not end in CR LF, or holds a byte that it must not"},
    refusal_no_host = {400, true, "malformed", "The request is not well formed",
        "exactly one Host header is needed"},
    refusal_framing = {400, true, "malformed", "The request is not well formed",
        "Content-Length and Transfer-Encoding: one of them, once"},
    refusal_transfer_coding = {501, true, "invalid_request", "Transfer coding not known",
        "only `chunked` is understood"},
    refusal_many_fields = {431, true, "too_large", "Too many headers", ""},
    refusal_large_head = {431, true, "too_large", "The headers are too large", ""},
    refusal_not_found = {404, false, "not_found", "No such path", ""},
    refusal_method = {405, false, "method_not_allowed", "This path does not have that method", ""},
    refusal_large_body = {413, false, "too_large", "The body is too large", ""},
    refusal_arguments_malformed = {400, false, "malformed", "The query is not well formed",
        "percent-encoding is two hexadecimal digits, and not zero"},
    refusal_arguments_many = {400, false, "out_of_range", "Too many query arguments", ""},
    refusal_busy = {503, false, "busy", "Too much work is waiting", "try again in a second"},
    refusal_bodies = {503, false, "busy", "Too many large bodies are on their way",
        "try again in a second"},
    refusal_memory = {503, false, "out_of_memory", "Memory could not be had", ""};
/* clang-format on */

static void put_text(struct buffer *out, const char *name, const char *text)
{
    size_t length = strlen(text);
    bool utf8 = text_is_printable_utf8(text, length);
    buffer_print(out, ",\"%s\":\"", name);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            buffer_add_char(out, '\\');
            buffer_add_char(out, (char)c);
        } else if (c < 0x20 || c == 0x7F || (c >= 0x80 && !utf8)) {
            buffer_print(out, "\\u%04x", c);
        } else {
            buffer_add_char(out, (char)c);
        }
    }
    buffer_add_char(out, '"');
}

void http_answer_problem_with(struct http_exchange *exchange, unsigned status, const char *code,
                              const char *title, const struct fault *fault, const char *members)
{
    const char *type = exchange->connection->problem_type;
    CLEANUP(buffer_deinit) struct buffer out;
    buffer_init(&out, HTTP_PROBLEM_BYTES_MAX);
    if (type != NULL && type[0] != '\0') {
        buffer_print(&out, "{\"type\":\"%s%s\"", type, code);
    } else {
        buffer_add_text(&out, "{\"type\":\"about:blank\"");
    }
    put_text(&out, "title", title);
    buffer_print(&out, ",\"status\":%u", status);
    if (fault != NULL && fault->detail[0] != '\0') {
        put_text(&out, "detail", fault->detail);
    }
    put_text(&out, "code", code);
    if (fault != NULL && fault->field[0] != '\0') {
        put_text(&out, "member", fault->field);
    }
    put_text(&out, "request_id", http_request_id(exchange));
    if (members != NULL) {
        buffer_print(&out, ",%s", members);
    }
    buffer_add_char(&out, '}');
    bool whole = buffer_status(&out) == TKR_OK;
    http_answer(exchange, status, "application/problem+json", whole ? out.data : "{}",
                whole ? out.length : 2, false);
}

void http_answer_problem(struct http_exchange *exchange, unsigned status, const char *code,
                         const char *title, const struct fault *fault)
{
    http_answer_problem_with(exchange, status, code, title, fault, NULL);
}

void answer_refusal(struct http_exchange *exchange, const struct refusal *refusal)
{
    struct fault fault = {0};
    char allow[ROUTER_ALLOW_BYTES];
    (void)fault_set(&fault, TKR_INVALID, "", "%s", refusal->detail);
    if (refusal == &refusal_method) {
        router_allow(exchange->now.allowed, allow);
        http_set_header(exchange, "Allow", allow);
    } else if (refusal->status == 503) {
        http_set_header(exchange, "Retry-After", "1");
    }
    http_answer_problem(exchange, refusal->status, refusal->code, refusal->title, &fault);
}
