/* SPDX-License-Identifier: Apache-2.0 */
/* What is done about an alarm, and how it is told. See engine/monitor.h. */
#include <stdio.h>
#include <string.h>

#include "engine/monitor_feed.h"
#include "engine/monitor_internal.h"
#include "policy/scopes.h"

#define MS_PER_HOUR INT64_C(3600000)
#define MS_PER_DAY (24 * MS_PER_HOUR)
#define HELD_BECAUSE "the monitor: its use is unlike its past"

const char *monitor_action_name(enum monitor_action action)
{
    static const char *const names[] = {
        [MONITOR_IGNORE] = "ignore",
        [MONITOR_ALERT] = "alert",
        [MONITOR_THROTTLE] = "throttle",
        [MONITOR_QUARANTINE] = "quarantine",
    };
    return names[action];
}

static tkr_error_t read_alarmed(struct authority *authority, const struct alarm *alarm,
                                struct arena *arena, struct token *ret_token)
{
    const struct store_port *store = authority->store;
    char id[TOKEN_ID_CHARS + 1];
    TRY(store->sketches.find_token(store->store, alarm->line, id));
    return store->read_token(store->store, id, arena, ret_token);
}

/* --- acting ------------------------------------------------------------------------------------
 */

/* The strongest that the rules say. */
static enum monitor_action rule_for(const struct authority *authority, uint8_t kinds)
{
    enum monitor_action strongest = MONITOR_ALERT;
    for (unsigned kind = 0; kind < MONITOR_KINDS; kind++) {
        enum monitor_action action = authority->options.monitor.actions[kind];
        if ((kinds >> kind & 1) != 0 && action > strongest) {
            strongest = action;
        }
    }
    return strongest;
}

static void acted(void *context, const struct change_result *result)
{
    struct alarm *alarm = context;
    if (result->error != TKR_OK) {
        alarm->why_not = tkr_error_text(result->error);
    }
    alarm->state = ALARM_READY;
}

static tkr_error_t quarantine(struct authority *authority, struct alarm *alarm,
                              const struct token *token)
{
    alarm->action = MONITOR_QUARANTINE;
    return authority_hold_token(authority, &principal_system, token->id, HOLD_QUARANTINE,
                                HELD_BECAUSE, 0, acted, alarm, NULL);
}

/* CONFLICT: it may not have more as it is. */
static tkr_error_t throttle(struct authority *authority, struct alarm *alarm,
                            const struct token *token)
{
    struct known_tier tier;
    TRY(tiers_find(authority, token->tier, &tier));
    struct limits now = limits_effective(&tier.tier.limits, &token->overrides);
    uint32_t usual = alarm->seen.usual_count;
    uint32_t most = usual < MONITOR_THROTTLE_LEAST ? MONITOR_THROTTLE_LEAST : usual;
    most = most < LIMIT_WINDOW_MAX ? most : LIMIT_WINDOW_MAX;
    ENSURE(now.limit[WINDOW_HOUR] > most, TKR_CONFLICT);
    struct token_update update = {.has_overrides = true, .overrides = token->overrides};
    update.overrides.set |= 1U << WINDOW_HOUR;
    update.overrides.limit[WINDOW_HOUR] = most;
    alarm->action = MONITOR_THROTTLE;
    alarm->hour_limit = most;
    limits_format(&token->overrides, alarm->limits_before);
    return authority_update_token(authority, &principal_system, token->id, &update, acted, alarm,
                                  NULL);
}

/* NULL: nothing speaks against it. */
static const char *objection(const struct watch *watch, const struct token *token, bool ending)
{
    bool is_admin = token->kind == TOKEN_KIND_ADMIN ||
                    scopes_cover(token->scopes, strlen(token->scopes), "*", 1);
    return ending                                     ? "the authority stops"
           : is_admin                                 ? "it is an administrator's"
           : watch->acted >= MONITOR_ACTIONS_PER_HOUR ? "too many tokens were acted on this hour"
                                                      : NULL;
}

static tkr_error_t act(struct authority *authority, struct alarm *alarm, bool ending)
{
    struct watch *watch = authority->watch;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token token;
    enum monitor_action rule = rule_for(authority, alarm->seen.kinds);
    if (rule == MONITOR_ALERT) {
        return TKR_OK;
    }
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    TRY(read_alarmed(authority, alarm, arena, &token));
    alarm->why_not = objection(watch, &token, ending);
    if (alarm->why_not != NULL) {
        return TKR_OK;
    }
    alarm->state = ALARM_ACTING;
    tkr_error_t error = rule == MONITOR_THROTTLE ? throttle(authority, alarm, &token)
                                                 : quarantine(authority, alarm, &token);
    watch->acted += error == TKR_OK;
    return error;
}

