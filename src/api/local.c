/* SPDX-License-Identifier: Apache-2.0 */
#include "api/local.h"

#include <pthread.h>
#include <string.h>

#include "api/call.h"
#include "api/query.h"
#include "api/routes.h"
#include "base/random.h"
#include "base/text.h"

struct local_answer {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool done;
    unsigned status;
    struct buffer *body;
};

void local_answer_set(struct local_answer *answer, unsigned status, const struct buffer *body)
{
    pthread_mutex_lock(&answer->lock);
    ASSERT(!answer->done);
    if (body != NULL) {
        buffer_add(answer->body, body->data, body->length);
    }
    answer->status = status;
    answer->done = true;
    pthread_cond_signal(&answer->answered);
    pthread_mutex_unlock(&answer->lock);
}

static void wait_for(struct local_answer *answer)
{
    pthread_mutex_lock(&answer->lock);
    while (!answer->done) {
        pthread_cond_wait(&answer->answered, &answer->lock);
    }
    pthread_mutex_unlock(&answer->lock);
}

/* A name for the audit event, as HTTP requests have one. */
static const char *local_request_id(struct arena *arena)
{
    uint8_t bytes[8];
    char text[2 * sizeof bytes + 1];
    if (random_fill(random_system(), bytes, sizeof bytes) != TKR_OK) {
        return "local";
    }
    text_hex(bytes, sizeof bytes, text);
    const char *id = arena_print(arena, "local-%s", text);
    return id != NULL ? id : "local";
}

static tkr_error_t prepare(struct api_call *call, const char *org_id, enum http_method method,
                           const char *path, const char *query, const char *body)
{
    char parameter[USER_ID_BYTES_MAX + 1];
    const char *key = call->idempotency_key;
    ENSURE(key == NULL || strlen(key) <= IDEMPOTENCY_KEY_BYTES_MAX, TKR_OUT_OF_RANGE);
    call->route = api_route_find(method, path, parameter, sizeof parameter);
    ENSURE(call->route != NULL, TKR_NOT_FOUND);
    if (call->route->parameter != NULL) {
        call->parameter = arena_copy(call->arena, parameter, strlen(parameter));
        ENSURE(call->parameter != NULL, TKR_MEMORY);
    }
    TRY(query_parse(query, call->arena, &call->arguments, &call->argument_count));
    call->body = body != NULL ? body : "";
    call->body_length = strlen(call->body);
    call->principal = (struct principal){
        .via = VIA_LOCAL,
        .org_id = org_id,
        .user_id = "local",
        .token_id = "",
        .scopes = "*",
        .client = "",
        .request_id = local_request_id(call->arena),
        .user_agent = "",
    };
    return TKR_OK;
}

tkr_error_t api_call_local(struct api *api, const char *org_id, enum http_method method,
                           const char *path, const char *query, const char *body,
                           const char *idempotency_key, unsigned *ret_status,
                           struct buffer *ret_body)
{
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    TRY(arena_new(API_CALL_BYTES_MAX, &arena));
    struct local_answer answer = {.body = ret_body};
    pthread_mutex_init(&answer.lock, NULL);
    pthread_cond_init(&answer.answered, NULL);
    struct api_call call = {
        .api = api, .arena = arena, .local = &answer, .idempotency_key = idempotency_key};
    tkr_error_t error = prepare(&call, org_id, method, path, query, body);
    if (error == TKR_OK) {
        call.thread = api_thread_borrow(api->threads);
        call_run(&call);
        api_thread_return(api->threads, call.thread);
        wait_for(&answer);
        *ret_status = answer.status;
        error = buffer_status(ret_body);
    }
    pthread_cond_destroy(&answer.answered);
    pthread_mutex_destroy(&answer.lock);
    return error;
}
