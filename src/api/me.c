/* SPDX-License-Identifier: Apache-2.0 */
/* Who the caller is, and what remains of its limits: a customer can read its own quota. */
#include <string.h>

#include "api/routes.h"
#include "api/status.h"
#include "api/verify_json.h"

static const char *const via_names[] = {
    [VIA_TOKEN] = "token",
    [VIA_SOCKET] = "socket",
    [VIA_LOCAL] = "local",
};

/* Whoever has no token: the peer of the Unix socket, the local operator. */
static void emit_principal(struct emitter *emitter, const struct principal *principal)
{
    emit_null(emitter, "token_id");
    emit_text(emitter, "user_id", principal->user_id);
    emit_text(emitter, "org_id", principal->org_id);
    emit_null(emitter, "name");
    emit_null(emitter, "kind");
    emit_null(emitter, "env");
    emit_null(emitter, "tier");
    emit_words(emitter, "scopes", principal->scopes, strlen(principal->scopes));
    emit_json(emitter, "metadata", NULL, 0);
    emit_null(emitter, "expires_at");
    emit_open(emitter, "limits", '[');
    emit_close(emitter, ']');
    emit_null(emitter, "credits");
}

void me_get(struct api_call *call)
{
    struct buffer body CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_begin(&emitter, &body);
    emit_open(&emitter, NULL, '{');
    emit_text(&emitter, "via", via_names[call->principal.via]);
    if (call->principal.via == VIA_TOKEN) {
        struct verify_request request = {
            .token = call->credential.text,
            .token_length = call->credential.length,
            .client = call->client,
            .dry_run = true,
        };
        struct verify_result result;
        tkr_verdict_t verdict = verify_token(call->thread->verifier, &request, &result);
        if (!result.known) { /* taken out since it was let in, a moment ago */
            call_problem(call, status_of_verdict(verdict).status, tkr_verdict_name(verdict),
                         tkr_verdict_text(verdict), NULL);
            return;
        }
        emit_verify_members(&emitter, &result);
    } else {
        emit_principal(&emitter, &call->principal);
    }
    emit_close(&emitter, '}');
    call_answer(call, 200, &body);
}
