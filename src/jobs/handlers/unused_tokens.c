/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that nobody has used for monitor.unused_days: each is told of once, and again when it was
 * used since and then not any more. A token is as old as that before it is unused.
 *
 * Two passes over all tokens, in slices: the first counts, so that the second knows whether to
 * tell of each. What the job did is the number of unused tokens, told of or not.
 */
#include <inttypes.h>
#include <stdio.h>

#include "jobs/handlers/handlers.h"
#include "jobs/handlers/watched.h"

#define SLICE MONITOR_SCAN_ROWS

static int64_t every_ms(const struct job_settings *settings)
{
    return settings->unused_days > 0 ? UNUSED_TOKENS_EVERY_MS : 0;
}

struct pass {
    struct arena *arena; /* of a slice */
    int64_t now_ms;
    struct unused_question question;
    uint64_t unused, untold;
    bool many; /* they share an alert */
    const struct alert *alert;
};

static void key_of(const struct watched_token *watched, char out[ALERT_KEY_BYTES_MAX + 1])
{
    snprintf(out, ALERT_KEY_BYTES_MAX + 1, "unused/%s/%" PRId64, watched->token.id,
             watched->used_ms);
}

static tkr_error_t count(struct job_context *context, struct pass *pass,
                         const struct watched_token *tokens, size_t token_count)
{
    (void)context;
    for (size_t i = 0; i < token_count; i++) {
        pass->unused++;
        pass->untold += !tokens[i].told;
    }
    return TKR_OK;
}

static tkr_error_t tell_one(struct job_context *context, const struct pass *pass,
                            const struct watched_token *watched)
{
    char key[ALERT_KEY_BYTES_MAX + 1], sentence[TOKEN_NAME_BYTES_MAX + 128];
    key_of(watched, key);
    if (watched->used_ms == 0) {
        snprintf(sentence, sizeof(sentence), "token %s was never used", watched->token.name);
    } else {
        snprintf(sentence, sizeof(sentence), "token %s is not used since %" PRId64 " days",
                 watched->token.name, (pass->now_ms - watched->used_ms) / DAY_MS);
    }
    const struct watched_alert alert = {
        .type = "token.unused",
        .severity = ALERT_LOW,
        .key = key,
        .sentence = sentence,
        .days = context->settings->unused_days,
    };
    return watched_tell(context, watched, &alert, pass->now_ms);
}

static tkr_error_t tell(struct job_context *context, struct pass *pass,
                        const struct watched_token *tokens, size_t token_count)
{
    size_t untold = 0;
    char(*keys)[ALERT_KEY_BYTES_MAX + 1] = arena_alloc(pass->arena, SLICE * sizeof(*keys));
    ENSURE(keys != NULL, TKR_MEMORY);
    for (size_t i = 0; i < token_count; i++) {
        if (tokens[i].told) {
            continue;
        }
        if (pass->many) {
            key_of(&tokens[i], keys[untold++]);
        } else {
            TRY(tell_one(context, pass, &tokens[i]));
        }
    }
    if (untold > 0) {
        TRY(watched_tell_many(context, pass->alert, keys, untold));
        pass->alert = NULL;
    }
    return TKR_OK;
}

static tkr_error_t each_slice(struct job_context *context, struct pass *pass,
                              tkr_error_t (*visit)(struct job_context *context, struct pass *pass,
                                                   const struct watched_token *tokens,
                                                   size_t token_count))
{
    const struct store_port *store = context->store;
    int64_t next = 0;
    do {
        CLEANUP(arena_free_p) struct arena *arena = NULL;
        struct watched_token *tokens = NULL;
        size_t token_count = 0;
        TRY(arena_new(MONITOR_RUN_BYTES_MAX, &arena));
        TRY(store->sketches.list_unused(store->store, &pass->question, &next, arena, &tokens,
                                        &token_count));
        pass->arena = arena;
        TRY(visit(context, pass, tokens, token_count));
    } while (next != 0 && !job_should_stop(context));
    return TKR_OK;
}

static tkr_error_t tell_all(struct job_context *context, struct pass *pass)
{
    char sentence[ALERT_SUMMARY_BYTES_MAX + 1], details[128];
    int64_t days = context->settings->unused_days;
    snprintf(sentence, sizeof(sentence),
             "%" PRIu64 " tokens were not used for %" PRId64 " days: too many to tell of each",
             pass->untold, days);
    snprintf(details, sizeof(details), "{\"tokens\":%" PRIu64 ",\"threshold_days\":%" PRId64 "}",
             pass->untold, days);
    const struct alert digest = {
        .severity = ALERT_LOW, .type = "token.unused", .summary = sentence, .details = details};
    pass->many = pass->untold > MONITOR_TOLD_ONE_BY_ONE;
    pass->alert = &digest;
    tkr_error_t error = each_slice(context, pass, tell);
    pass->alert = NULL;
    return error;
}

static tkr_error_t run(struct job_context *context)
{
    struct pass pass = {.now_ms = authority_now_ms(context->authority)};
    pass.question = (struct unused_question){
        .now_ms = pass.now_ms,
        .before_ms = pass.now_ms - context->settings->unused_days * DAY_MS,
        .rows = SLICE,
    };
    TRY(each_slice(context, &pass, count));
    if (pass.untold > 0 && !job_should_stop(context)) {
        TRY(tell_all(context, &pass));
    }
    context->more = job_should_stop(context);
    job_say(context, "%llu tokens were not used for %lld days; %llu of them were told of now",
            (unsigned long long)pass.unused, (long long)context->settings->unused_days,
            (unsigned long long)context->count);
    context->count = pass.unused;
    return TKR_OK;
}

const struct job_handler job_unused_tokens = {
    .name = "unused_tokens",
    .description = "Tells of tokens that were not used for monitor.unused_days.",
    .every_ms = every_ms,
    .switch_key = "monitor.unused_days",
    .deadline_ms = 600000,
    .run = run,
};
