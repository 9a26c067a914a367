/* SPDX-License-Identifier: Apache-2.0 */
/* A look at a database from outside, beside whoever holds it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/sqlite/schema.h"
#include "store/sqlite/store_sqlite.h"

static void free_text(char **text)
{
    free(*text);
}

static tkr_error_t look(struct connection *connection, const char *path, int64_t check_bytes_max,
                        struct store_look *ret_look, struct fault *fault)
{
    struct store_look seen = {0};
    struct stat status;
    if (stat(path, &status) != 0) {
        return fault_set(fault, TKR_IO, "", "%s: %s", path, strerror(errno));
    }
    seen.bytes = status.st_size;
    if (connection_integer(connection, "SELECT max(version) FROM schema_migrations",
                           &seen.version) != TKR_OK ||
        connection_integer(connection, "SELECT clock_ms FROM meta", &seen.clock_ms) != TKR_OK) {
        return connection_error(connection, fault, path);
    }
    if (seen.bytes <= check_bytes_max) {
        TRY(schema_check_damage(connection, path, fault));
        seen.checked = true;
    }
    *ret_look = seen;
    return TKR_OK;
}

tkr_error_t store_sqlite_look(const char *directory, int64_t check_bytes_max,
                              struct store_look *ret_look, struct fault *fault)
{
    struct store_port port = {0};
    CLEANUP(free_text) char *path = NULL;
    if (asprintf(&path, "%s/tokenry.db", directory) < 0) {
        path = NULL;
        return TKR_MEMORY;
    }
    /* What it has to say of another's database, or one of another version, it says. */
    const struct store_sqlite_options options = {.directory = directory,
                                                 .read_only = true,
                                                 .clock = clock_system(),
                                                 .random = random_system()};
    TRY(store_sqlite_open(&options, &port, fault));
    store_sqlite_close(&port);
    CLEANUP(connection_close) struct connection connection = {0};
    TRY(connection_open(&connection, path, NULL, CONNECTION_READ, fault));
    return look(&connection, path, check_bytes_max, ret_look, fault);
}
