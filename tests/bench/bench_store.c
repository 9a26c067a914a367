/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of the store with the authority: durable creates a second, and the time to start
 * with N tokens. Prints lines `name value unit`.
 *
 *     bench_store [--directory D] [--creates N] [--clients N] [--tokens N]
 *
 * The directory must be on the disk that is to be measured; it is that of the program unless
 * it is given. What the bench makes there, and its segment in /dev/shm, is removed at the end.
 */
#include <ftw.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/lifecycle.h"
#include "store/sqlite/store_sqlite.h"

#define CLIENTS_MAX 1024

static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, detail);
    exit(1);
}

static double now_s(void)
{
    return (double)clock_monotonic_ns(clock_system()) / 1e9;
}

static double cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* --- directories ---------------------------------------------------------------------------- */

struct place {
    char data[4096], runtime[64];
};

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

static void place_make(struct place *place, const char *parent)
{
    snprintf(place->data, sizeof(place->data), "%s/bench-store-XXXXXX", parent);
    snprintf(place->runtime, sizeof(place->runtime), "/dev/shm/bench-store-XXXXXX");
    if (mkdtemp(place->data) == NULL || mkdtemp(place->runtime) == NULL) {
        fail("mkdtemp", place->data);
    }
}

static void place_remove(struct place *place)
{
    (void)nftw(place->data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)nftw(place->runtime, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- an authority ------------------------------------------------------------------------------
 */

struct running {
    struct store_port port;
    struct authority *authority;
};

static void open_store(const struct place *place, struct store_port *port)
{
    struct fault fault = {0};
    struct store_sqlite_options options = {
        .directory = place->data, .clock = clock_system(), .random = random_system()};
    if (store_sqlite_open(&options, port, &fault) != TKR_OK) {
        fail("store", fault.detail);
    }
}

static void start(const struct place *place, struct running *running)
{
    struct fault fault = {0};
    struct authority_options options = {
        .store = &running->port,
        .runtime_directory = place->runtime,
        .clock = clock_system(),
        .random = random_system(),
        .prefixes = token_prefixes_default,
        .window_kinds = {WINDOW_SLIDING, WINDOW_FIXED, WINDOW_FIXED},
        .usage_flush_ms = 1000,
    };
    for (int i = 0; i < 3; i++) {
        options.lifetimes[i] = (struct lifetime_policy){90 * 86400, 0, ON_EXCEED_CLAMP};
    }
    open_store(place, &running->port);
    if (authority_new(&options, &running->authority, &fault) != TKR_OK) {
        fail("authority", fault.detail);
    }
}

static void stop(struct running *running)
{
    authority_free(running->authority);
    store_sqlite_close(&running->port);
}

/* --- creates -------------------------------------------------------------------------------------
 */

struct client {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    bool done;
    tkr_error_t error;
    struct authority *authority;
    unsigned number, creates;
};

static void answered(void *context, const struct change_result *result)
{
    struct client *client = context;
    pthread_mutex_lock(&client->mutex);
    client->error = result->error;
    client->done = true;
    pthread_cond_signal(&client->answered);
    pthread_mutex_unlock(&client->mutex);
}

static void create_one(struct client *client, unsigned number)
{
    static const struct principal by = {.via = VIA_LOCAL,
                                        .org_id = "bench",
                                        .user_id = "root",
                                        .token_id = "",
                                        .scopes = "*",
                                        .client = "127.0.0.1",
                                        .request_id = "bench"};
    static const char *const scopes[] = {"api:read", "api:write"};
    char user[32];
    char name[32];
    snprintf(user, sizeof(user), "user-%u", (client->number * 7919 + number) % 5000);
    snprintf(name, sizeof(name), "token-%u-%u", client->number, number);
    struct token_create create = {
        .user_id = user, .name = name, .scopes = scopes, .scope_count = 2};
    struct fault fault = {0};
    client->done = false;
    if (authority_create_token(client->authority, &by, &create, answered, client, &fault) !=
        TKR_OK) {
        fail("create", fault.detail);
    }
    pthread_mutex_lock(&client->mutex);
    while (!client->done) {
        pthread_cond_wait(&client->answered, &client->mutex);
    }
    pthread_mutex_unlock(&client->mutex);
    if (client->error != TKR_OK) {
        fail("create", tkr_error_text(client->error));
    }
}

static void *run_client(void *context)
{
    struct client *client = context;
    for (unsigned i = 0; i < client->creates; i++) {
        create_one(client, i);
    }
    return NULL;
}

static void bench_creates(const char *parent, unsigned clients, unsigned creates)
{
    static struct client all[CLIENTS_MAX];
    struct place place;
    struct running running;
    struct authority_status status;
    place_make(&place, parent);
    start(&place, &running);
    double begun_s = now_s();
    double begun_cpu_s = cpu_s();
    for (unsigned i = 0; i < clients; i++) {
        all[i] = (struct client){
            .authority = running.authority, .number = i, .creates = creates / clients};
        pthread_mutex_init(&all[i].mutex, NULL);
        pthread_cond_init(&all[i].answered, NULL);
        if (pthread_create(&all[i].thread, NULL, run_client, &all[i]) != 0) {
            fail("thread", "cannot be made");
        }
    }
    for (unsigned i = 0; i < clients; i++) {
        pthread_join(all[i].thread, NULL);
    }
    double taken_s = now_s() - begun_s;
    double taken_cpu_s = cpu_s() - begun_cpu_s;
    authority_status(running.authority, &status);
    printf("store_creates_clients %u clients\n", clients);
    printf("creates_per_s %.0f creates/s\n", (double)status.changes / taken_s);
    printf("store_create_cpu %.1f us\n", taken_cpu_s * 1e6 / (double)status.changes);
    printf("store_creates_per_commit %.1f creates\n",
           (double)status.changes / (double)status.commits);
    stop(&running);
    place_remove(&place);
}

/* --- start
 * ------------------------------------------------------------------------------------------ */

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail(sql, sqlite3_errmsg(db));
    }
}

