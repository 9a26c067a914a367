/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health, for load balancers and supervisors: public, so it says that something is wrong and
 * nothing more. `/api/v1/auth/health` asks whether tokens can be verified here;
 * `/api/v1/system/health` also whether changes can be made. 503 when not.
 */
#include "api/routes.h"

#include "api/json_emit.h"

struct check {
    const char *name;
    bool passed;
};

static void answer(struct api_call *call, const struct check *checks, size_t count)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    bool healthy = true;
    for (size_t i = 0; i < count; i++) {
        healthy = healthy && checks[i].passed;
    }
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "status", healthy ? "ok" : "failing");
    emit_open(&emitter, "checks", '{');
    for (size_t i = 0; i < count; i++) {
        emit_text(&emitter, checks[i].name, checks[i].passed ? "ok" : "failing");
    }
    emit_close(&emitter, '}');
    emit_close(&emitter, '}');
    if (!healthy) {
        call_header(call, "Retry-After", "1");
    }
    call_answer(call, healthy ? 200 : 503, &body);
}

static bool can_verify(const struct api_call *call)
{
    return call->thread != NULL && call->thread->verifier != NULL &&
           verifier_healthy(call->thread->verifier);
}

void auth_health_get(struct api_call *call)
{
    const struct check checks[] = {{"verification", can_verify(call)}};
    answer(call, checks, 1);
}

void system_health_get(struct api_call *call)
{
    struct authority_status status;
    authority_status(call->api->options.authority, &status);
    const struct check checks[] = {
        {"verification", can_verify(call)},
        {"changes", status.changes_accepted && status.last_commit == TKR_OK},
    };
    answer(call, checks, 2);
}
