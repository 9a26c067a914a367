/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema as a list of steps. A database holds the version of the last step that it went
 * through (schema_migrations); opening applies the rest, each step in one transaction.
 *
 * To change the schema: add a row with the next version, never touch an older one: it has
 * been applied to the databases that are out there. A step must leave every row that the
 * former version could hold valid. Say in docs/ what an operator has to know.
 */
#ifndef STORE_MIGRATIONS_MIGRATIONS_H
#define STORE_MIGRATIONS_MIGRATIONS_H

#include <stddef.h>

struct migration {
    int version; /* 1, 2, ... without a gap */
    const char *name;
    const char *const *statements; /* NULL ends the list */
};

extern const char *const migration_sqlite_001[];
extern const char *const migration_sqlite_002[];
extern const char *const migration_sqlite_003[];
extern const char *const migration_sqlite_004[];

extern const struct migration migrations_sqlite[];
extern const size_t migrations_sqlite_count;

#endif
