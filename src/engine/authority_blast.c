/* SPDX-License-Identifier: Apache-2.0 */
/* The report on a token: its usage, its versions, its family, and the events that it is in. */
#include <stdlib.h>
#include <string.h>

#include "engine/blast_internal.h"

#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)

/* --- what it is ------------------------------------------------------------------------------ */

tkr_verdict_t blast_answer(const struct token *token, bool user_suspended)
{
    static const tkr_verdict_t verdicts[TOKEN_STATUS_COUNT] = {
        [TOKEN_ACTIVE] = TKR_VERDICT_VALID,
        [TOKEN_DISABLED] = TKR_VERDICT_DISABLED,
        [TOKEN_QUARANTINED] = TKR_VERDICT_QUARANTINED,
        [TOKEN_NOT_YET_VALID] = TKR_VERDICT_NOT_YET_VALID,
        [TOKEN_EXPIRED] = TKR_VERDICT_EXPIRED,
        [TOKEN_REVOKED] = TKR_VERDICT_REVOKED,
    };
    if (token->honeytoken) {
        return TKR_VERDICT_NOT_FOUND;
    }
    bool suspended = user_suspended && token->status == TOKEN_ACTIVE;
    return suspended ? TKR_VERDICT_USER_SUSPENDED : verdicts[token->status];
}

void blast_take(const struct blast *blast, const struct store_relative *row,
                struct blast_relative *ret_relative)
{
    *ret_relative = (struct blast_relative){.token = row->token};
    token_overlay(blast->authority, &blast->noted, &ret_relative->token, blast->now_ms);
    ret_relative->answer = blast_answer(&ret_relative->token, row->user_suspended);
}

/* As verification has it: see engine/verify.h. */
static tkr_error_t read_reach(struct blast *blast)
{
    struct blast_report *report = blast->report;
    const struct token *token = &report->usage.token;
    struct user user;
    struct known_tier known;
    TRY(authority_get_user(blast->authority, blast->by, token->org_id, token->user_id, blast->arena,
                           &user));
    TRY(tiers_find(blast->authority, token->tier, &known));
    const struct tier *tier = &known.tier;
    report->token_limits = (tier->subject & LIMITS_OF_TOKEN) != 0
                               ? limits_effective(&tier->limits, &token->overrides)
                               : token->overrides;
    report->user_limits = (tier->subject & LIMITS_OF_USER) != 0
                              ? limits_effective(&tier->limits, &user.overrides)
                              : user.overrides;
    report->answer = blast_answer(token, user.suspended_at_ms != 0);
    return TKR_OK;
}

/* --- its versions ---------------------------------------------------------------------------- */

static uint64_t requests_of(const struct usage_report *usage, const char *token_id)
{
    size_t i = 0;
    while (i < usage->version_count && strcmp(usage->versions[i].token_id, token_id) != 0) {
        i++;
    }
    return i < usage->version_count ? usage->versions[i].count : 0;
}

static tkr_error_t visit_version(void *context, const struct store_relative *row)
{
    struct blast *blast = context;
    struct blast_relatives *versions = &blast->report->versions;
    if (versions->count == BLAST_VERSIONS_MAX) {
        versions->complete = false;
        return TKR_OK;
    }
    struct blast_relative *version = &versions->items[versions->count++];
    blast_take(blast, row, version);
    version->requests = requests_of(&blast->report->usage, version->token.id);
    return TKR_OK;
}

static tkr_error_t read_versions(struct blast *blast)
{
    const struct store_port *store = blast->authority->store;
    struct blast_relatives *versions = &blast->report->versions;
    versions->complete = true;
    versions->items = arena_alloc(blast->arena, BLAST_VERSIONS_MAX * sizeof(versions->items[0]));
    ENSURE(versions->items != NULL, TKR_TOO_LARGE);
    return store->blast.visit_kin(store->store, KIN_VERSIONS, blast->report->usage.token.lineage_id,
                                  BLAST_VERSIONS_MAX + 1, blast->arena, visit_version, blast);
}

/* --- events ---------------------------------------------------------------------------------- */

static tkr_error_t read_events(struct blast *blast, enum store_events which, const char *token_id,
                               uint32_t most, struct event_answer *ret_answer)
{
    const struct store_port *store = blast->authority->store;
    struct event_question question = {
        .which = which,
        .token_id = token_id,
        .org_id = blast->report->all_orgs ? NULL : blast->by->org_id,
        .from_ms = which == EVENTS_FIRST ? 0 : blast->report->usage.from_ms,
        .most = most,
        .keep = BLAST_EVENTS_KEPT,
    };
    return store->blast.read_events(store->store, &question, blast->arena, ret_answer);
}

static void add_count(struct event_answer *sum, const struct event_count *count)
{
    size_t i = 0;
    while (i < sum->type_count && strcmp(sum->types[i].type, count->type) != 0) {
        i++;
    }
    if (i == EVENT_TYPES_MAX) {
        return;
    }
    if (i == sum->type_count) {
        sum->types[sum->type_count++] = (struct event_count){.type = count->type};
    }
    sum->types[i].count += count->count;
}

