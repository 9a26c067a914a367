/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of one million tokens, with each filter alone, and changes of many tokens at once.
 *
 *     bench_lists [--directory D] [--tokens N] [--shared N] [--rounds N]
 *
 * Prints lines `name value unit`; a list's is the median of its rounds, each for a page of 100 at
 * another place, and beside it the processor time of the slowest: what it takes on a machine that
 * has nothing else to do. The tokens are as a service has them after years: a third is revoked (the
 * oldest), a fifth has expired, a few are disabled, quarantined or not valid yet; one tenth has
 * tier pro, one in a thousand enterprise; one in a hundred is a service's, two are an
 * administrator's. `--shared` tokens have the role `crew` and inherit the tier of one user.
 */
#include <ftw.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/tenancy.h"
#include "store/sqlite/store_sqlite.h"

#define PAGE 100
#define ROUNDS_MAX 1000

static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "bench_lists: %s: %s\n", what, detail);
    exit(1);
}

static double now_ms(void)
{
    return (double)clock_monotonic_ns(clock_system()) / 1e6;
}

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

/* --- the tokens ----------------------------------------------------------------------------- */

static const char fill_sql[] =
    "PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN;"
    "INSERT OR IGNORE INTO orgs (id, created_at) VALUES ('acme', 0), ('beta', 0);"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %lld / 10)"
    " INSERT INTO users (id, org, created_at, suspended_at, tier) SELECT 'user-' || i,"
    " (SELECT number FROM orgs WHERE id = 'acme'), 0, iif(i %% 500 = 0, 1, NULL),"
    " iif(i %% 100 = 0, 2, NULL) FROM n;"
    "INSERT INTO roles (org, name, scopes, created_at, updated_at) VALUES"
    " ((SELECT number FROM orgs WHERE id = 'acme'), 'crew', 'crew:read', 0, 0);"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %lld - 1)"
    " INSERT INTO tokens (digest, id, user, org, tier, line, kind, env, name, scopes, not_before,"
    "  expires_at, disabled_at, quarantined_at, revoked_at, revoke_reason, display_prefix, version,"
    "  created_at, updated_at, tier_inherited, role, own_scopes)"
    " SELECT randomblob(32), printf('tok_%%026d', i),"
    "  iif(i < %lld, (SELECT number FROM users WHERE id = 'user-1'),"
    "   (SELECT min(number) FROM users) + (i * 7919) %% (%lld / 10)),"
    "  (SELECT number FROM orgs WHERE id = 'acme'),"
    "  iif(i %% 1000 = 7, 3, iif(i %% 10 = 3, 2, 1)), i,"
    "  iif(i %% 500000 = 499000, 2, iif(i %% 100 = 5, 1, 0)), i %% 10 = 9,"
    "  iif(i %% 50 = 0, 'ci', 'token ' || i), 'orders:read orders:write',"
    "  iif(i %% 1000 = 1, unixepoch() * 1000 + 86400000 + i, NULL),"
    "  iif(i < %lld * 8 / 15, unixepoch() * 1000 - 86400000 + i, unixepoch() * 1000 + 8640000000),"
    "  iif(i %% 500 = 2, 1, NULL), iif(i %% 2000 = 4, 1, NULL),"
    "  iif(i < %lld / 3 AND i >= %lld, 1, NULL), NULL, 'sk_live_abcd', 1, i, i,"
    "  i < %lld, iif(i < %lld, (SELECT number FROM roles WHERE name = 'crew'), NULL),"
    "  iif(i < %lld, 'orders:read orders:write', NULL) FROM n;"
    "UPDATE meta SET seq = seq + 1, next_line = %lld, tokens = %lld; COMMIT;"
    "PRAGMA wal_checkpoint(TRUNCATE)";

static void fill(const char *directory, long long tokens, long long shared)
{
    char path[4200], *sql = NULL, *error = NULL;
    sqlite3 *db = NULL;
    snprintf(path, sizeof(path), "%s/tokenry.db", directory);
    if (asprintf(&sql, fill_sql, tokens, tokens, shared, tokens, tokens, tokens, shared, shared,
                 shared, shared, tokens, tokens) < 0 ||
        sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) {
        fail("filling the database", error != NULL ? error : path);
    }
    sqlite3_close(db);
    free(sql);
}

/* --- an authority ---------------------------------------------------------------------------- */

static const struct principal admin = {.via = VIA_LOCAL,
                                       .org_id = "acme",
                                       .user_id = "root",
                                       .token_id = "",
                                       .scopes = "*",
                                       .client = "",
                                       .request_id = "",
                                       .user_agent = ""};

