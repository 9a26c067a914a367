/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations: reserve, then settle or refund, or the end of their time. A reservation lowers
 * the allowance like a charge; what is given back raises it. Each step is one transaction with its
 * audit event, and a step that was made already is answered as it was.
 */
#include <stdio.h>
#include <string.h>

#include "engine/authority_internal.h"

const char *charge_state_name(enum charge_state state)
{
    static const char *const names[] = {
        [CHARGE_OPEN] = "open",
        [CHARGE_SETTLED] = "settled",
        [CHARGE_REFUNDED] = "refunded",
        [CHARGE_EXPIRED] = "expired",
    };
    ASSERT((unsigned)state < sizeof(names) / sizeof(names[0]));
    return names[state];
}

/* Identifiers look like those of tokens: time-ordered, with another prefix. */
#define PREFIX "rsv_"
#define PREFIX_LENGTH 4

static tkr_error_t new_id(struct authority *authority, char ret_id[CHARGE_ID_CHARS + 1])
{
    uint8_t id[TOKEN_ID_BYTES];
    TRY(token_id_new(authority->options.random, segment_writer_now_ms(authority->segment), id));
    token_id_format(id, ret_id);
    memcpy(ret_id, PREFIX, PREFIX_LENGTH);
    return TKR_OK;
}

static tkr_error_t take_id(struct change *change, const char *text)
{
    char as_token[TOKEN_ID_CHARS + 1];
    uint8_t id[TOKEN_ID_BYTES];
    ENSURE(strlen(text) == CHARGE_ID_CHARS && strncmp(text, PREFIX, PREFIX_LENGTH) == 0,
           TKR_NOT_FOUND);
    snprintf(as_token, sizeof(as_token), "tok_%s", text + PREFIX_LENGTH);
    ENSURE(token_id_parse(as_token, TOKEN_ID_CHARS, id) == TKR_OK, TKR_NOT_FOUND);
    token_id_format(id, change->reservation.id);
    memcpy(change->reservation.id, PREFIX, PREFIX_LENGTH);
    return TKR_OK;
}

/* --- on the caller's thread -------------------------------------------------------------- */

static tkr_error_t check_amount(uint64_t amount, uint64_t least, struct fault *fault)
{
    if (amount < least || amount > CREDITS_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "amount", "must be %llu to %llu",
                         (unsigned long long)least, CREDITS_MAX);
    }
    return TKR_OK;
}

static tkr_error_t prepare(struct authority *authority, const struct reserve_asked *asked,
                           struct change *change, struct fault *fault)
{
    TRY(check_amount(asked->amount, 1, fault));
    if (asked->ttl_s < 1 || asked->ttl_s > CREDITS_RESERVATION_S_MAX) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "ttl", "must be 1 to %d seconds",
                         CREDITS_RESERVATION_S_MAX);
    }
    TRY(change_copy_id(asked->token_id, change));
    TRY(new_id(authority, change->reservation.id));
    change->reservation.amount = asked->amount;
    change->ttl_ms = asked->ttl_s * 1000;
    if (asked->key != NULL) {
        TRY(check_text(authority, "Idempotency-Key", asked->key, IDEMPOTENCY_KEY_BYTES_MAX, fault));
        change->idempotency_key = arena_print(change->arena, "%s\n%s\nreserve\n%s",
                                              change->by.org_id, change->by.user_id, asked->key);
        ENSURE(change->idempotency_key != NULL, TKR_MEMORY);
        memcpy(change->request_digest, asked->request_digest, sizeof(change->request_digest));
    }
    return TKR_OK;
}

tkr_error_t authority_reserve(struct authority *authority, const struct principal *by,
                              const struct reserve_asked *asked, change_done done, void *context,
                              struct fault *fault)
{
    struct change *change = NULL;
    TRY(change_new(authority, &change_reserve, by, done, context, &change, fault));
    tkr_error_t error = prepare(authority, asked, change, fault);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    return writer_submit(authority, change, fault);
}

