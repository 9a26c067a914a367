/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/authority_internal.h"
#include "limiter/local/limiter_local.h"
#include "store/sqlite/store_sqlite.h"

/* --- tokens --------------------------------------------------------------------------------- */

void fixture_secret(struct fixture *fixture, const char *text)
{
    assert_true(fixture->secret_count < MADE_MAX);
    snprintf(fixture->secrets[fixture->secret_count++], TOKEN_TEXT_BYTES_MAX + 1, "%s", text);
}

static struct made made_from(struct fixture *fixture, const json_t *root)
{
    struct made made = {0};
    const char *text = json_string_value(json_object_get(root, "token"));
    const char *id = json_string_value(json_object_get(root, "id"));
    assert_non_null(text);
    assert_non_null(id);
    snprintf(made.text, sizeof made.text, "%s", text);
    snprintf(made.id, sizeof made.id, "%s", id);
    fixture_secret(fixture, made.text);
    return made;
}

struct made fixture_make(struct fixture *fixture, const char *body)
{
    struct answer answer = manage(fixture, "POST " TOKENS, body);
    if (answer.status != 201) {
        fail_msg("%u %s", answer.status, answer.body);
    }
    json_t *root = json_of(&answer);
    struct made made = made_from(fixture, root);
    json_decref(root);
    return made;
}

static void make_admin(struct fixture *fixture)
{
    unsigned status = 0;
    struct buffer body;
    buffer_init_secret(&body, 64 * 1024);
    assert_int_equal(api_call_local(fixture->api, API_ORG_DEFAULT, HTTP_POST, TOKENS, NULL,
                                    "{\"user_id\":\"root\",\"name\":\"admin\",\"kind\":\"admin\","
                                    "\"tier\":\"enterprise\",\"scopes\":[\"*\"]}",
                                    NULL, &status, &body),
                     TKR_OK);
    assert_int_equal(status, 201);
    json_t *root = json_loadb(body.data, body.length, 0, NULL);
    fixture->admin = made_from(fixture, root);
    json_decref(root);
    buffer_deinit(&body);
}

/* --- the whole ------------------------------------------------------------------------------ */

void fixture_advance(struct fixture *fixture, int64_t ms)
{
    virtual_clock_advance(&fixture->time, ms);
    for (int i = 0; i < 1000; i++) {
        struct answer answer = ask(fixture, "GET /api/v1/auth/health", "", NULL);
        if (answer.status == 200) {
            return;
        }
        struct timespec pause = {.tv_nsec = 10000000};
        nanosleep(&pause, NULL);
    }
    fail_msg("the heartbeat does not follow");
}

enum audit_successes fixture_successes = AUDIT_SUCCESSES_FIRST_PER_MINUTE;

static void start_authority(struct fixture *fixture)
{
    struct fault fault = {0};
    struct store_sqlite_options store = {
        .directory = fixture->folder, .clock = &fixture->time.clock, .random = random_system()};
    if (store_sqlite_open(&store, &fixture->store, &fault) != TKR_OK) {
        fail_msg("%s", fault.detail);
    }
    struct authority_options options = {
        .store = &fixture->store,
        .runtime_directory = fixture->runtime,
        .clock = &fixture->time.clock,
        .random = random_system(),
        .prefixes = token_prefixes_default,
        .window_kinds = {WINDOW_SLIDING, WINDOW_FIXED, WINDOW_FIXED},
        .usage_flush_ms = 1000,
        .own_keys_max = FIXTURE_OWN_KEYS_MAX,
        .metering = true,
        .audit_successes = fixture_successes,
        .audit_refusals_per_second = 100,
        .usage_retention = {2 * 86400000LL, 90 * 86400000LL, 0},
    };
    for (size_t i = 0; i < COUNT_OF(options.lifetimes); i++) {
        options.lifetimes[i] = (struct lifetime_policy){
            .default_s = 90 * 86400, .max_s = 365 * 86400, .on_exceed = ON_EXCEED_CLAMP};
    }
    if (authority_new(&options, &fixture->authority, &fault) != TKR_OK) {
        fail_msg("%s", fault.detail);
    }
}

const char *fixture_leak_keys;
bool fixture_trials;

