/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording replayed, against an oracle that keeps every admitted request with its time and
 * adds them up anew for each decision. Fixed windows: no difference in anything that is
 * reported. Sliding ones: never more than the limit in any window, and no refusal that one
 * sub-bucket more would not justify.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "limiter/local/limiter_local.h"
#include "seeded_random.h"
#include "segment/sliding.h"
#include "simulate/simulation.h"

#define START_MS 1767225600000
#define REQUESTS 3000
#define TOKENS 7
#define USERS 3
#define SUBJECTS (TOKENS + USERS)

struct traffic {
    struct order_request requests[REQUESTS]; /* numbers of our own; `line` as written */
    size_t count;
};

static struct seeded_random rng;

static uint64_t below(uint64_t bound)
{
    return seeded_random_below(&rng, bound);
}

/* Bursts, pauses and gaps of days; several in one millisecond. */
static void make_traffic(struct traffic *traffic, bool distinct_times)
{
    int64_t now_ms = START_MS + (int64_t)below(86400000);
    traffic->count = REQUESTS;
    for (size_t i = 0; i < REQUESTS; i++) {
        uint64_t dice = below(1000);
        now_ms += dice < 300   ? 0
                  : dice < 900 ? (int64_t)below(400)
                  : dice < 980 ? (int64_t)below(30000)
                  : dice < 998 ? (int64_t)below(3600000)
                               : (int64_t)below(200000000);
        now_ms += distinct_times;
        uint32_t token = (uint32_t)below(TOKENS);
        uint64_t kind = below(100);
        uint32_t cost = kind < 80 ? 1 : kind < 85 ? 0 : kind < 99 ? (uint32_t)below(8) : 500000;
        traffic->requests[i] = (struct order_request){
            .time_ms = now_ms, .token = token, .user = token % USERS, .cost = cost};
    }
}

static void shuffle(struct traffic *traffic)
{
    for (size_t i = traffic->count - 1; i > 0; i--) {
        size_t j = below(i + 1);
        struct order_request swapped = traffic->requests[i];
        traffic->requests[i] = traffic->requests[j];
        traffic->requests[j] = swapped;
    }
}

static void random_limits(struct limits *limits)
{
    static const uint32_t around[WINDOW_COUNT] = {12, 60, 300};
    limits->set = 1 + (uint32_t)below(7);
    for (int w = 0; w < WINDOW_COUNT; w++) {
        limits->limit[w] = below(20) == 0 ? LIMIT_NONE : (uint32_t)below(2 * around[w]);
    }
}

/* --- running it ------------------------------------------------------------------------------ */

static void no_bad(void *context, uint64_t line, const struct fault *why)
{
    fail_msg("line %d: %s", (int)line, why->detail);
}

static struct simulation_options options_of(enum limits_subject subject, unsigned sliding)
{
    struct simulation_options options = {.names = {"time", "token_id", "user_id", "cost"},
                                         .random = &rng.source,
                                         .held_max = SIMULATE_HELD_MAX,
                                         .bad = no_bad};
    options.replay.limiter = &limiter_local;
    options.replay.proposal_count = 1;
    options.replay.proposals[0] = (struct replay_proposal){.name = "one", .subject = subject};
    random_limits(&options.replay.proposals[0].limits);
    for (unsigned w = 0; w < WINDOW_COUNT; w++) {
        options.replay.kinds[w] = (sliding >> w & 1) != 0 ? WINDOW_SLIDING : WINDOW_FIXED;
    }
    return options;
}

static int write_line(const struct order_request *request, bool csv, char *out, size_t size)
{
    return snprintf(out, size,
                    csv ? "%lld,t%u,%u,u%u\n"
                        : "{\"time\":%lld,\"token_id\":\"t%u\",\"cost\":%u,\"user_id\":\"u%u\"}\n",
                    (long long)request->time_ms, request->token, request->cost, request->user);
}

static struct simulation *simulate(const struct simulation_options *options,
                                   const struct traffic *traffic, bool csv, size_t piece)
{
    struct simulation *simulation = NULL;
    size_t size = traffic->count * 128 + 64;
    char *text = malloc(size);
    assert_non_null(text);
    assert_int_equal(simulation_new(options, &simulation), TKR_OK);
    size_t length = (size_t)sprintf(text, "%s", csv ? "time,token_id,cost,user_id\n" : "");
    for (size_t i = 0; i < traffic->count; i++) {
        length += (size_t)write_line(&traffic->requests[i], csv, text + length, size - length);
    }
    for (size_t at = 0; at < length; at += piece) {
        size_t part = length - at < piece ? length - at : piece;
        assert_int_equal(simulation_feed(simulation, text + at, part, NULL), TKR_OK);
    }
    assert_int_equal(simulation_end(simulation, NULL), TKR_OK);
    free(text);
    return simulation;
}

