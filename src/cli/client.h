/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a command reaches the authority, the first that applies:
 *
 *   TOKENRY_URL          HTTP, with TOKENRY_TOKEN as the credential. The token is sent over
 *                        https, to this host, or with --insecure-http; else it is refused.
 *   the Unix socket      of the data directory, when a daemon answers there. It knows who we
 *                        are by our user id; TOKENRY_TOKEN goes along when it is set.
 *   the data directory   itself, when no daemon holds it: the API runs in this process.
 *
 * Whichever it is, a call is a method, a path and JSON, and the answer is the API's.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>

#include "cli/command.h"
#include "http/server.h"

struct client;

/*
 * `create`: make the data directory when it is missing (init). On an error a sentence was
 * printed and *ret_status is the exit status.
 */
MUST_USE bool client_open(struct cli *cli, bool create, struct client **ret_client,
                          enum cli_exit *ret_status);
/* A second way to the same authority, for calls at the same time; it is closed before the first
 * one. False: there is none. */
MUST_USE bool client_open_another(struct cli *cli, const struct client *client,
                                  struct client **ret_client);
void client_close(struct client *client); /* NULL is allowed */
void client_close_p(struct client **client);

struct client_call {
    enum http_method method;
    const char *path;            /* path arguments percent-encoded by the caller */
    const char *query;           /* NULL: none */
    const json_t *body;          /* NULL: none */
    const char *text;            /* JSON that is written already, instead of `body`; NULL: none */
    const char *idempotency_key; /* NULL: none */
};

/* An answer. `json` is NULL when there was none; wiped when freed (it may hold a token). */
struct client_answer {
    unsigned status;
    json_t *json;
};
void client_answer_release(struct client_answer *answer); /* for CLEANUP */

/*
 * Calls. Returns CLI_DONE for a 2xx. For anything else the reason was printed (and, with
 * --json, the problem object on standard output) and the exit status is returned;
 * ret_answer is filled then too, when there was an answer.
 */
MUST_USE enum cli_exit client_call(struct cli *cli, struct client *client,
                                   const struct client_call *call,
                                   struct client_answer *ret_answer);

/* Percent-encodes all but RFC 3986's unreserved characters. Returns `out`; "" on overflow. */
const char *client_escape(const char *text, char *out, size_t size);

/* --- reading answers ------------------------------------------------------------------------ */

/* The text member; "" when it is missing, null or no text. */
const char *answer_text(const json_t *object, const char *name);
/* Prints the object as it is, on a line of its own. */
void answer_print(const json_t *object);

#endif
