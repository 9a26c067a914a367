/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a verification, in their order. Each says VALID when it passes, the verdict
 * when it fails, or NOT_ASKED when there is nothing to check. The order stands once, in
 * VERIFY_CHECKS; the quick way stops at the first failure, the explaining way goes through all
 * and keeps the first failure's verdict.
 */
#include "engine/verify_path.h"

#include <string.h>

#include "policy/scopes.h"
#include "segment/segment.h"

#define NOT_ASKED TKR_VERDICT_COUNT

struct evaluation {
    const struct verifier *verifier;
    const struct segment_view *view;
    const struct verify_request *request;
    const struct verify_step *step;
    const uint64_t *record;
    const uint8_t *text; /* of the token */
    uint32_t flags;
    struct verify_result *result;
};

static inline struct verify_text text_of(struct segment_text text)
{
    return (struct verify_text){text.text, text.length};
}

static inline uint32_t user_of(const struct evaluation *e)
{
    return (uint32_t)e->record[2];
}

/* --- the checks --------------------------------------------------------------------------- */

static inline struct segment_meter meter_of(const struct evaluation *e)
{
    struct segment_meter meter;
    memcpy(&meter, segment_token_meter(e->text, e->flags), sizeof meter);
    return meter;
}

/* The record as it is now. Gone: it was revoked, and then cleaned away. */
static tkr_verdict_t read_again(const struct evaluation *e)
{
    uint64_t record[RECORD_WORDS];
    switch (segment_view_find(e->view, e->step->hash, e->step->digest, record)) {
    case SEGMENT_FOUND:
        return (record_flags(record[0]) & RECORD_REVOKED) != 0 ? TKR_VERDICT_REVOKED
                                                               : TKR_VERDICT_VALID;
    case SEGMENT_ABSENT:
        return TKR_VERDICT_REVOKED;
    default:
        return TKR_VERDICT_UNAVAILABLE;
    }
}

/*
 * An emergency revocation that the records do not show yet. It may be settled at this very
 * moment: the record was read before it was flagged, and the epoch is gone already. So whether
 * some are pending is read before the record, and when none of them covers the token the record
 * is read again. An epoch that came after the first reading was not answered before it.
 */
static __attribute__((noinline, cold)) tkr_verdict_t check_epochs(const struct evaluation *e)
{
    struct segment_epoch_subject subject = {
        .born_ms = token_id_ms(e->text),
        .org = e->result->org_number,
        .user = user_of(e),
        .kind = e->result->kind,
    };
    if ((e->flags & RECORD_METER) != 0) {
        struct segment_meter meter = meter_of(e);
        subject.born_ms = meter.spared_ms > subject.born_ms ? meter.spared_ms : subject.born_ms;
    }
    switch (segment_view_epoch(e->view, &subject)) {
    case SEGMENT_ABSENT:
        return read_again(e);
    case SEGMENT_FOUND:
        return TKR_VERDICT_REVOKED;
    default:
        return TKR_VERDICT_UNAVAILABLE;
    }
}

static inline tkr_verdict_t check_revoked(struct evaluation *e)
{
    if (UNLIKELY((e->flags & RECORD_REVOKED) != 0)) {
        return TKR_VERDICT_REVOKED;
    }
    return UNLIKELY(e->step->epochs) ? check_epochs(e) : TKR_VERDICT_VALID;
}

static inline tkr_verdict_t check_disabled(struct evaluation *e)
{
    return (e->flags & RECORD_DISABLED) != 0      ? TKR_VERDICT_DISABLED
           : (e->flags & RECORD_QUARANTINED) != 0 ? TKR_VERDICT_QUARANTINED
                                                  : TKR_VERDICT_VALID;
}

static inline tkr_verdict_t check_not_before(struct evaluation *e)
{
    return e->result->now_ms < e->result->not_before_ms ? TKR_VERDICT_NOT_YET_VALID
                                                        : TKR_VERDICT_VALID;
}

static inline tkr_verdict_t check_expiry(struct evaluation *e)
{
    bool expired = e->result->expires_at_ms != 0 && e->result->now_ms >= e->result->expires_at_ms;
    return expired ? TKR_VERDICT_EXPIRED : TKR_VERDICT_VALID;
}

static inline tkr_verdict_t check_user_active(struct evaluation *e)
{
    bool suspended = (segment_view_user_bits(e->view, user_of(e)) & USER_BIT_SUSPENDED) != 0;
    return suspended ? TKR_VERDICT_USER_SUSPENDED : TKR_VERDICT_VALID;
}

