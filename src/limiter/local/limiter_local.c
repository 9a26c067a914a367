/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking several windows, all or nothing, without a lock.
 *
 * First every window is read, and the word that taking would make of it is computed. When one
 * lacks room the request is refused there and nothing was written. Then each is taken in turn
 * with one compare-and-swap of one word, in the order minute, hour, day of the token, then of
 * the user; when one turns out to be full meanwhile, those taken before are given back.
 *
 * Fixed windows are one word, so the swap itself proves that the count was within the limit:
 * exactly N are admitted, whatever the concurrency. A thread whose clock is behind finds a
 * later period in the word and counts there.
 *
 * Sliding windows are several words. After its swap a thread reads them all again, and gives
 * back when the sum is beyond the limit by then. A request has two times: t, what its thread
 * read from the clock, and τ ≥ t, when it swapped. It is counted in a bucket that does not
 * end before t, nor begin after τ. Claim: at most N admitted requests have both t and τ in one
 * window of 60 s. Take X, the last of them to swap. Another of them, Y, is missing from X's
 * second reading only if X or somebody before it, at a time Z ≤ τ(X) at which a bucket began,
 * found Y's bucket to end 60 s before Z or earlier; then t(Y) < Z - 60 s ≤ τ(X) - 60 s, so
 * they are not in one window. So X sees all of them, within the limit. (The swaps and second
 * readings are in one total order: they are sequentially consistent.)
 *
 * What can go wrong, then, is only on the strict side: two threads at the last place of a
 * window may both give back, and while one holds a window that it will give back (a few
 * hundred nanoseconds) another may be refused. A thread killed at that point leaves its hold
 * behind: at most its one request is lost to the window, never gained. Only when requests
 * compete like that is a line written by one that is refused.
 *
 * Credits come last (credits_take.h): when they are missing, the windows are given back likewise.
 *
 * Undisturbed, a request with three windows costs four locked instructions: one a window, one
 * for the total. They are about half of its time, so they are the only ones.
 */
#include "limiter/local/limiter_local.h"

#include "base/check.h"
#include "limiter/local/credits_take.h"
#include "segment/sliding.h"

#define INLINE static inline __attribute__((always_inline))

/* One limited window of one subject: what was read, and what taking makes of it. */
struct hold {
    line_word *target; /* the word that is swapped */
    uint64_t found, added;
    line_word *line;
    struct verify_window *state; /* what the caller is told */
    enum window window;
    enum window_kind kind;
    uint32_t limit;
    struct sliding_view view; /* sliding */
};

/* Room is asked for one even when nothing is to be taken. */
INLINE uint32_t needed(const struct limiter_take *take)
{
    return take->cost == 0 ? 1 : take->cost;
}

/* --- fixed ------------------------------------------------------------------------------- */

INLINE int64_t width_ms(enum window window)
{
    return window == WINDOW_MINUTE ? 60000 : window == WINDOW_HOUR ? 3600000 : 86400000;
}

/* What of a request's cost the windows that it is told show as gone. */
INLINE uint32_t charged(const struct limiter_take *take)
{
    return take->dry_run ? 0 : take->cost;
}

/* The window lacks room: says what is left, and when there will be enough. */
static __attribute__((noinline, cold)) bool no_room(struct hold *hold,
                                                    const struct limiter_take *take, uint64_t used,
                                                    int64_t leaves_ms, int64_t *latest)
{
    hold->state->remaining = used < hold->limit ? hold->limit - (uint32_t)used : 0;
    int64_t room_at_ms = needed(take) <= hold->limit ? leaves_ms : SLIDING_NEVER;
    *latest = room_at_ms > *latest ? room_at_ms : *latest;
    return false;
}

/* Reads the window; whether it has room. `window` is a compile-time constant where it matters,
 * for the division. */
