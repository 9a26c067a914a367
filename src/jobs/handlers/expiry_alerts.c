/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that end soon. Each configured number of days makes a band: with 30, 14, 7 and 1 a token
 * that has 6 days left is in the band of 7, and is told of there once. So one that was born with
 * 5 days, or whose thresholds a clock jumped over, is told of for the nearest alone. Its key has
 * the end, too: a token whose end was moved is told of again.
 *
 *   severity by days   at most 1: critical, 7: high, 14: medium, more: low
 *   the order          the most urgent band first, in it those that are in use
 *   not told of        what was given no more than the least number of days: it is meant to end;
 *                      for the most days, what was given no more than those: where all tokens live
 *                      for 30 days, nobody wants to know of each that it was made; what is refused
 *                      anyway; a version whose successor is in use
 */
#include <inttypes.h>
#include <stdio.h>

#include "jobs/handlers/handlers.h"
#include "jobs/handlers/watched.h"

static int64_t every_ms(const struct job_settings *settings)
{
    return settings->expiry_count > 0 ? EXPIRY_ALERTS_EVERY_MS : 0;
}

static enum alert_severity severity_of(int64_t days)
{
    return days <= 1    ? ALERT_CRITICAL
           : days <= 7  ? ALERT_HIGH
           : days <= 14 ? ALERT_MEDIUM
                        : ALERT_LOW;
}

struct band {
    int64_t days;
    char key[32]; /* "expiring/7/" */
    struct expiring_question question;
};

/* `index` counts from the most urgent. */
static struct band band_of(const struct job_settings *settings, size_t index, int64_t now_ms)
{
    size_t last = settings->expiry_count - 1;
    int64_t days = settings->expiry_days[last - index];
    int64_t given_days = index == last ? days : settings->expiry_days[last];
    struct band band = {
        .days = days,
        .question =
            {
                .from_ms =
                    index > 0 ? now_ms + settings->expiry_days[last - index + 1] * DAY_MS : now_ms,
                .until_ms = now_ms + days * DAY_MS,
                .lifetime_ms = given_days * DAY_MS,
                .used_since_ms = now_ms - WATCHED_USED_DAYS * DAY_MS,
            },
    };
    snprintf(band.key, sizeof(band.key), "expiring/%" PRId64 "/", days);
    return band;
}

static void key_of(const struct band *band, const struct token *token,
                   char out[ALERT_KEY_BYTES_MAX + 1])
{
    snprintf(out, ALERT_KEY_BYTES_MAX + 1, "%s%s/%" PRId64, band->key, token->id,
             token->expires_at_ms);
}

/* --- one by one --------------------------------------------------------------------------------
 */

static void say_left(int64_t left_ms, char out[32])
{
    int64_t hours = left_ms / (DAY_MS / 24), days = left_ms / DAY_MS;
    if (days >= 2) {
        snprintf(out, 32, "%" PRId64 " days", days);
    } else if (hours >= 1) {
        snprintf(out, 32, "%" PRId64 " hour%s", hours, hours == 1 ? "" : "s");
    } else {
        snprintf(out, 32, "less than an hour");
    }
}

static tkr_error_t tell(struct job_context *context, const struct band *band,
                        const struct watched_token *watched, int64_t now_ms)
{
    const struct token *token = &watched->token;
    bool rotated = token->replaced_by[0] != '\0';
    char key[ALERT_KEY_BYTES_MAX + 1], left[32], sentence[TOKEN_NAME_BYTES_MAX + 128];
    key_of(band, token, key);
    say_left(token->expires_at_ms - now_ms, left);
    snprintf(sentence, sizeof(sentence), "token %s ends in %s%s", token->name, left,
             rotated ? ", and nobody has used its successor yet" : "");
    const struct watched_alert alert = {
        .type = "token.expiring",
        .severity = severity_of(band->days),
        .key = key,
        .sentence = sentence,
        .days = band->days,
    };
    return watched_tell(context, watched, &alert, now_ms);
}

static tkr_error_t tell_band(struct job_context *context, struct band *band, int64_t now_ms,
                             uint32_t *room)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    const struct store_port *store = context->store;
    struct watched_token *tokens = NULL;
    size_t count = 0;
    TRY(arena_new(MONITOR_RUN_BYTES_MAX, &arena));
    band->question.key = band->key;
    band->question.limit = *room;
    TRY(store->sketches.list_expiring(store->store, &band->question, arena, &tokens, &count));
    for (size_t i = 0; i < count && !job_should_stop(context); i++) {
        TRY(tell(context, band, &tokens[i], now_ms));
        (*room)--;
    }
    return TKR_OK;
}

/* --- many at once ------------------------------------------------------------------------------
 */

struct rest {
    uint64_t count, used;
    uint64_t of_band[MONITOR_EXPIRY_MAX]; /* from the most urgent */
    enum alert_severity severity;
};