/* The account of our token 0 to 6 or user 7 to 9, whatever number it has there; zeros when it
 * never appeared. */
static struct replay_account account_of(const struct simulation *simulation, size_t proposal,
                                        unsigned subject)
{
    const struct subjects *subjects = simulation_subjects(simulation);
    char name[8];
    snprintf(name, sizeof(name), subject < TOKENS ? "t%u" : "u%u",
             subject < TOKENS ? subject : subject - TOKENS);
    for (uint32_t i = 0; i < subjects_count(subjects); i++) {
        size_t length;
        const char *id = subjects_id(subjects, i, &length);
        if (length == strlen(name) && memcmp(id, name, length) == 0) {
            return replay_account(simulation_replay(simulation), proposal, i);
        }
    }
    return (struct replay_account){0};
}

/* --- the oracle ------------------------------------------------------------------------------ */

struct oracle {
    const struct simulation_options *options;
    const struct traffic *traffic;
    bool admitted[REQUESTS];
    struct replay_account accounts[SUBJECTS];
    struct replay_totals totals;
};

/* What the requests before number `end` took from a subject since `from_ms`. */
static uint64_t taken(const struct oracle *oracle, unsigned subject, size_t end, int64_t from_ms)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < end; i++) {
        const struct order_request *request = &oracle->traffic->requests[i];
        unsigned who = subject < TOKENS ? request->token : TOKENS + request->user;
        sum += who == subject && oracle->admitted[i] && request->time_ms >= from_ms ? request->cost
                                                                                    : 0;
    }
    return sum;
}

static bool is_limited(const struct limits *limits, unsigned w)
{
    return (limits->set >> w & 1) != 0 && limits->limit[w] != LIMIT_NONE;
}

/* Whether a subject's fixed windows refuse request `number`; notes which, and the wait. */
static bool lacks_fixed(struct oracle *oracle, size_t number, unsigned subject, unsigned *windows,
                        int64_t *wait_ms, bool *never)
{
    const struct order_request *request = &oracle->traffic->requests[number];
    const struct limits *limits = &oracle->options->replay.proposals[0].limits;
    uint64_t need = request->cost == 0 ? 1 : request->cost;
    bool lacks = false;
    for (unsigned w = 0; w < WINDOW_COUNT; w++) {
        int64_t width = window_ms((enum window)w);
        int64_t begins_ms = request->time_ms / width * width;
        if (!is_limited(limits, w) ||
            taken(oracle, subject, number, begins_ms) + need <= limits->limit[w]) {
            continue;
        }
        lacks = true;
        *windows |= 1U << w;
        *never |= need > limits->limit[w];
        int64_t left_ms = begins_ms + width - request->time_ms;
        *wait_ms = left_ms > *wait_ms ? left_ms : *wait_ms;
    }
    return lacks;
}

static void oracle_refuse(struct oracle *oracle, unsigned subject, int64_t now_ms, int64_t wait_ms)
{
    struct replay_account *account = &oracle->accounts[subject];
    if (account->refused++ == 0) {
        account->first_refused_ms = now_ms;
        oracle->totals.subjects_refused++;
    }
    account->longest_wait_ms =
        wait_ms > account->longest_wait_ms ? wait_ms : account->longest_wait_ms;
}

static void oracle_fixed(struct oracle *oracle, size_t number)
{
    const struct order_request *request = &oracle->traffic->requests[number];
    enum limits_subject limited = oracle->options->replay.proposals[0].subject;
    struct replay_totals *totals = &oracle->totals;
    const unsigned who[] = {request->token, TOKENS + request->user};
    const bool counts[] = {(limited & LIMITS_OF_TOKEN) != 0, (limited & LIMITS_OF_USER) != 0};
    bool lacks[2] = {false, false}, never = false;
    unsigned windows = 0;
    int64_t wait_ms = 0;
    for (int i = 0; i < 2; i++) {
        oracle->accounts[who[i]].requests += counts[i];
        lacks[i] = counts[i] && lacks_fixed(oracle, number, who[i], &windows, &wait_ms, &never);
    }
    oracle->admitted[number] = !lacks[0] && !lacks[1];
    if (oracle->admitted[number]) {
        return;
    }
    wait_ms = never ? 0 : wait_ms;
    for (int i = 0; i < 2; i++) {
        if (lacks[i]) {
            oracle_refuse(oracle, who[i], request->time_ms, wait_ms);
        }
    }
    for (unsigned w = 0; w < WINDOW_COUNT; w++) {
        totals->by_window[w] += windows >> w & 1;
    }
    totals->first_refused_ms = totals->refused++ == 0 ? request->time_ms : totals->first_refused_ms;
    totals->last_refused_ms = request->time_ms;
    totals->hopeless += never;
    totals->longest_wait_ms = wait_ms > totals->longest_wait_ms ? wait_ms : totals->longest_wait_ms;
}