/* A hundred tokens a user. Digests are random, as they are in life. */
static void insert_tokens(sqlite3 *db, unsigned tokens)
{
    sqlite3_stmt *user = NULL;
    sqlite3_stmt *token = NULL;
    run_sql(db, "INSERT INTO orgs VALUES (1, 'bench', 0)");
    sqlite3_prepare_v2(db, "INSERT INTO users VALUES (?1, 'user-' || ?1, 1, NULL, NULL, NULL, 0)",
                       -1, &user, NULL);
    sqlite3_prepare_v2(db,
                       "INSERT INTO tokens (digest, id, user, org, tier, line, kind, env, name,"
                       " scopes, display_prefix, expires_at, version, created_at, updated_at)"
                       " VALUES (randomblob(32), ?1, ?2, 1, 1 + ?3 % 3, ?3, 0, 0, ?4,"
                       " 'api:read api:write', 'sk_live_abcd', ?5, 1, 1767225600000,"
                       " 1767225600000)",
                       -1, &token, NULL);
    for (unsigned i = 0; i < tokens; i++) {
        uint8_t id[TOKEN_ID_BYTES] = {
            0x01, 0x9b, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        char id_text[TOKEN_ID_CHARS + 1];
        char name[32];
        if (i % 100 == 0) {
            sqlite3_bind_int64(user, 1, i / 100 + 1);
            sqlite3_step(user);
            sqlite3_reset(user);
        }
        token_id_format(id, id_text);
        snprintf(name, sizeof(name), "token-%u", i % 1000);
        sqlite3_bind_text(token, 1, id_text, -1, SQLITE_STATIC);
        sqlite3_bind_int64(token, 2, i / 100 + 1);
        sqlite3_bind_int64(token, 3, i);
        sqlite3_bind_text(token, 4, name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(token, 5, 4102444800000 + i);
        if (sqlite3_step(token) != SQLITE_DONE) {
            fail("insert", sqlite3_errmsg(db));
        }
        sqlite3_reset(token);
    }
    sqlite3_finalize(user);
    sqlite3_finalize(token);
}

/* Loading reads the table and none of its indexes, so those that can wait are left out. */
static void fill(const struct place *place, unsigned tokens)
{
    char path[4200];
    char sql[160];
    sqlite3 *db = NULL;
    struct store_port port;
    open_store(place, &port);
    store_sqlite_close(&port);
    snprintf(path, sizeof(path), "%s/tokenry.db", place->data);
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        fail(path, sqlite3_errmsg(db));
    }
    run_sql(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000;"
                "DROP INDEX tokens_user; DROP INDEX tokens_org; DROP INDEX tokens_name;"
                "DROP INDEX tokens_expires");
    run_sql(db, "PRAGMA writable_schema=OFF; BEGIN");
    insert_tokens(db, tokens);
    snprintf(sql, sizeof(sql), "UPDATE meta SET tokens = %u, next_line = %u, seq = 1", tokens,
             tokens);
    run_sql(db, sql);
    run_sql(db, "COMMIT; PRAGMA journal_mode=WAL");
    sqlite3_close(db);
}

/* The figure's name says for how many tokens it is: 10m, 200k. */
static void print_start(const char *how, unsigned tokens, double seconds)
{
    bool millions = tokens % 1000000 == 0;
    printf("start_%s_%u%s_s %.3f s\n", how, tokens / (millions ? 1000000 : 1000),
           millions ? "m" : "k", seconds);
}

static void bench_start(const char *parent, unsigned tokens)
{
    struct place place;
    struct running running;
    struct authority_status status;
    place_make(&place, parent);
    fill(&place, tokens);
    double begun_s = now_s();
    double begun_cpu_s = cpu_s();
    start(&place, &running);
    authority_status(running.authority, &status);
    print_start("build", status.segment.tokens, now_s() - begun_s);
    printf("store_start_from_store_cpu %.3f us\n", (cpu_s() - begun_cpu_s) * 1e6 / tokens);
    printf("store_segment_bytes_per_token %.1f bytes\n",
           (double)(status.segment.keys_bytes + status.segment.usage_bytes) / tokens);
    stop(&running);
    begun_s = now_s();
    start(&place, &running);
    print_start("attach", status.segment.tokens, now_s() - begun_s);
    stop(&running);
    place_remove(&place);
}

struct arguments {
    const char *directory;
    unsigned creates, clients, tokens;
};

static unsigned number(const char *name, const char *text)
{
    uint64_t value = 0;
    if (text_parse_u64(text, strlen(text), &value) != TKR_OK || value > 100000000) {
        fail(name, "a number up to 100000000 is needed");
    }
    return (unsigned)value;
}

static bool read_argument(struct arguments *arguments, const char *name, const char *value)
{
    unsigned *numbers[] = {&arguments->creates, &arguments->clients, &arguments->tokens};
    static const char *const names[] = {"--creates", "--clients", "--tokens"};
    if (strcmp(name, "--directory") == 0) {
        arguments->directory = value;
        return true;
    }
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            *numbers[i] = number(name, value);
            return true;
        }
    }
    return false;
}

/* Where the program is: a build directory is on a disk, /tmp need not be. */
static const char *own_directory(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length <= 0) {
        fail("/proc/self/exe", "cannot be read");
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    return path;
}

int main(int count, char **values)
{
    struct arguments arguments = {.creates = 50000, .clients = 64, .tokens = 10000000};
    bool understood = count % 2 == 1;
    for (int i = 1; i + 1 < count && understood; i += 2) {
        understood = read_argument(&arguments, values[i], values[i + 1]);
    }
    if (!understood) {
        fprintf(stderr, "usage: bench_store [--directory D] [--creates N] [--clients N] "
                        "[--tokens N]\n");
        return 2;
    }
    if (arguments.clients < 1 || arguments.clients > CLIENTS_MAX) {
        fail("--clients", "1 to 1024");
    }
    const char *directory = arguments.directory != NULL ? arguments.directory : own_directory();
    if (arguments.creates > 0) {
        bench_creates(directory, arguments.clients, arguments.creates);
    }
    if (arguments.tokens > 0) {
        bench_start(directory, arguments.tokens);
    }
    return 0;
}