INLINE bool fixed_check(enum window window, struct hold *hold, const struct limiter_take *take,
                        int64_t *latest)
{
    uint64_t width = (uint64_t)width_ms(window);
    uint32_t period = (uint32_t)((uint64_t)take->now_ms / width);
    hold->target = hold->line + line_fixed_word(window);
    uint64_t found = atomic_load_explicit(hold->target, memory_order_relaxed);
    period = fixed_period(found) > period ? fixed_period(found) : period; /* a later clock */
    uint64_t used = fixed_period(found) == period ? fixed_count(found) : 0;
    hold->found = found;
    hold->added = ((uint64_t)period << 32) + used + take->cost;
    hold->state->reset_at_ms = (int64_t)((period + 1ULL) * width);
    if (UNLIKELY(used + needed(take) > hold->limit)) {
        return no_room(hold, take, used, hold->state->reset_at_ms, latest);
    }
    hold->state->remaining = hold->limit - (uint32_t)used - charged(take);
    return true;
}

static void fixed_give_back(struct hold *hold, uint32_t cost)
{
    uint64_t found = atomic_load(hold->target);
    while (fixed_period(found) == fixed_period(hold->added) && fixed_count(found) >= cost) {
        if (atomic_compare_exchange_weak(hold->target, &found, found - cost)) {
            return;
        }
    }
}

/* --- sliding ------------------------------------------------------------------------------ */

INLINE struct sliding_clock clock_of(const struct limiter_take *take)
{
    return (struct sliding_clock){take->now_ms, take->later_ms, take->later_context};
}

INLINE line_word *sliding_words(enum window window, const struct hold *hold,
                                const struct limiter_take *take)
{
    return hold->line + line_window_word(take->kinds, window);
}

INLINE bool sliding_check_shaped(enum window window, struct sliding_shape shape, struct hold *hold,
                                 const struct limiter_take *take, int64_t *latest)
{
    struct sliding_view *view = &hold->view;
    line_word *words = sliding_words(window, hold, take);
    sliding_read(window, shape, words, clock_of(take), view);
    hold->target = &words[view->at.word];
    hold->found = view->loaded[view->at.word];
    hold->state->reset_at_ms = sliding_reset_ms(shape, view);
    uint64_t wanted = view->used + needed(take);
    if (UNLIKELY(wanted > hold->limit)) {
        int64_t leaves_ms = sliding_leaves_ms(window, shape, view, wanted - hold->limit);
        return no_room(hold, take, view->used, leaves_ms, latest);
    }
    hold->added = sliding_added(shape, view, take->cost);
    hold->state->remaining = hold->limit - (uint32_t)view->used - charged(take);
    return true;
}

/* For the minute, which is the common one, the shape is a compile-time constant: the divisions
 * by a bucket's width alone cost more than all the rest otherwise. */
INLINE bool sliding_check(enum window window, struct hold *hold, const struct limiter_take *take,
                          int64_t *latest)
{
    uint32_t layout = sliding_layout(window, hold->limit);
    if (window != WINDOW_MINUTE) {
        return sliding_check_shaped(window, sliding_shape(window, layout), hold, take, latest);
    }
#define MINUTE_SHAPED(layout)                                                                      \
    sliding_check_shaped(WINDOW_MINUTE, sliding_shape(WINDOW_MINUTE, layout), hold, take, latest)
    switch (layout) {
    case 0:
        return MINUTE_SHAPED(0);
    case 1:
        return MINUTE_SHAPED(1);
    case 2:
        return MINUTE_SHAPED(2);
    default:
        return MINUTE_SHAPED(3);
    }
#undef MINUTE_SHAPED
}

INLINE struct sliding_shape shape_of(const struct hold *hold)
{
    return sliding_shape(hold->window, sliding_layout(hold->window, hold->limit));
}

/* Takes back what was put into the filling bucket, if that is still in the ring. */
static void sliding_give_back(struct hold *hold, uint32_t cost)
{
    struct sliding_shape shape = shape_of(hold);
    uint32_t shift = hold->view.at.counter * shape.bits;
    uint32_t tag = sliding_word_tag(hold->added);
    uint64_t found = atomic_load(hold->target);
    for (;;) {
        uint32_t ahead = (sliding_word_tag(found) - tag) & SLIDING_TAG_MASK;
        uint64_t count = found >> shift & sliding_counter_mask(shape);
        if (sliding_word_layout(found) != shape.layout || ahead >= shape.counters || count < cost) {
            return;
        }
        if (atomic_compare_exchange_weak(hold->target, &found, found - ((uint64_t)cost << shift))) {
            return;
        }
    }
}

