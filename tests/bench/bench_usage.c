/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of usage in the store: what somebody waits for the analytics of 30 days, and what
 * booking a drain costs. Prints lines `name value unit`.
 *
 *     bench_usage [LINES]          1,000,000 unless given
 *
 * Each line has some traffic of the last 30 days (24 rows). Tokens that are asked for have all
 * there can be: every minute of two days, every hour of 28, and each hour and day with 15 labels
 * by endpoint and 30 networks. What the bench makes beside the program is removed at the end.
 */
#include <ftw.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/store_port.h"
#include "store/sqlite/store_sqlite.h"

#define MINUTE_MS 60000LL
#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)
#define NOW (1767225600000LL + 12 * HOUR_MS)
#define TODAY (NOW - NOW % DAY_MS)
#define ASKED 40 /* tokens with much traffic */
#define ROUNDS 200
#define DRAINS 20

struct bench {
    char directory[4096];
    struct store_port port;
    sqlite3 *db;
    uint32_t lines;
};

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "bench_usage: %s failed\n", what);
        exit(1);
    }
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

static double now_ms(void)
{
    return (double)clock_monotonic_ns(clock_system()) / 1e6;
}

static void open_store(struct bench *bench)
{
    struct fault fault = {0};
    struct store_sqlite_options options = {
        .directory = bench->directory, .clock = clock_system(), .random = random_system()};
    must(store_sqlite_open(&options, &bench->port, &fault) == TKR_OK, "opening the store");
}

/* --- filling --------------------------------------------------------------------------------- */

static uint32_t asked_line(const struct bench *bench, unsigned number)
{
    return (uint32_t)((uint64_t)bench->lines * number / ASKED);
}

/* One statement a table: (line, time, label) from a series of numbers. */
static void run(struct bench *bench, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *sql = sqlite3_vmprintf(format, arguments);
    va_end(arguments);
    int code = sqlite3_exec(bench->db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        fprintf(stderr, "bench_usage: %s: %s\n", sqlite3_errmsg(bench->db), sql);
        exit(1);
    }
    sqlite3_free(sql);
}

#define SERIES                                                                                     \
    "WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n + 1 < %llu) "

static void fill_all(struct bench *bench)
{
    uint64_t lines = bench->lines;
    run(bench, SERIES "INSERT INTO token_usage SELECT n / 4, %lld - n %% 4 * 7380000, 5 FROM s",
        4 * lines, NOW - NOW % MINUTE_MS);
    run(bench, SERIES "INSERT INTO usage_hours SELECT n / 10, %lld - n %% 10 * 198000000, 9 FROM s",
        10 * lines, TODAY - 3 * DAY_MS);
    run(bench,
        SERIES "INSERT INTO usage_by SELECT n / 10, n %% 2 * 2, %lld - n %% 10 / 2 * 432000000,"
               " CASE n %% 2 WHEN 0 THEN 'valid' ELSE '192.0.2.0/24' END, 9 FROM s",
        10 * lines, TODAY - 3 * DAY_MS);
}

static void fill_asked(struct bench *bench, uint32_t line)
{
    run(bench, SERIES "INSERT OR REPLACE INTO token_usage SELECT %u, %lld - n * 60000, 5 FROM s",
        2 * 1440ULL, line, NOW - NOW % MINUTE_MS);
    run(bench, SERIES "INSERT OR REPLACE INTO usage_hours SELECT %u, %lld - n * 3600000, 9 FROM s",
        28 * 24ULL, line, TODAY - 3 * DAY_MS);
    /* 48 hours and 28 days; 4 verdicts, 15 endpoints, 30 networks. */
    run(bench,
        SERIES "INSERT OR REPLACE INTO usage_by SELECT %u,"
               " CASE WHEN n %% 49 < 4 THEN 0 WHEN n %% 49 < 19 THEN 1 ELSE 2 END,"
               " CASE WHEN n / 49 < 48 THEN %lld - n / 49 * 3600000"
               " ELSE %lld - (n / 49 - 46) * 86400000 END, 'label ' || (n %% 49), 7 FROM s",
        76 * 49ULL, line, NOW - NOW % HOUR_MS, TODAY);
}

static void fill(struct bench *bench)
{
    char path[4200];
    snprintf(path, sizeof(path), "%s/tokenry.db", bench->directory);
    must(sqlite3_open(path, &bench->db) == SQLITE_OK, "opening the database");
    run(bench, "PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN");
    fill_all(bench);
    for (unsigned i = 0; i < ASKED; i++) {
        fill_asked(bench, asked_line(bench, i));
    }
    run(bench, "COMMIT");
    sqlite3_close(bench->db);
}

