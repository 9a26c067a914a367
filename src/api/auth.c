/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forward-auth: a proxy asks whether to let a request through, and learns whose it is.
 *
 * This is the product's hottest path, so it deals with the exchange directly: one pass over
 * the header lines, no JSON, no allocation, texts that do not change made at the start.
 *
 *   200           valid; X-Auth-* tell whose
 *   401           no token, or one that is no good; WWW-Authenticate says which
 *   403           a good token that may not do this
 *   429, 503      Retry-After
 *   400           the proxy's own mistake: a query argument that is wrong
 *
 * Two different tokens in one request are `invalid_request`, for which RFC 6750 §3.1 has 400.
 * Here it is answered with 401: proxies pass 401 to the client as it is and make anything
 * else that they do not know a server error (nginx: 500), and it is the client's fault.
 *
 * `mode=nginx`: auth_request knows 2xx, 401 and 403 only. Every other status becomes 403, and
 * X-Auth-Status always has the true one for the configuration to restore.
 *
 * All eight X-Auth-* headers are in every answer, because a header that is absent lets a
 * client's own through in some proxies; a refusal says nothing in them but in X-Auth-Credits,
 * which tells a known token's credits that remain, and `-` when they are unlimited.
 * X-Auth-Warning tells of a token that works and should not be used any more: the one that all
 * share, in its second phase.
 *
 * `dry_run` and `explain`, and who may ask with them: api/auth_trial.h.
 */
#include <string.h>

#include "api/access.h"
#include "api/adoption.h"
#include "api/auth_headers.h"
#include "api/auth_note.h"
#include "api/auth_trial.h"
#include "api/json_input.h"
#include "api/metering.h"
#include "api/routes.h"
#include "api/status.h"
#include "base/text.h"
#include "policy/scopes.h"

struct auth {
    struct api *api;
    struct http_exchange *exchange;
    struct api_thread *thread;
    int64_t start_ns;
    bool nginx_mode;
    bool has_mode, has_cost;
    bool again;                 /* an old endpoint was asked about the token */
    enum adopt_outcome outcome; /* and what it came to */
    char credits[21];           /* that remain; "-" */
    struct auth_trial trial;
    struct verify_request request;
    struct verify_text scopes[HTTP_SCOPE_ARGUMENTS_MAX];
};

static const char *const identity_headers[] = {
    "X-Auth-User", "X-Auth-Token-Id", "X-Auth-Token-Name",
    "X-Auth-Tier", "X-Auth-Scopes",   "X-Auth-Org",
};
static const char credits_header[] = "X-Auth-Credits";
#define IDENTITY_HEADERS (sizeof identity_headers / sizeof identity_headers[0])
#define IDENTITY_SCOPES 4 /* a set: its spaces stay */
static const char warning_header[] = "X-Auth-Warning";

/* --- the query ------------------------------------------------------------------------------ */

static tkr_error_t add_scope(struct auth *auth, const struct http_argument *argument,
                             struct fault *fault)
{
    /* An empty scope is refused too: `scope=$variable` with nothing in it must not open. */
    if (!scope_valid(argument->value, argument->value_length)) {
        return fault_set(fault, TKR_INVALID, "scope", "is not a scope");
    }
    if (auth->request.scope_count == HTTP_SCOPE_ARGUMENTS_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "scope", "may stand at most %d times",
                         HTTP_SCOPE_ARGUMENTS_MAX);
    }
    auth->scopes[auth->request.scope_count++] =
        (struct verify_text){argument->value, argument->value_length};
    return TKR_OK;
}

static tkr_error_t set_cost(struct auth *auth, const struct http_argument *argument,
                            struct fault *fault)
{
    uint64_t cost;
    if (auth->has_cost ||
        text_parse_u64(argument->value, argument->value_length, &cost) != TKR_OK ||
        cost > VERIFY_COST_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "cost", "must be 0 to %d, once", VERIFY_COST_MAX);
    }
    auth->has_cost = true;
    auth->request.cost = (uint32_t)cost;
    return TKR_OK;
}

/* An empty user is refused, not "any user": `user=$variable` with nothing in it must not open. */
static tkr_error_t set_user(struct auth *auth, const struct http_argument *argument,
                            struct fault *fault)
{
    if (auth->request.user != NULL || argument->value_length == 0 ||
        argument->value_length > USER_ID_BYTES_MAX ||
        !text_is_printable_utf8(argument->value, argument->value_length)) {
        return fault_set(fault, TKR_INVALID, "user", "must be 1 to %d bytes of text, once",
                         USER_ID_BYTES_MAX);
    }
    auth->request.user = argument->value;
    auth->request.user_length = argument->value_length;
    return TKR_OK;
}

