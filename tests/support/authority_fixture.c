/* SPDX-License-Identifier: Apache-2.0 */
#include "authority_fixture.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/verify.h"
#include "limiter/local/limiter_local.h"
#include "segment/reader.h"
#include "store/sqlite/store_sqlite.h"

#define FIXTURE_NOW 1767225600000LL /* 2026-01-01T00:00:00Z */

const struct principal fixture_admin = {
    .via = VIA_LOCAL,
    .org_id = "acme",
    .user_id = "root",
    .token_id = "",
    .scopes = "*",
    .client = "192.0.2.1",
    .request_id = "r-1",
    .user_agent = "",
};
const struct principal fixture_alice = {
    .via = VIA_TOKEN,
    .org_id = "acme",
    .user_id = "alice",
    .token_id = "tok_00000000000000000000000001",
    .scopes = "api:read tokens:write",
    .client = "192.0.2.2",
    .request_id = "r-2",
    .user_agent = "test",
};

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "the fixture failed: %s\n", what);
        exit(1);
    }
}

static void report(void *context, enum log_level level, const char *event, const char *detail)
{
    struct authority_fixture *fixture = context;
    pthread_mutex_lock(&fixture->report_mutex);
    if (fixture->report_count < FIXTURE_REPORTS_MAX) {
        size_t index = fixture->report_count++;
        snprintf(fixture->reports[index], sizeof(fixture->reports[0]), "%s", event);
        snprintf(fixture->details[index], sizeof(fixture->details[0]), "%s", detail);
    }
    pthread_mutex_unlock(&fixture->report_mutex);
}

size_t fixture_reports(struct authority_fixture *fixture, const char *event)
{
    size_t count = 0;
    pthread_mutex_lock(&fixture->report_mutex);
    for (size_t i = 0; i < fixture->report_count; i++) {
        count += strcmp(fixture->reports[i], event) == 0;
    }
    pthread_mutex_unlock(&fixture->report_mutex);
    return count;
}

bool fixture_report_says(struct authority_fixture *fixture, const char *event, const char *words)
{
    bool said = false;
    pthread_mutex_lock(&fixture->report_mutex);
    for (size_t i = 0; i < fixture->report_count; i++) {
        said |=
            strcmp(fixture->reports[i], event) == 0 && strstr(fixture->details[i], words) != NULL;
    }
    pthread_mutex_unlock(&fixture->report_mutex);
    return said;
}

void authority_fixture_init(struct authority_fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    temp_directory_make(&fixture->data);
    temp_directory_make(&fixture->runtime);
    virtual_clock_init(&fixture->time, FIXTURE_NOW);
    pthread_mutex_init(&fixture->report_mutex, NULL);
    fixture->options = (struct authority_options){
        .store = &fixture->port,
        .runtime_directory = fixture->runtime.path,
        .clock = &fixture->time.clock,
        .random = random_system(),
        .prefixes = token_prefixes_default,
        .window_kinds = {WINDOW_SLIDING, WINDOW_FIXED, WINDOW_FIXED},
        .usage_flush_ms = 3600000, /* tests say when */
        .metering = true,
        .audit_successes = AUDIT_SUCCESSES_FIRST_PER_MINUTE,
        .audit_refusals_per_second = 100,
        .usage_retention = {2 * 86400000LL, 90 * 86400000LL, 0},
        .report = report,
        .report_context = fixture,
    };
    for (int i = 0; i < 3; i++) {
        fixture->options.lifetimes[i] =
            (struct lifetime_policy){90 * 86400, 365 * 86400, ON_EXCEED_CLAMP};
    }
}

tkr_error_t authority_fixture_start(struct authority_fixture *fixture, struct fault *fault)
{
    struct store_sqlite_options options = {.directory = fixture->data.path,
                                           .clock = &fixture->time.clock,
                                           .random = random_system(),
                                           .vfs = fixture->vfs};
    TRY(store_sqlite_open(&options, &fixture->port, fault));
    tkr_error_t error = authority_new(&fixture->options, &fixture->authority, fault);
    if (error != TKR_OK) {
        store_sqlite_close(&fixture->port);
    }
    return error;
}

void authority_fixture_open(struct authority_fixture *fixture)
{
    struct fault fault = {0};
    authority_fixture_init(fixture);
    if (authority_fixture_start(fixture, &fault) != TKR_OK) {
        must(false, fault.detail);
    }
}

void authority_fixture_stop(struct authority_fixture *fixture)
{
    authority_free(fixture->authority);
    fixture->authority = NULL;
    store_sqlite_close(&fixture->port);
}

void authority_fixture_close(struct authority_fixture *fixture)
{
    authority_fixture_stop(fixture);
    temp_directory_remove(&fixture->data);
    temp_directory_remove(&fixture->runtime);
    pthread_mutex_destroy(&fixture->report_mutex);
}

