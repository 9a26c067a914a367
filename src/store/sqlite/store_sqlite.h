/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded store: one SQLite database, DIRECTORY/tokenry.db.
 *
 *     struct store_sqlite_options options = {.directory = data, .clock = clock_system(),
 *                                            .random = random_system()};
 *     struct store_port port;
 *     TRY(store_sqlite_open(&options, &port, &fault));
 *     ... port.begin(port.store) ...
 *     store_sqlite_close(&port);
 *
 * One process holds a directory at a time, by an flock on DIRECTORY/tokenry.lock.
 */
#ifndef STORE_SQLITE_STORE_SQLITE_H
#define STORE_SQLITE_STORE_SQLITE_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/random.h"
#include "engine/store_port.h"

struct store_sqlite_options {
    const char *directory; /* made with mode 0700 when missing; its parent must exist */
    const struct clock *clock;
    const struct random_source *random; /* for the identity of a new database */
    const char *vfs;                    /* name of a registered SQLite VFS; NULL: SQLite's own */
    bool must_exist; /* without a database there: TKR_NOT_FOUND, and nothing is made */
    bool read_only;  /* beside whoever holds the directory: only the calls for any thread */
};

/*
 * Opens the database, makes it when there is none, and migrates an older one, each step in a
 * transaction. `fault` says in words what is wrong and names the file. Nothing that is there
 * is changed when it is not ours to change:
 *   TKR_LOCKED         another process holds the directory (at once), or the database itself
 *                      (after STORE_BUSY_MS)
 *   TKR_VERSION_NEWER  a newer Tokenry wrote it
 *   TKR_CORRUPT        not a database, another program's, or damaged
 *   TKR_READ_ONLY      the file, directory or disk cannot be written
 *   TKR_NO_SPACE, TKR_NOT_FOUND (the parent directory; the database, see must_exist),
 *   TKR_IO, TKR_MEMORY
 */
MUST_USE tkr_error_t store_sqlite_open(const struct store_sqlite_options *options,
                                       struct store_port *ret_port, struct fault *fault);
/* What stands there, read beside whoever holds the directory. Looks for damage only when the file
 * has at most so many bytes: it reads all of them. Errors: those of opening to read, and
 * TKR_CORRUPT. */
MUST_USE tkr_error_t store_sqlite_look(const char *directory, int64_t check_bytes_max,
                                       struct store_look *ret_look, struct fault *fault);

/* Nobody may use the port any more. A port that is all zeros is allowed. */
void store_sqlite_close(struct store_port *port);

#endif
