/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: what an observation costs, how much memory a token takes, and with `--rates` how
 * often it is wrong and what it finds on made-up traffic (ADR 13). One figure a line; nanoseconds
 * are of the thread's own CPU time, the median of several rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "monitor/table.h"
#include "traffic_rates.h"

#define ROUNDS 9
#define CALLS (1U << 20)
#define HOUR_MS INT64_C(3600000)
#define BEGIN_MS INT64_C(1767225600000)

struct bench {
    struct monitor_table *table;
    uint32_t lines;
    int64_t hour;
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

static void observe(struct bench *bench, uint32_t line, uint32_t network)
{
    struct monitor_sketch *sketch;
    struct monitor_alarms alarms;
    struct monitor_observation observation = {.at_ms = BEGIN_MS + bench->hour * HOUR_MS,
                                              .network = 4ULL << 48 | network,
                                              .count = 3,
                                              .refused = network == 0};
    if (monitor_table_touch(bench->table, line, observation.at_ms, &sketch) != TKR_OK) {
        fputs("bench_monitor: no memory\n", stderr);
        exit(1);
    }
    monitor_sketch_observe(sketch, 1, &observation, &alarms);
}

/* Within an hour: random tokens, four networks each, asked for in groups as the feed does. */
static double measure_same_hour(struct bench *bench)
{
    uint64_t random = 1;
    double begin = now_ns();
    for (uint32_t i = 0; i < CALLS / MONITOR_PREFETCH_MAX; i++) {
        uint32_t lines[MONITOR_PREFETCH_MAX];
        for (uint32_t j = 0; j < MONITOR_PREFETCH_MAX; j++) {
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            lines[j] = (uint32_t)((random >> 32) * bench->lines >> 32);
        }
        monitor_table_prefetch(bench->table, lines, MONITOR_PREFETCH_MAX);
        for (uint32_t j = 0; j < MONITOR_PREFETCH_MAX; j++) {
            observe(bench, lines[j], (lines[j] + i) & 3);
        }
    }
    return (now_ns() - begin) / CALLS;
}

/* The first one of each token in an hour, or after a day. */
static double measure_after(struct bench *bench, int64_t hours)
{
    bench->hour += hours;
    double begin = now_ns();
    for (uint32_t line = 0; line < bench->lines; line++) {
        observe(bench, line, 1);
    }
    return (now_ns() - begin) / bench->lines;
}

static double measure_new_hour(struct bench *bench)
{
    return measure_after(bench, 1);
}

static double measure_new_day(struct bench *bench)
{
    return measure_after(bench, 24);
}

static void measure_costs(uint32_t lines)
{
    struct bench bench = {.lines = lines};
    struct monitor_stats stats;
    if (monitor_table_new(lines, &bench.table) != TKR_OK) {
        fputs("bench_monitor: no memory\n", stderr);
        exit(1);
    }
    printf("tokens %u\n", lines);
    (void)measure_new_hour(&bench);
    report("monitor_observe", measure_same_hour, &bench);
    report("monitor_observe_new_hour", measure_new_hour, &bench);
    report("monitor_observe_after_a_day", measure_new_day, &bench);
    monitor_table_stats(bench.table, &stats);
    printf("monitor_sketch_bytes %.1f\n", (double)stats.sketch_bytes / lines);
    printf("monitor_index_bytes %.1f\n", (double)stats.index_bytes / lines);
    monitor_table_free(bench.table);
}

static void measure_rates(uint32_t tokens)
{
    puts("\nfalse alarms in a token-month");
    for (uint32_t profile = 0; profile < TRAFFIC_PROFILES; profile++) {
        struct traffic_false_alarms found = traffic_false_alarms(profile, tokens, 194);
        printf("%-9s", traffic_name(profile));
        for (uint32_t kind = 0; kind < MONITOR_KINDS; kind++) {
            printf("  %s %.3f", monitor_kind_name(kind), found.alarms[kind] / found.token_months);
        }
        puts("");
    }
    puts("\nattacks found: in the first hour, in a day, in a day by the kind that is for it");
    for (uint32_t profile = 0; profile < TRAFFIC_PROFILES; profile++) {
        printf("%-9s", traffic_name(profile));
        for (uint32_t attack = 0; attack < TRAFFIC_ATTACKS; attack++) {
            struct traffic_found found = traffic_find(profile, attack, tokens);
            printf("  %s %.2f %.2f %.2f", traffic_attack_name(attack),
                   (double)found.first_hour / tokens, (double)found.day / tokens,
                   (double)found.by_kind / tokens);
        }
        puts("");
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--rates") == 0) {
        measure_rates(argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 200);
        return 0;
    }
    measure_costs(1000);
    measure_costs(100000);
    measure_costs(1000000);
    return 0;
}
