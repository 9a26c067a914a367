/* SPDX-License-Identifier: Apache-2.0 */
#include "api/resource.h"

#include <stdio.h>
#include <string.h>

#include "api/json_input.h"
#include "base/text.h"

void resource_fail(struct api_call *call, tkr_error_t error, const struct fault *fault,
                   const char *missing)
{
    struct fault words = {0};
    bool told = fault != NULL && fault->error == error && fault->detail[0] != '\0' &&
                strcmp(fault->detail, tkr_error_text(error)) != 0;
    if (error == TKR_NOT_FOUND && !told) {
        fault_set(&words, error, "", "%s", missing);
        fault = &words;
    }
    call_fail(call, error, fault);
}

void resource_change(struct api_call *call,
                     tkr_error_t (*queue)(struct resource_change *change, struct fault *fault),
                     const char *missing)
{
    struct fault fault = {0};
    struct resource_change *change = arena_alloc(call->arena, sizeof *change);
    if (change == NULL) {
        call_fail(call, TKR_MEMORY, NULL);
        return;
    }
    change->call = call;
    change->missing = missing;
    tkr_error_t error = queue(change, &fault);
    if (error != TKR_OK) {
        resource_fail(resource_change_end(change), error, &fault, missing);
    }
}

struct api_call *resource_change_end(struct resource_change *change)
{
    struct api_call *call = change->call;
    json_decref(change->root);
    return call;
}

struct api_call *resource_changed(struct resource_change *change,
                                  const struct change_result *result)
{
    const char *missing = change->missing;
    struct api_call *call = resource_change_end(change);
    if (result->error != TKR_OK) {
        resource_fail(call, result->error, &result->fault, missing);
        return NULL;
    }
    return call;
}

void resource_etag(struct api_call *call, uint64_t version)
{
    char etag[32];
    snprintf(etag, sizeof etag, "\"%llu\"", (unsigned long long)version);
    call_header(call, "ETag", etag);
}

void resource_begin(struct emitter *emitter, struct buffer *body)
{
    buffer_init(body, API_ANSWER_BYTES_MAX);
    emit_begin(emitter, body);
    emit_open(emitter, NULL, '{');
}

void resource_answer(struct api_call *call, unsigned status, uint64_t version,
                     struct emitter *emitter)
{
    emit_close(emitter, '}');
    resource_etag(call, version);
    call_answer(call, status, emitter->out);
}

tkr_error_t resource_if_match(const struct api_call *call, uint64_t *ret_version,
                              struct fault *fault)
{
    const char *text = call->if_match;
    *ret_version = 0;
    if (text == NULL || strcmp(text, "*") == 0) {
        return TKR_OK;
    }
    size_t length = strlen(text);
    uint64_t version = 0;
    if (length < 3 || text[0] != '"' || text[length - 1] != '"' ||
        text_parse_u64(text + 1, length - 2, &version) != TKR_OK || version == 0) {
        return fault_set(fault, TKR_PRECONDITION, "If-Match", "must be an ETag of this resource");
    }
    *ret_version = version;
    return TKR_OK;
}

tkr_error_t resource_no_body(const struct api_call *call, struct fault *fault)
{
    json_t *root CLEANUP(json_decref_p) = NULL;
    struct json_given none[1];
    if (call->body_length == 0) {
        return TKR_OK;
    }
    TRY(json_parse(call->body, call->body_length, &root, fault));
    return json_read(root, "", NULL, 0, none, fault);
}

tkr_error_t resource_page(const struct api_call *call, struct page_of *ret_page,
                          struct fault *fault)
{
    const char *limit = call_argument(call, "limit");
    uint64_t count = LIST_PAGE_DEFAULT;
    if (limit != NULL && (text_parse_u64(limit, strlen(limit), &count) != TKR_OK || count < 1 ||
                          count > LIST_PAGE_MAX)) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "limit", "must be 1 to %d", LIST_PAGE_MAX);
    }
    *ret_page = (struct page_of){(uint32_t)count, call_argument(call, "cursor")};
    return TKR_OK;
}

static tkr_error_t write_list(struct api_call *call, struct arena *arena, struct buffer *body,
                              resource_lister list, struct fault *fault)
{
    struct emitter emitter;
    const char *next_cursor = NULL;
    emit_begin(&emitter, body);
    emit_open(&emitter, NULL, '{');
    emit_open(&emitter, "data", '[');
    TRY(list(call, arena, &emitter, &next_cursor, fault));
    emit_close(&emitter, ']');
    emit_text(&emitter, "next_cursor", next_cursor);
    emit_close(&emitter, '}');
    return TKR_OK;
}

void resource_list(struct api_call *call, resource_lister list)
{
    struct fault fault = {0};
    struct arena *arena CLEANUP(arena_free_p) = NULL; /* a page may need more than a call has */
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    tkr_error_t error = arena_new(API_PAGE_BYTES_MAX, &arena);
    if (error == TKR_OK) {
        error = write_list(call, arena, &body, list, &fault);
    }
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
        return;
    }
    call_answer(call, 200, &body);
}