static void expect_same_accounts(const struct replay_account *a, const struct replay_account *b)
{
    assert_int_equal(a->requests, b->requests);
    assert_int_equal(a->refused, b->refused);
    assert_int_equal(a->first_refused_ms, b->first_refused_ms);
    assert_int_equal(a->longest_wait_ms, b->longest_wait_ms);
}

static void test_fixed_windows_are_replayed_as_an_exact_log_decides(void **state)
{
    static struct traffic traffic;
    static struct oracle oracle;
    uint64_t refused = 0, admitted = 0;
    (void)state;
    for (unsigned round = 0; round < 18; round++) {
        enum limits_subject subject = (enum limits_subject)(1 + round % 3);
        struct simulation_options options = options_of(subject, 0);
        make_traffic(&traffic, false);
        memset(&oracle, 0, sizeof(oracle));
        oracle.options = &options;
        oracle.traffic = &traffic;
        for (size_t i = 0; i < traffic.count; i++) {
            oracle_fixed(&oracle, i);
        }
        struct simulation *simulation CLEANUP(simulation_free_p) =
            simulate(&options, &traffic, false, 4096);
        const struct replay_totals *totals = replay_totals(simulation_replay(simulation), 0);
        assert_int_equal(totals->requests, REQUESTS);
        assert_int_equal(totals->refused, oracle.totals.refused);
        assert_int_equal(totals->hopeless, oracle.totals.hopeless);
        assert_int_equal(totals->subjects_refused, oracle.totals.subjects_refused);
        assert_int_equal(totals->first_refused_ms, oracle.totals.first_refused_ms);
        assert_int_equal(totals->last_refused_ms, oracle.totals.last_refused_ms);
        assert_int_equal(totals->longest_wait_ms, oracle.totals.longest_wait_ms);
        for (unsigned w = 0; w < WINDOW_COUNT; w++) {
            assert_int_equal(totals->by_window[w], oracle.totals.by_window[w]);
        }
        for (unsigned i = 0; i < SUBJECTS; i++) {
            struct replay_account account = account_of(simulation, 0, i);
            expect_same_accounts(&account, &oracle.accounts[i]);
        }
        refused += totals->refused;
        admitted += totals->requests - totals->refused;
    }
    assert_true(refused > 5000 && admitted > 5000); /* both were tried */
}

/* --- sliding windows: every decision is listened to ------------------------------------------ */

static struct {
    bool admitted[REQUESTS];
    size_t count;
} decisions;

static void listening_take(const struct limiter_take *take, struct limiter_answer *ret_answer)
{
    limiter_local.take(take, ret_answer);
    decisions.admitted[decisions.count++] = ret_answer->admitted;
}

static const struct limiter_port listening_limiter = {.take = listening_take};

/* Whether any window of the subject would be beyond its limit with this request, when the past
 * is looked at so many sub-buckets further. */
static bool beyond(struct oracle *oracle, size_t number, unsigned subject, int buckets)
{
    const struct order_request *request = &oracle->traffic->requests[number];
    const struct limits *limits = &oracle->options->replay.proposals[0].limits;
    uint64_t need = request->cost == 0 ? 1 : request->cost;
    for (unsigned w = 0; w < WINDOW_COUNT; w++) {
        enum window window = (enum window)w;
        if (!is_limited(limits, w)) {
            continue;
        }
        int64_t width = window_ms(window);
        uint32_t layout = sliding_layout(window, limits->limit[w]);
        int64_t from_ms =
            request->time_ms - width + 1 - buckets * sliding_shape(window, layout).bucket_ms;
        if (oracle->options->replay.kinds[w] == WINDOW_FIXED) {
            from_ms = request->time_ms / width * width;
        }
        if (taken(oracle, subject, number, from_ms) + need > limits->limit[w]) {
            return true;
        }
    }
    return false;
}