void monitor_act(struct authority *authority, bool ending)
{
    for (size_t i = 0; i < MONITOR_ALARMS_MAX; i++) {
        struct alarm *alarm = &authority->watch->alarms[i];
        if (ending && alarm->state == ALARM_ACTING) {
            alarm->state = ALARM_READY; /* what was queued was answered before */
        }
        if (alarm->state != ALARM_NEW) {
            continue;
        }
        tkr_error_t error = act(authority, alarm, ending);
        if (error == TKR_CONFLICT) {
            alarm->why_not = "its limit is as strict already";
        } else if (error != TKR_OK) {
            alarm->why_not = tkr_error_text(error);
        }
        if (error != TKR_OK || alarm->state == ALARM_NEW) {
            alarm->state = ALARM_READY;
        }
    }
}

/* --- telling -----------------------------------------------------------------------------------
 */

#define SENTENCE_SIZE (ALERT_SUMMARY_BYTES_MAX + 1)

static void say(const struct alarm *alarm, const char *name, enum monitor_kind kind,
                char out[SENTENCE_SIZE])
{
    const struct monitor_alarms *seen = &alarm->seen;
    char network[CIDR_TEXT_SIZE];
    int hour = (int)(alarm->at_ms / MS_PER_HOUR % 24);
    switch (kind) {
    case MONITOR_RISE:
        snprintf(out, SENTENCE_SIZE,
                 "token %s: %u requests in an hour, where %u are the most usual", name, seen->count,
                 seen->usual_count);
        break;
    case MONITOR_NETWORK:
        snprintf(out, SENTENCE_SIZE, "token %s is used from %s for the first time", name,
                 meter_network_format(alarm->network, network));
        break;
    case MONITOR_AGENT:
        snprintf(out, SENTENCE_SIZE, "token %s is used by another program for the first time",
                 name);
        break;
    case MONITOR_REFUSALS:
        snprintf(out, SENTENCE_SIZE,
                 "token %s: %u of %u requests in an hour were refused, usually %u of 1000", name,
                 seen->refused, seen->count, seen->usual_share);
        break;
    case MONITOR_HOUR:
        snprintf(out, SENTENCE_SIZE,
                 "token %s is used between %02d:00 and %02d:00 UTC, an unusual "
                 "hour for it",
                 name, hour, (hour + 1) % 24);
        break;
    case MONITOR_KINDS:
        break;
    }
}

/* What was done, behind the sentence, as far as there is room. */
static void say_done(const struct alarm *alarm, char sentence[SENTENCE_SIZE])
{
    size_t length = strlen(sentence);
    char *end = sentence + length;
    size_t room = SENTENCE_SIZE - length;
    if (alarm->why_not != NULL) {
        snprintf(end, room, "; nothing was done: %s", alarm->why_not);
    } else if (alarm->action == MONITOR_QUARANTINE) {
        snprintf(end, room, "; it is in quarantine now");
    } else if (alarm->action == MONITOR_THROTTLE) {
        snprintf(end, room, "; it may have %u an hour now", alarm->hour_limit);
    }
}

static void describe(const struct alarm *alarm, struct details *details)
{
    const struct monitor_alarms *seen = &alarm->seen;
    char network[CIDR_TEXT_SIZE];
    details_time(details, "hour", alarm->at_ms - alarm->at_ms % MS_PER_HOUR);
    details_count(details, "requests", seen->count);
    details_count(details, "usual_requests", seen->usual_count);
    details_count(details, "refused", seen->refused);
    details_count(details, "usual_refused", seen->usual_refused);
    if (alarm->network != METER_NETWORK_NONE) {
        details_text(details, "network", meter_network_format(alarm->network, network));
    }
    if (alarm->user_agent[0] != '\0') {
        details_text(details, "user_agent", alarm->user_agent);
    }
    bool done = alarm->why_not == NULL;
    details_text(details, "action", monitor_action_name(done ? alarm->action : MONITOR_ALERT));
    if (!done) {
        details_text(details, "why_not", alarm->why_not);
    } else if (alarm->action == MONITOR_THROTTLE) {
        details_count(details, "hour_limit", alarm->hour_limit);
        details_text(details, "limits_before", alarm->limits_before);
    }
}

static const struct {
    const char *type;
    enum alert_severity severity;
} kinds[MONITOR_KINDS] = {
    [MONITOR_RISE] = {"token.anomaly.rise", ALERT_MEDIUM},
    [MONITOR_NETWORK] = {"token.anomaly.network", ALERT_MEDIUM},
    [MONITOR_AGENT] = {"token.anomaly.user_agent", ALERT_LOW},
    [MONITOR_REFUSALS] = {"token.anomaly.refusals", ALERT_MEDIUM},
    [MONITOR_HOUR] = {"token.anomaly.hour", ALERT_LOW},
};

