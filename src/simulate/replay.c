/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts and usage lines stand in pages of 1,024 subjects that never move, because a limiter
 * wants lines that begin at a multiple of 64 bytes:
 *
 *     page   account of each of the 1,024 │ line of each
 */
#include "simulate/replay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "segment/usage_line.h"
#include "simulate/subjects.h"

#define PAGE_SUBJECTS 1024U
#define PAGES ((SIMULATE_SUBJECTS_MAX + PAGE_SUBJECTS - 1) / PAGE_SUBJECTS)

static_assert(sizeof(struct replay_account) * PAGE_SUBJECTS % LINE_BASE_BYTES == 0,
              "the lines behind the accounts are aligned");

struct trial {
    struct replay_proposal proposal;
    struct replay_totals totals;
    struct replay_account *pages[PAGES];
};

struct replay {
    const struct limiter_port *limiter;
    enum window_kind kinds[WINDOW_COUNT];
    uint32_t stride;
    size_t trial_count;
    struct trial trials[];
};

tkr_error_t replay_new(const struct replay_options *options, struct replay **ret_replay)
{
    ASSERT(options->proposal_count > 0 && options->proposal_count <= SIMULATE_PROPOSALS_MAX);
    struct replay *replay =
        calloc(1, sizeof(*replay) + options->proposal_count * sizeof(replay->trials[0]));
    ENSURE(replay != NULL, TKR_MEMORY);
    replay->limiter = options->limiter;
    memcpy(replay->kinds, options->kinds, sizeof(replay->kinds));
    replay->stride = line_stride(options->kinds);
    replay->trial_count = options->proposal_count;
    for (size_t i = 0; i < options->proposal_count; i++) {
        replay->trials[i].proposal = options->proposals[i];
    }
    *ret_replay = replay;
    return TKR_OK;
}

void replay_free(struct replay *replay)
{
    for (size_t i = 0; replay != NULL && i < replay->trial_count; i++) {
        for (size_t page = 0; page < PAGES; page++) {
            free(replay->trials[i].pages[page]);
        }
    }
    free(replay);
}

static tkr_error_t account_of(const struct replay *replay, struct trial *trial, uint32_t subject,
                              struct replay_account **ret_account)
{
    ASSERT(subject < SIMULATE_SUBJECTS_MAX);
    struct replay_account **page = &trial->pages[subject / PAGE_SUBJECTS];
    if (*page == NULL) {
        size_t bytes = PAGE_SUBJECTS * (sizeof(**page) + replay->stride);
        struct replay_account *made = aligned_alloc(LINE_BASE_BYTES, bytes);
        ENSURE(made != NULL, TKR_MEMORY);
        memset(made, 0, bytes);
        *page = made;
    }
    *ret_account = *page + subject % PAGE_SUBJECTS;
    return TKR_OK;
}

static void *line_of(const struct replay *replay, struct trial *trial, uint32_t subject)
{
    uint8_t *lines = (void *)(trial->pages[subject / PAGE_SUBJECTS] + PAGE_SUBJECTS);
    return lines + (size_t)(subject % PAGE_SUBJECTS) * replay->stride;
}

/* --- one request ---------------------------------------------------------------------------- */

/* A token or user that takes part in a request. */
struct party {
    struct replay_account *account; /* NULL: it does not */
    bool lacked;                    /* one of its windows had no room */
};

static tkr_error_t join(const struct replay *replay, struct trial *trial, uint32_t subject,
                        struct party *party, struct limiter_subject *limited)
{
    ASSERT(subject != SUBJECT_NONE);
    TRY(account_of(replay, trial, subject, &party->account));
    trial->totals.subjects += party->account->requests == 0;
    party->account->requests++;
    limited->line = line_of(replay, trial, subject);
    limited->limits = trial->proposal.limits;
    return TKR_OK;
}

static void book_party(struct trial *trial, const struct party *party, int64_t now_ms,
                       int64_t wait_ms)
{
    struct replay_account *account = party->account;
    if (account == NULL || !party->lacked) {
        return;
    }
    if (account->refused++ == 0) {
        account->first_refused_ms = now_ms;
        trial->totals.subjects_refused++;
    }
    account->longest_wait_ms =
        wait_ms > account->longest_wait_ms ? wait_ms : account->longest_wait_ms;
}