static tkr_error_t finish(struct authority *authority, const struct change_kind *kind,
                          const struct principal *by, const char *id, uint64_t amount,
                          change_done done, void *context, struct fault *fault)
{
    struct change *change = NULL;
    TRY(check_amount(amount, 0, fault));
    TRY(change_new(authority, kind, by, done, context, &change, fault));
    tkr_error_t error = take_id(change, id);
    if (error != TKR_OK) {
        change_free(authority, change);
        return error;
    }
    change->reservation.amount = amount;
    return writer_submit(authority, change, fault);
}

tkr_error_t authority_settle(struct authority *authority, const struct principal *by,
                             const char *reservation_id, uint64_t amount, change_done done,
                             void *context, struct fault *fault)
{
    return finish(authority, &change_settle, by, reservation_id, amount, done, context, fault);
}

tkr_error_t authority_refund(struct authority *authority, const struct principal *by,
                             const char *reservation_id, change_done done, void *context,
                             struct fault *fault)
{
    return finish(authority, &change_refund, by, reservation_id, 0, done, context, fault);
}

/* --- reserving, on the writer thread ----------------------------------------------------- */

static struct token_credits stand(struct authority *authority, uint32_t line)
{
    struct store_credits row;
    if (line == SEGMENT_NO_LINE || credits_find(authority, line, &row) != TKR_OK) {
        return (struct token_credits){.unlimited = true};
    }
    return credits_describe(&row, credits_used(authority, line),
                            segment_writer_now_ms(authority->segment));
}

static void tell(struct authority *authority, struct change *change,
                 const struct store_charge *charge)
{
    struct reservation *reservation = &change->result.reservation;
    memcpy(reservation->id, charge->id, sizeof(reservation->id));
    memcpy(reservation->token_id, charge->token_id, sizeof(reservation->token_id));
    reservation->amount = charge->amount.amount;
    reservation->state = charge->state;
    reservation->expires_at_ms = charge->expires_at_ms;
    change->result.credits = stand(authority, charge->line);
}

static tkr_error_t fail_quota(struct authority *authority, struct change *change,
                              const struct token_credits *left, uint64_t amount)
{
    change->result.credits = *left;
    change->result.retry_after_ms =
        credits_wait_ms(left, amount, segment_writer_now_ms(authority->segment));
    return fault_set(&change->result.fault, TKR_QUOTA, "amount", "%llu credits are left",
                     (unsigned long long)left->remaining);
}

static tkr_error_t replay(struct authority *authority, struct change *change,
                          const struct store_charge *charge)
{
    if (memcmp(charge->request_digest, change->request_digest, TOKEN_DIGEST_BYTES) != 0) {
        return fault_set(&change->result.fault, TKR_IDEMPOTENCY, "Idempotency-Key",
                         "this key came with another request before");
    }
    change->result.replayed = true;
    tell(authority, change, charge);
    return TKR_OK;
}

static struct store_event event_of(struct authority *authority, const struct change *change,
                                   const struct token *token, const struct store_charge *charge,
                                   struct details *details)
{
    details_text(details, "reservation", charge->id);
    details_count(details, "amount", charge->amount.amount);
    return change_event(authority, change, token, details_finish(details));
}

static tkr_error_t put_reservation(struct authority *authority, struct change *change,
                                   const struct token *token, const struct credits_hold *hold)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct store_charge charge = {
        .org_id = token->org_id,
        .key = change->idempotency_key,
        .line = hold->taken ? hold->row.line : SEGMENT_NO_LINE,
        .amount = {hold->row.allowance.period, change->reservation.amount},
        .state = CHARGE_OPEN,
        .created_at_ms = segment_writer_now_ms(authority->segment),
    };
    charge.expires_at_ms = charge.created_at_ms + change->ttl_ms;
    memcpy(charge.id, change->reservation.id, sizeof(charge.id));
    memcpy(charge.token_id, token->id, sizeof(charge.token_id));
    memcpy(charge.request_digest, change->request_digest, sizeof(charge.request_digest));
    struct store_event event = event_of(authority, change, token, &charge, &details);
    tkr_error_t error = store->put_charge(store->store, &charge, &event);
    if (error != TKR_OK) {
        credits_unhold(authority, hold);
        return error;
    }
    TRY(credits_keep(authority, hold));
    tell(authority, change, &charge);
    return TKR_OK;
}

