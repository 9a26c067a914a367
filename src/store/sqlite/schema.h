/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose database this is, and bringing it up to date. Both take the table of migrations as an
 * argument, so that tests can bring their own.
 */
#ifndef STORE_SQLITE_SCHEMA_H
#define STORE_SQLITE_SCHEMA_H

#include "base/random.h"
#include "store/migrations/migrations.h"
#include "store/sqlite/connection.h"

/* Stands in the database header, so that `file` and we know our own: "TKNR". */
#define SCHEMA_APPLICATION_ID 0x544b4e52

struct schema_plan {
    const struct migration *migrations;
    size_t count;
    const struct random_source *random; /* for the identity of a new database */
    int64_t now_ms;
};

/*
 * Looks and changes nothing: refuses what is not ours (TKR_CORRUPT), newer (TKR_VERSION_NEWER)
 * or, when it is small enough to check at every start, damaged (TKR_CORRUPT). An empty
 * database is fine.
 */
MUST_USE tkr_error_t schema_inspect(struct connection *connection, const struct schema_plan *plan,
                                    const char *path, struct fault *fault);
/* Reads every page: TKR_CORRUPT when one is damaged. */
MUST_USE tkr_error_t schema_check_damage(struct connection *connection, const char *path,
                                         struct fault *fault);
/* Applies what is missing, each step in one transaction. */
MUST_USE tkr_error_t schema_migrate(struct connection *connection, const struct schema_plan *plan,
                                    const char *path, struct fault *fault);

#endif
