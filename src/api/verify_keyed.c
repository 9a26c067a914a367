/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification with an Idempotency-Key: a charge that is made once. The authority's writer decides
 * it (engine/authority_charge.c), with a verifier that is lent for as long as that takes; the
 * answer is written there, kept under the key, and told again with `"replayed": true`.
 */
#include <string.h>

#include "api/auth_note.h"
#include "api/routes.h"
#include "api/tokens.h"
#include "api/verify_json.h"

struct keyed {
    struct api_call *call;
    json_t *root;
    struct verify_request request;
    struct api_thread *thread; /* lent */
};

static void finish(struct keyed *keyed)
{
    api_thread_return(keyed->call->api->threads, keyed->thread);
    json_decref(keyed->root);
}

static void write_result(void *context, const struct verify_result *result, struct buffer *out)
{
    struct keyed *keyed = context;
    struct emitter emitter;
    emit_begin(&emitter, out);
    emit_verify_result(&emitter, NULL, &keyed->request, result);
    api_thread_count(keyed->thread, ENDPOINT_VERIFY, result->verdict, 1);
    if (auth_note_wanted(keyed->call->api, &keyed->request, result)) {
        auth_note_asked(keyed->call, &keyed->request, result);
    }
}

/* The kept object, with one member more. */
static void add_replayed(struct buffer *body, const char *object, bool replayed)
{
    size_t length = strlen(object);
    ASSERT(length > 0 && object[length - 1] == '}');
    buffer_add(body, object, length - 1);
    buffer_print(body, ",\"replayed\":%s}", replayed ? "true" : "false");
}

static void charge_done(void *context, const struct change_result *result)
{
    struct keyed *keyed = context;
    struct api_call *call = keyed->call;
    finish(keyed);
    if (result->error != TKR_OK) {
        call_fail(call, result->error, &result->fault);
        return;
    }
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init(&body, API_ANSWER_BYTES_MAX);
    add_replayed(&body, result->answer, result->replayed);
    call_answer(call, 200, &body);
}

static tkr_error_t start(struct keyed *keyed, struct fault *fault)
{
    struct api_call *call = keyed->call;
    ENSURE(keyed->thread != NULL && keyed->thread->verifier != NULL, TKR_UNAVAILABLE);
    struct token_charge charge = {
        .verifier = keyed->thread->verifier,
        .request = &keyed->request,
        .all_orgs = verify_sees_all_orgs(&call->principal),
        .key = call->idempotency_key,
        .write = write_result,
    };
    TRY(token_request_digest(call, charge.request_digest));
    return authority_charge(call->api->options.authority, &call->principal, &charge, charge_done,
                            keyed, fault);
}

void verify_keyed(struct api_call *call, json_t *root, const struct verify_request *request)
{
    struct fault fault = {0};
    struct keyed *keyed = arena_alloc(call->arena, sizeof *keyed);
    if (keyed == NULL) {
        json_decref(root);
        call_fail(call, TKR_MEMORY, NULL);
        return;
    }
    *keyed = (struct keyed){call, root, *request, api_thread_borrow(call->api->threads)};
    tkr_error_t error = start(keyed, &fault);
    if (error != TKR_OK) {
        finish(keyed);
        call_fail(call, error, &fault);
    }
}
