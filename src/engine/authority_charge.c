/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verification with an Idempotency-Key, on the writer thread, because there it is decided in
 * one place which of two requests with the same key comes first.
 *
 *     look      would it be valid? A refusal is answered here: nothing was taken
 *     hold      the credits, out of what verifiers see
 *     verify    takes the windows; when they have become too narrow, the hold is let go
 *     store     the lower allowance, the answer under its key, the audit event: one transaction
 *
 * So windows and credits are taken together or not at all, and a charge counts once: killed
 * before the commit, the hold is gone with the next start, because what verifiers see is made of
 * the store then; killed after it, the key finds the answer. Should the commit fail, the windows
 * keep what they were taken (as after any request whose answer is lost) and the credits do not.
 */
#include <string.h>

#include "engine/authority_internal.h"

tkr_error_t authority_charge(struct authority *authority, const struct principal *by,
                             const struct token_charge *charge, change_done done, void *context,
                             struct fault *fault)
{
    struct change *change = NULL;
    TRY(check_text(authority, "Idempotency-Key", charge->key, IDEMPOTENCY_KEY_BYTES_MAX, fault));
    TRY(change_new(authority, &change_charge, by, done, context, &change, fault));
    change->charge = *charge;
    change->idempotency_key = arena_print(change->arena, "%s\n%s\nverify\n%s", change->by.org_id,
                                          change->by.user_id, charge->key);
    if (change->idempotency_key == NULL) {
        change_free(authority, change);
        return TKR_MEMORY;
    }
    memcpy(change->request_digest, charge->request_digest, sizeof(change->request_digest));
    return writer_submit(authority, change, fault);
}

/* --- on the writer thread ---------------------------------------------------------------- */

static tkr_error_t write_answer(struct change *change, const struct verify_result *result)
{
    CLEANUP(buffer_deinit) struct buffer text;
    buffer_init(&text, CHANGE_BYTES_MAX / 2);
    change->charge.write(change->context, result, &text);
    TRY(buffer_status(&text));
    change->result.answer = arena_copy(change->arena, text.data, text.length);
    return change->result.answer != NULL ? TKR_OK : TKR_TOO_LARGE;
}

static tkr_error_t replay(struct change *change, const struct store_charge *charge)
{
    if (memcmp(charge->request_digest, change->request_digest, TOKEN_DIGEST_BYTES) != 0) {
        return fault_set(&change->result.fault, TKR_IDEMPOTENCY, "Idempotency-Key",
                         "this key came with another request before");
    }
    ENSURE(charge->answer != NULL, TKR_CORRUPT);
    change->result.answer = charge->answer;
    change->result.replayed = true;
    return TKR_OK;
}

static void verify(const struct change *change, bool look, struct verify_result *ret_result)
{
    struct verify_request request = *change->charge.request;
    request.no_credits = true;
    request.dry_run = look;
    verify_token(change->charge.verifier, &request, ret_result);
    size_t length = strlen(change->by.org_id);
    bool own = change->charge.all_orgs || !ret_result->known ||
               (ret_result->org.length == length &&
                memcmp(ret_result->org.text, change->by.org_id, length) == 0);
    if (!own) { /* only looked at so far */
        verify_hide(&request, ret_result);
    }
}

static void tell_credits(const struct change *change, const struct token_credits *left, bool enough,
                         struct verify_result *result)
{
    struct verify_explanation *explain = change->charge.request->explain;
    result->has_credits = !left->unlimited;
    result->credits = (struct verify_credits){
        .remaining = left->remaining,
        .refill = left->refill,
        .interval = left->interval,
        .refill_at_ms = left->refill_at_ms,
    };
    if (explain != NULL && result->has_credits) {
        explain->outcome[CHECK_CREDITS] = enough ? OUTCOME_PASSED : OUTCOME_FAILED;
    }
}