static void open_store(const char *directory, struct store_port *port)
{
    struct fault fault = {0};
    struct store_sqlite_options options = {
        .directory = directory, .clock = clock_system(), .random = random_system()};
    if (store_sqlite_open(&options, port, &fault) != TKR_OK) {
        fail("store", fault.detail);
    }
}

static struct authority *start(const struct store_port *port, const char *runtime)
{
    struct fault fault = {0};
    struct authority *authority = NULL;
    struct authority_options options = {
        .store = port,
        .runtime_directory = runtime,
        .clock = clock_system(),
        .random = random_system(),
        .prefixes = token_prefixes_default,
        .window_kinds = {WINDOW_SLIDING, WINDOW_FIXED, WINDOW_FIXED},
        .usage_flush_ms = 3600000,
    };
    if (authority_new(&options, &authority, &fault) != TKR_OK) {
        fail("authority", fault.detail);
    }
    return authority;
}

/* --- lists -------------------------------------------------------------------------------------
 */

static double list_once(struct authority *authority, struct token_filter *filter, size_t *ret_count,
                        char cursor[STORE_CURSOR_BYTES_MAX + 1])
{
    struct arena *arena = NULL;
    struct token_page page;
    struct fault fault = {0};
    double begun = now_ms();
    if (arena_new(32 * 1024 * 1024, &arena) != TKR_OK ||
        authority_list_tokens(authority, &admin, filter, arena, &page, &fault) != TKR_OK) {
        fail("list", fault.detail);
    }
    double took = now_ms() - begun;
    *ret_count = page.count;
    snprintf(cursor, STORE_CURSOR_BYTES_MAX + 1, "%s",
             page.next_cursor != NULL ? page.next_cursor : "");
    arena_free(arena);
    return took;
}

static void list(struct authority *authority, const char *name, struct token_filter filter,
                 int rounds)
{
    char cursor[STORE_CURSOR_BYTES_MAX + 1] = "";
    double took[ROUNDS_MAX], slowest = 0;
    size_t count = 0, rows = 0;
    filter.limit = PAGE;
    for (int i = 0; i < rounds; i++) {
        filter.cursor = cursor[0] != '\0' ? cursor : NULL;
        char next[STORE_CURSOR_BYTES_MAX + 1];
        double begun = cpu_ms();
        took[i] = list_once(authority, &filter, &count, next);
        double used = cpu_ms() - begun;
        memcpy(cursor, next, sizeof(cursor));
        slowest = used > slowest ? used : slowest;
        rows += count;
    }
    qsort(took, (size_t)rounds, sizeof(took[0]), compare);
    printf("list_%s_ms %.2f ms (slowest %.2f ms of processor time; %zu rows in %d pages)\n", name,
           took[rounds / 2], slowest, rows, rounds);
}

static void list_all(struct authority *authority, int rounds)
{
    static const char *const statuses[TOKEN_STATUS_COUNT] = {
        "active", "disabled", "quarantined", "not_yet_valid", "expired", "revoked"};
    char name[64];
    list(authority, "org", (struct token_filter){0}, rounds);
    list(authority, "include_inactive", (struct token_filter){.include_inactive = true}, rounds);
    list(authority, "user", (struct token_filter){.user_id = "user-77"}, rounds);
    list(authority, "name", (struct token_filter){.name = "ci"}, rounds);
    list(authority, "name_of_one", (struct token_filter){.name = "token 999999"}, rounds);
    for (unsigned i = 0; i < TOKEN_STATUS_COUNT; i++) {
        snprintf(name, sizeof(name), "status_%s", statuses[i]);
        list(authority, name,
             (struct token_filter){.has_status = true, .status = (enum token_status)i}, rounds);
    }
    list(authority, "tier_free", (struct token_filter){.tier = "free"}, rounds);
    list(authority, "tier_pro", (struct token_filter){.tier = "pro"}, rounds);
    list(authority, "tier_enterprise", (struct token_filter){.tier = "enterprise"}, rounds);
    list(authority, "kind_user", (struct token_filter){.has_kind = true}, rounds);
    list(authority, "kind_service",
         (struct token_filter){.has_kind = true, .kind = TOKEN_KIND_SERVICE}, rounds);
    list(authority, "kind_admin", (struct token_filter){.has_kind = true, .kind = TOKEN_KIND_ADMIN},
         rounds);
    list(authority, "role", (struct token_filter){.role = "crew", .include_inactive = true},
         rounds);
    list(authority, "all_orgs", (struct token_filter){.org_id = "*"}, rounds);
    list(authority, "other_org", (struct token_filter){.org_id = "beta"}, rounds);
}

