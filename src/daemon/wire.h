/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of an authority put together, bottom up: directories, store, authority, API. The
 * daemon puts HTTP on top; a command that works on a data directory that no daemon holds
 * calls the API directly. This is the only place that names a backend.
 *
 *     struct wire *wire CLEANUP(wire_close_p) = NULL;
 *     TRY(wire_open(&options, &wire, fault));
 *     TRY(api_call_local(wire_api(wire), ...));
 */
#ifndef DAEMON_WIRE_H
#define DAEMON_WIRE_H

#include <stdbool.h>

#include "api/api.h"
#include "base/fault.h"
#include "base/log.h"
#include "daemon/config.h"

struct wire;

struct wire_options {
    const struct config *config; /* resolved; outlives the wire */
    char *const *environment;    /* for RUNTIME_DIRECTORY */
    const struct clock *clock;
    struct log *log;  /* NULL: silent */
    bool serves;      /* unknown tokens are asked about, and wire_start_jobs follows */
    bool create;      /* make a missing data directory and database; else TKR_NOT_FOUND */
    bool reset_clock; /* see authority_options */
    bool follow_link; /* see runtime_directory_open */
};

/*
 * Errors: TKR_LOCKED (another process holds the data directory), TKR_NOT_FOUND, and those of
 * store_sqlite_open, runtime_directory_open, authority_new and api_new, each with a detail
 * that says which file is concerned.
 */
MUST_USE tkr_error_t wire_open(const struct wire_options *options, struct wire **ret_wire,
                               struct fault *fault);
/* From now on jobs run by themselves; else only when the API is asked for one. */
MUST_USE tkr_error_t wire_start_jobs(struct wire *wire);
/* Before wire_close, when they were started. TKR_TIMEOUT: one does not stop, and the wire may not
 * be closed under it. */
MUST_USE tkr_error_t wire_stop_jobs(struct wire *wire);
/* From now on messages are sent; else they stay in the outbox. */
MUST_USE tkr_error_t wire_start_notifying(struct wire *wire);
/* Before http_server_stop: who waits for a test of a channel is answered. */
void wire_stop_notifying(struct wire *wire);
/* Lets queued changes finish, flushes usage, closes the store. NULL is allowed. */
void wire_close(struct wire *wire);
void wire_close_p(struct wire **wire); /* for CLEANUP */

/* The store of a data directory, beside whoever holds it and only to read. Errors: those of
 * store_sqlite_open. */
MUST_USE tkr_error_t wire_open_store_to_read(const char *data, struct store_port *ret_store,
                                             struct fault *fault);
/* The same for a look at it; see store_sqlite_look. */
MUST_USE tkr_error_t wire_look_at_store(const char *data, int64_t check_bytes_max,
                                        struct store_look *ret_look, struct fault *fault);
void wire_close_store(struct store_port *store);

struct token_prefixes wire_prefixes(const struct config *config);
struct api *wire_api(struct wire *wire);
struct authority *wire_authority(struct wire *wire);
/* The limiter of production, for who replays recorded traffic over lines of his own. */
const struct limiter_port *wire_limiter(void);
const char *wire_runtime_directory(const struct wire *wire);

#endif
