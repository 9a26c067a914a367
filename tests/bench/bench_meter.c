/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of the meter, one a line: `name value unit`. Nanoseconds are of the thread's own CPU
 * time; each figure is the median of several rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "meter/meter.h"

#define ROUNDS 9
#define CALLS 2000000U

struct bench {
    struct meter *meter;
    struct meter_seat *seat;
    struct meter_drain drain;
    uint32_t lines;
};

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, double (*measure)(struct bench *), struct bench *bench)
{
    double values[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        values[i] = measure(bench);
    }
    qsort(values, ROUNDS, sizeof values[0], compare);
    printf("%s %.1f ns\n", name, values[ROUNDS / 2]);
}

static struct meter_event event_at(uint64_t random, uint32_t lines)
{
    return (struct meter_event){
        .line = (uint32_t)((random >> 32) * lines >> 32),
        .label = METER_LABEL_NONE,
        .verdict = 14,
        .network = 4ULL << 48 | 0xc00002,
        .now_ms = 1767225600000,
    };
}

static uint64_t next(uint64_t *random)
{
    return *random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
}

static void drain_all(struct bench *bench)
{
    meter_drain_start(bench->meter);
    while (meter_drain_next(bench->meter, &bench->drain)) {
        meter_drain_end(bench->meter, true);
    }
}

/* Random keys, each counted before. */
static double measure_hit(struct bench *bench)
{
    uint64_t random = 1;
    double begin = now_ns();
    for (uint32_t i = 0; i < CALLS; i++) {
        struct meter_event event = event_at(next(&random), bench->lines);
        meter_count(bench->seat, &event, 1);
    }
    return (now_ns() - begin) / CALLS;
}

/* What the loop itself costs. */
static double measure_loop(struct bench *bench)
{
    uint64_t random = 1;
    double begin = now_ns();
    for (uint32_t i = 0; i < CALLS; i++) {
        struct meter_event event = event_at(next(&random), bench->lines);
        __asm__ volatile("" : : "r"(&event) : "memory");
    }
    return (now_ns() - begin) / CALLS;
}

static double measure_label(struct bench *bench)
{
    double begin = now_ns();
    for (uint32_t i = 0; i < CALLS; i++) {
        (void)meter_label_intern(bench->meter, "v1/orders", 9);
    }
    return (now_ns() - begin) / CALLS;
}

/* New keys into a table that was drained, and draining them again. */
static double measure_new(struct bench *bench)
{
    static uint32_t hour;
    hour++;
    double begin = now_ns();
    for (uint32_t i = 0; i < METER_SLOTS_DEFAULT / 2; i++) {
        struct meter_event event = event_at((uint64_t)i << 32, UINT32_MAX);
        event.now_ms += (int64_t)hour * 3600000;
        meter_count(bench->seat, &event, 1);
    }
    double took = now_ns() - begin;
    drain_all(bench);
    return took / (METER_SLOTS_DEFAULT / 2);
}

static double measure_drain(struct bench *bench)
{
    bench->lines = METER_SLOTS_DEFAULT / 2;
    (void)measure_hit(bench);
    double begin = now_ns();
    drain_all(bench);
    return (now_ns() - begin) / (METER_SLOTS_DEFAULT / 2);
}

static double measure_idle_drain(struct bench *bench)
{
    double begin = now_ns();
    drain_all(bench);
    return now_ns() - begin;
}

int main(void)
{
    static struct bench bench;
    struct fault fault;
    char directory[] = "/dev/shm/bench-meter-XXXXXX", path[64];
    struct meter_options options = {.directory = mkdtemp(directory), .random = random_system()};
    if (options.directory == NULL || meter_open(&options, &bench.meter, &fault) != TKR_OK ||
        meter_seat_take(bench.meter, &bench.seat) != TKR_OK) {
        fputs("bench_meter: the meter cannot be opened\n", stderr);
        return 1;
    }
    meter_recover(bench.meter, 0);
    bench.lines = 1000;
    report("meter_loop_alone", measure_loop, &bench);
    bench.lines = 1;
    report("meter_hit_1", measure_hit, &bench);
    bench.lines = 1000;
    report("meter_hit_1000", measure_hit, &bench);
    bench.lines = 8000;
    report("meter_hit_8000", measure_hit, &bench);
    report("meter_label", measure_label, &bench);
    drain_all(&bench);
    report("meter_new", measure_new, &bench);
    report("meter_drain_entry", measure_drain, &bench);
    report("meter_drain_idle_seat", measure_idle_drain, &bench);
    meter_close(bench.meter);
    snprintf(path, sizeof path, "%s/meter", directory);
    (void)unlink(path);
    (void)rmdir(directory);
    return 0;
}
