/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An authority over a SQLite store and a segment in directories of its own, and calls that
 * wait for their answer.
 *
 *     struct authority_fixture fixture;
 *     authority_fixture_open(&fixture);
 *     struct answer answer = fixture_create(&fixture, &fixture_admin, &create);
 *     assert_int_equal(answer.error, TKR_OK);
 *     authority_fixture_close(&fixture);
 */
#ifndef SUPPORT_AUTHORITY_FIXTURE_H
#define SUPPORT_AUTHORITY_FIXTURE_H

#include <pthread.h>

#include "engine/lifecycle.h"
#include "engine/tenancy.h"
#include "engine/verify.h"
#include "temp_directory.h"
#include "virtual_clock.h"

#define FIXTURE_REPORTS_MAX 64

struct authority_fixture {
    struct temp_directory data, runtime;
    struct virtual_clock time;
    const char *vfs; /* NULL: SQLite's own */
    struct store_port port;
    struct authority_options options;
    struct authority *authority;
    pthread_mutex_t report_mutex;
    char reports[FIXTURE_REPORTS_MAX][64]; /* names of the events */
    char details[FIXTURE_REPORTS_MAX][256];
    size_t report_count;
};

/* Fills the options; a test may change them before _start. */
void authority_fixture_init(struct authority_fixture *fixture);
/* Opens the store and starts. */
MUST_USE tkr_error_t authority_fixture_start(struct authority_fixture *fixture,
                                             struct fault *fault);
/* Both of them; a failure ends the test program. */
void authority_fixture_open(struct authority_fixture *fixture);
/* Stops as a clean stop does; directories stay. */
void authority_fixture_stop(struct authority_fixture *fixture);
/* Stops and removes the directories. */
void authority_fixture_close(struct authority_fixture *fixture);
/* How often an event was reported. */
size_t fixture_reports(struct authority_fixture *fixture, const char *event);
/* Whether some report of the event has the words in its detail. */
bool fixture_report_says(struct authority_fixture *fixture, const char *event, const char *words);

/* `*` in org acme; and alice, who has `api:read tokens:write` there. */
extern const struct principal fixture_admin, fixture_alice;

struct answer {
    tkr_error_t error; /* of the call, or of the change */
    bool refused;      /* the call itself failed, `done` was not called */
    struct fault fault;
    char id[TOKEN_ID_CHARS + 1];
    char plaintext[TOKEN_TEXT_BYTES_MAX + 1]; /* "" for none */
    uint8_t digest[TOKEN_DIGEST_BYTES];
    uint64_t version;
    uint32_t line;
    int64_t expires_at_ms;
    enum token_status status;
    bool clamped, replayed, weak;
    uint64_t role_tokens;
    struct emergency emergency; /* of these calls; texts are gone */
    struct cleanup cleanup;
};

/* A create for `name`, of user alice, with scope api:read. */
struct token_create fixture_token(const char *name);
struct answer fixture_create(struct authority_fixture *fixture, const struct principal *by,
                             const struct token_create *create);
struct answer fixture_update(struct authority_fixture *fixture, const struct principal *by,
                             const char *token_id, const struct token_update *update);
struct answer fixture_revoke(struct authority_fixture *fixture, const struct principal *by,
                             const char *token_id, const char *reason);
struct answer fixture_put_tier(struct authority_fixture *fixture, const struct principal *by,
                               const struct tier *tier);

struct answer fixture_rotate(struct authority_fixture *fixture, const struct principal *by,
                             const char *token_id, const struct token_rotate *rotate);
struct answer fixture_rollback(struct authority_fixture *fixture, const struct principal *by,
                               const char *token_id, int64_t grace_ms);
struct answer fixture_hold(struct authority_fixture *fixture, const struct principal *by,
                           const char *token_id, enum token_hold hold, const char *reason);
struct answer fixture_emergency(struct authority_fixture *fixture, const struct principal *by,
                                const struct emergency *emergency);
struct answer fixture_cleanup(struct authority_fixture *fixture, const struct principal *by,
                              const struct cleanup *cleanup);
/* The token from the store; a failure ends the test program. Texts live in the arena. */
struct token fixture_stored(struct authority_fixture *fixture, const char *token_id,
                            struct arena *arena);
/* Verifies in earnest, at cost 1, with a verifier of its own. */
tkr_verdict_t fixture_verify(struct authority_fixture *fixture, const char *text);

struct answer fixture_put_role(struct authority_fixture *fixture, const struct principal *by,
                               const struct role_write *write);
struct answer fixture_update_user(struct authority_fixture *fixture, const struct principal *by,
                                  const struct user_write *write);
struct answer fixture_update_org(struct authority_fixture *fixture, const struct principal *by,
                                 const struct org_write *write);

/* What a verifier would see of a token, in a mapping of its own. */
enum seen { SEEN_NOTHING, SEEN_ACTIVE, SEEN_REVOKED, SEEN_DISABLED };
enum seen fixture_see(struct authority_fixture *fixture, const uint8_t digest[TOKEN_DIGEST_BYTES]);
/* Counts on a usage line as a verifier would. */
void fixture_count(struct authority_fixture *fixture, uint32_t line, uint64_t requests,
                   int64_t last_used_ms);
/* The same on each of many lines. */
void fixture_count_lines(struct authority_fixture *fixture, uint32_t first, uint32_t count,
                         uint64_t requests, int64_t last_used_ms);

/* The first column of the first row of a query on the database; -1 when it has none. */
int64_t fixture_query(struct authority_fixture *fixture, const char *sql);
/* Changes the database as somebody with a shell would, while nothing runs. */
void fixture_run(struct authority_fixture *fixture, const char *sql);

#endif
