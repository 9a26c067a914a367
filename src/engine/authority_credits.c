/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving credits. They belong to the lineage, so all its versions that are not revoked get the
 * line, and lose it together; and so do keys that somebody made for themselves of one of them,
 * which use the same credits. What a grant says about what is left is turned into an allowance
 * for the present period, with what was used in it: so uses between here and the segment count
 * against the new allowance, and none is forgiven.
 *
 * They are given by a change of their own, or with an update of the token. An update that names
 * them writes the token first, as any update does, and then this as if it were asked for by
 * itself, within the same mark: an event `credits.set` tells of every change of credits.
 *
 * Adding is not the same when it is done twice, and neither is setting, which forgives what was
 * used in between. So with an Idempotency-Key either is done once: the key is in the transaction
 * that gives the credits.
 */
#include <string.h>

#include "engine/authority_internal.h"

/* --- on the caller's thread -------------------------------------------------------------- */

tkr_error_t credits_check(const struct credits_asked *asked, struct fault *fault)
{
    if (asked->unlimited) {
        return TKR_OK;
    }
    if (asked->amount > CREDITS_MAX || asked->refill > CREDITS_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE,
                         asked->amount > CREDITS_MAX ? "credits" : "refill.amount",
                         "must be 0 to %llu", CREDITS_MAX);
    }
    if (asked->operation == CREDITS_KEEP && !asked->has_refill) {
        return fault_set(fault, TKR_INVALID, "", "how many credits, or which refill?");
    }
    return TKR_OK;
}

static tkr_error_t prepare(const struct authority *authority, const struct credits_change *asked,
                           struct change *change, struct fault *fault)
{
    TRY(change_copy_id(asked->token_id, change));
    if (asked->idempotency_key != NULL) {
        TRY(check_text(authority, "Idempotency-Key", asked->idempotency_key,
                       IDEMPOTENCY_KEY_BYTES_MAX, fault));
    }
    change->credits = asked->asked;
    change->if_version = asked->if_version;
    change_copy_key(change, asked->idempotency_key, asked->request_digest);
    return arena_overflowed(change->arena) ? TKR_MEMORY : TKR_OK;
}