static void list_users(struct authority *authority, const char *name, struct user_filter filter)
{
    struct arena *arena = NULL;
    struct user_page page;
    struct fault fault = {0};
    filter.page.limit = PAGE;
    double begun = now_ms();
    if (arena_new(32 * 1024 * 1024, &arena) != TKR_OK ||
        authority_list_users(authority, &admin, &filter, arena, &page, &fault) != TKR_OK) {
        fail("list users", fault.detail);
    }
    printf("list_users_%s_ms %.2f ms (%zu rows)\n", name, now_ms() - begun, page.count);
    arena_free(arena);
}

/* --- changes of many ---------------------------------------------------------------------------
 */

struct waiting {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    bool done;
    tkr_error_t error;
    char detail[FAULT_DETAIL_BYTES];
};

static void take_answer(void *context, const struct change_result *result)
{
    struct waiting *waiting = context;
    pthread_mutex_lock(&waiting->mutex);
    waiting->error = result->error;
    snprintf(waiting->detail, sizeof(waiting->detail), "%s", result->fault.detail);
    waiting->done = true;
    pthread_cond_signal(&waiting->answered);
    pthread_mutex_unlock(&waiting->mutex);
}

static void wait_for(struct waiting *waiting)
{
    pthread_mutex_lock(&waiting->mutex);
    while (!waiting->done) {
        pthread_cond_wait(&waiting->answered, &waiting->mutex);
    }
    pthread_mutex_unlock(&waiting->mutex);
    if (waiting->error != TKR_OK) {
        fail("change", waiting->detail);
    }
}

static void change_many(struct authority *authority, long long shared)
{
    static const char *const scopes[] = {"crew:read", "crew:write"};
    struct waiting role = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, TKR_OK, ""};
    struct waiting user = role;
    struct role_write write = {.name = "crew", .scopes = scopes, .scope_count = 2};
    struct user_write tier = {.id = "user-1", .has_tier = true, .tier = "enterprise"};
    struct fault fault = {0};
    double begun = now_ms();
    if (authority_put_role(authority, &admin, &write, take_answer, &role, &fault) != TKR_OK) {
        fail("role", fault.detail);
    }
    wait_for(&role);
    printf("role_of_%lld_tokens_ms %.0f ms\n", shared, now_ms() - begun);
    begun = now_ms();
    if (authority_update_user(authority, &admin, &tier, take_answer, &user, &fault) != TKR_OK) {
        fail("user", fault.detail);
    }
    wait_for(&user);
    printf("tier_of_%lld_tokens_ms %.0f ms\n", shared, now_ms() - begun);
}

/* --- main ---------------------------------------------------------------------------------------
 */

static long long number_of(const char *text)
{
    uint64_t number = 0;
    if (text_parse_u64(text, strlen(text), &number) != TKR_OK) {
        fail("no number", text);
    }
    return (long long)number;
}

int main(int count, char **words)
{
    const char *parent = ".";
    long long tokens = 1000000, shared = 100000, rounds = 20;
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(words[i], "--directory") == 0) {
            parent = words[i + 1];
        } else if (strcmp(words[i], "--tokens") == 0) {
            tokens = number_of(words[i + 1]);
        } else if (strcmp(words[i], "--shared") == 0) {
            shared = number_of(words[i + 1]);
        } else if (strcmp(words[i], "--rounds") == 0) {
            rounds = number_of(words[i + 1]);
        } else {
            fail("unknown option", words[i]);
        }
    }
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fail("--rounds", "1 to 1000");
    }
    char data[4096], runtime[] = "/dev/shm/bench-lists-XXXXXX";
    struct store_port port;
    snprintf(data, sizeof(data), "%s/bench-lists-XXXXXX", parent);
    if (mkdtemp(data) == NULL || mkdtemp(runtime) == NULL) {
        fail("mkdtemp", data);
    }
    open_store(data, &port); /* makes the schema */
    store_sqlite_close(&port);
    fill(data, tokens, shared);
    open_store(data, &port);
    struct authority *authority = start(&port, runtime);
    list_all(authority, (int)rounds);
    list_users(authority, "org", (struct user_filter){0});
    list_users(authority, "suspended",
               (struct user_filter){.has_suspended = true, .suspended = true});
    list_users(authority, "active", (struct user_filter){.has_suspended = true});
    list_users(authority, "tier", (struct user_filter){.tier = "pro"});
    change_many(authority, shared);
    authority_free(authority);
    store_sqlite_close(&port);
    (void)nftw(data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)nftw(runtime, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
