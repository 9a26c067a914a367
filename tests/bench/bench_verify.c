/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In-process figures of the segment and of verification, one a line: `name value unit`.
 *
 *     bench_verify [--tokens N] [--directory D] [--hot-only]
 *
 * Tokens are 57 characters like generated ones, with a name of 16 characters, three shared
 * scopes, ten tokens a user whose id has 12, a tier with three windows. Nanoseconds are of the
 * process's own CPU time, because these machines are shared. Each figure is the median of
 * several rounds of random tokens whose texts lie in memory. The files are removed at the end.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "engine/verify.h"
#include "limiter/local/limiter_local.h"
#include "segment/segment.h"

#define TEXT_BYTES 57
#define TEXT_STRIDE 64
#define NAME_BYTES 16
#define TOKENS_A_USER 10
#define HOT_TOKENS 1000
#define ROUNDS 7
#define CALLS 500000
#define BATCH 1000

/* The linker puts these before libc's (-Wl,--wrap). */
static _Atomic uint64_t allocations;
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    allocations++;
    return __real_malloc(bytes);
}
void *__wrap_calloc(size_t count, size_t bytes)
{
    allocations++;
    return __real_calloc(count, bytes);
}
void *__wrap_realloc(void *old, size_t bytes)
{
    allocations++;
    return __real_realloc(old, bytes);
}

static const char scopes[] = "logs:read orders:read orders:write";

struct bench {
    char directory[512];
    uint32_t tokens;
    struct segment_options options;
    struct segment_writer *writer;
    uint16_t tier;
    uint32_t *users;
    struct verifier *verifier;
    uint64_t random;
};

static void must(tkr_error_t error, const char *what)
{
    if (error != TKR_OK) {
        fprintf(stderr, "bench_verify: %s: %s\n", what, tkr_error_text(error));
        exit(1);
    }
}

static double now_s(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint32_t next_random(struct bench *bench, uint32_t bound)
{
    bench->random = bench->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((bench->random >> 32) * bound >> 32);
}

/* `sk_live_` and 49 characters that follow from the number. */
static void make_text(uint32_t number, char text[TEXT_BYTES])
{
    static const char digits[17] = "0123456789abcdef";
    memcpy(text, "sk_live_Vt3hQ8yWk2Lm7Rz5Xc9Nb4Jf6Gd1Ps0Ta8Ue3Ovi1ABC", 53);
    for (int i = 0; i < 8; i++) {
        text[TEXT_BYTES - 8 + i] = digits[number >> (4 * i) & 15];
    }
}

/* --- filling -------------------------------------------------------------------------------- */

struct load {
    struct bench *bench;
    uint32_t begin, end;
};

static void *load_tokens(void *argument)
{
    struct load *load = argument;
    struct segment_loader *loader;
    must(segment_loader_new(load->bench->writer, &loader), "loader");
    char text[TEXT_BYTES], name[NAME_BYTES + 1];
    for (uint32_t i = load->begin; i < load->end; i++) {
        struct segment_token token = {
            .line = i,
            .user = load->bench->users[i / TOKENS_A_USER],
            .tier = load->bench->tier,
            .expires_at_ms = 4000000000000,
            .name = name,
            .name_length = NAME_BYTES,
            .scopes = scopes,
            .scopes_length = sizeof scopes - 1,
        };
        make_text(i, text);
        must(digest_sha256(text, TEXT_BYTES, token.digest), "digest");
        memcpy(token.id, token.digest + 8, sizeof token.id);
        snprintf(name, sizeof name, "name-%011" PRIu32, i);
        must(segment_loader_put(loader, &token), "put");
    }
    must(segment_loader_finish(loader), "put");
    return NULL;
}

static void fill(struct bench *bench, unsigned workers)
{
    uint32_t users = bench->tokens / TOKENS_A_USER + 1;
    bench->options.tokens_hint = bench->tokens;
    bench->options.users_hint = users;
    bool kept;
    double begin = now_s(CLOCK_MONOTONIC);
    must(segment_writer_create(&bench->options, 1, &bench->writer, &kept, NULL), "create");
    struct tier tier = {.name = "pro",
                        .subject = LIMITS_OF_TOKEN,
                        .limits = {.set = 7, .limit = {1000000, 4000000000U, 4000000000U}}};
    uint16_t org;
    must(segment_writer_put_tier(bench->writer, &tier, &bench->tier), "tier");
    must(segment_writer_put_org(bench->writer, "default", 7, &org), "org");
    must(segment_writer_reserve_lines(bench->writer, bench->tokens + users), "lines");
    double claimed = now_s(CLOCK_MONOTONIC);
    bench->users = calloc(users, sizeof *bench->users);
    for (uint32_t i = 0; i < users; i++) {
        char id[16];
        snprintf(id, sizeof id, "user%08" PRIu32, i);
        must(segment_writer_put_user(bench->writer, org, id, 12, 0, bench->tokens + i, NULL,
                                     &bench->users[i]),
             "user");
    }
    double loading = now_s(CLOCK_MONOTONIC);
    if (bench->tokens >= 100000) {
        printf("segment_create_and_claim %.2f s\n", claimed - begin);
        printf("segment_put_user %.0f ns_wall\n", (loading - claimed) * 1e9 / users);
    }
    struct load loads[8];
    pthread_t threads[8];
    for (unsigned i = 0; i < workers; i++) {
        loads[i] = (struct load){bench, (uint32_t)((uint64_t)bench->tokens * i / workers),
                                 (uint32_t)((uint64_t)bench->tokens * (i + 1) / workers)};
        pthread_create(&threads[i], NULL, load_tokens, &loads[i]);
    }
    for (unsigned i = 0; i < workers; i++) {
        pthread_join(threads[i], NULL);
    }
    double end = now_s(CLOCK_MONOTONIC);
    must(segment_writer_publish(bench->writer, 1), "publish");
    free(bench->users);
    if (bench->tokens >= 100000) {
        printf("segment_load_per_token %.0f ns_wall_2_workers_hash_included\n",
               (end - loading) * 1e9 / bench->tokens);
        printf("segment_build %.2f s\n", end - begin);
    }
}

/* --- measuring -------------------------------------------------------------------------------- */

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare_double);
    return values[count / 2];
}