/* --- calls that wait ------------------------------------------------------------------------ */

struct waiting {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    bool done;
    struct answer answer;
};

static void take_answer(void *context, const struct change_result *result)
{
    struct waiting *waiting = context;
    pthread_mutex_lock(&waiting->mutex);
    struct answer *answer = &waiting->answer;
    answer->error = result->error;
    answer->fault = result->fault;
    memcpy(answer->id, result->token.id, sizeof(answer->id));
    memcpy(answer->digest, result->token.digest, sizeof(answer->digest));
    if (result->plaintext != NULL) {
        snprintf(answer->plaintext, sizeof(answer->plaintext), "%s", result->plaintext);
    }
    answer->version = result->token.version;
    answer->line = result->token.line;
    answer->expires_at_ms = result->token.expires_at_ms;
    answer->status = result->token.status;
    answer->clamped = result->clamped;
    answer->weak = result->weak;
    answer->replayed = result->replayed;
    answer->role_tokens = result->role_tokens;
    if (result->emergency != NULL) {
        answer->emergency = *result->emergency;
    }
    if (result->cleanup != NULL) {
        answer->cleanup = *result->cleanup;
    }
    waiting->done = true;
    pthread_cond_signal(&waiting->answered);
    pthread_mutex_unlock(&waiting->mutex);
}

static void waiting_init(struct waiting *waiting)
{
    memset(waiting, 0, sizeof(*waiting));
    pthread_mutex_init(&waiting->mutex, NULL);
    pthread_cond_init(&waiting->answered, NULL);
}

static struct answer wait_for(struct waiting *waiting, tkr_error_t called)
{
    pthread_mutex_lock(&waiting->mutex);
    while (called == TKR_OK && !waiting->done) {
        pthread_cond_wait(&waiting->answered, &waiting->mutex);
    }
    pthread_mutex_unlock(&waiting->mutex);
    pthread_mutex_destroy(&waiting->mutex);
    pthread_cond_destroy(&waiting->answered);
    if (called != TKR_OK) {
        waiting->answer.error = called;
        waiting->answer.refused = true;
    }
    return waiting->answer;
}

struct token_create fixture_token(const char *name)
{
    static const char *const scopes[] = {"api:read"};
    return (struct token_create){
        .user_id = "alice", .name = name, .scopes = scopes, .scope_count = 1};
}

struct answer fixture_create(struct authority_fixture *fixture, const struct principal *by,
                             const struct token_create *create)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting, authority_create_token(fixture->authority, by, create, take_answer,
                                                     &waiting, &waiting.answer.fault));
}

struct answer fixture_update(struct authority_fixture *fixture, const struct principal *by,
                             const char *token_id, const struct token_update *update)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting, authority_update_token(fixture->authority, by, token_id, update,
                                                     take_answer, &waiting, &waiting.answer.fault));
}

struct answer fixture_revoke(struct authority_fixture *fixture, const struct principal *by,
                             const char *token_id, const char *reason)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting, authority_revoke_token(fixture->authority, by, token_id, reason, 0,
                                                     take_answer, &waiting, &waiting.answer.fault));
}

struct answer fixture_put_tier(struct authority_fixture *fixture, const struct principal *by,
                               const struct tier *tier)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting, authority_put_tier(fixture->authority, by, tier, take_answer,
                                                 &waiting, &waiting.answer.fault));
}

struct answer fixture_rotate(struct authority_fixture *fixture, const struct principal *by,
                             const char *token_id, const struct token_rotate *rotate)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting, authority_rotate_token(fixture->authority, by, token_id, rotate,
                                                     take_answer, &waiting, &waiting.answer.fault));
}

struct answer fixture_rollback(struct authority_fixture *fixture, const struct principal *by,
                               const char *token_id, int64_t grace_ms)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting,
                    authority_rollback_token(fixture->authority, by, token_id, grace_ms,
                                             take_answer, &waiting, &waiting.answer.fault));
}

struct answer fixture_hold(struct authority_fixture *fixture, const struct principal *by,
                           const char *token_id, enum token_hold hold, const char *reason)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting,
                    authority_hold_token(fixture->authority, by, token_id, hold, reason, 0,
                                         take_answer, &waiting, &waiting.answer.fault));
}

struct answer fixture_emergency(struct authority_fixture *fixture, const struct principal *by,
                                const struct emergency *emergency)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting,
                    authority_emergency_revoke(fixture->authority, by, emergency, take_answer,
                                               &waiting, &waiting.answer.fault));
}

struct answer fixture_cleanup(struct authority_fixture *fixture, const struct principal *by,
                              const struct cleanup *cleanup)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting, authority_cleanup(fixture->authority, by, cleanup, take_answer,
                                                &waiting, &waiting.answer.fault));
}