/* An empty one is none: `endpoint=$variable` with nothing in it does no harm. */
static tkr_error_t set_endpoint(struct auth *auth, const struct http_argument *argument,
                                struct fault *fault)
{
    if (auth->request.endpoint != NULL ||
        (argument->value_length > 0 &&
         !meter_label_valid(argument->value, argument->value_length))) {
        return fault_set(fault, TKR_INVALID, "endpoint",
                         "must be 1 to %d of a-z, 0-9, `.`, `_`, `/` and `-`, once",
                         METER_LABEL_BYTES_MAX);
    }
    if (argument->value_length > 0) {
        auth->request.endpoint = argument->value;
        auth->request.endpoint_length = argument->value_length;
    }
    return TKR_OK;
}

static tkr_error_t set_mode(struct auth *auth, const struct http_argument *argument,
                            struct fault *fault)
{
    if (auth->has_mode || strcmp(argument->value, "nginx") != 0) {
        return fault_set(fault, TKR_INVALID, "mode", "must be `nginx`, once");
    }
    auth->has_mode = true;
    return TKR_OK;
}

static tkr_error_t set_dry_run(struct auth *auth, const struct http_argument *argument,
                               struct fault *fault)
{
    return auth_trial_read(&auth->trial.dry_run, argument, fault);
}

static tkr_error_t set_explain(struct auth *auth, const struct http_argument *argument,
                               struct fault *fault)
{
    return auth_trial_read(&auth->trial.explain, argument, fault);
}

static tkr_error_t read_argument(struct auth *auth, const struct http_argument *argument,
                                 struct fault *fault)
{
    static const struct {
        const char *name;
        tkr_error_t (*read)(struct auth *auth, const struct http_argument *argument,
                            struct fault *fault);
    } known[] = {
        {"scope", add_scope},     {"cost", set_cost},         {"user", set_user},
        {"mode", set_mode},       {"endpoint", set_endpoint}, {"dry_run", set_dry_run},
        {"explain", set_explain},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(argument->name, known[i].name) == 0) {
            return known[i].read(auth, argument, fault);
        }
    }
    char shown[JSON_NAME_SHOWN_SIZE];
    return fault_set(fault, TKR_UNKNOWN_MEMBER, json_name_shown(argument->name, shown),
                     "there is no such query argument here");
}

