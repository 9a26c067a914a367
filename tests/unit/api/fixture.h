/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole authority for a test: SQLite in a folder of its own, the segment, the API and an HTTP
 * server on a free port of the loopback and on a Unix socket. Time stands still until the test
 * moves it.
 *
 *     struct fixture *fixture = *state;
 *     struct made token = fixture_make(fixture, "{\"user_id\":\"alice\",\"name\":\"n\"}");
 *     struct answer answer = ask(fixture, "GET /auth", BEARER(token.text), NULL);
 *     assert_int_equal(answer.status, 200);
 *
 * Every token that was made is remembered, and every later answer is searched for it, and at
 * the end every file: log, database, segment. None may hold one.
 */
#ifndef UNIT_API_FIXTURE_H
#define UNIT_API_FIXTURE_H

#include <jansson.h>

#include "api/api.h"
#include "unit.h"
#include "virtual_clock.h"

#define FIXTURE_START_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define TOKENS "/api/v1/auth/tokens"
#define FIXTURE_OWN_KEYS_MAX 5
#define MADE_MAX 64

struct made {
    char text[TOKEN_TEXT_BYTES_MAX + 1];
    char id[TOKEN_ID_CHARS + 1];
};

struct fixture {
    struct virtual_clock time;
    char folder[64], runtime[80], socket_path[96], log_path[96];
    int log_fd;
    struct log *log;
    struct store_port store;
    struct authority *authority;
    struct api *api;
    struct http_server *server;
    struct made admin;
    size_t secret_count;
    char secrets[MADE_MAX][TOKEN_TEXT_BYTES_MAX + 1];
    struct cidr proxies[1];
};

/* For cmocka: a fixture with an admin token of scope `*` in org `default`. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* The peers of the Unix socket with `uid` (and root) are the administrator. */
int fixture_setup_other_uid(void **state);

/* Moves the clock and waits until the heartbeat has followed. */
void fixture_advance(struct fixture *fixture, int64_t ms);
/* Adds to what no answer may hold. */
void fixture_secret(struct fixture *fixture, const char *text);

/* The keys of who reports leaks, for the fixtures that are set up from now on; NULL: none. */
extern const char *fixture_leak_keys;
/* Likewise, whether proxies may ask for trials (auth.trials). */
extern bool fixture_trials;
/* Likewise, which successes become events (as shipped, unless a test says otherwise). */
extern enum audit_successes fixture_successes;
/* What verifiers counted and noticed is in the store. */
void fixture_flush(struct fixture *fixture);
/* The first column of the first row of a query on the database: a number. */
int64_t fixture_query(struct fixture *fixture, const char *sql);
/* How many audit events of a type there are. */
int64_t fixture_events(struct fixture *fixture, const char *type);

#define ANSWER_BYTES_MAX (8 * 1024 * 1024)
struct answer {
    unsigned status;
    char *head; /* status line and header lines; lives as `printed` does */
    char *body;
    size_t body_length;
};
/* The value of a header, NULL when it is absent; asserts that it stands at most once. Lives
 * as `printed` does. */
const char *header_of(const struct answer *answer, const char *name);
json_t *json_of(const struct answer *answer); /* of the body; asserts that it is one */
/* A member of the body, a text; "" when absent or no text. Lives as `printed` does. */
const char *text_of(const struct answer *answer, const char *member);
int64_t number_of(const struct answer *answer, const char *member);

/*
 * One request over TCP with Connection: close. `request` is the request line without version,
 * `headers` whole lines with CRLF ("" for none), `body` NULL for none.
 */
struct answer ask(struct fixture *fixture, const char *request, const char *headers,
                  const char *body);
struct answer ask_bytes(struct fixture *fixture, const char *request, const char *headers,
                        const void *body, size_t body_length);
/* The same over the Unix socket, by a peer that claims its rights. */
struct answer ask_socket(struct fixture *fixture, const char *request, const char *headers,
                         const char *body);
/* The same, and it does not claim them. */
struct answer ask_socket_unclaimed(struct fixture *fixture, const char *request,
                                   const char *headers, const char *body);
/* Like ask_socket, by a process of user `nobody`; only the status. */
unsigned ask_socket_as_nobody(struct fixture *fixture, const char *request, const char *headers,
                              const char *body);
/* With the admin's token. */
struct answer manage(struct fixture *fixture, const char *request, const char *body);

/* `Authorization: Bearer TEXT` as a header line; lives as `printed` does. */
const char *bearer(const char *text);

/* Makes a token by POST and asserts that it was made. */
struct made fixture_make(struct fixture *fixture, const char *body);
/* A text made with printf. Lives until some 200 more texts and answers were made. */
const char *printed(const char *format, ...) PRINTF_LIKE(1, 2);

#define assert_code(answer, expected) assert_string_equal(text_of(&(answer), "code"), expected)

#endif
