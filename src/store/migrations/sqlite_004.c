/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the authority does by itself: jobs, notifications, watching tokens, rotation by schedule.
 */
#include "store/migrations/migrations.h"

const char *const migration_sqlite_004[] = {
    /* Alerts that are raised once. */
    "CREATE TABLE alerts ("
    " key TEXT PRIMARY KEY,"
    " at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX alerts_at ON alerts (at)",

    /* Messages that wait for their receiver, and those that nobody could deliver. */
    "CREATE TABLE outbox ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " channel TEXT NOT NULL,"
    " at INTEGER NOT NULL,"
    " severity INTEGER NOT NULL," /* enum alert_severity */
    " type TEXT NOT NULL,"
    " org_id TEXT,"
    " user_id TEXT,"
    " token_id TEXT,"
    " token_name TEXT,"
    " summary TEXT NOT NULL,"
    " details TEXT NOT NULL," /* a JSON object */
    " since INTEGER NOT NULL,"
    " next_at INTEGER NOT NULL,"
    " tries INTEGER NOT NULL DEFAULT 0,"
    " dead_at INTEGER," /* NULL: it waits */
    " error TEXT"
    ") STRICT",
    "CREATE INDEX outbox_due ON outbox (channel, next_at) WHERE dead_at IS NULL",
    "CREATE INDEX outbox_dead ON outbox (channel) WHERE dead_at IS NOT NULL",
    "CREATE TABLE outbox_channels ("
    " name TEXT PRIMARY KEY,"
    " waiting INTEGER NOT NULL," /* rows of outbox */
    " dead INTEGER NOT NULL,"    /* likewise */
    " sent INTEGER NOT NULL,"
    " failed INTEGER NOT NULL,"
    " left_out INTEGER NOT NULL,"
    " sent_at INTEGER,"
    " failed_at INTEGER,"
    " error TEXT" /* of the last failure */
    ") STRICT, WITHOUT ROWID",

    /* Jobs: see engine/jobs_port.h. */
    "CREATE TABLE jobs ("
    " name TEXT PRIMARY KEY,"
    " due_at INTEGER NOT NULL,"
    " holder TEXT," /* NULL: nobody runs it */
    " lease_until INTEGER NOT NULL,"
    " started_at INTEGER,"
    " ended_at INTEGER,"
    " succeeded_at INTEGER,"
    " duration_ms INTEGER NOT NULL,"
    " outcome INTEGER NOT NULL," /* enum job_outcome */
    " count INTEGER NOT NULL,"
    " result TEXT NOT NULL,"
    " runs INTEGER NOT NULL,"
    " failures INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* Verifications are events, of any number. What happened to a token besides has an index
     * without them. What is said of a token or an org at all is found in strips of 8192 events (a
     * format, so no constant): within one its entries stand together, and so a thousand events of a
     * thousand tokens change a few pages of the index, and not a thousand. */
    "DROP INDEX events_token",
    "DROP INDEX events_org",
    "CREATE INDEX events_about ON events (token_id)"
    " WHERE token_id IS NOT NULL AND type NOT GLOB 'auth.*'",
    "CREATE INDEX events_token ON events (number >> 13, token_id) WHERE token_id IS NOT NULL",
    "CREATE INDEX events_org ON events (number >> 13, org_id) WHERE org_id IS NOT NULL",

    /* When a lineage is rotated by itself, and how that goes. Members that are NULL are the
     * server's to say. */
    "CREATE TABLE schedules ("
    " lineage_id TEXT PRIMARY KEY,"
    " target TEXT NOT NULL," /* a section of the targets file */
    " max_age INTEGER,"      /* seconds, as the next two */
    " uses_age INTEGER,"
    " overlap INTEGER,"
    " uses INTEGER,"
    " window TEXT,"
    " time_zone TEXT,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " rotating_id TEXT," /* the successor that is being delivered */
    " since INTEGER,"
    " wished INTEGER NOT NULL,"
    " outcome INTEGER NOT NULL," /* enum schedule_outcome */
    " outcome_at INTEGER,"
    " error TEXT,"
    " delivered_at INTEGER,"
    " failures INTEGER NOT NULL,"
    " unsure INTEGER NOT NULL,"
    " unsure_since INTEGER,"
    " next_at INTEGER"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX schedules_target ON schedules (target)",
    "CREATE INDEX schedules_rotating ON schedules (rotating_id) WHERE rotating_id IS NOT NULL",

    /* The use of a token's lineage, see monitor/sketch.h; and whose line it is. */
    "CREATE TABLE sketches ("
    " line INTEGER PRIMARY KEY,"
    " hour INTEGER NOT NULL," /* of the last use, since 1970 */
    " image BLOB NOT NULL"
    ") STRICT",
    "CREATE INDEX tokens_line ON tokens (line) WHERE replaced_by IS NULL",

    NULL,
};