static inline tkr_verdict_t check_user_binding(struct evaluation *e)
{
    if (LIKELY(e->request->user == NULL)) {
        return NOT_ASKED;
    }
    const struct verify_text *user = &e->result->user;
    bool same = user->length == e->request->user_length &&
                memcmp(user->text, e->request->user, user->length) == 0;
    return same ? TKR_VERDICT_VALID : TKR_VERDICT_USER_MISMATCH;
}

/* The networks lie behind the metadata. False: the text is damaged. */
static const uint8_t *networks_of(const struct evaluation *e, size_t *ret_count)
{
    struct segment_extra extra;
    memcpy(&extra, segment_token_extra(e->text, e->flags), sizeof extra);
    *ret_count = extra.network_count <= CIDRS_PER_TOKEN_MAX ? extra.network_count : 0;
    size_t name_length = e->record[0] >> RECORD_NAME_SHIFT & 0xff;
    return segment_token_name(e->text, e->flags) + name_length + e->result->metadata.length;
}

static inline tkr_verdict_t check_network(struct evaluation *e)
{
    if (LIKELY((e->flags & RECORD_NETWORKS) == 0)) {
        return NOT_ASKED;
    }
    size_t count;
    const uint8_t *at = networks_of(e, &count);
    for (size_t i = 0; i < count; i++, at += SEGMENT_NETWORK_BYTES) {
        struct cidr cidr = {.network.family = at[0], .prefix_bits = at[1]};
        memcpy(cidr.network.bytes, at + 2, sizeof cidr.network.bytes);
        if (cidr.prefix_bits <= 128 && cidr_contains(&cidr, &e->request->client)) {
            return TKR_VERDICT_VALID;
        }
    }
    return TKR_VERDICT_IP_NOT_ALLOWED;
}

static inline tkr_verdict_t check_scopes(struct evaluation *e)
{
    if (LIKELY(e->request->scope_count == 0)) {
        return NOT_ASKED;
    }
    const struct verify_text *granted = &e->result->scopes;
    for (size_t i = 0; i < e->request->scope_count; i++) {
        const struct verify_text *scope = &e->request->scopes[i];
        if (!scopes_grant(granted->text, granted->length, scope->text, scope->length)) {
            e->result->missing_scope = scope->text;
            e->result->missing_scope_length = scope->length;
            return TKR_VERDICT_INSUFFICIENT_SCOPE;
        }
    }
    return TKR_VERDICT_VALID;
}

/* --- limits -------------------------------------------------------------------------------- */

/* `tier` holds the tier's limits and becomes the token's. */
static inline void token_limits(const struct evaluation *e, enum limits_subject subject,
                                struct limits *limits)
{
    bool of_tier = (subject & LIMITS_OF_TOKEN) != 0;
    if (LIKELY((e->flags & RECORD_LIMITS) == 0)) {
        limits->set = of_tier ? limits->set : 0;
        return;
    }
    uint32_t words[1 + WINDOW_COUNT];
    memcpy(words, segment_token_limits(e->text, e->flags), sizeof words);
    struct limits overrides = {.set = words[0], .limit = {words[1], words[2], words[3]}};
    *limits = of_tier ? limits_effective(limits, &overrides) : overrides;
}

/* `take` holds the tier's limits as the token's. False: the user must be limited and cannot
 * be. */
static inline bool user_subject(const struct evaluation *e, enum limits_subject subject,
                                struct limiter_take *take, uint32_t *ret_line)
{
    bool of_tier = (subject & LIMITS_OF_USER) != 0;
    bool overridden = (segment_view_user_bits(e->view, user_of(e)) & USER_BIT_LIMITS) != 0;
    take->user.line = NULL;
    if (LIKELY(!of_tier && !overridden)) {
        return true;
    }
    struct segment_user_copy user;
    if (!segment_view_user(e->view, user_of(e), &user)) {
        return false;
    }
    take->user.limits =
        of_tier ? limits_effective(&take->token.limits, &user.overrides) : user.overrides;
    take->user.line = segment_reader_line(e->verifier->reader, user.line);
    *ret_line = user.line;
    return take->user.line != NULL;
}

static int64_t read_clock_again(void *context)
{
    const struct segment_reader *reader = context;
    const struct segment_keys_header *header = reader->mapping->view.header;
    int64_t now_ms = 0, silent_ns;
    (void)segment_clock_read(&header->clock, clock_monotonic_coarse_ns(reader->clock), &now_ms,
                             &silent_ns);
    return now_ms;
}