struct token fixture_stored(struct authority_fixture *fixture, const char *token_id,
                            struct arena *arena)
{
    struct token token;
    must(authority_get_token(fixture->authority, &fixture_admin, token_id, arena, &token) == TKR_OK,
         token_id);
    return token;
}

tkr_verdict_t fixture_verify(struct authority_fixture *fixture, const char *text)
{
    struct verifier_options options = {
        .directory = fixture->runtime.path,
        .clock = &fixture->time.clock,
        .stale_s = 400 * 86400, /* time is moved in days */
        .limiter = &limiter_local,
    };
    struct verifier *verifier = NULL;
    struct fault fault = {0};
    must(verifier_new(&options, &verifier, &fault) == TKR_OK, fault.detail);
    struct verify_request request = {.token = text, .token_length = strlen(text), .cost = 1};
    struct verify_result result;
    tkr_verdict_t verdict = verify_token(verifier, &request, &result);
    verifier_free(verifier);
    return verdict;
}

struct answer fixture_put_role(struct authority_fixture *fixture, const struct principal *by,
                               const struct role_write *write)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting, authority_put_role(fixture->authority, by, write, take_answer,
                                                 &waiting, &waiting.answer.fault));
}

struct answer fixture_update_user(struct authority_fixture *fixture, const struct principal *by,
                                  const struct user_write *write)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting, authority_update_user(fixture->authority, by, write, take_answer,
                                                    &waiting, &waiting.answer.fault));
}

struct answer fixture_update_org(struct authority_fixture *fixture, const struct principal *by,
                                 const struct org_write *write)
{
    struct waiting waiting;
    waiting_init(&waiting);
    return wait_for(&waiting, authority_update_org(fixture->authority, by, write, take_answer,
                                                   &waiting, &waiting.answer.fault));
}

/* --- looking ---------------------------------------------------------------------------------- */

static struct segment_reader *open_reader(struct authority_fixture *fixture)
{
    struct segment_reader *reader = NULL;
    struct fault fault = {0};
    int64_t now_ms = 0;
    must(segment_reader_open(fixture->runtime.path, &fixture->time.clock, 3600, &reader, &fault) ==
             TKR_OK,
         fault.detail);
    must(segment_reader_begin(reader, &now_ms), "the segment has no heartbeat");
    return reader;
}

enum seen fixture_see(struct authority_fixture *fixture, const uint8_t digest[TOKEN_DIGEST_BYTES])
{
    struct segment_reader *reader = open_reader(fixture);
    const struct segment_view *view = segment_reader_view(reader);
    uint64_t words[4];
    uint64_t copy[RECORD_WORDS] = {0};
    memcpy(words, digest, sizeof(words));
    enum segment_found found = segment_view_find(view, segment_view_hash(view, words), words, copy);
    segment_reader_close(reader);
    must(found != SEGMENT_UNDECIDED, "the record cannot be read");
    uint32_t flags = record_flags(copy[0]);
    return found == SEGMENT_ABSENT                 ? SEEN_NOTHING
           : (flags & SEGMENT_TOKEN_REVOKED) != 0  ? SEEN_REVOKED
           : (flags & SEGMENT_TOKEN_DISABLED) != 0 ? SEEN_DISABLED
                                                   : SEEN_ACTIVE;
}

void fixture_count_lines(struct authority_fixture *fixture, uint32_t first, uint32_t count,
                         uint64_t requests, int64_t last_used_ms)
{
    struct segment_reader *reader = open_reader(fixture);
    for (uint32_t line = first; line < first + count; line++) {
        line_word *words = segment_reader_line(reader, line);
        must(words != NULL, "there is no such usage line");
        atomic_fetch_add(&words[LINE_TOTAL], requests);
        atomic_store(&words[LINE_LAST_USED], (uint64_t)last_used_ms);
        segment_reader_mark(reader, line);
    }
    segment_reader_close(reader);
}

void fixture_count(struct authority_fixture *fixture, uint32_t line, uint64_t requests,
                   int64_t last_used_ms)
{
    fixture_count_lines(fixture, line, 1, requests, last_used_ms);
}

static sqlite3 *open_database(struct authority_fixture *fixture, int flags)
{
    char path[300];
    sqlite3 *db = NULL;
    snprintf(path, sizeof(path), "%s/tokenry.db", fixture->data.path);
    must(sqlite3_open_v2(path, &db, flags, NULL) == SQLITE_OK, path);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

int64_t fixture_query(struct authority_fixture *fixture, const char *sql)
{
    sqlite3 *db = open_database(fixture, SQLITE_OPEN_READONLY);
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;
    must(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    if (sqlite3_step(statement) == SQLITE_ROW) {
        value = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

void fixture_run(struct authority_fixture *fixture, const char *sql)
{
    sqlite3 *db = open_database(fixture, SQLITE_OPEN_READWRITE);
    must(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    sqlite3_close(db);
}