/* `sum->newest` has room for them. */
static void add_events(struct event_answer *sum, const struct event_answer *events)
{
    if (events->count > 0) {
        bool earlier = sum->count == 0 || events->first_ms < sum->first_ms;
        sum->first_ms = earlier ? events->first_ms : sum->first_ms;
        sum->last_ms = events->last_ms > sum->last_ms ? events->last_ms : sum->last_ms;
    }
    for (size_t i = 0; i < events->type_count; i++) {
        add_count(sum, &events->types[i]);
    }
    memcpy(&sum->newest[sum->newest_count], events->newest,
           events->newest_count * sizeof(events->newest[0]));
    sum->newest_count += events->newest_count;
    sum->count += events->count;
    sum->looked_at += events->looked_at;
    sum->complete = sum->complete && events->complete;
}

static int compare_events(const void *a, const void *b)
{
    const struct store_event *x = a, *y = b;
    return (x->at_ms < y->at_ms) - (x->at_ms > y->at_ms);
}

/* The maximum is one for all versions. */
static tkr_error_t add_acts(struct blast *blast, const char *token_id, struct event_answer *acts)
{
    struct event_answer of_one;
    TRY(read_events(blast, EVENTS_BY, token_id, BLAST_EVENTS_MAX - acts->looked_at, &of_one));
    add_events(acts, &of_one);
    return TKR_OK;
}

static tkr_error_t read_acts(struct blast *blast)
{
    const struct blast_relatives *versions = &blast->report->versions;
    const char *root_id = blast->report->usage.token.id;
    struct event_answer acts = {.complete = versions->complete || !blast->whole};
    acts.newest = arena_alloc(blast->arena,
                              (versions->count + 1) * BLAST_EVENTS_KEPT * sizeof(acts.newest[0]));
    ENSURE(acts.newest != NULL, TKR_TOO_LARGE);
    TRY(add_acts(blast, root_id, &acts));
    for (size_t i = 0; blast->whole && i < versions->count; i++) {
        const char *id = versions->items[i].token.id;
        TRY(strcmp(id, root_id) == 0 ? TKR_OK : add_acts(blast, id, &acts));
    }
    if (acts.newest_count > 0) {
        qsort(acts.newest, acts.newest_count, sizeof(acts.newest[0]), compare_events);
    }
    acts.newest_count =
        acts.newest_count < BLAST_EVENTS_KEPT ? acts.newest_count : BLAST_EVENTS_KEPT;
    blast->report->acts = acts;
    return TKR_OK;
}

/* The first event about it is another's, when its birth has none (an import has one for many) or
 * has left the log. */
static tkr_error_t read_birth(struct blast *blast, const char *token_id)
{
    struct event_answer *born = &blast->report->born;
    TRY(read_events(blast, EVENTS_FIRST, token_id, 1, born));
    const char *type = born->newest_count > 0 ? born->newest[0].type : "";
    if (strcmp(type, change_create.event) != 0 && strcmp(type, change_adopt.event) != 0) {
        *born = (struct event_answer){0};
    }
    return TKR_OK;
}

static tkr_error_t read_all_events(struct blast *blast)
{
    struct blast_report *report = blast->report;
    const char *id = report->usage.token.id;
    TRY(read_birth(blast, id));
    TRY(read_events(blast, EVENTS_TRIED, id, BLAST_EVENTS_MAX, &report->tries));
    TRY(read_events(blast, EVENTS_SEEN, id, BLAST_EVENTS_MAX, &report->seen));
    TRY(read_events(blast, EVENTS_ABOUT, id, BLAST_EVENTS_MAX, &report->about));
    return read_acts(blast);
}

/* --- the report ------------------------------------------------------------------------------ */

tkr_error_t authority_blast_radius(struct authority *authority, const struct principal *by,
                                   const char *token_id, int64_t days, struct arena *arena,
                                   struct blast_report *ret_report, struct fault *fault)
{
    struct blast_report report = {.metering = authority->meter != NULL,
                                  .all_orgs = principal_is_global(by)};
    struct blast blast = {.authority = authority, .by = by, .arena = arena, .report = &report};
    /* As fine as the time allows: the first use is told by it. */
    bool hours = days <= USAGE_POINTS_MAX / 24;
    struct usage_request request = {.days = days, .step_ms = hours ? HOUR_MS : DAY_MS};
    epochs_note(authority, &blast.noted);
    blast.now_ms = segment_writer_now_ms(authority->segment);
    TRY(authority_token_usage(authority, by, token_id, &request, arena, &report.usage, fault));
    TRY(read_reach(&blast));
    TRY(read_versions(&blast));
    blast.whole = report.usage.token.replaced_by[0] == '\0';
    TRY(blast_read_family(&blast));
    TRY(read_all_events(&blast));
    *ret_report = report;
    return TKR_OK;
}