/* This version of a lineage is used. Windows and totals are the lineage's. */
static __attribute__((noinline)) void count_version(const struct evaluation *e)
{
    struct segment_reader *reader = e->verifier->reader;
    uint32_t line = meter_of(e).version_line;
    line_word *words = segment_reader_line(reader, line);
    if (words != NULL) {
        atomic_store_explicit(&words[LINE_LAST_USED], (uint64_t)e->result->now_ms,
                              memory_order_relaxed);
        atomic_fetch_add(&words[LINE_TOTAL], 1);
        segment_reader_mark(reader, line);
    }
}

/* False: there are credits to be asked for, and they cannot be. */
static __attribute__((noinline)) bool credits_subject(const struct evaluation *e,
                                                      struct limiter_take *take)
{
    uint32_t line = meter_of(e).credit_line;
    e->result->credit_line = line;
    if (line == SEGMENT_NO_LINE || e->request->no_credits) {
        return true;
    }
    take->credits = segment_reader_line(e->verifier->reader, line);
    return take->credits != NULL;
}

static __attribute__((noinline)) void
tell_credits(const struct evaluation *e, const struct limiter_answer *answer, bool was_taken)
{
    e->result->has_credits = true;
    e->result->credits = answer->credits;
    if (was_taken) {
        segment_reader_mark(e->verifier->reader, e->result->credit_line);
    }
}

static inline tkr_verdict_t take_limits(struct evaluation *e, bool dry_run)
{
    struct segment_reader *reader = e->verifier->reader;
    enum limits_subject subject;
    struct limiter_take take;
    uint32_t line = (uint32_t)(e->record[2] >> 32), user_line = 0;
    take.token.line = segment_reader_line(reader, line);
    if (UNLIKELY(take.token.line == NULL ||
                 !segment_view_tier(e->view, e->record[0] >> RECORD_TIER_SHIFT & 0xff, &subject,
                                    &take.token.limits) ||
                 !user_subject(e, subject, &take, &user_line))) {
        return TKR_VERDICT_UNAVAILABLE;
    }
    token_limits(e, subject, &take.token.limits);
    take.credits = NULL;
    if (UNLIKELY((e->flags & RECORD_METER) != 0) && !credits_subject(e, &take)) {
        return TKR_VERDICT_UNAVAILABLE;
    }
    take.kinds = reader->mapping->kinds;
    take.now_ms = e->result->now_ms;
    take.later_ms = read_clock_again;
    take.later_context = reader;
    take.cost = e->request->cost;
    take.dry_run = dry_run;
    struct limiter_answer answer = {.windows = e->result->windows};
    e->verifier->limiter->take(&take, &answer);
    if (answer.admitted && !dry_run) {
        segment_reader_mark(reader, line);
        if (take.user.line != NULL) {
            segment_reader_mark(reader, user_line);
        }
        if (UNLIKELY((e->flags & RECORD_METER) != 0)) {
            count_version(e);
        }
    }
    if (UNLIKELY(answer.has_credits)) {
        tell_credits(e, &answer, answer.admitted && !dry_run && take.cost > 0);
    }
    e->result->window_count = answer.window_count;
    e->result->retry_after_ms = answer.admitted ? 0 : answer.retry_after_ms;
    return LIKELY(answer.admitted) ? TKR_VERDICT_VALID
           : answer.exhausted      ? TKR_VERDICT_QUOTA_EXCEEDED
                                   : TKR_VERDICT_RATE_LIMITED;
}

static inline tkr_verdict_t check_limits(struct evaluation *e)
{
    return e->request->no_limits ? NOT_ASKED : take_limits(e, e->request->dry_run);
}

/* X(check, function): all but the limits, which come last and may take. */
#define VERIFY_CHECKS(X)                                                                           \
    X(CHECK_REVOKED, check_revoked)                                                                \
    X(CHECK_DISABLED, check_disabled)                                                              \
    X(CHECK_NOT_BEFORE, check_not_before)                                                          \
    X(CHECK_EXPIRY, check_expiry)                                                                  \
    X(CHECK_USER_ACTIVE, check_user_active)                                                        \
    X(CHECK_USER_BINDING, check_user_binding)                                                      \
    X(CHECK_NETWORK, check_network)                                                                \
    X(CHECK_SCOPES, check_scopes)

static inline bool passed(tkr_verdict_t verdict)
{
    return verdict == TKR_VERDICT_VALID || verdict == NOT_ASKED;
}