static tkr_error_t count_rest(struct job_context *context, int64_t now_ms, struct rest *ret_rest)
{
    const struct store_port *store = context->store;
    struct rest rest = {.severity = ALERT_LOW};
    for (size_t i = 0; i < context->settings->expiry_count; i++) {
        struct band band = band_of(context->settings, i, now_ms);
        uint64_t used = 0;
        band.question.key = band.key;
        TRY(store->sketches.tally_expiring(store->store, &band.question, &rest.of_band[i], &used));
        if (rest.count == 0 && rest.of_band[i] > 0) {
            rest.severity = severity_of(band.days);
        }
        rest.count += rest.of_band[i];
        rest.used += used;
    }
    *ret_rest = rest;
    return TKR_OK;
}

static void describe_rest(const struct job_settings *settings, const struct rest *rest,
                          char sentence[ALERT_SUMMARY_BYTES_MAX + 1], char details[512])
{
    size_t length = (size_t)snprintf(
        details, 512, "{\"tokens\":%" PRIu64 ",\"in_use\":%" PRIu64 ",\"within_days\":{",
        rest->count, rest->used);
    for (size_t i = 0; i < settings->expiry_count; i++) {
        length += (size_t)snprintf(
            details + length, 512 - length, "%s\"%" PRId64 "\":%" PRIu64, i > 0 ? "," : "",
            settings->expiry_days[settings->expiry_count - 1 - i], rest->of_band[i]);
    }
    snprintf(details + length, 512 - length, "}}");
    snprintf(sentence, ALERT_SUMMARY_BYTES_MAX + 1,
             "%" PRIu64 " more tokens end within %" PRId64 " days, %" PRIu64
             " of them in use: too many to tell of each",
             rest->count, settings->expiry_days[0], rest->used);
}

/* Marks a band's tokens as told; the first slice brings the alert. */
static tkr_error_t mark_band(struct job_context *context, struct band *band,
                             const struct alert **alert)
{
    const struct store_port *store = context->store;
    size_t count = MONITOR_MARK_SLICE;
    band->question.key = band->key;
    band->question.limit = MONITOR_MARK_SLICE;
    while (count == MONITOR_MARK_SLICE && !job_should_stop(context)) {
        CLEANUP(arena_free_p) struct arena *arena = NULL;
        struct watched_token *tokens = NULL;
        TRY(arena_new(MONITOR_RUN_BYTES_MAX, &arena));
        char(*keys)[ALERT_KEY_BYTES_MAX + 1] =
            arena_alloc(arena, MONITOR_MARK_SLICE * sizeof(*keys));
        ENSURE(keys != NULL, TKR_MEMORY);
        TRY(store->sketches.list_expiring(store->store, &band->question, arena, &tokens, &count));
        for (size_t i = 0; i < count; i++) {
            key_of(band, &tokens[i].token, keys[i]);
        }
        if (count > 0) {
            TRY(watched_tell_many(context, *alert, keys, count));
            *alert = NULL;
        }
    }
    return TKR_OK;
}

static tkr_error_t tell_rest(struct job_context *context, int64_t now_ms)
{
    struct rest rest;
    char sentence[ALERT_SUMMARY_BYTES_MAX + 1], details[512];
    TRY(count_rest(context, now_ms, &rest));
    if (rest.count == 0) {
        return TKR_OK;
    }
    describe_rest(context->settings, &rest, sentence, details);
    const struct alert digest = {
        .severity = rest.severity,
        .type = "token.expiring",
        .summary = sentence,
        .details = details,
    };
    const struct alert *alert = &digest;
    for (size_t i = 0; i < context->settings->expiry_count; i++) {
        struct band band = band_of(context->settings, i, now_ms);
        TRY(mark_band(context, &band, &alert));
    }
    return TKR_OK;
}

static tkr_error_t run(struct job_context *context)
{
    int64_t now_ms = authority_now_ms(context->authority);
    uint32_t room = MONITOR_TOLD_ONE_BY_ONE;
    for (size_t i = 0; i < context->settings->expiry_count && room > 0; i++) {
        struct band band = band_of(context->settings, i, now_ms);
        TRY(tell_band(context, &band, now_ms, &room));
    }
    if (room == 0) {
        TRY(tell_rest(context, now_ms));
    }
    context->more = job_should_stop(context);
    job_say(context, "%llu tokens that end soon were told of", (unsigned long long)context->count);
    return TKR_OK;
}

const struct job_handler job_expiry_alerts = {
    .name = "expiry_alerts",
    .description = "Tells of tokens that end soon, at each of monitor.expiry_days.",
    .every_ms = every_ms,
    .switch_key = "monitor.expiry_days",
    .deadline_ms = 600000,
    .run = run,
};