static void book_refusal(struct trial *trial, const struct limiter_take *take,
                         const struct limiter_answer *answer, struct party *token,
                         struct party *user)
{
    struct replay_totals *totals = &trial->totals;
    uint32_t needed = take->cost == 0 ? 1 : take->cost;
    unsigned windows = 0;
    for (uint32_t i = 0; i < answer->window_count; i++) {
        const struct verify_window *window = &answer->windows[i];
        if (window->remaining < needed) {
            windows |= 1U << window->window;
            *(window->subject == LIMITS_OF_TOKEN ? &token->lacked : &user->lacked) = true;
        }
    }
    for (unsigned i = 0; i < WINDOW_COUNT; i++) {
        totals->by_window[i] += windows >> i & 1;
    }
    totals->first_refused_ms = totals->refused == 0 ? take->now_ms : totals->first_refused_ms;
    totals->last_refused_ms = take->now_ms;
    totals->refused++;
    totals->hopeless += answer->retry_after_ms == 0;
    totals->longest_wait_ms = answer->retry_after_ms > totals->longest_wait_ms
                                  ? answer->retry_after_ms
                                  : totals->longest_wait_ms;
    book_party(trial, token, take->now_ms, answer->retry_after_ms);
    book_party(trial, user, take->now_ms, answer->retry_after_ms);
}

static tkr_error_t try_one(const struct replay *replay, struct trial *trial,
                           const struct order_request *request)
{
    struct party token = {0}, user = {0};
    struct verify_window windows[VERIFY_WINDOWS_MAX];
    struct limiter_answer answer = {.windows = windows};
    struct limiter_take take = {
        .kinds = replay->kinds, .now_ms = request->time_ms, .cost = request->cost};
    if ((trial->proposal.subject & LIMITS_OF_TOKEN) != 0) {
        TRY(join(replay, trial, request->token, &token, &take.token));
    }
    if ((trial->proposal.subject & LIMITS_OF_USER) != 0) {
        TRY(join(replay, trial, request->user, &user, &take.user));
    }
    replay->limiter->take(&take, &answer);
    trial->totals.requests++;
    timeline_add(&trial->totals.timeline, request->time_ms, !answer.admitted);
    if (!answer.admitted) {
        book_refusal(trial, &take, &answer, &token, &user);
    }
    return TKR_OK;
}

tkr_error_t replay_request(struct replay *replay, const struct order_request *request)
{
    for (size_t i = 0; i < replay->trial_count; i++) {
        TRY(try_one(replay, &replay->trials[i], request));
    }
    return TKR_OK;
}

/* --- what came out -------------------------------------------------------------------------- */

static const struct trial *trial_at(const struct replay *replay, size_t proposal)
{
    ASSERT(proposal < replay->trial_count);
    return &replay->trials[proposal];
}

const struct replay_proposal *replay_proposal(const struct replay *replay, size_t proposal)
{
    return &trial_at(replay, proposal)->proposal;
}

const struct replay_totals *replay_totals(const struct replay *replay, size_t proposal)
{
    return &trial_at(replay, proposal)->totals;
}

static const struct replay_account *find_account(const struct trial *trial, uint32_t subject)
{
    const struct replay_account *page = trial->pages[subject / PAGE_SUBJECTS];
    return page != NULL ? page + subject % PAGE_SUBJECTS : NULL;
}

struct replay_account replay_account(const struct replay *replay, size_t proposal, uint32_t subject)
{
    ASSERT(subject < SIMULATE_SUBJECTS_MAX);
    const struct replay_account *account = find_account(trial_at(replay, proposal), subject);
    return account != NULL ? *account : (struct replay_account){0};
}

static int compare_refused(const void *a, const void *b, void *context)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    uint64_t of_left = find_account(context, left)->refused;
    uint64_t of_right = find_account(context, right)->refused;
    if (of_left != of_right) {
        return of_left > of_right ? -1 : 1;
    }
    return left < right ? -1 : left > right;
}

tkr_error_t replay_refused(const struct replay *replay, size_t proposal, uint32_t **ret_numbers,
                           size_t *ret_count)
{
    const struct trial *trial = trial_at(replay, proposal);
    size_t count = 0;
    uint32_t *numbers = malloc(((size_t)trial->totals.subjects_refused + 1) * sizeof(*numbers));
    ENSURE(numbers != NULL, TKR_MEMORY);
    for (uint32_t page = 0; page < PAGES; page++) {
        for (uint32_t i = 0; trial->pages[page] != NULL && i < PAGE_SUBJECTS; i++) {
            if (trial->pages[page][i].refused > 0) {
                numbers[count++] = page * PAGE_SUBJECTS + i;
            }
        }
    }
    qsort_r(numbers, count, sizeof(*numbers), compare_refused, (void *)(uintptr_t)trial);
    *ret_numbers = numbers;
    *ret_count = count;
    return TKR_OK;
}