static void start_api(struct fixture *fixture, uid_t admin_uid)
{
    struct fault fault = {0};
    assert_int_equal(cidr_parse("127.0.0.2", 9, &fixture->proxies[0]), TKR_OK);
    struct api_options options = {
        .authority = fixture->authority,
        .runtime_directory = fixture->runtime,
        .clock = &fixture->time.clock,
        .limiter = &limiter_local,
        .stale_s = SEGMENT_STALE_S_DEFAULT,
        .prefixes = token_prefixes_default,
        .sources = {{"Authorization", "Bearer"}, {"X-API-Key", ""}},
        .source_count = 2,
        .trusted_proxies = fixture->proxies,
        .trusted_proxy_count = 1,
        .realm = "test",
        .attempt_header = "X-Attempt",
        .trials = fixture_trials,
        .socket_admin_uid = admin_uid,
        .self_service = true,
        .leaks = {fixture_leak_keys, fixture_leak_keys != NULL ? strlen(fixture_leak_keys) : 0,
                  false},
        .log = fixture->log,
        .version = "1.2.3",
    };
    if (api_new(&options, &fixture->api, &fault) != TKR_OK) {
        fail_msg("%s", fault.detail);
    }
}

static void start_server(struct fixture *fixture)
{
    struct fault fault = {0};
    struct http_options options = {
        .listen = "127.0.0.1:0",
        .socket_path = fixture->socket_path,
        .socket_mode = 0666,
        .tls_certificate = "",
        .tls_key = "",
        .event_threads = 2,
        .worker_threads = 2,
        .connections_max = 64,
        .idle_s = 20,
        .access_log = true,
        .context = fixture->api,
        .clock = clock_system(),
        .log = fixture->log,
        .server_name = "",
    };
    options.routes = api_routes(&options.route_count);
    if (http_server_new(&options, &fixture->server, &fault) != TKR_OK) {
        fail_msg("%s", fault.detail);
    }
    api_set_server(fixture->api, fixture->server);
}

static int setup(void **state, uid_t admin_uid)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/tokenry-api-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(chmod(fixture->folder, 0755), 0); /* `nobody` reaches the socket */
    snprintf(fixture->runtime, sizeof fixture->runtime, "%s/run", fixture->folder);
    snprintf(fixture->socket_path, sizeof fixture->socket_path, "%s/s", fixture->folder);
    snprintf(fixture->log_path, sizeof fixture->log_path, "%s/log", fixture->folder);
    fixture->log_fd = open(fixture->log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fixture->log_fd >= 0);
    virtual_clock_init(&fixture->time, FIXTURE_START_MS);
    assert_int_equal(
        log_new(fixture->log_fd, LOG_FORMAT_JSON, LOG_DEBUG, clock_system(), &fixture->log),
        TKR_OK);
    start_authority(fixture);
    start_api(fixture, admin_uid);
    start_server(fixture);
    make_admin(fixture);
    *state = fixture;
    return 0;
}

int fixture_setup(void **state)
{
    return setup(state, geteuid());
}

int fixture_setup_other_uid(void **state)
{
    return setup(state, geteuid() + 1);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    return remove(path);
}

static const struct fixture *searched; /* nftw has no context */

static void search_bytes(const char *path, const void *content, size_t bytes)
{
    for (size_t i = 0; i < searched->secret_count; i++) {
        const char *secret = searched->secrets[i];
        if (memmem(content, bytes, secret, strlen(secret)) != NULL) {
            fail_msg("%s holds a token", path);
        }
    }
}

/* Log, database, write-ahead log, segment: no file may hold a token. Only what was ever written is
 * looked at: some are half a gigabyte of nothing. */
static int search_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    if (kind != FTW_F || !S_ISREG(status->st_mode)) {
        return 0;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t end = 0;
    for (off_t begin = lseek(fd, 0, SEEK_DATA); begin >= 0; begin = lseek(fd, end, SEEK_DATA)) {
        end = lseek(fd, begin, SEEK_HOLE);
        size_t bytes = (size_t)(end - begin);
        void *content = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, begin);
        assert_true(content != MAP_FAILED);
        search_bytes(path, content, bytes);
        munmap(content, bytes);
    }
    assert_int_equal(errno, ENXIO); /* the end, and not a file that was left out */
    close(fd);
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    http_server_stop(fixture->server, 1000);
    api_set_server(fixture->api, NULL);
    http_server_free(fixture->server);
    api_free(fixture->api);
    authority_free(fixture->authority);
    store_sqlite_close(&fixture->store);
    log_free(fixture->log);
    close(fixture->log_fd);
    searched = fixture;
    nftw(fixture->folder, search_one, 16, FTW_PHYS);
    nftw(fixture->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

void fixture_flush(struct fixture *fixture)
{
    authority_flush(fixture->authority);
}

int64_t fixture_query(struct fixture *fixture, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    snprintf(path, sizeof path, "%s/tokenry.db", fixture->folder);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

int64_t fixture_events(struct fixture *fixture, const char *type)
{
    return fixture_query(fixture, printed("SELECT count(*) FROM events WHERE type = '%s'", type));
}
