/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process is killed anywhere in counting and draining, and nothing is lost or counted twice.
 *
 * Its store is a page that it shares with the test: two copies of (number, sums), and which of
 * them counts; changing that one word is the commit. In the same page it notes what it begins
 * to count and what it has counted, so the store must have no more than the one and no less than
 * the other. (The table is small, so now and then a count is stored without its line.)
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define THREADS 2
#define LINES 20
#define NO_TRACING 2 /* exit status */

struct stored {
    uint64_t number, sums[LINES], without_line;
};
struct page {
    struct stored copies[2];
    _Atomic unsigned active;
    _Atomic uint64_t begun[THREADS][LINES], done[THREADS][LINES];
};

static struct page *page_new(void)
{
    struct page *page =
        mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    return page;
}

static void book(struct page *page, const struct meter_drain *drain)
{
    unsigned active = atomic_load(&page->active);
    struct stored *next = &page->copies[1 - active];
    *next = page->copies[active];
    next->number = drain->number;
    for (size_t i = 0; i < drain->count; i++) {
        uint32_t line = drain->entries[i].line;
        *(line < LINES ? &next->sums[line] : &next->without_line) += drain->entries[i].count;
    }
    atomic_store(&page->active, 1 - active); /* the commit */
}

static void drain_once(struct meter *meter, struct meter_drain *drain, struct page *page)
{
    meter_drain_start(meter);
    while (meter_drain_next(meter, drain)) {
        book(page, drain);
        meter_drain_end(meter, true);
    }
}

static void count_noted(struct meter_seat *seat, struct page *page, int thread, uint32_t line,
                        int64_t later_ms)
{
    struct meter_event event = event_of(line);
    event.now_ms += later_ms;
    atomic_fetch_add(&page->begun[thread][line], 1);
    meter_count(seat, &event, 1);
    atomic_fetch_add(&page->done[thread][line], 1);
}

/* Recovers as the next process does, and compares. `before`: what was stored when the counts of
 * the page began. */
static void check(struct scene *scene, struct page *page, const struct stored *before)
{
    scene_open(scene, page->copies[atomic_load(&page->active)].number);
    assert_int_equal(scene->report.error, TKR_OK);
    drain_once(scene->meter, &scene->drain, page);
    const struct stored *stored = &page->copies[atomic_load(&page->active)];
    uint64_t lost = stored->without_line - before->without_line;
    uint64_t all_begun = 0, all_done = 0, all_booked = lost;
    for (int line = 0; line < LINES; line++) {
        uint64_t begun = 0, done = 0, booked = stored->sums[line] - before->sums[line];
        for (int thread = 0; thread < THREADS; thread++) {
            begun += atomic_load(&page->begun[thread][line]);
            done += atomic_load(&page->done[thread][line]);
        }
        assert_in_range(booked + lost, done, UINT64_MAX);
        assert_in_range(booked, 0, begun);
        all_begun += begun;
        all_done += done;
        all_booked += booked;
    }
    assert_in_range(all_booked, all_done, all_begun);
}

/* --- at random moments ----------------------------------------------------------------------- */

struct counter {
    struct meter_seat *seat;
    struct page *page;
    int thread;
};

static void *count_until_killed(void *context)
{
    struct counter *counter = context;
    uint64_t random = (uint64_t)getpid() * 77 + (uint64_t)counter->thread;
    for (uint32_t i = 0;; i++) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        /* The hour changes, so that slots change their keys. */
        count_noted(counter->seat, counter->page, counter->thread, (uint32_t)(random >> 40) % LINES,
                    (int64_t)(i / 300 % 9) * HOUR_MS);
    }
    return NULL;
}

static void run_until_killed(struct scene *scene, struct page *page)
{
    struct counter counters[THREADS];
    scene_open(scene, page->copies[atomic_load(&page->active)].number);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        counters[i] = (struct counter){.page = page, .thread = i};
        if (meter_seat_take(scene->meter, &counters[i].seat) != TKR_OK ||
            pthread_create(&thread, NULL, count_until_killed, &counters[i]) != 0) {
            _exit(1);
        }
    }
    for (;;) {
        drain_once(scene->meter, &scene->drain, page);
    }
}

