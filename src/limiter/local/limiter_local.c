/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking several windows, all or nothing, without a lock.
 *
 * First every window is read. When one lacks room the request is refused there and nothing
 * was written. Then each is taken in turn with one compare-and-swap, in the order minute,
 * hour, day of the token, then of the user; when one turns out to be full meanwhile, those
 * taken before are given back.
 *
 * Fixed windows are one word, so the swap itself proves that the count was within the limit:
 * exactly N are admitted, whatever the concurrency. A thread whose clock is behind finds a
 * later period in the word and counts there.
 *
 * Sliding windows are several words. After its swap a thread reads them all again. Let X be
 * the last of the requests admitted in some 60 s to have swapped. Its second reading sees
 * every other one of them, unless a thread Z with a clock that much later has dropped one
 * for being too old; but then it sees Z's tag, which is ahead of its own time, and gives back
 * and begins again with Z's time. So what X sees is all of them, within the limit. This needs
 * the swaps and second readings in one total order: they are sequentially consistent.
 *
 * What can go wrong, then, is only on the strict side: two threads at the last place of a
 * window may both give back, and while one holds a window that it will give back (a few
 * hundred nanoseconds) another may be refused. A thread killed at that point leaves its hold
 * behind: at most its one request is lost to the window, never gained. Only when requests
 * compete like that is a line written by one that is refused.
 */
#include "limiter/local/limiter_local.h"

#include "base/check.h"
#include "segment/sliding.h"

/* Tries of one window before the request is refused: another process that scribbles on the
 * line without end shall not hold a verifier. */
#define ATTEMPTS_MAX 1000
#define HOLDS_MAX (2 * WINDOW_COUNT)

/* One limited window of one subject. */
struct hold {
    line_word *words;
    enum window window;
    enum window_kind kind;
    uint32_t limit;
    uint32_t layout; /* sliding */
    uint32_t place;  /* sliding, taken: word and counter, as word * 8 + counter */
    uint64_t tag;    /* sliding, taken: of the bucket, not truncated */
    uint64_t found;  /* fixed: the word that was read */
    uint32_t period; /* fixed */
    struct limiter_window_state *state;
};

enum attempt { ATTEMPT_TAKEN, ATTEMPT_FULL, ATTEMPT_AGAIN };

/* Room is asked for one even when nothing is to be taken. */
static inline uint32_t needed(const struct limiter_take *take)
{
    return take->cost == 0 ? 1 : take->cost;
}

/* --- fixed ------------------------------------------------------------------------------- */

/* What the word counts at `now_ms`. The period is that of a later clock, if one was there. */
static inline uint32_t fixed_used(struct hold *hold, int64_t now_ms)
{
    static const uint64_t ms[WINDOW_COUNT] = {60000, 3600000, 86400000};
    uint64_t now = (uint64_t)now_ms;
    uint32_t period = hold->window == WINDOW_MINUTE ? (uint32_t)(now / 60000)
                      : hold->window == WINDOW_HOUR ? (uint32_t)(now / 3600000)
                                                    : (uint32_t)(now / 86400000);
    hold->found = atomic_load_explicit(hold->words, memory_order_relaxed);
    bool later = fixed_period(hold->found) > period;
    hold->period = later ? fixed_period(hold->found) : period;
    hold->state->reset_at_ms = (int64_t)((hold->period + 1ULL) * ms[hold->window]);
    return fixed_period(hold->found) == hold->period ? fixed_count(hold->found) : 0;
}

static inline bool fixed_check(struct hold *hold, const struct limiter_take *take,
                               int64_t *ret_room_at_ms)
{
    uint64_t used = fixed_used(hold, take->now_ms);
    hold->state->remaining = used < hold->limit ? hold->limit - (uint32_t)used : 0;
    if (LIKELY(used + needed(take) <= hold->limit)) {
        return true;
    }
    *ret_room_at_ms = needed(take) <= hold->limit ? hold->state->reset_at_ms : SLIDING_NEVER;
    return false;
}

static inline enum attempt fixed_take(struct hold *hold, const struct limiter_take *take)
{
    uint64_t found = hold->found;
    uint32_t used = fixed_period(found) == hold->period ? fixed_count(found) : 0;
    if (UNLIKELY((uint64_t)used + needed(take) > hold->limit)) {
        return ATTEMPT_FULL;
    }
    uint64_t added = fixed_word(hold->period, used + take->cost);
    if (LIKELY(atomic_compare_exchange_strong(hold->words, &found, added))) {
        hold->state->remaining = hold->limit - used - take->cost;
        return ATTEMPT_TAKEN;
    }
    (void)fixed_used(hold, take->now_ms);
    return ATTEMPT_AGAIN;
}