/* The second reading, when something changed since the first one. */
static __attribute__((noinline, cold)) bool sliding_still_fits(struct hold *hold,
                                                               const struct limiter_take *take)
{
    struct sliding_view view;
    struct sliding_shape shape = shape_of(hold);
    struct sliding_clock clock = clock_of(take);
    int64_t begins_ms = (int64_t)hold->view.at.bucket * shape.bucket_ms;
    clock.now_ms = begins_ms > clock.now_ms ? begins_ms : clock.now_ms;
    sliding_read(hold->window, shape, sliding_words(hold->window, hold, take), clock, &view);
    return view.at.bucket == hold->view.at.bucket && view.used <= hold->limit;
}

/* After the swap: did anything change that makes it one too many? See the top. */
INLINE bool sliding_stands(struct hold *hold, const struct limiter_take *take)
{
    const line_word *words = hold->target - hold->view.at.word;
    uint64_t changed = 0;
    hold->view.loaded[hold->view.at.word] = hold->added;
#pragma GCC unroll 4
    for (uint32_t i = 0; i < SLIDING_MINUTE_WORDS; i++) {
        changed |= atomic_load(&words[i]) ^ hold->view.loaded[i];
    }
    for (uint32_t i = SLIDING_MINUTE_WORDS; hold->window != WINDOW_MINUTE && i < SLIDING_LONG_WORDS;
         i++) {
        changed |= atomic_load(&words[i]) ^ hold->view.loaded[i];
    }
    return LIKELY(changed == 0) || sliding_still_fits(hold, take);
}

/* --- all of them -------------------------------------------------------------------------- */

INLINE bool check_window(enum window window, struct hold *hold, const struct limiter_take *take,
                         int64_t *latest)
{
    return hold->kind == WINDOW_FIXED ? fixed_check(window, hold, take, latest)
                                      : sliding_check(window, hold, take, latest);
}

static __attribute__((noinline)) bool check_again(struct hold *hold,
                                                  const struct limiter_take *take, int64_t *latest)
{
    /* Holds are filled as they are counted; the analyzer looks at one beyond. */
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
    return check_window(hold->window, hold, take, latest);
}

static void give_back(struct hold *hold, uint32_t cost)
{
    if (hold->kind == WINDOW_FIXED) {
        fixed_give_back(hold, cost);
    } else {
        sliding_give_back(hold, cost);
    }
}

/* Reads the limited windows of a subject. Returns whether all have room. */
INLINE bool check_subject(const struct limiter_take *take, const enum window_kind *kinds,
                          const struct limiter_subject *subject, enum limits_subject name,
                          struct hold *holds, struct limiter_answer *answer, int64_t *latest)
{
    bool room = true;
    uint32_t count = answer->window_count;
#pragma GCC unroll 3
    for (uint32_t w = 0; w < WINDOW_COUNT; w++) {
        uint32_t limit = subject->limits.limit[w];
        if ((subject->limits.set >> w & 1) == 0 || limit == LIMIT_NONE) {
            continue;
        }
        enum window window = (enum window)w;
        struct hold *hold = &holds[count];
        struct verify_window *state = &answer->windows[count++];
        state->window = window;
        state->subject = name;
        state->limit = limit;
        hold->line = subject->line;
        hold->state = state;
        hold->window = window;
        hold->kind = kinds[w];
        hold->limit = limit;
        room &= check_window(window, hold, take, latest);
    }
    answer->window_count = count;
    return room;
}

INLINE bool swap(struct hold *hold)
{
    uint64_t found = hold->found;
    return LIKELY(atomic_compare_exchange_strong(hold->target, &found, hold->added));
}

/* Others were quicker: reads again and tries again. Full in the end when they never let it
 * through. */
static __attribute__((noinline)) bool take_again(struct hold *hold, const struct limiter_take *take)
{
    for (int i = 0; i < LIMITER_ATTEMPTS_MAX; i++) {
        int64_t latest = 0;
        if (!check_again(hold, take, &latest)) {
            return false;
        }
        if (swap(hold)) {
            if (hold->kind == WINDOW_FIXED || sliding_stands(hold, take)) {
                return true;
            }
            give_back(hold, take->cost);
        }
    }
    return false;
}