static const char *copied(struct arena *arena, struct verify_text text)
{
    const char *copy = arena_copy(arena, text.length > 0 ? text.text : "", text.length);
    return copy != NULL ? copy : "";
}

static tkr_error_t store_it(struct authority *authority, struct change *change,
                            const struct verify_result *result, const struct credits_hold *hold)
{
    const struct store_port *store = authority->store;
    CLEANUP(details_deinit) struct details details;
    details_init(&details);
    struct token token = {
        .org_id = copied(change->arena, result->org),
        .user_id = copied(change->arena, result->user),
        .name = copied(change->arena, result->name),
    };
    token_id_format(result->token_id, token.id);
    uint32_t cost = change->charge.request->cost;
    struct store_charge charge = {
        .org_id = token.org_id,
        .key = change->idempotency_key,
        .line = hold->taken ? hold->row.line : SEGMENT_NO_LINE,
        .amount = {hold->row.allowance.period, cost},
        .state = CHARGE_SETTLED,
        .answer = change->result.answer,
        .created_at_ms = segment_writer_now_ms(authority->segment),
    };
    memcpy(charge.request_digest, change->request_digest, sizeof(charge.request_digest));
    memcpy(charge.token_id, token.id, sizeof(charge.token_id));
    details_count(&details, "cost", cost);
    if (!hold->left.unlimited) {
        details_count(&details, "remaining", hold->left.remaining);
    }
    struct store_event event = change_event(authority, change, &token, details_finish(&details));
    TRY(arena_overflowed(change->arena) ? TKR_TOO_LARGE : TKR_OK);
    return store->put_charge(store->store, &charge, &event);
}

/* The credits are held: takes the windows, and stores it. */
static tkr_error_t take(struct authority *authority, struct change *change,
                        const struct credits_hold *hold, bool *ret_taken)
{
    struct verify_result result;
    verify(change, false, &result);
    tell_credits(change, &hold->left, true, &result);
    *ret_taken = result.verdict == TKR_VERDICT_VALID;
    if (!*ret_taken && result.has_credits) { /* they are let go */
        result.credits.remaining += change->charge.request->cost;
    }
    TRY(write_answer(change, &result));
    return *ret_taken ? store_it(authority, change, &result, hold) : TKR_OK;
}

static tkr_error_t refuse_quota(struct authority *authority, struct change *change,
                                const struct credits_hold *hold, struct verify_result *result)
{
    tell_credits(change, &hold->left, false, result);
    result->verdict = TKR_VERDICT_QUOTA_EXCEEDED;
    result->retry_after_ms = credits_wait_ms(&hold->left, change->charge.request->cost,
                                             segment_writer_now_ms(authority->segment));
    return write_answer(change, result);
}

static tkr_error_t apply_charge(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    struct store_charge known;
    tkr_error_t error =
        store->find_charge_by_key(store->store, change->idempotency_key,
                                  segment_writer_now_ms(authority->segment), change->arena, &known);
    if (error == TKR_OK) {
        return replay(change, &known);
    }
    ENSURE(error == TKR_NOT_FOUND, error);
    struct verify_result result;
    struct credits_hold hold;
    verify(change, true, &result);
    if (result.verdict != TKR_VERDICT_VALID) {
        return write_answer(change, &result);
    }
    error = credits_hold(authority, result.credit_line, change->charge.request->cost, &hold);
    if (error == TKR_QUOTA) {
        return refuse_quota(authority, change, &hold, &result);
    }
    TRY(error);
    error = take(authority, change, &hold, &change->changed);
    if (error != TKR_OK || !change->changed) {
        change->changed = false;
        credits_unhold(authority, &hold);
        return error;
    }
    return credits_keep(authority, &hold);
}

static tkr_error_t show_nothing(struct authority *authority, struct change *change)
{
    return TKR_OK; /* the book shows it */
}

const struct change_kind change_charge = {"credits.charge", apply_charge, show_nothing};