static void fixed_give_back(struct hold *hold, uint32_t cost)
{
    uint64_t found = atomic_load(hold->words);
    while (fixed_period(found) == hold->period && fixed_count(found) >= cost) {
        if (atomic_compare_exchange_weak(hold->words, &found, found - cost)) {
            return;
        }
    }
}

/* --- sliding ------------------------------------------------------------------------------ */

/* The shape as a compile-time constant for the minute, which is the common one; the division
 * by a bucket's width alone costs more than all the rest otherwise. */
#define WITH_SHAPE(hold, call)                                                                     \
    do {                                                                                           \
        if (LIKELY((hold)->window == WINDOW_MINUTE)) {                                             \
            switch ((hold)->layout) {                                                              \
            case 0:                                                                                \
                return call(WINDOW_MINUTE, sliding_shape(WINDOW_MINUTE, 0));                       \
            case 1:                                                                                \
                return call(WINDOW_MINUTE, sliding_shape(WINDOW_MINUTE, 1));                       \
            case 2:                                                                                \
                return call(WINDOW_MINUTE, sliding_shape(WINDOW_MINUTE, 2));                       \
            default:                                                                               \
                return call(WINDOW_MINUTE, sliding_shape(WINDOW_MINUTE, 3));                       \
            }                                                                                      \
        }                                                                                          \
        return call((hold)->window, sliding_shape((hold)->window, (hold)->layout));                \
    } while (0)

static inline __attribute__((always_inline)) bool
sliding_check_shaped(enum window window, struct sliding_shape shape, struct hold *hold,
                     const struct limiter_take *take, int64_t *ret_room_at_ms)
{
    struct sliding_view view;
    sliding_read(window, shape, hold->words, take->now_ms, &view);
    hold->state->remaining = view.used < hold->limit ? hold->limit - (uint32_t)view.used : 0;
    hold->state->reset_at_ms = sliding_reset_ms(shape, &view);
    uint64_t wanted = view.used + needed(take);
    if (LIKELY(wanted <= hold->limit)) {
        return true;
    }
    *ret_room_at_ms = needed(take) <= hold->limit
                          ? sliding_leaves_ms(window, shape, &view, wanted - hold->limit)
                          : SLIDING_NEVER;
    return false;
}

static inline __attribute__((always_inline)) bool
sliding_check(struct hold *hold, const struct limiter_take *take, int64_t *ret_room_at_ms)
{
#define CALL(window, shape) sliding_check_shaped(window, shape, hold, take, ret_room_at_ms)
    WITH_SHAPE(hold, CALL);
#undef CALL
}

/* Takes back what sliding_take put into its bucket, if that bucket is still in the ring. */
static void sliding_give_back(struct hold *hold, uint32_t cost)
{
    struct sliding_shape shape = sliding_shape(hold->window, hold->layout);
    line_word *word = &hold->words[hold->place / 8];
    uint32_t shift = hold->place % 8 * shape.bits;
    uint64_t found = atomic_load(word);
    for (;;) {
        uint32_t ahead = (sliding_word_tag(found) - (uint32_t)hold->tag) & SLIDING_TAG_MASK;
        uint64_t count = found >> shift & sliding_counter_mask(shape);
        if (sliding_word_layout(found) != shape.layout || ahead >= shape.counters || count < cost) {
            return;
        }
        if (atomic_compare_exchange_weak(word, &found, found - ((uint64_t)cost << shift))) {
            return;
        }
    }
}

/* After the swap: did anything change that makes it one too many? See the top. */
static inline __attribute__((always_inline)) bool
sliding_stands(enum window window, struct sliding_shape shape, struct hold *hold,
               struct sliding_view *view, uint64_t added)
{
    view->loaded[view->at.word] = added;
    uint64_t changed = 0;
    for (uint32_t i = 0; i < shape.words; i++) {
        changed |= atomic_load(&hold->words[i]) ^ view->loaded[i];
    }
    if (LIKELY(changed == 0)) {
        return true;
    }
    struct sliding_view now;
    sliding_read(window, shape, hold->words, view->now_ms, &now);
    return now.now_ms == view->now_ms && now.used <= hold->limit;
}

static inline __attribute__((always_inline)) enum attempt
sliding_take_shaped(enum window window, struct sliding_shape shape, struct hold *hold,
                    const struct limiter_take *take)
{
    struct sliding_view view;
    sliding_read(window, shape, hold->words, take->now_ms, &view);
    if (UNLIKELY(view.used + needed(take) > hold->limit)) {
        return ATTEMPT_FULL;
    }
    hold->state->remaining = hold->limit - (uint32_t)view.used - take->cost;
    hold->state->reset_at_ms = sliding_reset_ms(shape, &view);
    uint64_t added = sliding_added(shape, &view, take->cost);
    uint64_t found = view.loaded[view.at.word];
    if (UNLIKELY(!atomic_compare_exchange_strong(&hold->words[view.at.word], &found, added))) {
        return ATTEMPT_AGAIN;
    }
    hold->place = view.at.word * 8 + view.at.counter;
    hold->tag = view.at.turn * shape.counters + view.at.counter;
    if (LIKELY(sliding_stands(window, shape, hold, &view, added))) {
        return ATTEMPT_TAKEN;
    }
    sliding_give_back(hold, take->cost);
    return ATTEMPT_AGAIN;
}