static tkr_error_t apply_reserve(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    struct token token;
    struct credits_hold hold;
    if (change->idempotency_key != NULL) {
        struct store_charge known;
        tkr_error_t found = store->find_charge_by_key(store->store, change->idempotency_key, now_ms,
                                                      change->arena, &known);
        if (found == TKR_OK) {
            return replay(authority, change, &known);
        }
        ENSURE(found == TKR_NOT_FOUND, found);
    }
    TRY(change_read_current(authority, change, change->asked.id, &token));
    enum token_status status = token_status_at(&token, now_ms);
    if (status != TOKEN_ACTIVE) {
        return fault_set(&change->result.fault, TKR_CONFLICT, "token_id", "the token is %s",
                         token_status_name(status));
    }
    uint32_t line = token.has_credit_line ? token.credit_line : SEGMENT_NO_LINE;
    tkr_error_t error = credits_hold(authority, line, change->reservation.amount, &hold);
    if (error == TKR_QUOTA) {
        return fail_quota(authority, change, &hold.left, change->reservation.amount);
    }
    TRY(error);
    change->changed = true;
    return put_reservation(authority, change, &token, &hold);
}

/* --- settling and refunding -------------------------------------------------------------- */

/* A reservation of another org does not exist. The token may be gone; the event names it still. */
static tkr_error_t find_own(struct authority *authority, struct change *change,
                            struct store_charge *ret_charge, struct token *ret_token)
{
    const struct store_port *store = authority->store;
    struct store_charge charge;
    TRY(store->find_charge(store->store, change->reservation.id, change->arena, &charge));
    struct token token = {.org_id = charge.org_id};
    memcpy(token.id, charge.token_id, sizeof(token.id));
    ENSURE(principal_sees(&change->by, &token), TKR_NOT_FOUND);
    *ret_charge = charge;
    *ret_token = token;
    return TKR_OK;
}

static tkr_error_t check_open(struct authority *authority, struct change *change,
                              const struct store_charge *charge)
{
    bool over = charge->state == CHARGE_OPEN &&
                charge->expires_at_ms <= segment_writer_now_ms(authority->segment);
    if (charge->state != CHARGE_OPEN || over) {
        return fault_set(&change->result.fault, TKR_CONFLICT, "", "the reservation is %s",
                         charge_state_name(over ? CHARGE_EXPIRED : charge->state));
    }
    return TKR_OK;
}

static tkr_error_t write_end(struct authority *authority, struct change *change,
                             const struct token *token, const struct store_charge *charge)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct store_event event = event_of(authority, change, token, charge, &details);
    return store->finish_charge(store->store, charge, segment_writer_now_ms(authority->segment),
                                &event);
}

/* Less than was reserved gives back, more takes from the present period. */
static tkr_error_t settle_difference(struct authority *authority, struct change *change,
                                     const struct store_charge *charge, uint64_t amount,
                                     struct credits_hold *hold)
{
    uint64_t reserved = charge->amount.amount;
    if (amount <= reserved) {
        struct credits_amount back = {charge->amount.period, reserved - amount};
        return credits_give_back(authority, charge->line, back);
    }
    tkr_error_t error = credits_hold(authority, charge->line, amount - reserved, hold);
    return error == TKR_QUOTA ? fail_quota(authority, change, &hold->left, amount - reserved)
                              : error;
}