static inline tkr_verdict_t decide_quickly(struct evaluation *e)
{
    tkr_verdict_t verdict;
#define VERIFY_QUICKLY(check, function)                                                            \
    verdict = function(e);                                                                         \
    if (UNLIKELY(!passed(verdict))) {                                                              \
        return verdict;                                                                            \
    }
    VERIFY_CHECKS(VERIFY_QUICKLY)
#undef VERIFY_QUICKLY
    verdict = check_limits(e);
    return passed(verdict) ? TKR_VERDICT_VALID : verdict;
}

static void explain(struct evaluation *e, enum verify_check check, tkr_verdict_t verdict,
                    tkr_verdict_t *first)
{
    e->request->explain->outcome[check] = verdict == NOT_ASKED           ? OUTCOME_NOT_ASKED
                                          : verdict == TKR_VERDICT_VALID ? OUTCOME_PASSED
                                                                         : OUTCOME_FAILED;
    if (!passed(verdict) && passed(*first)) {
        *first = verdict;
    }
}

/* What the credits alone would have said: of two reasons the limits are told first. */
static tkr_verdict_t credits_verdict(const struct evaluation *e, tkr_verdict_t limits)
{
    if (!e->result->has_credits) {
        return NOT_ASKED;
    }
    bool lacking = limits == TKR_VERDICT_QUOTA_EXCEEDED ||
                   (limits != TKR_VERDICT_VALID && e->result->credits.remaining < e->request->cost);
    return lacking ? TKR_VERDICT_QUOTA_EXCEEDED : TKR_VERDICT_VALID;
}

static tkr_verdict_t decide_explained(struct evaluation *e)
{
    tkr_verdict_t first = TKR_VERDICT_VALID;
#define VERIFY_EXPLAINED(check, function) explain(e, check, function(e), &first);
    VERIFY_CHECKS(VERIFY_EXPLAINED)
#undef VERIFY_EXPLAINED
    /* A token that is refused already is only asked whether it would have had room. */
    bool only_look = first != TKR_VERDICT_VALID || e->request->dry_run;
    tkr_verdict_t limits = e->request->no_limits ? NOT_ASKED : take_limits(e, only_look);
    explain(e, CHECK_LIMITS, limits == TKR_VERDICT_QUOTA_EXCEEDED ? TKR_VERDICT_VALID : limits,
            &first);
    explain(e, CHECK_CREDITS, credits_verdict(e, limits), &first);
    return first;
}

/* --- the result ------------------------------------------------------------------------------ */

static inline void clear(struct verify_result *result)
{
    result->verdict = TKR_VERDICT_UNAVAILABLE;
    result->known = false;
    result->window_count = 0;
    result->retry_after_ms = 0;
    result->has_credits = false;
    result->credit_line = SEGMENT_NO_LINE;
    result->missing_scope = NULL;
    result->missing_scope_length = 0;
    result->now_ms = 0;
    result->warned = false;
    result->honeytoken = false;
}

static void clear_unknown(struct verify_result *result)
{
    static const struct verify_text none = {"", 0};
    static const uint8_t no_id[TOKEN_ID_BYTES];
    result->token_id = no_id;
    result->kind = TOKEN_KIND_USER;
    result->env = TOKEN_ENV_LIVE;
    result->user = result->org = result->name = none;
    result->tier = result->scopes = result->metadata = none;
    result->not_before_ms = result->expires_at_ms = 0;
    result->line = result->user_number = result->org_number = UINT32_MAX;
}

static void explain_nothing(const struct verify_request *request)
{
    if (request->explain != NULL) {
        memset(request->explain, 0, sizeof *request->explain); /* OUTCOME_NOT_REACHED */
    }
}

void verify_undecided(struct verify_result *ret_result)
{
    clear(ret_result);
    clear_unknown(ret_result);
}

void verify_undecided_request(const struct verify_request *request,
                              struct verify_result *ret_result)
{
    verify_undecided(ret_result);
    explain_nothing(request);
}