static inline __attribute__((always_inline)) enum attempt
sliding_take(struct hold *hold, const struct limiter_take *take)
{
#define CALL(window, shape) sliding_take_shaped(window, shape, hold, take)
    WITH_SHAPE(hold, CALL);
#undef CALL
}

/* --- all of them -------------------------------------------------------------------------- */

static inline uint32_t collect(const struct limiter_take *take,
                               const struct limiter_subject *subject,
                               struct limiter_window_state *states, struct hold *holds)
{
    uint32_t count = 0;
    for (uint32_t w = 0; subject->line != NULL && w < WINDOW_COUNT; w++) {
        if ((subject->limits.set >> w & 1) == 0 || subject->limits.limit[w] == LIMIT_NONE) {
            continue;
        }
        line_word *line = subject->line;
        enum window window = (enum window)w;
        holds[count].words = line + line_window_word(take->kinds, window);
        holds[count].window = window;
        holds[count].kind = take->kinds[w];
        holds[count].limit = subject->limits.limit[w];
        holds[count].layout = sliding_layout(window, subject->limits.limit[w]);
        holds[count].state = &states[w];
        count++;
    }
    return count;
}

static inline bool check(struct hold *hold, const struct limiter_take *take, int64_t *ret_room)
{
    return hold->kind == WINDOW_FIXED ? fixed_check(hold, take, ret_room)
                                      : sliding_check(hold, take, ret_room);
}

/* Retries while others are quicker; full in the end when they never let it through. */
static inline bool take_one(struct hold *hold, const struct limiter_take *take)
{
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        enum attempt attempt =
            hold->kind == WINDOW_FIXED ? fixed_take(hold, take) : sliding_take(hold, take);
        if (LIKELY(attempt != ATTEMPT_AGAIN)) {
            return attempt == ATTEMPT_TAKEN;
        }
    }
    return false;
}

static void give_back(struct hold *holds, uint32_t count, uint32_t cost)
{
    while (count-- > 0) {
        if (holds[count].kind == WINDOW_FIXED) {
            fixed_give_back(&holds[count], cost);
        } else {
            sliding_give_back(&holds[count], cost);
        }
    }
}

/* Whether all have room; else when they will have. */
static inline bool check_all(struct hold *holds, uint32_t count, const struct limiter_take *take,
                             struct limiter_answer *answer)
{
    bool room = true;
    int64_t latest = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t room_at = 0;
        room &= check(&holds[i], take, &room_at);
        latest = room_at > latest ? room_at : latest;
    }
    if (UNLIKELY(!room)) {
        int64_t wait = latest - take->now_ms;
        answer->retry_after_ms = latest == SLIDING_NEVER ? 0 : wait < 1 ? 1 : wait;
    }
    return room;
}

static inline void count_use(const struct limiter_subject *subject, int64_t now_ms)
{
    if (subject->line == NULL) {
        return;
    }
    line_word *line = subject->line;
    atomic_fetch_add(&line[LINE_TOTAL], 1);
    atomic_store_explicit(&line[LINE_LAST_USED], (uint64_t)now_ms, memory_order_relaxed);
}

static void local_take(const struct limiter_take *take, struct limiter_answer *ret_answer)
{
    struct hold holds[HOLDS_MAX];
    ret_answer->admitted = false;
    ret_answer->retry_after_ms = 0;
    uint32_t count = collect(take, &take->token, ret_answer->token, holds);
    count += collect(take, &take->user, ret_answer->user, holds + count);
    if (UNLIKELY(!check_all(holds, count, take, ret_answer))) {
        return;
    }
    if (take->dry_run) {
        ret_answer->admitted = true;
        return;
    }
    for (uint32_t i = 0; take->cost != 0 && i < count; i++) {
        if (UNLIKELY(!take_one(&holds[i], take))) {
            give_back(holds, i, take->cost);
            (void)check_all(holds, count, take, ret_answer);
            ret_answer->retry_after_ms += ret_answer->retry_after_ms == 0;
            return;
        }
    }
    count_use(&take->token, take->now_ms);
    count_use(&take->user, take->now_ms);
    ret_answer->admitted = true;
}

const struct limiter_port limiter_local = {.take = local_take};