/* A round over all texts; returns nanoseconds a call. */
typedef double (*round_function)(struct bench *bench);

/* The texts of a round, made before it, as a request buffer has been filled before. */
static char texts[CALLS][TEXT_STRIDE];

static void make_texts(struct bench *bench, uint32_t tokens)
{
    for (uint32_t i = 0; i < CALLS; i++) {
        make_text(next_random(bench, tokens), texts[i]);
    }
}

static double round_hash(struct bench *bench)
{
    (void)bench;
    uint8_t digest[TOKEN_DIGEST_BYTES];
    double begin = now_s(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t i = 0; i < CALLS; i++) {
        must(digest_sha256(texts[i], TEXT_BYTES, digest), "digest");
    }
    return (now_s(CLOCK_THREAD_CPUTIME_ID) - begin) * 1e9 / CALLS;
}

static double round_single(struct bench *bench)
{
    struct verify_request request = {.token_length = TEXT_BYTES, .cost = 1};
    struct verify_result result;
    uint32_t valid = 0;
    double begin = now_s(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t i = 0; i < CALLS; i++) {
        request.token = texts[i];
        valid += verify_token(bench->verifier, &request, &result) == TKR_VERDICT_VALID;
    }
    double ns = (now_s(CLOCK_THREAD_CPUTIME_ID) - begin) * 1e9 / CALLS;
    must(valid == CALLS ? TKR_OK : TKR_INTERNAL, "a token was refused");
    return ns;
}

static double round_batch(struct bench *bench)
{
    static struct verify_request requests[BATCH];
    static struct verify_result results[BATCH];
    uint32_t valid = 0;
    double begin = now_s(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t i = 0; i < CALLS; i += BATCH) {
        for (int j = 0; j < BATCH; j++) {
            requests[j] = (struct verify_request){
                .token = texts[i + (uint32_t)j], .token_length = TEXT_BYTES, .cost = 1};
        }
        verify_batch(bench->verifier, requests, BATCH, results);
        for (int j = 0; j < BATCH; j++) {
            valid += results[j].verdict == TKR_VERDICT_VALID;
        }
    }
    double ns = (now_s(CLOCK_THREAD_CPUTIME_ID) - begin) * 1e9 / CALLS;
    must(valid == CALLS ? TKR_OK : TKR_INTERNAL, "a token was refused");
    return ns;
}

static double measure(struct bench *bench, round_function round, uint32_t tokens)
{
    double values[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        make_texts(bench, tokens);
        (void)segment_writer_beat(bench->writer, NULL);
        values[i] = round(bench);
    }
    return median(values, ROUNDS);
}

/* Sum of a field of /proc/self/smaps_rollup, in bytes. */
static uint64_t smaps_bytes(const char *field)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    char line[256];
    uint64_t bytes = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0) {
            bytes = strtoull(line + strlen(field), NULL, 10) * 1024;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return bytes;
}

