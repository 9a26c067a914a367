/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint of GitHub's secret scanning partner program. Anybody can send something here, so
 * in this order: a maximum a second, the signature over the raw body, its meaning; and what is
 * refused for its signature is told nothing more. It costs one verification of a signature.
 *
 * The answer says of each token whether it was one of ours, as the program asks for; only who has
 * the scanner's key learns that.
 */
#include <string.h>

#include "api/json_emit.h"
#include "api/leak_report.h"
#include "api/routes.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "engine/leaks.h"

#define SCANNER "github"
#define KEY_HEADER "Github-Public-Key-Identifier"
#define SIGNATURE_HEADER "Github-Public-Key-Signature"
#define SIGNATURE_BYTES_MAX 256

struct taking {
    struct api_call *call;
    struct leak_report report;
    struct leak_notice notice;
    struct leaked leaks[LEAK_REPORT_TOKENS_MAX];
};

/* NULL: there is not exactly one. */
static const char *header_text(struct api_call *call, const char *name, size_t bytes_max)
{
    const char *value = NULL;
    size_t length = 0;
    bool one = http_header(call->exchange, name, &value, &length) == 1;
    return one && length > 0 && length <= bytes_max ? arena_copy(call->arena, value, length) : NULL;
}

static tkr_error_t check_signature(struct api_call *call, struct fault *fault)
{
    struct fault unused = {0};
    const char *key = header_text(call, KEY_HEADER, LEAK_KEY_NAME_BYTES_MAX);
    const char *signature = header_text(call, SIGNATURE_HEADER, SIGNATURE_BYTES_MAX);
    tkr_error_t error = key == NULL || signature == NULL
                            ? TKR_FORBIDDEN
                            : leak_keys_verify(call->api->leak_keys, key, call->body,
                                               call->body_length, signature, &unused);
    if (error == TKR_NOT_FOUND || error == TKR_MALFORMED || error == TKR_FORBIDDEN) {
        return fault_set(fault, TKR_FORBIDDEN, "", "the signature is none of a key that we know");
    }
    return error;
}

/* What may be stored: nothing that has a token in it, ours or the one that it is about. */
static const char *kept(const struct api *api, const struct leak *leak, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t length = strlen(text);
    bool holds = memmem(text, length, leak->token, leak->token_length) != NULL ||
                 token_text_within(&api->options.prefixes, text, length);
    return holds ? NULL : text;
}

static tkr_error_t read_notice(struct taking *taking, struct fault *fault)
{
    struct api_call *call = taking->call;
    const struct api *api = call->api;
    TRY(leak_report_read(call->body, call->body_length, &taking->report, fault));
    for (size_t i = 0; i < taking->report.count; i++) {
        const struct leak *leak = &taking->report.leaks[i];
        struct leaked *leaked = &taking->leaks[i];
        *leaked = (struct leaked){
            .type = kept(api, leak, leak->type),
            .url = kept(api, leak, leak->url),
            .source = kept(api, leak, leak->source),
        };
        TRY(digest_sha256(leak->token, leak->token_length, leaked->digest));
    }
    taking->notice = (struct leak_notice){
        .scanner = SCANNER,
        .revoke = api->options.leaks.revoke,
        .leaks = taking->leaks,
        .count = taking->report.count,
    };
    return digest_sha256(call->body, call->body_length, taking->notice.digest);
}

static void emit_answer(struct buffer *body, const struct leak_notice *notice)
{
    struct emitter emitter;
    emit_begin(&emitter, body);
    emit_open(&emitter, NULL, '[');
    for (size_t i = 0; i < notice->count; i++) {
        const struct leaked *leaked = &notice->leaks[i];
        char digest[2 * TOKEN_DIGEST_BYTES + 1];
        text_hex(leaked->digest, TOKEN_DIGEST_BYTES, digest);
        emit_open(&emitter, NULL, '{');
        emit_text(&emitter, "token_hash", digest);
        emit_text(&emitter, "token_type", leaked->type != NULL ? leaked->type : "");
        emit_text(&emitter, "label", leaked->ours ? "true_positive" : "false_positive");
        emit_close(&emitter, '}');
    }
    emit_close(&emitter, ']');
}

static void taken(void *context, const struct change_result *result)
{
    struct taking *taking = context;
    struct api_call *call = taking->call;
    struct fault fault = result->fault;
    struct buffer body CLEANUP(buffer_deinit);
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    emit_answer(&body, &taking->notice);
    leak_report_release(&taking->report);
    if (result->error == TKR_OK) {
        call_answer(call, 200, &body);
        return;
    }
    if (result->error == TKR_CONFLICT) {
        fault_set(&fault, TKR_CONFLICT, "", "this report was taken before");
    }
    call_fail(call, result->error, &fault);
}

static tkr_error_t take(struct taking *taking, struct fault *fault)
{
    struct api_call *call = taking->call;
    struct principal by = call->principal;
    by.via = VIA_LOCAL;
    by.org_id = by.scopes = "*";
    by.user_id = SCANNER;
    by.token_id = "";
    TRY(check_signature(call, fault));
    TRY(read_notice(taking, fault));
    return authority_take_leaks(call->api->options.authority, &by, &taking->notice, taken, taking,
                                fault);
}

void leaks_github_post(struct api_call *call)
{
    struct api *api = call->api;
    struct fault fault = {0};
    uint64_t unused = 0;
    if (call->exchange == NULL || api->leak_keys == NULL) {
        fault_set(&fault, TKR_NOT_FOUND, "", "reports of leaks are not configured here");
        call_fail(call, TKR_NOT_FOUND, &fault);
        return;
    }
    if (!log_budget_take(&api->leak_reports, clock_monotonic_ns(api->options.clock), &unused)) {
        call_fail(call, TKR_BUSY, NULL);
        return;
    }
    struct taking *taking = arena_alloc(call->arena, sizeof *taking);
    if (taking == NULL) {
        call_fail(call, TKR_MEMORY, NULL);
        return;
    }
    *taking = (struct taking){.call = call};
    tkr_error_t error = take(taking, &fault);
    if (error != TKR_OK) {
        leak_report_release(&taking->report);
        call_fail(call, error, &fault);
    }
}
