/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first schema.
 *
 *   orgs ──< users ──< tokens >── tiers
 *              │          │
 *              └─ line ───┴─ line ──▶ usage_lines, token_usage      events
 *
 * Rows are numbered, and refer to each other by number: tokens are read ten million at a
 * time, and inserted ten thousand a second, so that a row and its indexes have to be small.
 * For the same reason what most tokens lack (metadata, networks, overrides) is NULL, and the
 * states that most tokens are not in have partial indexes, which cost an insert nothing.
 *
 * An index on several columns ends with the row's number, as all do in SQLite: reading it
 * backwards is "newest first" without sorting.
 *
 * A usage line is a number that belongs to a lineage of tokens or to a user. It is the same
 * number in the segment, so counts survive a rebuild of the segment.
 */
#include "store/migrations/migrations.h"

const char *const migration_sqlite_001[] = {
    /* What the whole database is: one row. seq counts the committed batches of changes. */
    "CREATE TABLE meta ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " store_id BLOB NOT NULL CHECK (length(store_id) = 16),"
    " seq INTEGER NOT NULL,"
    " next_line INTEGER NOT NULL,"
    " tokens INTEGER NOT NULL," /* rows in tokens: counting ten million takes seconds */
    " clock_ms INTEGER NOT NULL"
    ") STRICT",

    "CREATE TABLE orgs ("
    " number INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " created_at INTEGER NOT NULL"
    ") STRICT",

    "CREATE TABLE users ("
    " number INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL,"
    " org INTEGER NOT NULL REFERENCES orgs (number),"
    " line INTEGER,"
    " suspended_at INTEGER,"
    " overrides TEXT," /* `minute=60 hour=none` */
    " created_at INTEGER NOT NULL,"
    " UNIQUE (id, org)"
    ") STRICT",

    /* An operator may edit these rows; a running daemon wants the API for it. */
    "CREATE TABLE tiers ("
    " number INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 50),"
    " limits TEXT NOT NULL," /* `minute=60 hour=1000 day=10000` */
    " subject TEXT NOT NULL CHECK (subject IN ('token', 'user', 'both')),"
    " user_lines INTEGER NOT NULL DEFAULT 0" /* 1: its users are known to have lines */
    ") STRICT",

    "CREATE TABLE tokens ("
    " number INTEGER PRIMARY KEY,"
    " digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),"
    " id TEXT NOT NULL UNIQUE CHECK (length(id) = 30),"
    " user INTEGER NOT NULL REFERENCES users (number),"
    " org INTEGER NOT NULL REFERENCES orgs (number)," /* the user's, for tokens_org */
    " tier INTEGER NOT NULL REFERENCES tiers (number),"
    " line INTEGER NOT NULL,"
    " kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2)," /* user, service, admin */
    " env INTEGER NOT NULL CHECK (env BETWEEN 0 AND 1),"   /* live, test */
    " name TEXT NOT NULL,"
    " scopes TEXT NOT NULL," /* canonical: sorted, one space between */
    " overrides TEXT,"       /* `minute=60 hour=none` */
    " allowed_ips TEXT,"     /* one space between */
    " metadata TEXT,"        /* a JSON object */
    " not_before INTEGER,"
    " expires_at INTEGER,"
    " disabled_at INTEGER,"
    " quarantined_at INTEGER,"
    " revoked_at INTEGER,"
    " revoke_reason TEXT,"
    " display_prefix TEXT NOT NULL,"
    " lineage_id TEXT,"   /* NULL: its own id */
    " rotated_from TEXT," /* id */
    " grace_until INTEGER,"
    " version INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL"
    ") STRICT",
    "CREATE INDEX tokens_user ON tokens (user)",
    "CREATE INDEX tokens_org ON tokens (org)",
    "CREATE INDEX tokens_name ON tokens (name, org)",
    "CREATE INDEX tokens_expires ON tokens (expires_at)"
    " WHERE expires_at IS NOT NULL AND revoked_at IS NULL AND disabled_at IS NULL"
    " AND quarantined_at IS NULL",
    "CREATE INDEX tokens_not_before ON tokens (not_before) WHERE not_before IS NOT NULL",
    "CREATE INDEX tokens_disabled ON tokens (org) WHERE disabled_at IS NOT NULL",
    "CREATE INDEX tokens_quarantined ON tokens (org) WHERE quarantined_at IS NOT NULL",
    "CREATE INDEX tokens_revoked ON tokens (org) WHERE revoked_at IS NOT NULL",
    /* Revocation is sticky, for whoever writes here. */
    "CREATE TRIGGER tokens_stay_revoked BEFORE UPDATE OF revoked_at ON tokens"
    " WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL"
    " BEGIN SELECT RAISE(ABORT, 'a revoked token stays revoked'); END",

    /* A line as it was last flushed. `image` is the segment's, to be put back as it is. */
    "CREATE TABLE usage_lines ("
    " line INTEGER PRIMARY KEY,"
    " total INTEGER NOT NULL,"
    " last_used_at INTEGER,"
    " image BLOB NOT NULL"
    ") STRICT",
    "CREATE TABLE token_usage ("
    " line INTEGER NOT NULL,"
    " minute INTEGER NOT NULL," /* its start, Unix milliseconds */
    " count INTEGER NOT NULL,"
    " PRIMARY KEY (line, minute)"
    ") STRICT, WITHOUT ROWID",

    /* No references: an event outlives what it tells of. */
    "CREATE TABLE events ("
    " number INTEGER PRIMARY KEY,"
    " at INTEGER NOT NULL,"
    " type TEXT NOT NULL,"
    " org_id TEXT,"
    " actor_user TEXT,"
    " actor_token TEXT,"
    " user_id TEXT,"
    " token_id TEXT,"
    " token_name TEXT,"
    " client TEXT,"
    " user_agent TEXT,"
    " request_id TEXT,"
    " details TEXT" /* a JSON object */
    ") STRICT",

    /* Numbered by age, so that the oldest are found without an index on the time. */
    "CREATE TABLE idempotency_keys ("
    " number INTEGER PRIMARY KEY,"
    " org_id TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " request_digest BLOB NOT NULL CHECK (length(request_digest) = 32),"
    " token_id TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " UNIQUE (org_id, key)"
    ") STRICT",

    /* For people and their tools. Counts are as of the last flush (a second ago). */
    "CREATE VIEW v_user_api_keys AS"
    " SELECT id, org_id, user_id, name, kind, env, display_prefix, tier, scopes, limits,"
    "  allowed_ips, metadata, not_before, expires_at, created_at, updated_at, last_used_at,"
    "  request_count, lineage_id, rotated_from, disabled_at, quarantined_at, revoked_at,"
    "  revoke_reason, status,"
    "  status = 'active' AND suspended_at IS NULL AS is_valid"
    " FROM (SELECT t.id AS id, o.id AS org_id, u.id AS user_id, t.name AS name,"
    "   CASE t.kind WHEN 0 THEN 'user' WHEN 1 THEN 'service' ELSE 'admin' END AS kind,"
    "   CASE t.env WHEN 0 THEN 'live' ELSE 'test' END AS env,"
    "   t.display_prefix AS display_prefix, r.name AS tier, t.scopes AS scopes,"
    "   coalesce(t.overrides, '') AS limits, coalesce(t.allowed_ips, '') AS allowed_ips,"
    "   coalesce(t.metadata, '{}') AS metadata, t.not_before AS not_before,"
    "   t.expires_at AS expires_at, t.created_at AS created_at, t.updated_at AS updated_at,"
    "   l.last_used_at AS last_used_at, coalesce(l.total, 0) AS request_count,"
    "   coalesce(t.lineage_id, t.id) AS lineage_id, t.rotated_from AS rotated_from,"
    "   t.disabled_at AS disabled_at, t.quarantined_at AS quarantined_at,"
    "   t.revoked_at AS revoked_at, t.revoke_reason AS revoke_reason,"
    "   u.suspended_at AS suspended_at,"
    "   CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'"
    "    WHEN t.disabled_at IS NOT NULL THEN 'disabled'"
    "    WHEN t.quarantined_at IS NOT NULL THEN 'quarantined'"
    "    WHEN t.not_before > unixepoch() * 1000 THEN 'not_yet_valid'"
    "    WHEN t.expires_at <= unixepoch() * 1000 THEN 'expired'"
    "    ELSE 'active' END AS status"
    "  FROM tokens t JOIN users u ON u.number = t.user JOIN orgs o ON o.number = t.org"
    "  JOIN tiers r ON r.number = t.tier LEFT JOIN usage_lines l ON l.line = t.line)",
    NULL,
};