static tkr_error_t tell_kind(struct authority *authority, const struct alarm *alarm,
                             const struct token *token, enum monitor_kind kind)
{
    char key[ALERT_KEY_BYTES_MAX + 1], sentence[SENTENCE_SIZE] = "";
    CLEANUP(details_deinit) struct details details;
    bool raised = false;
    bool acted = alarm->action > MONITOR_ALERT && alarm->why_not == NULL;
    details_init(&details);
    describe(alarm, &details);
    say(alarm, token->name, kind, sentence);
    say_done(alarm, sentence);
    snprintf(key, sizeof(key), "anomaly/%s/%u/%lld", monitor_kind_name(kind), alarm->line,
             (long long)(alarm->at_ms / MS_PER_DAY));
    const struct alert alert = {
        .severity = acted ? ALERT_HIGH : kinds[kind].severity,
        .type = kinds[kind].type,
        .org_id = token->org_id,
        .user_id = token->user_id,
        .token_id = token->id,
        .token_name = token->name,
        .key = key,
        .summary = sentence,
        .details = details_finish(&details),
    };
    return alert_raise(authority, &alert, &raised);
}

static void count_action(struct watch *watch, const struct alarm *alarm)
{
    if (alarm->why_not == NULL && alarm->action == MONITOR_QUARANTINE) {
        atomic_fetch_add_explicit(&watch->quarantined, 1, memory_order_relaxed);
    } else if (alarm->why_not == NULL && alarm->action == MONITOR_THROTTLE) {
        atomic_fetch_add_explicit(&watch->throttled, 1, memory_order_relaxed);
    }
}

/* What was acted on is told whatever the maximum. */
tkr_error_t monitor_tell(struct authority *authority, struct alarm *alarm)
{
    struct watch *watch = authority->watch;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token token;
    if (alarm->action == MONITOR_ALERT && watch->told >= MONITOR_ALERTS_PER_HOUR) {
        monitor_leave_out(watch, alarm->seen.kinds);
        return TKR_OK;
    }
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    tkr_error_t error = read_alarmed(authority, alarm, arena, &token);
    if (error == TKR_NOT_FOUND) {
        return TKR_OK; /* cleaned away since */
    }
    TRY(error);
    for (unsigned kind = 0; kind < MONITOR_KINDS; kind++) {
        if ((alarm->seen.kinds >> kind & 1) != 0) {
            TRY(tell_kind(authority, alarm, &token, (enum monitor_kind)kind));
        }
    }
    watch->told++;
    count_action(watch, alarm);
    return TKR_OK;
}

tkr_error_t monitor_tell_left_out(struct authority *authority)
{
    struct watch *watch = authority->watch;
    char sentence[SENTENCE_SIZE];
    CLEANUP(details_deinit) struct details details;
    uint64_t all = 0;
    bool raised = false;
    details_init(&details);
    for (unsigned kind = 0; kind < MONITOR_KINDS; kind++) {
        details_count(&details, monitor_kind_name((enum monitor_kind)kind), watch->left_out[kind]);
        all += watch->left_out[kind];
    }
    if (all == 0) {
        return TKR_OK;
    }
    snprintf(
        sentence, sizeof(sentence),
        "%llu more alarms of tokens whose use is unlike their past, beyond the %d an hour that "
        "are told one by one",
        (unsigned long long)all, MONITOR_ALERTS_PER_HOUR);
    const struct alert alert = {
        .severity = ALERT_HIGH,
        .type = "token.anomaly.many",
        .summary = sentence,
        .details = details_finish(&details),
    };
    return alert_raise(authority, &alert, &raised);
}

/* --- tokens that nobody should have --------------------------------------------------------------
 */

tkr_error_t monitor_alert_tried(struct authority *authority, const struct store_event *tried)
{
    bool bait = strcmp(tried->type, EVENT_HONEYTOKEN_TRIED) == 0;
    if (!bait && strcmp(tried->type, EVENT_TRIED) != 0) {
        return TKR_OK;
    }
    char key[ALERT_KEY_BYTES_MAX + 1], sentence[SENTENCE_SIZE];
    CLEANUP(details_deinit) struct details details;
    bool raised = false;
    const char *client = tried->client != NULL ? tried->client : "";
    details_init(&details);
    details_text(&details, "client", tried->client);
    details_text(&details, "user_agent", tried->user_agent);
    details_text(&details, "endpoint", tried->endpoint);
    details_text(&details, "request_id", tried->request_id);
    details_text(&details, "verdict", tried->verdict);
    snprintf(key, sizeof(key), "tried/%s/%lld", tried->token_id,
             (long long)(tried->at_ms / MS_PER_DAY));
    snprintf(sentence, sizeof(sentence), "%s %s, from %s",
             bait ? "somebody presented honeytoken"
                  : "somebody presents, although it was revoked or is in quarantine, token",
             tried->token_name != NULL ? tried->token_name : tried->token_id,
             client[0] != '\0' ? client : "an address that is not told");
    const struct alert alert = {
        .severity = bait ? ALERT_CRITICAL : ALERT_HIGH,
        .type = bait ? "token.honeytoken" : "token.revoked_in_use",
        .org_id = tried->org_id,
        .user_id = tried->user_id,
        .token_id = tried->token_id,
        .token_name = tried->token_name,
        .key = key,
        .summary = sentence,
        .details = details_finish(&details),
    };
    return alert_raise(authority, &alert, &raised);
}