static uint64_t done_by(const struct page *page, int thread)
{
    uint64_t sum = 0;
    for (int line = 0; line < LINES; line++) {
        sum += atomic_load(&page->done[thread][line]);
    }
    return sum;
}

static void test_nothing_is_lost_or_doubled_when_a_process_is_killed(void **state)
{
    struct scene *scene = *state;
    struct page *page = page_new();
    for (int round = 0; round < 100; round++) {
        struct stored before = page->copies[atomic_load(&page->active)];
        memset(page->begun, 0, sizeof page->begun);
        memset(page->done, 0, sizeof page->done);
        scene_close(scene);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            run_until_killed(scene, page);
        }
        uint64_t wanted = 1 + seeded_random_below(&scene->random, 3000);
        while (done_by(page, round % THREADS) < wanted) {
            assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
            sched_yield();
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        check(scene, page, &before);
    }
    assert_true(page->copies[atomic_load(&page->active)].number > 100);
    munmap(page, sizeof *page);
}

/* --- at every instruction -------------------------------------------------------------------- */

/* What is killed after each of its instructions: slots are new, found, and given to another hour;
 * what a drain takes is counted again while it is under way. */
static void run_once(struct scene *scene, struct page *page)
{
    count_noted(scene->seat, page, 0, 1, 0);
    meter_drain_start(scene->meter);
    if (meter_drain_next(scene->meter, &scene->drain)) {
        book(page, &scene->drain);
        count_noted(scene->seat, page, 0, 1, 0);
        meter_drain_end(scene->meter, true);
    }
    for (int hour = 1; hour < 3; hour++) {
        count_noted(scene->seat, page, 0, 3, hour * HOUR_MS);
    }
    drain_once(scene->meter, &scene->drain, page);
}

/* All that the processes share, as it is at one moment. */
#define FILE_BYTES (1 << 16) /* the seats behind that are not in use */
struct state {
    char file[FILE_BYTES];
    struct page page;
};

static void *map_file(const char *directory)
{
    char path[300];
    snprintf(path, sizeof path, "%s/meter", directory);
    int file = open(path, O_RDWR);
    assert_true(file >= 0);
    void *bytes = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    close(file);
    return bytes;
}

static pid_t start_traced(struct scene *scene, struct page *page)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(NO_TRACING);
        }
        raise(SIGSTOP);
        run_once(scene, page);
        _exit(0);
    }
    return child;
}

/* What the next process would make of this state. */
static void check_state(struct scene *next, void *next_file, const struct state *now)
{
    static const struct stored nothing;
    static struct page page;
    memcpy(next_file, now->file, FILE_BYTES);
    memcpy(&page, &now->page, sizeof page);
    check(next, &page, &nothing);
    scene_close(next);
}

/* Follows the child; -> how many different states there were. */
static int step_through(pid_t child, struct scene *next, const void *file, const struct page *page)
{
    static struct state now;
    void *next_file = map_file(next->directory.path);
    int status, states = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    while (WIFSTOPPED(status)) {
        if (memcmp(now.file, file, FILE_BYTES) != 0 || memcmp(&now.page, page, sizeof *page) != 0) {
            memcpy(now.file, file, FILE_BYTES);
            memcpy(&now.page, page, sizeof *page);
            check_state(next, next_file, &now);
            states++;
        }
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
    }
    munmap(next_file, FILE_BYTES);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == NO_TRACING ? 0 : states;
}

static void test_nothing_is_lost_or_doubled_at_any_instruction(void **state)
{
    struct scene *scene = *state;
    scene_close(scene);
    scene->options.slots = 8;
    scene_open(scene, 0);
    struct scene next = *scene;
    temp_directory_make(&next.directory);
    next.options.directory = next.directory.path;
    scene_open(&next, 0);
    scene_close(&next);
    struct page *page = page_new();
    void *file = map_file(scene->directory.path);
    int states = step_through(start_traced(scene, page), &next, file, page);
    temp_directory_remove(&next.directory);
    munmap(file, FILE_BYTES);
    if (states == 0) {
        skip(); /* the system forbids tracing */
    }
    assert_true(states > 30);
    assert_int_equal(page->copies[page->active].sums[3], 2);
    munmap(page, sizeof *page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_lost_or_doubled_when_a_process_is_killed),
        TEST(test_nothing_is_lost_or_doubled_at_any_instruction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
