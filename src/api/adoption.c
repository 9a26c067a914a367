/* SPDX-License-Identifier: Apache-2.0 */
#include "api/adoption.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/answer.h"
#include "api/call.h"
#include "api/routes.h"
#include "base/log_budget.h"
#include "policy/scopes.h"

struct adoption {
    struct api *api;
    struct api_adoption options;
    struct adopter *adopter;
    struct log_budget told; /* lines about questions that came to nothing */
};

/* --- telling --------------------------------------------------------------------------------- */

static void tell(struct adoption *adoption, tkr_error_t error, const struct fault *fault)
{
    struct api *api = adoption->api;
    uint64_t left_out = 0;
    if (!log_budget_take(&adoption->told, clock_monotonic_ns(api->options.clock), &left_out)) {
        return;
    }
    bool told = fault->error == error && fault->detail[0] != '\0';
    log_event(api->options.log, LOG_WARNING, "adopt_undecided",
              LOG_TEXT("code", tkr_error_name(error)),
              LOG_TEXT("detail", told ? fault->detail : tkr_error_text(error)),
              LOG_INT("left_out", (int64_t)left_out));
}

/* --- making it stick ------------------------------------------------------------------------- */

struct made {
    sem_t done;
    tkr_error_t error;
    struct fault fault;
};

static void create_done(void *context, const struct change_result *result)
{
    struct made *made = context;
    made->error = result->error;
    made->fault = result->fault;
    sem_post(&made->done);
}

static tkr_error_t create(struct adoption *adoption, const struct token_create *asked,
                          struct fault *fault)
{
    const struct principal by = {
        .via = VIA_LOCAL,
        .org_id = adoption->options.org_id,
        .user_id = "adopt",
        .token_id = "",
        .scopes = "*",
        .client = "",
        .request_id = "",
        .user_agent = "",
    };
    struct made made = {0};
    sem_init(&made.done, 0, 0);
    tkr_error_t error = authority_create_token(adoption->api->options.authority, &by, asked,
                                               create_done, &made, fault);
    if (error == TKR_OK) {
        while (sem_wait(&made.done) != 0) {
        }
        error = made.error;
        *fault = made.fault;
    }
    sem_destroy(&made.done);
    return error;
}

/* The scopes that are scopes and open nothing of ours, as texts of their own in `copy`. */
static size_t allowed_scopes(char *copy, const char *ret_scopes[SCOPES_PER_TOKEN_MAX])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *scope = strtok_r(copy, " ", &rest); scope != NULL && count < SCOPES_PER_TOKEN_MAX;
         scope = strtok_r(NULL, " ", &rest)) {
        if (scope_valid(scope, strlen(scope)) && !api_scope_opens_route(scope)) {
            ret_scopes[count++] = scope;
        }
    }
    return count;
}

static struct lifetime_asked lifetime_of(const struct adopt_answer *answer)
{
    return (struct lifetime_asked){
        .never = answer->end == ADOPT_END_NEVER,
        .has_expires_at = answer->end == ADOPT_END_AT,
        .expires_at_ms = answer->expires_at_ms,
    };
}

static tkr_error_t adopt(struct adoption *adoption, const char *token, size_t length,
                         const struct adopt_answer *answer, struct fault *fault)
{
    const struct api_adoption *options = &adoption->options;
    const char *scopes[SCOPES_PER_TOKEN_MAX];
    char copy[sizeof(answer->scopes)];
    memcpy(copy, answer->scopes, sizeof(copy));
    const char *user = answer->user_id[0] != '\0' ? answer->user_id : options->user_id;
    struct token_create asked = {
        .user_id = user,
        .name = answer->name[0] != '\0' ? answer->name : "adopted",
        .kind = options->kind,
        .tier = answer->tier[0] != '\0' ? answer->tier : options->tier,
        .scopes = scopes,
        .lifetime = lifetime_of(answer),
        .chosen = token,
        .chosen_length = length,
        .force = true, /* weak or not, it worked where it comes from */
        .adopted = true,
    };
    if (user[0] == '\0') {
        return fault_set(fault, TKR_MALFORMED, "",
                         "it does not say whose the token is (adopt.user_member, adopt.user)");
    }
    asked.scope_count = allowed_scopes(copy, scopes);
    tkr_error_t error = create(adoption, &asked, fault);
    if (error == TKR_NOT_FOUND && asked.tier != options->tier) { /* a tier that is none of ours */
        asked.tier = options->tier;
        error = create(adoption, &asked, fault);
    }
    return error;
}

