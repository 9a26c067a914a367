/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedding API over engine/verify: checks what the caller gave, and copies between the
 * public structs and ours. They are kept apart so that ours may change without a new soname.
 */
#include "tokenry/tokenry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/verify.h"
#include "limiter/local/limiter_local.h"

/* Requests of a batch that are converted and decided together. */
#define PART 64

struct tkr_verifier {
    struct verifier *verifier;
};

_Static_assert(TKR_TOKEN_ID_BYTES == TOKEN_ID_BYTES, "the same identifier");
_Static_assert(TKR_TOKEN_ID_SIZE == TOKEN_ID_CHARS + 1, "the same text");
_Static_assert(TKR_LIMITS_MAX == 2 * WINDOW_COUNT, "as many limits");
_Static_assert((int)TKR_KIND_ADMIN == (int)TOKEN_KIND_ADMIN, "the same kinds");
_Static_assert((int)TKR_ENV_TEST == (int)TOKEN_ENV_TEST, "the same environments");
_Static_assert((int)TKR_WINDOW_DAY == (int)WINDOW_DAY, "the same windows");
_Static_assert((int)TKR_SUBJECT_USER == (int)LIMITS_OF_USER, "the same subjects");
_Static_assert(sizeof(tkr_text_t) == sizeof(struct verify_text) &&
                   offsetof(tkr_text_t, length) == offsetof(struct verify_text, length),
               "scopes are passed on as they are");

const char *tkr_version(void)
{
    return TOKENRY_VERSION;
}

static bool all_zero(const uint64_t *values, size_t count)
{
    uint64_t any = 0;
    for (size_t i = 0; i < count; i++) {
        any |= values[i];
    }
    return any == 0;
}

tkr_error_t tkr_verifier_open(const tkr_options_t *options, tkr_verifier_t **ret_verifier,
                              char *reason, size_t reason_bytes)
{
    struct fault fault = {0};
    if (reason != NULL && reason_bytes != 0) {
        reason[0] = '\0';
    }
    ENSURE(options != NULL && ret_verifier != NULL && options->directory != NULL &&
               all_zero(options->reserved, sizeof options->reserved / sizeof(uint64_t)),
           TKR_INVALID);
    tkr_verifier_t *verifier = calloc(1, sizeof *verifier);
    ENSURE(verifier != NULL, TKR_MEMORY);
    struct verifier_options ours = {
        .directory = options->directory,
        .clock = clock_system(),
        .stale_s = options->stale_s == 0 ? SEGMENT_STALE_S_DEFAULT : options->stale_s,
        .limiter = &limiter_local,
    };
    tkr_error_t error = verifier_new(&ours, &verifier->verifier, &fault);
    if (error != TKR_OK) {
        free(verifier);
        if (reason != NULL && reason_bytes != 0) {
            (void)snprintf(reason, reason_bytes, "%s", fault.detail);
        }
        return error;
    }
    *ret_verifier = verifier;
    return TKR_OK;
}

void tkr_verifier_close(tkr_verifier_t *verifier)
{
    if (verifier != NULL) {
        verifier_free(verifier->verifier);
        free(verifier);
    }
}

bool tkr_verifier_healthy(tkr_verifier_t *verifier)
{
    return verifier_healthy(verifier->verifier);
}

tkr_error_t tkr_address_parse(const char *text, size_t length, tkr_address_t *ret_address)
{
    struct ip_address address;
    TRY(ip_parse(text, length, &address));
    ret_address->family = address.family;
    memcpy(ret_address->bytes, address.bytes, sizeof ret_address->bytes);
    return TKR_OK;
}

const char *tkr_token_id_format(const uint8_t token_id[TKR_TOKEN_ID_BYTES],
                                char ret_text[TKR_TOKEN_ID_SIZE])
{
    token_id_format(token_id, ret_text);
    return ret_text;
}

/* A request that this version does not understand, or that is out of range, is not decided. */
static bool acceptable(const tkr_request_t *request)
{
    return request->cost <= VERIFY_COST_MAX &&
           (request->scopes != NULL || request->scope_count == 0) &&
           all_zero(request->reserved, sizeof request->reserved / sizeof(uint64_t));
}

static void convert_request(const tkr_request_t *from, struct verify_request *to)
{
    *to = (struct verify_request){
        .token = from->token,
        .token_length = from->token_length,
        .user = from->user,
        .user_length = from->user_length,
        .scopes = (const struct verify_text *)(const void *)from->scopes,
        .scope_count = from->scope_count,
        .client.family = from->client.family,
        .cost = from->cost,
        .dry_run = from->dry_run,
    };
    memcpy(to->client.bytes, from->client.bytes, sizeof to->client.bytes);
}

static tkr_text_t text_of(struct verify_text text)
{
    return (tkr_text_t){text.text, text.length};
}

static void convert_result(const struct verify_result *from, tkr_result_t *to)
{
    to->verdict = from->verdict;
    to->known = from->known;
    to->kind = (tkr_kind_t)from->kind;
    to->env = (tkr_env_t)from->env;
    to->token_id = from->token_id;
    to->user = text_of(from->user);
    to->org = text_of(from->org);
    to->name = text_of(from->name);
    to->tier = text_of(from->tier);
    to->scopes = text_of(from->scopes);
    to->metadata = text_of(from->metadata);
    to->not_before_ms = from->not_before_ms;
    to->expires_at_ms = from->expires_at_ms;
    to->retry_after_ms = from->retry_after_ms;
    to->now_ms = from->now_ms;
    to->missing_scope = (tkr_text_t){from->missing_scope == NULL ? "" : from->missing_scope,
                                     from->missing_scope_length};
    to->limit_count = from->window_count;
    for (uint32_t i = 0; i < from->window_count; i++) {
        const struct verify_window *window = &from->windows[i];
        to->limits[i] = (tkr_limit_t){.window = (tkr_window_t)window->window,
                                      .subject = (tkr_subject_t)window->subject,
                                      .limit = window->limit,
                                      .remaining = window->remaining,
                                      .reset_at_ms = window->reset_at_ms};
    }
}

static void refuse_to_decide(tkr_result_t *result)
{
    struct verify_result undecided;
    verify_undecided(&undecided);
    convert_result(&undecided, result);
}

tkr_verdict_t tkr_verify(tkr_verifier_t *verifier, const tkr_request_t *request,
                         tkr_result_t *ret_result)
{
    if (!acceptable(request)) {
        refuse_to_decide(ret_result);
        return ret_result->verdict;
    }
    struct verify_request ours;
    struct verify_result result;
    convert_request(request, &ours);
    (void)verify_token(verifier->verifier, &ours, &result);
    convert_result(&result, ret_result);
    return ret_result->verdict;
}

void tkr_verify_batch(tkr_verifier_t *verifier, const tkr_request_t *requests, size_t count,
                      tkr_result_t *ret_results)
{
    struct verify_request ours[PART];
    struct verify_result results[PART];
    struct verify_moment moment = verify_batch_begin(verifier->verifier);
    for (size_t i = 0; i < count; i += PART) {
        size_t part = count - i < PART ? count - i : PART;
        for (size_t j = 0; j < part; j++) {
            convert_request(&requests[i + j], &ours[j]);
            ours[j].token = acceptable(&requests[i + j]) ? ours[j].token : NULL;
        }
        verify_batch_part(verifier->verifier, moment, ours, part, results);
        for (size_t j = 0; j < part; j++) {
            convert_result(&results[j], &ret_results[i + j]);
            if (!acceptable(&requests[i + j])) {
                refuse_to_decide(&ret_results[i + j]);
            }
        }
    }
}