/* Everything that is said of a known token. Texts are pointed at, not read. */
static inline void describe(struct evaluation *e)
{
    struct verify_result *result = e->result;
    const uint64_t *record = e->record;
    const char *name = (const char *)segment_token_name(e->text, e->flags);
    size_t name_length = record[0] >> RECORD_NAME_SHIFT & 0xff;
    uint32_t tier = record[0] >> RECORD_TIER_SHIFT & 0xff;
    result->known = true;
    result->token_id = e->text;
    result->kind = (enum token_kind)((e->flags & RECORD_KIND_MASK) >> RECORD_KIND_SHIFT);
    result->env = (e->flags & RECORD_TEST) != 0 ? TOKEN_ENV_TEST : TOKEN_ENV_LIVE;
    result->line = (uint32_t)(record[2] >> 32);
    result->user_number = user_of(e);
    result->org_number = record[1] >> RECORD_ORG_SHIFT & 0xffff;
    result->warned = (e->flags & RECORD_WARNED) != 0;
    result->user =
        text_of(segment_view_user_id(e->view, user_of(e), record[0] >> RECORD_USER_SHIFT & 0xff));
    result->org = text_of(segment_view_org(e->view, result->org_number));
    result->name = (struct verify_text){name, name_length};
    result->tier = text_of(segment_view_tier_name(e->view, tier));
    result->scopes = text_of(segment_view_scopes(e->view, record[3] >> 32));
    result->metadata = (struct verify_text){"", 0};
    result->not_before_ms = 0;
    result->expires_at_ms = (int64_t)(record[1] & RECORD_EXPIRES_MASK);
    if (UNLIKELY((e->flags & RECORD_NOT_BEFORE) != 0)) {
        memcpy(&result->not_before_ms, e->text + TOKEN_TEXT_ID_BYTES, 8);
    }
    if (UNLIKELY((e->flags & RECORD_EXTRA) != 0)) {
        struct segment_extra extra;
        memcpy(&extra, segment_token_extra(e->text, e->flags), sizeof extra);
        if (extra.metadata_length <= METADATA_BYTES_MAX) {
            result->metadata = (struct verify_text){name + name_length, extra.metadata_length};
        }
    }
}

static void unknown(const struct verify_request *request, const struct verify_step *step,
                    struct verify_result *result)
{
    clear_unknown(result);
    explain_nothing(request);
    bool undecided = step->shaped && step->found == SEGMENT_UNDECIDED;
    result->verdict = !step->shaped ? TKR_VERDICT_MALFORMED
                      : undecided   ? TKR_VERDICT_UNAVAILABLE
                                    : TKR_VERDICT_NOT_FOUND;
    if (request->explain != NULL) {
        enum verify_outcome *outcome = request->explain->outcome;
        outcome[CHECK_SHAPE] = step->shaped ? OUTCOME_PASSED : OUTCOME_FAILED;
        if (step->shaped && !undecided) {
            outcome[CHECK_KNOWN] = OUTCOME_FAILED;
        }
    }
}

void verify_hide(const struct verify_request *request, struct verify_result *result)
{
    static const struct verify_step absent = {.found = SEGMENT_ABSENT, .shaped = true};
    clear(result);
    unknown(request, &absent, result);
}

static __attribute__((noinline, cold)) void tried_honeytoken(const struct verify_request *request,
                                                             struct evaluation *e)
{
    struct verify_result *result = e->result;
    const uint8_t *id = result->token_id;
    uint32_t line = result->line, user = result->user_number, org = result->org_number;
    static const struct verify_step absent = {.found = SEGMENT_ABSENT, .shaped = true};
    unknown(request, &absent, result);
    result->known = false;
    result->warned = false;
    result->honeytoken = true;
    result->token_id = id;
    result->line = line;
    result->user_number = user;
    result->org_number = org;
}

void verify_decide(const struct verifier *verifier, const struct verify_request *request,
                   const struct verify_step *step, int64_t now_ms, struct verify_result *ret_result)
{
    clear(ret_result);
    ret_result->now_ms = now_ms;
    const struct segment_view *view = segment_reader_view(verifier->reader);
    if (UNLIKELY(step->found != SEGMENT_FOUND)) {
        unknown(request, step, ret_result);
        return;
    }
    struct evaluation e = {
        .verifier = verifier,
        .view = view,
        .request = request,
        .step = step,
        .record = step->record,
        .text = segment_view_text(view, (uint32_t)step->record[3]),
        .flags = record_flags(step->record[0]),
        .result = ret_result,
    };
    if (UNLIKELY(e.text == NULL)) { /* a damaged record */
        clear_unknown(ret_result);
        explain_nothing(request);
        return;
    }
    describe(&e);
    if (UNLIKELY((e.flags & RECORD_HONEYTOKEN) != 0)) {
        tried_honeytoken(request, &e);
        return;
    }
    if (LIKELY(request->explain == NULL)) {
        ret_result->verdict = decide_quickly(&e);
        return;
    }
    request->explain->outcome[CHECK_SHAPE] = OUTCOME_PASSED;
    request->explain->outcome[CHECK_KNOWN] = OUTCOME_PASSED;
    ret_result->verdict = decide_explained(&e);
}
