/* SPDX-License-Identifier: Apache-2.0 */
#include "limiter/local/credits_take.h"

#include "base/check.h"
#include "segment/usage_line.h"

static void tell(const struct credit_line_view *view, struct limiter_answer *answer)
{
    answer->has_credits = true;
    answer->credits = (struct verify_credits){
        .remaining = view->state.remaining,
        .refill = view->refill,
        .interval = credits_period_interval(view->state.period),
        .refill_at_ms = credits_period_ends_ms(view->state.period),
    };
}

static bool enough(const struct credit_line_view *view, const struct limiter_take *take)
{
    return view->state.remaining >= take->cost;
}

/* The next refill helps only whom it suffices. A clock that is behind waits for the end of the
 * period that others are in. */
static void exhausted(const struct credit_line_view *view, const struct limiter_take *take,
                      struct limiter_answer *answer)
{
    int64_t refill_at_ms = answer->credits.refill_at_ms;
    bool helps = refill_at_ms != 0 && view->refill >= take->cost;
    answer->exhausted = true;
    answer->retry_after_ms = helps ? refill_at_ms - take->now_ms : 0;
}

bool limiter_credits_check(const struct limiter_take *take, bool room,
                           struct limiter_answer *answer)
{
    struct credit_line_view view = credit_line_read(take->credits, take->now_ms);
    tell(&view, answer);
    bool is_enough = enough(&view, take);
    if (room && !is_enough) {
        exhausted(&view, take, answer);
    }
    return is_enough;
}

static void give_back(line_word *line, struct credits_amount taken, uint32_t cost)
{
    uint64_t found = atomic_load(&line[CREDIT_LINE_USED]);
    while (credit_amount(found).period == taken.period && credit_amount(found).amount >= cost) {
        if (atomic_compare_exchange_weak(&line[CREDIT_LINE_USED], &found, found - cost)) {
            return;
        }
    }
}

/* After the swap: is what was taken within the allowance that holds now? */
static bool stands(line_word *line, const struct credit_line_view *view, int64_t now_ms)
{
    if (LIKELY(atomic_load(&line[CREDIT_LINE_ALLOWANCE]) == view->allowance_word)) {
        return true;
    }
    struct credits_state now = credit_line_read(line, now_ms).state;
    return now.period == view->state.period && now.used <= now.allowance;
}

static bool take_once(line_word *line, const struct limiter_take *take,
                      struct credit_line_view *view)
{
    struct credits_amount taken = {view->state.period, view->state.used + take->cost};
    uint64_t found = view->used_word;
    if (!atomic_compare_exchange_strong(&line[CREDIT_LINE_USED], &found, credit_word(taken))) {
        return false;
    }
    if (LIKELY(stands(line, view, take->now_ms))) {
        view->state.remaining -= take->cost;
        return true;
    }
    give_back(line, taken, take->cost);
    return false;
}

bool limiter_credits_take(const struct limiter_take *take, struct limiter_answer *answer)
{
    if (take->cost == 0 || take->dry_run) {
        return true;
    }
    line_word *line = take->credits;
    struct credit_line_view view = credit_line_read(line, take->now_ms);
    for (int i = 0; i < LIMITER_ATTEMPTS_MAX && enough(&view, take); i++) {
        if (take_once(line, take, &view)) {
            tell(&view, answer);
            atomic_store_explicit(&line[LINE_LAST_USED], (uint64_t)take->now_ms,
                                  memory_order_relaxed);
            atomic_fetch_add(&line[LINE_TOTAL], take->cost);
            return true;
        }
        view = credit_line_read(line, take->now_ms);
    }
    tell(&view, answer);
    exhausted(&view, take, answer);
    return false;
}