/* --- the question ---------------------------------------------------------------------------- */

static bool is_stopping(void *context)
{
    struct adoption *adoption = context;
    return adoption->adopter != NULL && adopter_stopping(adoption->adopter);
}

/* It said yes to a token that has ended, by its own account. */
static bool has_ended(const struct adoption *adoption, const struct adopt_answer *answer)
{
    return answer->end == ADOPT_END_AT &&
           answer->expires_at_ms <= authority_now_ms(adoption->api->options.authority);
}

static enum adopt_outcome decide(void *context, const char *token, size_t length,
                                 int64_t timeout_ms)
{
    struct adoption *adoption = context;
    const struct adopt_port *port = adoption->options.port;
    struct adopt_answer answer;
    struct fault fault = {0};
    tkr_error_t error =
        port->ask(port->context, token, length, timeout_ms, is_stopping, adoption, &answer, &fault);
    if (error == TKR_NOT_FOUND || (error == TKR_OK && has_ended(adoption, &answer))) {
        return ADOPT_REFUSED;
    }
    if (error == TKR_OK) {
        error = adopt(adoption, token, length, &answer, &fault);
    }
    if (error == TKR_OK) {
        return ADOPT_SETTLED;
    }
    if (error == TKR_CONFLICT) { /* it is stored: or it was revoked once, and stays dead */
        return ADOPT_REFUSED;
    }
    tell(adoption, error, &fault);
    return ADOPT_UNDECIDED;
}

/* --- requests -------------------------------------------------------------------------------- */

static bool park(void *request)
{
    return http_defer(request);
}

bool adoption_take(struct adoption *adoption, struct http_exchange *exchange, const char *token,
                   size_t length, adoption_resume again, tkr_verdict_t *verdict)
{
    struct adopter_waiter waiter = {
        .park = park, .resume = again, .context = adoption->api, .request = exchange};
    switch (adopter_take(adoption->adopter, token, length, &waiter)) {
    case ADOPTER_WAITS:
        return true;
    case ADOPTER_REFUSED:
        return false;
    case ADOPTER_BUSY:
        break;
    }
    *verdict = TKR_VERDICT_UNAVAILABLE;
    return false;
}

/* --- the whole ------------------------------------------------------------------------------- */

tkr_error_t adoption_new(struct api *api, const struct api_adoption *options,
                         struct adoption **ret_adoption)
{
    struct adoption *adoption = calloc(1, sizeof *adoption);
    ENSURE(adoption != NULL, TKR_MEMORY);
    adoption->api = api;
    adoption->options = *options;
    log_budget_init(&adoption->told, LOG_DENIED_PER_SECOND);
    struct adopter_options adopter = {
        .clock = api->options.clock,
        .in_flight = options->in_flight,
        .timeout_ms = options->timeout_ms,
        .per_second = options->per_second,
        .refused_entries = options->refused_entries,
        .refused_ms = options->refused_ms,
        .decide = decide,
        .context = adoption,
    };
    tkr_error_t error = adopter_new(&adopter, &adoption->adopter);
    if (error != TKR_OK) {
        adoption_free(adoption);
        return error;
    }
    *ret_adoption = adoption;
    return TKR_OK;
}

void adoption_stop(struct adoption *adoption)
{
    adopter_stop(adoption->adopter);
}

void adoption_free(struct adoption *adoption)
{
    if (adoption == NULL) {
        return;
    }
    adopter_free(adoption->adopter);
    log_budget_deinit(&adoption->told);
    free(adoption);
}

void adoption_stats(struct adoption *adoption, struct adopter_stats *ret_stats)
{
    adopter_stats(adoption->adopter, ret_stats);
}
