/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credits on the writer thread: what the batch at hand makes of the lines it touches, holds, and
 * the way to the segment. The rules of a line's words stand in segment/usage_line.h.
 */
#include <string.h>

#include "engine/authority_internal.h"

/* --- the book ---------------------------------------------------------------------------- */

static struct credits_entry *find_entry(struct credits_book *book, uint32_t line)
{
    for (size_t i = book->count; i > 0; i--) {
        if (book->entries[i - 1].row.line == line) {
            return &book->entries[i - 1];
        }
    }
    return NULL;
}

static struct credits_entry *enter(struct credits_book *book, const struct store_credits *credits)
{
    struct credits_entry *entry = find_entry(book, credits->line);
    if (entry == NULL) {
        ASSERT(book->count < STORE_BATCH_MAX);
        entry = &book->entries[book->count++];
        *entry = (struct credits_entry){0};
    }
    entry->row = *credits;
    entry->dropped = false;
    return entry;
}

void credits_book_begin(struct authority *authority)
{
    authority->credits.count = 0;
}

static void put(struct authority *authority, uint32_t line, const struct segment_credits *credits)
{
    /* The line was reserved before it came into the book. */
    tkr_error_t error = segment_writer_put_credits(authority->segment, line, credits);
    ASSERT(error == TKR_OK);
}

void credits_book_show(struct authority *authority)
{
    struct credits_book *book = &authority->credits;
    for (size_t i = 0; i < book->count; i++) {
        const struct store_credits *row = &book->entries[i].row;
        if (!book->entries[i].dropped) {
            put(authority, row->line, &(struct segment_credits){row->allowance, row->refill});
        }
    }
    book->count = 0;
}

void credits_book_undo(struct authority *authority)
{
    struct credits_book *book = &authority->credits;
    for (size_t i = 0; i < book->count; i++) {
        if (book->entries[i].held) {
            put(authority, book->entries[i].row.line, &book->entries[i].before);
        }
    }
    book->count = 0;
}

/* --- rows -------------------------------------------------------------------------------- */

tkr_error_t credits_find(struct authority *authority, uint32_t line,
                         struct store_credits *ret_credits)
{
    const struct credits_entry *entry = find_entry(&authority->credits, line);
    if (entry == NULL) {
        return authority->store->find_credits(authority->store->store, line, ret_credits);
    }
    ENSURE(!entry->dropped, TKR_NOT_FOUND);
    *ret_credits = entry->row;
    return TKR_OK;
}

tkr_error_t credits_write(struct authority *authority, const struct store_credits *credits,
                          const struct store_event *event)
{
    TRY(segment_writer_reserve_lines(authority->segment, credits->line + 1));
    TRY(authority->store->put_credits(authority->store->store, credits, event));
    (void)enter(&authority->credits, credits);
    return TKR_OK;
}

tkr_error_t credits_drop(struct authority *authority, uint32_t line)
{
    struct store_credits none = {.line = line};
    TRY(authority->store->drop_credits(authority->store->store, line));
    enter(&authority->credits, &none)->dropped = true;
    return TKR_OK;
}

struct credits_amount credits_used(struct authority *authority, uint32_t line)
{
    struct segment_credits shown;
    struct credits_amount used = {0, 0};
    return segment_writer_read_credits(authority->segment, line, &shown, &used) == TKR_OK
               ? used
               : (struct credits_amount){0, 0};
}

static struct token_credits describe(struct credits_amount allowance, uint64_t refill,
                                     struct credits_amount used, int64_t now_ms)
{
    struct credits_state state = credits_at(allowance, refill, used, now_ms);
    return (struct token_credits){
        .remaining = state.remaining,
        .used = state.used,
        .refill = refill,
        .interval = credits_period_interval(state.period),
        .refill_at_ms = credits_period_ends_ms(state.period),
    };
}

struct token_credits credits_describe(const struct store_credits *credits,
                                      struct credits_amount used, int64_t now_ms)
{
    return describe(credits->allowance, credits->refill, used, now_ms);
}

struct token_credits credits_of_token(struct authority *authority, const struct token *token)
{
    struct segment_credits shown;
    struct credits_amount used;
    if (!token->has_credit_line ||
        segment_writer_read_credits(authority->segment, token->credit_line, &shown, &used) !=
            TKR_OK) {
        return (struct token_credits){.unlimited = true};
    }
    return describe(shown.allowance, shown.refill, used, segment_writer_now_ms(authority->segment));
}