tkr_error_t authority_set_credits(struct authority *authority, const struct principal *by,
                                  const struct credits_change *asked, change_done done,
                                  void *context, struct fault *fault)
{
    struct change *change = NULL;
    TRY(credits_check(&asked->asked, fault));
    if (atomic_load(&authority->segment_full)) {
        return fault_set(fault, TKR_NO_SPACE, "", "the runtime directory is full");
    }
    TRY(change_new(authority, &change_credits, by, done, context, &change, fault));
    tkr_error_t error = prepare(authority, asked, change, fault);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

/* As for updating (authority_update.c): a token cannot free itself of what it was given. */
static tkr_error_t check_change(struct authority *authority, struct change *change,
                                const struct token *token)
{
    TRY(change_check_reach(change, token));
    TRY(change_check_bound(authority, change, token, BOUND_BY_CREDITS, ""));
    if (token->revoked_at_ms != 0) {
        return fault_set(&change->result.fault, TKR_CONFLICT, "", "the token is revoked");
    }
    return change_check_version(change, token);
}

/* What is to be left. `has` tells whether there are credits already. */
static tkr_error_t decide_remaining(struct change *change, bool has, uint64_t remaining,
                                    uint64_t *ret_remaining)
{
    const struct credits_asked *asked = &change->credits;
    if (!has && asked->operation != CREDITS_SET && asked->operation != CREDITS_KEEP) {
        return fault_set(&change->result.fault, TKR_CONFLICT, "",
                         "the token's credits are unlimited: set them first");
    }
    switch (asked->operation) {
    case CREDITS_SET:
        *ret_remaining = asked->amount;
        break;
    case CREDITS_ADD:
        *ret_remaining = remaining + asked->amount;
        break;
    case CREDITS_SUBTRACT:
        *ret_remaining = remaining > asked->amount ? remaining - asked->amount : 0;
        break;
    case CREDITS_KEEP:
        *ret_remaining = has ? remaining : asked->refill;
        break;
    }
    return TKR_OK;
}

/* The row as it is to be; `row` holds the former one when `has`. */
static tkr_error_t decide_row(struct authority *authority, struct change *change, bool has,
                              struct store_credits *row)
{
    const struct credits_asked *asked = &change->credits;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    struct credits_amount used = {0, 0};
    uint64_t left = 0, remaining = 0;
    enum credits_interval interval = asked->has_refill ? asked->interval : CREDITS_NO_REFILL;
    uint64_t refill = asked->has_refill ? asked->refill : 0;
    if (has) {
        used = credits_used(authority, row->line);
        left = credits_describe(row, used, now_ms).remaining;
        interval = asked->has_refill ? interval : credits_period_interval(row->allowance.period);
        refill = asked->has_refill ? refill : row->refill;
    }
    TRY(decide_remaining(change, has, left, &remaining));
    row->allowance = credits_leaving(remaining, interval, used, now_ms);
    row->refill = interval == CREDITS_NO_REFILL ? 0 : refill;
    if (row->allowance.amount > CREDITS_ALLOWANCE_MAX) {
        return fault_set(&change->result.fault, TKR_OUT_OF_RANGE, "credits",
                         "more than %llu would have been given in all",
                         (unsigned long long)CREDITS_ALLOWANCE_MAX);
    }
    return TKR_OK;
}

static struct store_event event_of(const struct authority *authority, const struct change *change,
                                   const struct token *token, const char *details)
{
    struct store_event event = change_event(authority, change, token, details);
    event.type = change_credits.event;
    return event;
}

static void tell_credits(struct details *details, const struct token_credits *credits)
{
    details_flag(details, "unlimited", credits->unlimited);
    if (!credits->unlimited) {
        details_count(details, "remaining", credits->remaining);
        details_text(details, "refill", credits_interval_name(credits->interval));
        details_count(details, "refill_amount", credits->refill);
    }
}

static const char *write_details(struct details *details, const struct token_credits *before,
                                 const struct token_credits *after)
{
    if (before->unlimited) {
        details_flag(details, "was_unlimited", true);
    } else {
        details_count(details, "remaining_was", before->remaining);
    }
    tell_credits(details, after);
    return details_finish(details);
}

static tkr_error_t attach_other(struct authority *authority, struct change *change,
                                const struct token *token, const char *other_id,
                                const char *details)
{
    const struct store_port *store = authority->store;
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    struct token other;
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    TRY(store->read_token(store->store, other_id, arena, &other));
    other.has_credit_line = token->has_credit_line;
    other.credit_line = token->credit_line;
    other.updated_at_ms = token->updated_at_ms;
    struct store_event event = event_of(authority, change, &other, details);
    return store->update_token(store->store, &other, &event);
}

/* The other versions, and keys that were made of them, get the token's line, or lose theirs. */
static tkr_error_t spread(struct authority *authority, struct change *change,
                          const struct token *token, uint32_t former, const char *details)
{
    const struct store_port *store = authority->store;
    TRY(store->list_lineage(store->store, token->lineage_id, former, change->arena, &change->others,
                            &change->other_count));
    for (size_t i = 0; i < change->other_count; i++) {
        if (strcmp(change->others[i], token->id) != 0) {
            TRY(attach_other(authority, change, token, change->others[i], details));
        }
    }
    return TKR_OK;
}

/* The token names a line that it did not name, or no longer names one. */
static tkr_error_t attach(struct authority *authority, struct change *change, struct token *token,
                          const char *details)
{
    const struct store_port *store = authority->store;
    uint32_t former = token->has_credit_line ? token->credit_line : SEGMENT_NO_LINE;
    token->has_credit_line = !change->credits.unlimited;
    token->credit_line = SEGMENT_NO_LINE;
    token->updated_at_ms = segment_writer_now_ms(authority->segment);
    struct store_event event = event_of(authority, change, token, details);
    TRY(store->update_token(store->store, token, &event));
    return spread(authority, change, token, former, details);
}

static tkr_error_t make_unlimited(struct authority *authority, struct change *change,
                                  struct token *token)
{
    if (!token->has_credit_line) {
        return TKR_OK; /* it is so already */
    }
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct token_credits before = credits_of_token(authority, token);
    struct token_credits after = {.unlimited = true};
    uint32_t former = token->credit_line;
    change->changed = true;
    TRY(attach(authority, change, token, write_details(&details, &before, &after)));
    return credits_drop(authority, former); /* last, as in give: the book is not undone */
}

static tkr_error_t give(struct authority *authority, struct change *change, struct token *token)
{
    struct store_credits row;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    tkr_error_t error =
        token->has_credit_line ? credits_find(authority, token->credit_line, &row) : TKR_NOT_FOUND;
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    bool has = error == TKR_OK;
    struct credits_amount used = {0, 0};
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    struct token_credits before = {.unlimited = true};
    if (has) {
        used = credits_used(authority, row.line);
        before = credits_describe(&row, used, now_ms);
    }
    TRY(decide_row(authority, change, has, &row));
    struct token_credits after = credits_describe(&row, used, now_ms);
    const char *text = write_details(&details, &before, &after);
    struct store_event event = event_of(authority, change, token, text);
    change->changed = true;
    if (has) {
        return credits_write(authority, &row, &event);
    }
    TRY(attach(authority, change, token, text));
    row.line = token->credit_line;
    return credits_write(authority, &row, NULL);
}

static tkr_error_t set(struct authority *authority, struct change *change, struct token *token)
{
    return change->credits.unlimited ? make_unlimited(authority, change, token)
                                     : give(authority, change, token);
}

tkr_error_t credits_update(struct authority *authority, struct change *change, struct token *token)
{
    return change->update.has_credits ? set(authority, change, token) : TKR_OK;
}

static tkr_error_t change_them(struct authority *authority, struct change *change)
{
    struct token token;
    TRY(change_read_current(authority, change, change->asked.id, &token));
    TRY(check_change(authority, change, &token));
    TRY(change_put_key(authority, change, token.id));
    TRY(set(authority, change, &token));
    change->result.token = token;
    return TKR_OK;
}

static tkr_error_t apply_credits(struct authority *authority, struct change *change)
{
    bool replayed = false;
    TRY(change_replay(authority, change, &replayed));
    return replayed ? TKR_OK : change_apply_marked(authority, change, change_them);
}

tkr_error_t credits_show_others(struct authority *authority, const struct change *change)
{
    for (size_t i = 0; i < change->other_count; i++) {
        TRY(show_stored_token(authority, change->others[i]));
    }
    return TKR_OK;
}

static tkr_error_t show_credits(struct authority *authority, struct change *change)
{
    return credits_show_others(authority, change);
}

const struct change_kind change_credits = {"credits.set", apply_credits, show_credits};