static void test_sliding_windows_never_admit_more_and_refuse_with_reason(void **state)
{
    static struct traffic traffic;
    static struct oracle oracle;
    uint64_t refused = 0;
    (void)state;
    for (unsigned round = 0; round < 14; round++) {
        enum limits_subject subject = (enum limits_subject)(1 + round % 3);
        struct simulation_options options = options_of(subject, 1 + round % 7);
        options.replay.limiter = &listening_limiter;
        decisions.count = 0;
        make_traffic(&traffic, false);
        struct simulation *simulation CLEANUP(simulation_free_p) =
            simulate(&options, &traffic, false, 4096);
        assert_int_equal(decisions.count, REQUESTS);
        memset(&oracle, 0, sizeof(oracle));
        oracle.options = &options;
        oracle.traffic = &traffic;
        for (size_t i = 0; i < traffic.count; i++) {
            unsigned token = traffic.requests[i].token, user = TOKENS + traffic.requests[i].user;
            bool of_token = (subject & LIMITS_OF_TOKEN) != 0;
            bool of_user = (subject & LIMITS_OF_USER) != 0;
            oracle.admitted[i] = decisions.admitted[i];
            bool must_refuse = (of_token && beyond(&oracle, i, token, 0)) ||
                               (of_user && beyond(&oracle, i, user, 0));
            bool may_refuse = (of_token && beyond(&oracle, i, token, 1)) ||
                              (of_user && beyond(&oracle, i, user, 1));
            assert_false(decisions.admitted[i] && must_refuse);
            assert_false(!decisions.admitted[i] && !may_refuse);
            refused += !decisions.admitted[i];
        }
        const struct replay_totals *totals = replay_totals(simulation_replay(simulation), 0);
        assert_int_equal(totals->requests, REQUESTS);
    }
    assert_true(refused > 5000);
}

/* --- properties ------------------------------------------------------------------------------ */

static void expect_same(const struct simulation *a, size_t of_a, const struct simulation *b,
                        size_t of_b)
{
    const struct replay_totals *left = replay_totals(simulation_replay(a), of_a);
    const struct replay_totals *right = replay_totals(simulation_replay(b), of_b);
    assert_memory_equal(left, right, sizeof(*left));
    for (unsigned i = 0; i < SUBJECTS; i++) {
        struct replay_account of_left = account_of(a, of_a, i), of_right = account_of(b, of_b, i);
        expect_same_accounts(&of_left, &of_right);
    }
}

static void test_neither_pieces_nor_format_nor_order_of_lines_change_the_outcome(void **state)
{
    static struct traffic traffic;
    (void)state;
    for (unsigned round = 0; round < 12; round++) {
        struct simulation_options options =
            options_of((enum limits_subject)(1 + round % 3), round % 8);
        make_traffic(&traffic, true);
        struct simulation *one CLEANUP(simulation_free_p) =
            simulate(&options, &traffic, false, SIZE_MAX / 2);
        struct simulation *csv CLEANUP(simulation_free_p) =
            simulate(&options, &traffic, true, 1 + below(5000));
        expect_same(one, 0, csv, 0);
        assert_int_equal(simulation_summary(one).late, 0);
        shuffle(&traffic);
        struct simulation *shuffled CLEANUP(simulation_free_p) =
            simulate(&options, &traffic, false, 1 + below(5000));
        expect_same(one, 0, shuffled, 0);
        assert_true(simulation_summary(shuffled).late > REQUESTS / 2);
    }
}

static void test_proposals_side_by_side_do_not_touch_each_other(void **state)
{
    static struct traffic traffic;
    (void)state;
    make_traffic(&traffic, false);
    struct simulation_options all = options_of(LIMITS_OF_BOTH, 1);
    all.replay.proposal_count = SIMULATE_PROPOSALS_MAX;
    for (size_t i = 0; i < SIMULATE_PROPOSALS_MAX; i++) {
        all.replay.proposals[i].subject = (enum limits_subject)(1 + i % 3);
        random_limits(&all.replay.proposals[i].limits);
    }
    struct simulation *together CLEANUP(simulation_free_p) = simulate(&all, &traffic, false, 4096);
    for (size_t i = 0; i < SIMULATE_PROPOSALS_MAX; i++) {
        struct simulation_options alone = all;
        alone.replay.proposal_count = 1;
        alone.replay.proposals[0] = all.replay.proposals[i];
        struct simulation *one CLEANUP(simulation_free_p) = simulate(&alone, &traffic, false, 4096);
        expect_same(together, i, one, 0);
    }
}

static void free_numbers(uint32_t **numbers)
{
    free(*numbers);
}