static tkr_error_t apply_settle(struct authority *authority, struct change *change)
{
    struct store_charge charge;
    struct token token;
    struct credits_hold hold = {0};
    uint64_t amount = change->reservation.amount;
    TRY(find_own(authority, change, &charge, &token));
    if (charge.state == CHARGE_SETTLED && charge.amount.amount == amount) {
        change->result.replayed = true;
        tell(authority, change, &charge);
        return TKR_OK;
    }
    TRY(check_open(authority, change, &charge));
    TRY(settle_difference(authority, change, &charge, amount, &hold));
    charge.state = CHARGE_SETTLED;
    charge.amount.amount = amount;
    tkr_error_t error = write_end(authority, change, &token, &charge);
    if (error != TKR_OK) {
        credits_unhold(authority, &hold);
        return error;
    }
    TRY(credits_keep(authority, &hold));
    change->changed = true;
    tell(authority, change, &charge);
    return TKR_OK;
}

static tkr_error_t apply_refund(struct authority *authority, struct change *change)
{
    struct store_charge charge;
    struct token token;
    TRY(find_own(authority, change, &charge, &token));
    if (charge.state == CHARGE_REFUNDED || charge.state == CHARGE_EXPIRED) {
        change->result.replayed = true;
        tell(authority, change, &charge);
        return TKR_OK;
    }
    TRY(check_open(authority, change, &charge));
    TRY(credits_give_back(authority, charge.line, charge.amount));
    charge.state = CHARGE_REFUNDED;
    TRY(write_end(authority, change, &token, &charge));
    change->changed = true;
    tell(authority, change, &charge);
    return TKR_OK;
}

static tkr_error_t show_nothing(struct authority *authority, struct change *change)
{
    return TKR_OK; /* the book shows it */
}

const struct change_kind change_reserve = {"credits.reserve", apply_reserve, show_nothing};
const struct change_kind change_settle = {"credits.settle", apply_settle, show_nothing};
const struct change_kind change_refund = {"credits.refund", apply_refund, show_nothing};

/* --- the end of their time --------------------------------------------------------------- */

static tkr_error_t expire_next(struct authority *authority, struct arena *arena, int64_t now_ms)
{
    const struct store_port *store = authority->store;
    struct store_charge charge;
    TRY(store->find_expired_charge(store->store, now_ms, arena, &charge));
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    details_text(&details, "reservation", charge.id);
    details_count(&details, "amount", charge.amount.amount);
    struct store_event event = {
        .at_ms = now_ms,
        .type = "credits.expire",
        .org_id = charge.org_id,
        .token_id = charge.token_id,
        .details = details_finish(&details),
    };
    TRY(credits_give_back(authority, charge.line, charge.amount));
    charge.state = CHARGE_EXPIRED;
    return store->finish_charge(store->store, &charge, now_ms, &event);
}

static tkr_error_t expire_all(struct authority *authority, int64_t now_ms, unsigned *ret_count)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    *ret_count = 0;
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    tkr_error_t error = TKR_OK;
    while (*ret_count < CREDITS_EXPIRE_MAX && error == TKR_OK) {
        error = expire_next(authority, arena, now_ms);
        *ret_count += error == TKR_OK;
        arena_reset(arena);
    }
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

void reservations_expire(struct authority *authority)
{
    const struct store_port *store = authority->store;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    unsigned count = 0;
    uint64_t seq = 0;
    if (!atomic_load(&authority->changes_accepted) || store->begin(store->store) != TKR_OK) {
        return;
    }
    credits_book_begin(authority);
    tkr_error_t error = expire_all(authority, now_ms, &count);
    if (error != TKR_OK || count == 0) {
        store->rollback(store->store);
        credits_book_begin(authority); /* nothing was held */
        return;                        /* the next flush tries again */
    }
    error = audit_commit(authority, &seq);
    if (error == TKR_OK) {
        writer_show_batch(authority, NULL, seq);
    } else if (!writer_outcome_known(error)) {
        writer_refuse_changes(authority, error);
    }
}