static tkr_error_t read_query(struct auth *auth, struct fault *fault)
{
    const struct http_argument *arguments;
    size_t count;
    tkr_error_t error = http_arguments(auth->exchange, &arguments, &count);
    if (error != TKR_OK) {
        return fault_set(fault, error, "", "the query string cannot be read");
    }
    for (size_t i = 0; i < count; i++) { /* first, so that faults are answered in its way too */
        if (strcmp(arguments[i].name, "mode") == 0 && strcmp(arguments[i].value, "nginx") == 0) {
            auth->nginx_mode = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        TRY(read_argument(auth, &arguments[i], fault));
    }
    return TKR_OK;
}

/* --- answers ------------------------------------------------------------------------------ */

static void set_limits(struct auth *auth, const struct verify_result *result)
{
    char value[RATELIMIT_SIZE];
    if (result->window_count > 0) {
        http_set_header(auth->exchange, "RateLimit-Policy", ratelimit_policy(result, value));
        http_set_header(auth->exchange, "RateLimit", ratelimit_state(result, value));
    }
}

static void set_number(struct auth *auth, const char *name, uint64_t number)
{
    char value[21];
    *header_number(value, number) = '\0';
    http_set_header(auth->exchange, name, value);
}

static void answer_valid(struct auth *auth, const struct verify_result *result)
{
    char id[TOKEN_ID_CHARS + 1];
    char value[HEADER_ENCODED_SIZE(SCOPES_TEXT_BYTES_MAX)];
    token_id_format(result->token_id, id);
    const struct verify_text texts[IDENTITY_HEADERS] = {
        result->user, {id, TOKEN_ID_CHARS}, result->name, result->tier, result->scopes, result->org,
    };
    for (size_t i = 0; i < IDENTITY_HEADERS; i++) {
        bool keep_spaces = i == IDENTITY_SCOPES;
        http_set_header(auth->exchange, identity_headers[i],
                        header_encode(texts[i].text, texts[i].length, keep_spaces, value));
    }
    http_set_header(auth->exchange, warning_header, result->warned ? WARNING_SHARED_TOKEN : "-");
    http_set_header(auth->exchange, credits_header, auth->credits);
    set_limits(auth, result);
    if (auth->nginx_mode) {
        http_set_header(auth->exchange, "X-Auth-Status", "200");
    }
    if (UNLIKELY(auth_trial_asked(&auth->trial))) {
        auth_trial_answer_valid(auth->exchange, &auth->request, result);
        return;
    }
    http_answer(auth->exchange, 200, NULL, NULL, 0, false);
}

static void answer_refusal(struct auth *auth, unsigned status, const char *code, const char *title,
                           const struct fault *fault)
{
    for (size_t i = 0; i < IDENTITY_HEADERS; i++) {
        http_set_header(auth->exchange, identity_headers[i], "-");
    }
    http_set_header(auth->exchange, warning_header, "-");
    http_set_header(auth->exchange, credits_header, auth->credits);
    if (auth->nginx_mode) {
        set_number(auth, "X-Auth-Status", status);
        status = status == 401 ? 401 : 403;
    }
    auth_trial_answer_problem(auth->exchange, &auth->request, status, code, title, fault);
}

/* The proxy's mistake. */
static unsigned refuse_question(struct auth *auth, const struct fault *fault)
{
    tkr_error_t error = fault->error;
    answer_refusal(auth, status_of_error(error), tkr_error_name(error), tkr_error_text(error),
                   fault);
    return OUTCOME_BAD_REQUEST;
}

/* RFC 6750 §3.1: the challenge names the scope that is necessary. */
static void challenge_scopes(struct auth *auth)
{
    struct arena *arena = http_arena(auth->exchange);
    const char *base = auth->api->challenges[TKR_VERDICT_INSUFFICIENT_SCOPE];
    size_t bytes = strlen(base) + sizeof ", scope=\"\"";
    for (size_t i = 0; i < auth->request.scope_count; i++) {
        bytes += auth->scopes[i].length + 1;
    }
    char *challenge = arena_alloc(arena, bytes);
    if (challenge == NULL) {
        http_set_header(auth->exchange, "WWW-Authenticate", base);
        return;
    }
    char *end = stpcpy(stpcpy(challenge, base), ", scope=\"");
    for (size_t i = 0; i < auth->request.scope_count; i++) {
        if (i > 0) {
            *end++ = ' ';
        }
        end = mempcpy(end, auth->scopes[i].text, auth->scopes[i].length);
    }
    memcpy(end, "\"", sizeof "\"");
    http_set_header(auth->exchange, "WWW-Authenticate", challenge);
}

/* Retry-After is a promise: when no refill will do, there is none. */
static void refuse_quota(struct auth *auth, const struct verify_result *result, struct fault *fault)
{
    if (result->retry_after_ms > 0) {
        set_number(auth, "Retry-After", (uint64_t)(result->retry_after_ms + 999) / 1000);
    } else {
        fault_set(fault, TKR_QUOTA, "", "no refill that is due would be enough");
    }
    set_limits(auth, result);
}

static void answer_verdict(struct auth *auth, const struct verify_result *result)
{
    struct fault fault = {0};
    tkr_verdict_t verdict = result->verdict;
    unsigned status = status_of_verdict(verdict).status;
    if (verdict == TKR_VERDICT_INSUFFICIENT_SCOPE) {
        challenge_scopes(auth);
        fault_set(&fault, TKR_FORBIDDEN, "", "scope `%.*s` is needed",
                  (int)result->missing_scope_length, result->missing_scope);
    } else if (auth->api->challenges[verdict] != NULL) {
        http_set_header(auth->exchange, "WWW-Authenticate", auth->api->challenges[verdict]);
    }
    if (verdict == TKR_VERDICT_QUOTA_EXCEEDED) {
        refuse_quota(auth, result, &fault);
    } else if (status == 429) {
        if (result->retry_after_ms == 0) {
            /* The client is told to wait for the window's end all the same: it wants a number. */
            fault_set(&fault, TKR_OUT_OF_RANGE, "",
                      "this costs more than a limit allows in a whole window: it can never pass");
        }
        set_limits(auth, result);
        set_number(auth, "Retry-After",
                   (uint64_t)ratelimit_retry_after_s(result, auth->request.cost));
    } else if (status == 503) {
        http_set_header(auth->exchange, "Retry-After", "1");
    }
    answer_refusal(auth, status, tkr_verdict_name(verdict), tkr_verdict_text(verdict),
                   fault.error != TKR_OK ? &fault : NULL);
}

static void answer_no_token(struct auth *auth, const struct credential *credential)
{
    struct fault fault;
    http_set_header(auth->exchange, "WWW-Authenticate", auth->api->challenge_bare);
    answer_refusal(auth, 401, tkr_error_name(TKR_UNAUTHENTICATED),
                   tkr_error_text(TKR_UNAUTHENTICATED),
                   credential_absence(&auth->api->sources, credential, &fault));
}

static void answer_conflict(struct auth *auth)
{
    struct fault fault = {0};
    tkr_error_t error =
        fault_set(&fault, TKR_INVALID, "", "the request carries two different tokens");
    http_set_header(auth->exchange, "WWW-Authenticate", auth->api->challenge_conflict);
    answer_refusal(auth, 401, tkr_error_name(error), tkr_error_text(error), &fault);
}

/* --- the request -------------------------------------------------------------------------- */

static bool texts_fit(const struct verify_result *result)
{
    return result->user.length <= USER_ID_BYTES_MAX &&
           result->name.length <= TOKEN_NAME_BYTES_MAX &&
           result->tier.length <= TIER_NAME_BYTES_MAX && result->org.length <= ORG_ID_BYTES_MAX &&
           result->scopes.length <= SCOPES_TEXT_BYTES_MAX;
}

static void again(void *context, void *request, enum adopt_outcome outcome);

/* An unknown token. True: the request is given away, to be run again. */
static bool ask_old(struct auth *auth, struct verify_result *result)
{
    if (auth->api->adoption == NULL || result->honeytoken) {
        return false;
    }
    if (auth->again) {
        bool undecided = auth->outcome == ADOPT_UNDECIDED;
        result->verdict = undecided ? TKR_VERDICT_UNAVAILABLE : result->verdict;
        return false;
    }
    return adoption_take(auth->api->adoption, auth->exchange, auth->request.token,
                         auth->request.token_length, again, &result->verdict);
}

/* A request with the id of an attempt that a proxy may give (api/attempts.h). */
struct attempt {
    bool known; /* it has one */
    bool retry; /* of what was let through a moment ago */
    uint64_t key;
};

/* A retry is decided without its limits, which count already. */
static void verify(struct auth *auth, const struct request_headers *headers,
                   struct attempt *attempt, struct verify_result *result)
{
    struct attempts *attempts = auth->api->attempts;
    attempt->known = headers->attempt != NULL && !auth->request.dry_run &&
                     client_peer_trusted(&auth->api->trust, http_peer(auth->exchange)) &&
                     attempt_key(headers->attempt, headers->attempt_length, auth->request.token,
                                 auth->request.token_length, &attempt->key) == TKR_OK;
    attempt->retry =
        attempt->known && attempts_take(attempts, attempt->key, auth->start_ns / 1000000000);
    auth->request.no_limits = attempt->retry;
    verify_token(auth->thread->verifier, &auth->request, result);
    if (UNLIKELY(result->verdict == TKR_VERDICT_VALID && !texts_fit(result))) {
        result->verdict = TKR_VERDICT_UNAVAILABLE; /* the segment is not what we wrote */
    }
}

/* Once for a request, whether it was decided at once or after an old endpoint was asked. */
static void count(struct auth *auth, const struct attempt *attempt,
                  const struct verify_result *result)
{
    if (auth->thread == NULL || attempt->retry) {
        return;
    }
    metering_count(auth->api, auth->thread, &auth->request, result);
    if (attempt->known && result->verdict == TKR_VERDICT_VALID) {
        attempts_note(auth->api->attempts, attempt->key, auth->start_ns / 1000000000);
    }
}

/* Without a token to verify. */
static unsigned absent(struct auth *auth, const struct request_headers *headers)
{
    struct ip_address client = {0};
    bool none = headers->credential.state == CREDENTIAL_NONE;
    if (client_address(&auth->api->trust, http_peer(auth->exchange), headers->forwarded_for,
                       headers->forwarded_for_length, &client) != TKR_OK) {
        client.family = 0; /* not told */
    }
    auth_note_absent(auth->api, auth->exchange, &client, none ? AUTH_NO_TOKEN : AUTH_CONFLICT);
    if (none) {
        answer_no_token(auth, &headers->credential);
        return OUTCOME_NO_TOKEN;
    }
    answer_conflict(auth);
    return OUTCOME_CONFLICT;
}

/* Answers; returns what it came to. */
static unsigned decide(struct auth *auth)
{
    struct fault fault = {0};
    tkr_error_t error = read_query(auth, &fault);
    if (error == TKR_OK && UNLIKELY(auth_trial_asked(&auth->trial))) {
        error = auth_trial_admit(&auth->trial, auth->api, auth->exchange, &auth->request, &fault);
    }
    if (error != TKR_OK) {
        return refuse_question(auth, &fault);
    }
    struct request_headers headers;
    request_headers_read_auth(&headers, auth->api, auth->exchange);
    if (headers.credential.state != CREDENTIAL_FOUND) {
        return absent(auth, &headers);
    }
    if (headers.overflowed ||
        client_address(&auth->api->trust, http_peer(auth->exchange), headers.forwarded_for,
                       headers.forwarded_for_length, &auth->request.client) != TKR_OK) {
        fault_set(&fault, TKR_MALFORMED, "X-Forwarded-For", "it is not a list of addresses");
        return refuse_question(auth, &fault);
    }
    auth->request.token = headers.credential.text;
    auth->request.token_length = headers.credential.length;
    struct verify_result result;
    result.verdict = TKR_VERDICT_UNAVAILABLE; /* the rest is a page that need not be cleared */
    result.window_count = 0;
    result.retry_after_ms = result.now_ms = 0;
    result.known = result.honeytoken = false;
    struct attempt attempt = {0};
    result.has_credits = false;
    if (LIKELY(auth->thread != NULL && auth->thread->verifier != NULL)) {
        verify(auth, &headers, &attempt, &result);
    }
    if (UNLIKELY(result.verdict == TKR_VERDICT_NOT_FOUND) && ask_old(auth, &result)) {
        return OUTCOME_DEFERRED;
    }
    count(auth, &attempt, &result);
    if (UNLIKELY(result.has_credits)) {
        *header_number(auth->credits, result.credits.remaining) = '\0';
    }
    bool counted = attempt.retry && result.verdict == TKR_VERDICT_VALID; /* the first time */
    if (!counted && auth_note_wanted(auth->api, &auth->request, &result)) {
        auth_note_exchange(auth->api, auth->exchange, &auth->request, &result);
    }
    if (result.verdict == TKR_VERDICT_VALID) {
        api_thread_count_warned(auth->thread, &result);
        answer_valid(auth, &result);
    } else {
        answer_verdict(auth, &result);
    }
    return result.verdict;
}

static void auth_init(struct auth *auth, struct api *api, struct http_exchange *exchange,
                      struct api_thread *thread, int64_t start_ns)
{
    auth->api = api;
    auth->start_ns = start_ns;
    auth->exchange = exchange;
    auth->thread = thread;
    auth->nginx_mode = auth->has_mode = auth->has_cost = auth->again = false;
    auth->trial = (struct auth_trial){0};
    memcpy(auth->credits, "-", sizeof "-");
    auth->request = (struct verify_request){.cost = 1, .scopes = auth->scopes};
}

/* On a thread of the adopter's. How long an old endpoint took is no measure of ours. */
static void again(void *context, void *request, enum adopt_outcome outcome)
{
    struct api *api = context;
    struct api_thread *thread = api_thread_borrow(api->threads);
    struct auth auth;
    auth_init(&auth, api, request, thread, clock_monotonic_ns(api->options.clock));
    auth.again = true;
    auth.outcome = outcome;
    unsigned came_to = decide(&auth);
    if (thread != NULL) {
        api_thread_count(thread, ENDPOINT_AUTH, came_to, 1);
    }
    api_thread_return(api->threads, thread);
}

void auth_handle(void *context, struct http_exchange *exchange)
{
    struct api *api = context;
    int64_t start_ns = clock_monotonic_ns(api->options.clock);
    struct api_thread *thread = api_thread_of_event(api->threads, http_thread(exchange));
    struct auth auth;
    auth_init(&auth, api, exchange, thread, start_ns);
    unsigned outcome = decide(&auth);
    if (thread != NULL && LIKELY(outcome != OUTCOME_DEFERRED)) {
        int64_t took_ns = clock_monotonic_ns(api->options.clock) - start_ns;
        api_thread_count(thread, ENDPOINT_AUTH, outcome, 1);
        histogram_observe(&thread->latency[ENDPOINT_AUTH], (uint64_t)(took_ns > 0 ? took_ns : 0));
    }
}