static void report_memory(struct bench *bench)
{
    struct segment_stats stats;
    segment_writer_stats(bench->writer, &stats);
    /* The authority keeps 4 bytes a line besides: what it flushed last. */
    double flushed = 4.0 * (bench->tokens + bench->tokens / TOKENS_A_USER);
    double all = (double)(stats.keys_bytes + stats.usage_bytes) + flushed;
    printf("memory_keys %.1f bytes_a_token\n", (double)stats.keys_bytes / bench->tokens);
    printf("memory_usage %.1f bytes_a_token\n", (double)stats.usage_bytes / bench->tokens);
    printf("memory_all %.1f bytes_a_token\n", all / bench->tokens);
    printf("memory_pss %.1f bytes_a_token\n", (double)smaps_bytes("Pss:") / bench->tokens);
    printf("memory_huge_pages %.0f percent\n",
           100.0 * (double)smaps_bytes("ShmemPmdMapped:") / (double)(smaps_bytes("Rss:") + 1));
}

static void open_verifier(struct bench *bench)
{
    struct verifier_options options = {.directory = bench->directory,
                                       .clock = clock_system(),
                                       .stale_s = 3600,
                                       .limiter = &limiter_local};
    must(verifier_new(&options, &bench->verifier, NULL), "verifier");
}

static void reattach(struct bench *bench)
{
    segment_writer_close(bench->writer);
    double begin = now_s(CLOCK_MONOTONIC);
    must(segment_writer_attach(&bench->options, 1, &bench->writer, NULL), "attach");
    printf("segment_attach %.4f s\n", now_s(CLOCK_MONOTONIC) - begin);
}

static tkr_error_t count_line(void *context, const struct segment_usage *usage)
{
    uint64_t *total = context;
    *total += usage->total;
    return TKR_OK;
}

static void scan(struct bench *bench)
{
    uint64_t total = 0;
    double begin = now_s(CLOCK_MONOTONIC);
    must(segment_writer_scan_usage(bench->writer, count_line, &total), "scan");
    printf("usage_scan_all_dirty %.3f s\n", now_s(CLOCK_MONOTONIC) - begin);
}

/* Also when it ends early: the files take memory. */
static char bench_directory[512];

static void remove_files(void)
{
    static const char *const names[] = {"keys", "usage", "lock", "keys.new", "usage.new"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", bench_directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(bench_directory);
}

static void run(struct bench *bench, bool hot_only)
{
    open_verifier(bench);
    uint32_t hot = bench->tokens < HOT_TOKENS ? bench->tokens : HOT_TOKENS;
    printf("hash %.1f ns\n", measure(bench, round_hash, hot));
    uint64_t before = allocations;
    double single = measure(bench, round_single, hot), batch = measure(bench, round_batch, hot);
    uint64_t after = allocations;
    printf("verify_hot %.1f ns\n", single);
    printf("verify_hot_batch %.1f ns\n", batch);
    printf("verify_allocations %" PRIu64 " allocations\n", after - before);
    if (!hot_only) {
        printf("verify_uniform_%" PRIu32 " %.1f ns\n", bench->tokens,
               measure(bench, round_single, bench->tokens));
        printf("verify_batch_%" PRIu32 " %.1f ns\n", bench->tokens,
               measure(bench, round_batch, bench->tokens));
        report_memory(bench);
        scan(bench);
        reattach(bench);
    }
    verifier_free(bench->verifier);
    segment_writer_close(bench->writer);
}

int main(int argc, char **argv)
{
    struct bench bench = {.tokens = 1000000, .random = 1};
    const char *parent = "/dev/shm";
    bool hot_only = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tokens") == 0 && i + 1 < argc) {
            bench.tokens = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--directory") == 0 && i + 1 < argc) {
            parent = argv[++i];
        } else if (strcmp(argv[i], "--hot-only") == 0) {
            hot_only = true;
        } else {
            fprintf(stderr, "usage: bench_verify [--tokens N] [--directory D] [--hot-only]\n");
            return 2;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(bench.directory, sizeof bench.directory, "%s/tokenry-bench-%d", parent, getpid());
    bench.options = (struct segment_options){
        .directory = bench.directory,
        .store_id = {1},
        .window_kinds = {WINDOW_SLIDING, WINDOW_FIXED, WINDOW_FIXED},
        .clock = clock_system(),
        .random = random_system(),
    };
    memcpy(bench_directory, bench.directory, sizeof bench_directory);
    (void)atexit(remove_files);
    fill(&bench, 2);
    run(&bench, hot_only);
    return 0;
}