/* --- measuring ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench_read(struct bench *bench, int64_t step_ms, const char *name)
{
    double took[ROUNDS];
    struct arena *arena = NULL;
    must(arena_new(32 * 1024 * 1024, &arena) == TKR_OK, "memory");
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct usage_answer answer;
        struct usage_question question = {
            .line = asked_line(bench, i * 7 % ASKED),
            .from_ms = TODAY - 29 * DAY_MS,
            .until_ms = TODAY + DAY_MS,
            .step_ms = step_ms,
        };
        double begin = now_ms();
        must(bench->port.read_usage(bench->port.store, &question, arena, &answer) == TKR_OK,
             "reading");
        took[i] = now_ms() - begin;
        must(answer.point_count >= 30 && answer.share_counts[USAGE_NETWORK] >= 30, "the answer");
        arena_reset(arena);
    }
    arena_free(arena);
    qsort(took, ROUNDS, sizeof(took[0]), compare);
    printf("%s %.2f ms\n%s_worst %.2f ms\n", name, took[ROUNDS / 2], name, took[ROUNDS - 1]);
}

/* Drains as they come from traffic that is spread over all lines. */
static void bench_book(struct bench *bench)
{
    static struct usage_metered metered[METER_DRAIN_MAX];
    double took = 0;
    uint64_t random = 1, seq;
    for (uint64_t drain = 1; drain <= DRAINS; drain++) {
        for (size_t i = 0; i < METER_DRAIN_MAX; i++) {
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            metered[i] = (struct usage_metered){
                .line = (uint32_t)((random >> 32) * bench->lines >> 32),
                .labels = {"valid", "orders", "192.0.2.0/24"},
                .hour_ms = NOW - NOW % HOUR_MS,
                .count = 1,
            };
        }
        double begin = now_ms();
        must(bench->port.begin(bench->port.store) == TKR_OK &&
                 bench->port.book_metered(bench->port.store, 7, drain, metered, METER_DRAIN_MAX) ==
                     TKR_OK &&
                 bench->port.commit(bench->port.store, &seq) == TKR_OK,
             "booking");
        took += now_ms() - begin;
        must(bench->port.maintain(bench->port.store) == TKR_OK, "maintenance");
    }
    printf("usage_book_drain %.1f ms\n", took / DRAINS);
}

static void bench_sweep(struct bench *bench)
{
    const struct usage_retention retention = {2 * DAY_MS, 90 * DAY_MS, 730 * DAY_MS};
    struct usage_sweep sweep = {.now_ms = NOW};
    double begin = now_ms(), longest = 0;
    uint64_t seq;
    tkr_error_t error = TKR_OK;
    while (error == TKR_OK) {
        double slice = now_ms();
        must(bench->port.begin(bench->port.store) == TKR_OK, "begin");
        error = bench->port.sweep_usage(bench->port.store, &retention, &sweep);
        must(error == TKR_OK || error == TKR_NOT_FOUND, "sweeping");
        must(bench->port.commit(bench->port.store, &seq) == TKR_OK, "commit");
        longest = now_ms() - slice > longest ? now_ms() - slice : longest;
        must(bench->port.maintain(bench->port.store) == TKR_OK, "maintenance");
    }
    printf("usage_sweep %.1f s\nusage_sweep_slice_longest %.1f ms\n", (now_ms() - begin) / 1000,
           longest);
}

static void make_directory(struct bench *bench)
{
    ssize_t length = readlink("/proc/self/exe", bench->directory, sizeof(bench->directory) - 64);
    must(length > 0, "/proc/self/exe");
    bench->directory[length] = '\0';
    char *slash = strrchr(bench->directory, '/');
    must(slash != NULL, "the path of the program");
    strcpy(slash, "/bench-usage-XXXXXX");
    must(mkdtemp(bench->directory) != NULL, "mkdtemp");
}

int main(int count, char **values)
{
    static struct bench bench = {.lines = 1000000};
    if (count > 1) {
        bench.lines = (uint32_t)strtoul(values[1], NULL, 10);
    }
    must(bench.lines >= ASKED, "reading how many lines");
    make_directory(&bench);
    open_store(&bench);
    store_sqlite_close(&bench.port);
    fill(&bench);
    open_store(&bench);
    bench_read(&bench, DAY_MS, "analytics_30d");
    bench_read(&bench, HOUR_MS, "analytics_30d_by_hour");
    bench_book(&bench);
    bench_sweep(&bench);
    store_sqlite_close(&bench.port);
    (void)nftw(bench.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