int64_t credits_wait_ms(const struct token_credits *credits, uint64_t amount, int64_t now_ms)
{
    bool helps = credits->refill_at_ms != 0 && credits->refill >= amount;
    return helps ? credits->refill_at_ms - now_ms : 0;
}

/* --- holds ------------------------------------------------------------------------------- */

/* Lowers the allowance that verifiers see, and then looks at what they have used. False: it is
 * too little, and the words are as before. */
static bool lower(struct authority *authority, uint32_t line, uint64_t amount,
                  const struct segment_credits *before, struct credits_amount *used, int64_t now_ms)
{
    struct credits_state shown = credits_at(before->allowance, before->refill, *used, now_ms);
    if (shown.remaining < amount) {
        return false;
    }
    struct segment_credits lowered = {{shown.period, shown.allowance - amount}, before->refill};
    put(authority, line, &lowered);
    *used = credits_used(authority, line);
    struct credits_state after = credits_at(lowered.allowance, lowered.refill, *used, now_ms);
    /* Should another period have begun for somebody just now, nobody knows what the former one
     * came to: too little is the safe answer. */
    bool enough = after.period == shown.period && after.used <= after.allowance;
    if (!enough) {
        put(authority, line, before);
    }
    return enough;
}

static tkr_error_t find_both(struct authority *authority, uint32_t line, struct credits_hold *hold,
                             struct credits_amount *ret_used)
{
    ENSURE(line != SEGMENT_NO_LINE, TKR_NOT_FOUND);
    TRY(credits_find(authority, line, &hold->row));
    /* What is not shown yet came in this batch, and this may come before it. */
    return segment_writer_read_credits(authority->segment, line, &hold->before, ret_used);
}

tkr_error_t credits_hold(struct authority *authority, uint32_t line, uint64_t amount,
                         struct credits_hold *ret_hold)
{
    struct credits_hold hold = {.left = {.unlimited = true}};
    struct credits_amount used;
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    tkr_error_t error = find_both(authority, line, &hold, &used);
    if (error == TKR_NOT_FOUND) {
        *ret_hold = hold;
        return TKR_OK;
    }
    TRY(error);
    hold.taken = amount > 0 && lower(authority, line, amount, &hold.before, &used, now_ms);
    struct credits_state stored = credits_at(hold.row.allowance, hold.row.refill, used, now_ms);
    hold.left = credits_describe(&hold.row, used, now_ms);
    bool enough = (hold.taken || amount == 0) && stored.remaining >= amount;
    if (enough) {
        hold.row.allowance = (struct credits_amount){stored.period, stored.allowance - amount};
        hold.left.remaining -= amount;
    } else {
        credits_unhold(authority, &hold);
        hold.taken = false;
    }
    *ret_hold = hold;
    return enough ? TKR_OK : TKR_QUOTA;
}

void credits_unhold(struct authority *authority, const struct credits_hold *hold)
{
    if (hold->taken) {
        put(authority, hold->row.line, &hold->before);
    }
}

tkr_error_t credits_keep(struct authority *authority, const struct credits_hold *hold)
{
    if (!hold->taken) {
        return TKR_OK;
    }
    tkr_error_t error = authority->store->put_credits(authority->store->store, &hold->row, NULL);
    if (error != TKR_OK) {
        credits_unhold(authority, hold);
        return error;
    }
    struct credits_entry *entry = enter(&authority->credits, &hold->row);
    if (!entry->held) {
        entry->held = true;
        entry->before = hold->before;
    }
    return TKR_OK;
}

tkr_error_t credits_give_back(struct authority *authority, uint32_t line,
                              struct credits_amount amount)
{
    struct store_credits row;
    tkr_error_t error =
        line == SEGMENT_NO_LINE ? TKR_NOT_FOUND : credits_find(authority, line, &row);
    if (error == TKR_NOT_FOUND || amount.amount == 0) {
        return TKR_OK; /* unlimited, then or now */
    }
    TRY(error);
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    struct credits_state state =
        credits_at(row.allowance, row.refill, credits_used(authority, line), now_ms);
    if (state.period != amount.period) {
        return TKR_OK; /* that period's credits are gone */
    }
    uint64_t room = CREDITS_ALLOWANCE_MAX - state.allowance;
    uint64_t more = amount.amount < room ? amount.amount : room;
    row.allowance = (struct credits_amount){state.period, state.allowance + more};
    return credits_write(authority, &row, NULL);
}
