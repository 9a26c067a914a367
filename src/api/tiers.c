/* SPDX-License-Identifier: Apache-2.0 */
/* Tiers: the rows of limits that tokens refer to. Putting a row changes the limits of all its
 * tokens at once. */
#include <string.h>

#include "api/json_input.h"
#include "api/routes.h"
#include "api/token_json.h"

void tiers_list(struct api_call *call)
{
    struct tier *tiers;
    size_t count;
    tkr_error_t error =
        authority_list_tiers(call->api->options.authority, call->arena, &tiers, &count);
    if (error != TKR_OK) {
        call_fail(call, error, NULL);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_open(&emitter, "data", '[');
    for (size_t i = 0; i < count; i++) {
        emit_tier(&emitter, NULL, &tiers[i]);
    }
    emit_close(&emitter, ']');
    emit_null(&emitter, "next_cursor"); /* there are at most SEGMENT_TIERS_MAX: one page */
    emit_close(&emitter, '}');
    call_answer(call, 200, &body);
}

struct tier_change {
    struct api_call *call;
    struct tier tier;
};

static void put_done(void *context, const struct change_result *result)
{
    struct tier_change *change = context;
    if (result->error != TKR_OK) {
        call_fail(change->call, result->error, &result->fault);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_tier(&emitter, NULL, &change->tier);
    call_answer(change->call, 200, &body);
}

static tkr_error_t put(struct tier_change *change, struct fault *fault)
{
    struct api_call *call = change->call;
    json_t *root CLEANUP(json_decref_p) = NULL;
    TRY(json_parse(call->body, call->body_length, &root, fault));
    TRY(tier_read(root, call->parameter, &change->tier, fault));
    return authority_put_tier(call->api->options.authority, &call->principal, &change->tier,
                              put_done, change, fault);
}

void tiers_put(struct api_call *call)
{
    struct fault fault = {0};
    struct tier_change *change = arena_alloc(call->arena, sizeof *change);
    tkr_error_t error = TKR_MEMORY;
    if (change != NULL) {
        change->call = call;
        error = put(change, &fault);
    }
    if (error != TKR_OK) {
        call_fail(call, error, &fault);
    }
}