INLINE bool take_one(struct hold *hold, const struct limiter_take *take)
{
    if (LIKELY(swap(hold))) {
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): as above */
        if (hold->kind == WINDOW_FIXED || LIKELY(sliding_stands(hold, take))) {
            return true;
        }
        give_back(hold, take->cost);
    }
    return take_again(hold, take);
}

INLINE void count_use(const struct limiter_subject *subject, int64_t now_ms)
{
    line_word *line = subject->line;
    atomic_store_explicit(&line[LINE_LAST_USED], (uint64_t)now_ms, memory_order_relaxed);
    atomic_fetch_add(&line[LINE_TOTAL], 1);
}

/* Refused: gives back the first `taken` windows, and says of all how they stand and when there
 * will be room. They are read once more, because some said what they would be after taking. */
static __attribute__((noinline, cold)) void refuse(struct hold *holds, uint32_t taken,
                                                   const struct limiter_take *take,
                                                   struct limiter_answer *answer)
{
    int64_t latest = 0;
    for (uint32_t i = 0; i < taken; i++) {
        give_back(&holds[i], take->cost);
    }
    for (uint32_t i = 0; i < answer->window_count; i++) {
        if (check_again(&holds[i], take, &latest)) {
            holds[i].state->remaining += charged(take);
        }
    }
    if (answer->exhausted) {
        return; /* the credits have said how long */
    }
    int64_t wait = latest - take->now_ms;
    answer->retry_after_ms = latest == SLIDING_NEVER ? 0 : wait < 1 ? 1 : wait;
}

/* `kinds` are those of `take`, as constants where the compiler shall know them. */
INLINE void take_all(const struct limiter_take *take, const enum window_kind *kinds,
                     struct limiter_answer *answer)
{
    struct hold holds[VERIFY_WINDOWS_MAX];
    int64_t latest = 0;
    bool room = true;
    answer->admitted = false;
    answer->retry_after_ms = 0;
    answer->window_count = 0;
    answer->has_credits = false;
    answer->exhausted = false;
    if (LIKELY(take->token.line != NULL)) {
        room = check_subject(take, kinds, &take->token, LIMITS_OF_TOKEN, holds, answer, &latest);
    }
    if (UNLIKELY(take->user.line != NULL)) {
        room &= check_subject(take, kinds, &take->user, LIMITS_OF_USER, holds, answer, &latest);
    }
    if (UNLIKELY(take->credits != NULL)) {
        room &= limiter_credits_check(take, room, answer);
    }
    if (UNLIKELY(!room)) {
        refuse(holds, 0, take, answer);
        return;
    }
    uint32_t count = take->cost == 0 || take->dry_run ? 0 : answer->window_count;
    for (uint32_t i = 0; i < count; i++) {
        if (UNLIKELY(!take_one(&holds[i], take))) {
            refuse(holds, i, take, answer);
            return;
        }
    }
    if (UNLIKELY(take->credits != NULL && !limiter_credits_take(take, answer))) {
        refuse(holds, count, take, answer);
        return;
    }
    answer->admitted = true;
    if (UNLIKELY(take->dry_run)) {
        return;
    }
    if (LIKELY(take->token.line != NULL)) {
        count_use(&take->token, take->now_ms);
    }
    if (UNLIKELY(take->user.line != NULL)) {
        count_use(&take->user, take->now_ms);
    }
}

static void local_take(const struct limiter_take *take, struct limiter_answer *ret_answer)
{
    static const enum window_kind usual[WINDOW_COUNT] = {WINDOW_SLIDING, WINDOW_FIXED,
                                                         WINDOW_FIXED};
    bool is_usual = take->kinds[WINDOW_MINUTE] == WINDOW_SLIDING &&
                    take->kinds[WINDOW_HOUR] == WINDOW_FIXED &&
                    take->kinds[WINDOW_DAY] == WINDOW_FIXED;
    if (LIKELY(is_usual)) {
        take_all(take, usual, ret_answer);
    } else {
        take_all(take, take->kinds, ret_answer);
    }
}

const struct limiter_port limiter_local = {.take = local_take};