static void test_the_sums_agree_and_the_list_begins_with_the_most_refused(void **state)
{
    static struct traffic traffic;
    (void)state;
    for (unsigned round = 0; round < 24; round++) {
        enum limits_subject subject = round % 2 == 0 ? LIMITS_OF_TOKEN : LIMITS_OF_USER;
        struct simulation_options options = options_of(subject, round % 8);
        make_traffic(&traffic, false);
        struct simulation *simulation CLEANUP(simulation_free_p) =
            simulate(&options, &traffic, false, 4096);
        const struct replay *replay = simulation_replay(simulation);
        const struct replay_totals *totals = replay_totals(replay, 0);
        uint32_t *numbers CLEANUP(free_numbers) = NULL;
        size_t count = 0;
        uint64_t requests = 0, refused = 0, listed = 0, before = UINT64_MAX, counted = 0;
        for (uint32_t i = 0; i < subjects_count(simulation_subjects(simulation)); i++) {
            requests += replay_account(replay, 0, i).requests;
            refused += replay_account(replay, 0, i).refused;
        }
        assert_int_equal(replay_refused(replay, 0, &numbers, &count), TKR_OK);
        assert_int_equal(count, totals->subjects_refused);
        for (size_t i = 0; i < count; i++) {
            uint64_t of_this = replay_account(replay, 0, numbers[i]).refused;
            assert_true(of_this > 0 && of_this <= before);
            before = of_this;
            listed += of_this;
        }
        for (size_t i = 0; i < totals->timeline.count; i++) {
            counted += totals->timeline.refused[i];
        }
        assert_int_equal(requests, totals->requests);
        assert_int_equal(refused, totals->refused);
        assert_int_equal(listed, totals->refused);
        assert_int_equal(counted, totals->refused);
    }
}

static void test_a_higher_fixed_limit_refuses_no_more(void **state)
{
    static struct traffic traffic;
    (void)state;
    make_traffic(&traffic, false);
    for (size_t i = 0; i < traffic.count; i++) {
        traffic.requests[i].cost = 1;
    }
    struct simulation_options options = options_of(LIMITS_OF_USER, 0);
    uint64_t before = REQUESTS;
    for (uint32_t limit = 0; limit < 100; limit += 5) {
        options.replay.proposals[0].limits = (struct limits){1, {limit, 0, 0}};
        struct simulation *simulation CLEANUP(simulation_free_p) =
            simulate(&options, &traffic, false, 4096);
        uint64_t refused = replay_totals(simulation_replay(simulation), 0)->refused;
        assert_true(refused <= before);
        assert_true(limit > 0 || refused == REQUESTS);
        before = refused;
    }
}

static void test_a_line_too_far_behind_its_place_ends_it_and_says_what_to_do(void **state)
{
    static const char text[] =
        "{\"time\":30,\"token_id\":\"a\"}\n{\"time\":20,\"token_id\":\"a\"}\n"
        "{\"time\":25,\"token_id\":\"a\"}\n{\"time\":10,\"token_id\":\"a\"}";
    struct simulation_options options = options_of(LIMITS_OF_TOKEN, 0);
    struct simulation *simulation CLEANUP(simulation_free_p) = NULL;
    struct fault fault = {0};
    (void)state;
    options.held_max = 2;
    assert_int_equal(simulation_new(&options, &simulation), TKR_OK);
    assert_int_equal(simulation_feed(simulation, text, strlen(text), &fault), TKR_OK);
    assert_int_equal(simulation_end(simulation, &fault), TKR_OUT_OF_RANGE);
    assert_non_null(strstr(fault.detail, "line 4: its time, 1970-01-01T00:00:10.000Z, belongs "
                                         "before lines that were replayed already"));
    assert_non_null(strstr(fault.detail, "at most 2 lines"));
    assert_non_null(strstr(fault.detail, "sort the recording by time first"));
}

int main(void)
{
    seeded_random_init(&rng, 20260101);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_too_far_behind_its_place_ends_it_and_says_what_to_do),
        cmocka_unit_test(test_fixed_windows_are_replayed_as_an_exact_log_decides),
        cmocka_unit_test(test_sliding_windows_never_admit_more_and_refuse_with_reason),
        cmocka_unit_test(test_neither_pieces_nor_format_nor_order_of_lines_change_the_outcome),
        cmocka_unit_test(test_proposals_side_by_side_do_not_touch_each_other),
        cmocka_unit_test(test_the_sums_agree_and_the_list_begins_with_the_most_refused),
        cmocka_unit_test(test_a_higher_fixed_limit_refuses_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
