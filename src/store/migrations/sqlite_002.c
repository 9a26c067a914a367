/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lifecycle: rotation, emergency revocation, roles, users and orgs as things of their own,
 * credits, usage by what it was, cleanup.
 *
 * tokens.scopes stays what verification grants: with a role it is the union of own_scopes and
 * the role's, written anew when the role changes. tokens.tier likewise is the tier in effect;
 * tier_inherited says that it follows the user's. tokens.expires_at is the end in effect; while
 * a rotated token lives on beside its successor it is the end of that overlap, and
 * expires_ungraced what it was before.
 */
#include "store/migrations/migrations.h"

const char *const migration_sqlite_002[] = {
    "ALTER TABLE orgs ADD COLUMN lifetimes TEXT", /* see policy/lifetime.h; NULL: the server's */
    "ALTER TABLE orgs ADD COLUMN one_active INTEGER CHECK (one_active BETWEEN 0 AND 1)",
    "ALTER TABLE orgs ADD COLUMN version INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE orgs ADD COLUMN updated_at INTEGER",

    "ALTER TABLE users ADD COLUMN tier INTEGER REFERENCES tiers (number)",
    "ALTER TABLE users ADD COLUMN email TEXT",
    "ALTER TABLE users ADD COLUMN metadata TEXT", /* a JSON object */
    "ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE users ADD COLUMN updated_at INTEGER",
    "CREATE INDEX users_org ON users (org)",
    "CREATE INDEX users_tier ON users (org, tier) WHERE tier IS NOT NULL",
    "CREATE INDEX users_suspended ON users (org) WHERE suspended_at IS NOT NULL",

    "CREATE TABLE roles ("
    " number INTEGER PRIMARY KEY,"
    " org INTEGER NOT NULL," /* 0: of all orgs */
    " name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 50),"
    " scopes TEXT NOT NULL," /* canonical */
    " version INTEGER NOT NULL DEFAULT 1,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " UNIQUE (name, org)"
    ") STRICT",
    "CREATE INDEX roles_org ON roles (org)",

    "ALTER TABLE tokens ADD COLUMN replaced_by TEXT", /* id; NULL: the lineage's current one */
    "ALTER TABLE tokens ADD COLUMN expires_ungraced INTEGER",
    "ALTER TABLE tokens ADD COLUMN version_line INTEGER", /* counts this version alone */
    "ALTER TABLE tokens ADD COLUMN credit_line INTEGER",
    "ALTER TABLE tokens ADD COLUMN spared_at INTEGER", /* of an emergency revocation */
    "ALTER TABLE tokens ADD COLUMN source INTEGER NOT NULL DEFAULT 0", /* enum token_source */
    "ALTER TABLE tokens ADD COLUMN honeytoken INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE tokens ADD COLUMN warned INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE tokens ADD COLUMN created_by TEXT", /* id of the token that made it */
    "ALTER TABLE tokens ADD COLUMN tier_inherited INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE tokens ADD COLUMN role INTEGER REFERENCES roles (number)",
    "ALTER TABLE tokens ADD COLUMN own_scopes TEXT", /* with a role: without the role's */
    "CREATE INDEX tokens_lineage ON tokens (lineage_id) WHERE lineage_id IS NOT NULL",
    "CREATE INDEX tokens_credit_line ON tokens (credit_line) WHERE credit_line IS NOT NULL",
    "CREATE INDEX tokens_grace ON tokens (grace_until)"
    " WHERE grace_until IS NOT NULL AND revoked_at IS NULL",
    /* Those that tokens_expires leaves out; a cleanup wants them, too. */
    "CREATE INDEX tokens_held ON tokens (expires_at)"
    " WHERE expires_at IS NOT NULL AND revoked_at IS NULL"
    " AND (disabled_at IS NOT NULL OR quarantined_at IS NOT NULL)",
    "CREATE INDEX tokens_revoked_at ON tokens (revoked_at) WHERE revoked_at IS NOT NULL",
    "CREATE INDEX tokens_tier ON tokens (org, tier)",
    "CREATE INDEX tokens_kind ON tokens (org, kind)",
    "DROP INDEX tokens_org", /* after an emergency most are revoked: see store/sqlite/list.c */
    "CREATE INDEX tokens_org ON tokens (org) WHERE revoked_at IS NULL",
    "CREATE INDEX tokens_role ON tokens (role) WHERE role IS NOT NULL",
    "CREATE INDEX tokens_environment ON tokens (source) WHERE source = 2",

    /* What tokens made: their number for each user, and the family of one that leaked. */
    "CREATE INDEX tokens_made_for ON tokens (user, expires_at)"
    " WHERE created_by IS NOT NULL AND revoked_at IS NULL",
    /* Those that are not revoked together: somebody may have made many and revoked them to hide
     * one. */
    "CREATE INDEX tokens_made_by ON tokens (created_by, revoked_at) WHERE created_by IS NOT NULL",

    /* What was revoked and then cleaned away never comes back, by whatever way; nor does what came
     * from elsewhere and ended here. */
    "CREATE TABLE tombstones ("
    " digest BLOB PRIMARY KEY CHECK (length(digest) = 32),"
    " at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* An emergency revocation: what was born up to `at`. Once settled every row says it itself. */
    "CREATE TABLE epochs ("
    " number INTEGER PRIMARY KEY,"
    " at INTEGER NOT NULL,"
    " born_max TEXT NOT NULL CHECK (length(born_max) = 30)," /* the last id of that time */
    " org INTEGER REFERENCES orgs (number),"                 /* NULL: all */
    " user INTEGER REFERENCES users (number),"               /* NULL: all */
    " kind INTEGER,"                                         /* NULL: all */
    " reason TEXT NOT NULL,"
    " settled INTEGER NOT NULL DEFAULT 0,"
    " cursor INTEGER NOT NULL DEFAULT 0," /* rows up to this number are settled */
    " tokens INTEGER NOT NULL DEFAULT 0"  /* that it revoked, as far as settled */
    ") STRICT",
    "CREATE INDEX epochs_pending ON epochs (number) WHERE settled = 0",

    /* What a credit line may spend; see policy/credits.h. */
    "CREATE TABLE credits ("
    " line INTEGER PRIMARY KEY,"
    " period INTEGER NOT NULL,"
    " allowance INTEGER NOT NULL,"
    " refill INTEGER NOT NULL DEFAULT 0" /* the period tells how often */
    ") STRICT",
    /* Charges with a key, and reservations. */
    "CREATE TABLE charges ("
    " number INTEGER PRIMARY KEY,"
    " id TEXT UNIQUE," /* of a reservation */
    " org_id TEXT NOT NULL,"
    " key TEXT UNIQUE," /* Idempotency-Key with its caller */
    " request_digest BLOB,"
    " line INTEGER," /* NULL: the token's credits were unlimited */
    " period INTEGER NOT NULL,"
    " amount INTEGER NOT NULL,"
    " state INTEGER NOT NULL," /* enum charge_state */
    " answer TEXT,"            /* what the first answer said */
    " token_id TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " expires_at INTEGER,"
    " forget_at INTEGER" /* NULL: it is open */
    ") STRICT",
    "CREATE INDEX charges_open ON charges (expires_at) WHERE state = 0",
    "CREATE INDEX charges_forget ON charges (forget_at) WHERE forget_at IS NOT NULL",

    /* Counts older than minutes; and by what the requests were (see the meter). */
    "CREATE TABLE usage_hours ("
    " line INTEGER NOT NULL,"
    " hour INTEGER NOT NULL," /* its start, Unix milliseconds */
    " count INTEGER NOT NULL,"
    " PRIMARY KEY (line, hour)"
    ") STRICT, WITHOUT ROWID",
    "CREATE TABLE usage_days ("
    " line INTEGER NOT NULL,"
    " day INTEGER NOT NULL,"
    " count INTEGER NOT NULL,"
    " PRIMARY KEY (line, day)"
    ") STRICT, WITHOUT ROWID",
    "CREATE TABLE usage_by ("
    " line INTEGER NOT NULL,"      /* -1: of no token; below: -2 - the number of an org */
    " dimension INTEGER NOT NULL," /* enum usage_dimension: verdict, endpoint, network */
    " hour INTEGER NOT NULL,"
    " label TEXT NOT NULL,"
    " count INTEGER NOT NULL,"
    " PRIMARY KEY (line, dimension, hour, label)"
    ") STRICT, WITHOUT ROWID",
    "CREATE TABLE meter_drains ("
    " meter INTEGER PRIMARY KEY," /* id of the meter's file */
    " number INTEGER NOT NULL"    /* of its last drain that is booked */
    ") STRICT",

    /* Reports of leaked tokens that were acted on: none is taken twice. */
    "CREATE TABLE leak_reports ("
    " digest BLOB PRIMARY KEY CHECK (length(digest) = 32)," /* of the signed body */
    " source TEXT NOT NULL,"
    " at INTEGER NOT NULL,"
    " tokens INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",

    "CREATE INDEX events_token ON events (token_id) WHERE token_id IS NOT NULL",
    "CREATE INDEX events_actor ON events (actor_token) WHERE actor_token IS NOT NULL",

    "DROP VIEW v_user_api_keys",
    "CREATE VIEW v_user_api_keys AS"
    " SELECT id, org_id, user_id, name, kind, env, display_prefix, tier, role, scopes, limits,"
    "  allowed_ips, metadata, not_before, expires_at, created_at, updated_at, last_used_at,"
    "  request_count, lineage_id, rotated_from, replaced_by, grace_until, disabled_at,"
    "  quarantined_at, revoked_at, revoke_reason, status,"
    "  status = 'active' AND suspended_at IS NULL AND honeytoken = 0 AS is_valid"
    " FROM (SELECT t.id AS id, o.id AS org_id, u.id AS user_id, t.name AS name,"
    "   CASE t.kind WHEN 0 THEN 'user' WHEN 1 THEN 'service' ELSE 'admin' END AS kind,"
    "   CASE t.env WHEN 0 THEN 'live' ELSE 'test' END AS env,"
    "   t.display_prefix AS display_prefix, r.name AS tier,"
    "   (SELECT name FROM roles WHERE number = t.role) AS role, t.scopes AS scopes,"
    "   coalesce(t.overrides, '') AS limits, coalesce(t.allowed_ips, '') AS allowed_ips,"
    "   coalesce(t.metadata, '{}') AS metadata, t.not_before AS not_before,"
    "   t.expires_at AS expires_at, t.created_at AS created_at, t.updated_at AS updated_at,"
    "   CASE WHEN t.version_line IS NULL THEN l.last_used_at"
    "    ELSE (SELECT last_used_at FROM usage_lines WHERE line = t.version_line)"
    "    END AS last_used_at, coalesce(l.total, 0) AS request_count,"
    "   coalesce(t.lineage_id, t.id) AS lineage_id, t.rotated_from AS rotated_from,"
    "   t.replaced_by AS replaced_by, t.grace_until AS grace_until,"
    "   t.disabled_at AS disabled_at, t.quarantined_at AS quarantined_at,"
    "   coalesce(t.revoked_at, e.at) AS revoked_at,"
    "   coalesce(t.revoke_reason, e.reason) AS revoke_reason,"
    "   u.suspended_at AS suspended_at, t.honeytoken AS honeytoken,"
    "   CASE WHEN t.revoked_at IS NOT NULL OR e.at IS NOT NULL THEN 'revoked'"
    "    WHEN t.disabled_at IS NOT NULL THEN 'disabled'"
    "    WHEN t.quarantined_at IS NOT NULL THEN 'quarantined'"
    "    WHEN t.not_before > unixepoch() * 1000 THEN 'not_yet_valid'"
    "    WHEN t.expires_at <= unixepoch() * 1000 THEN 'expired'"
    "    ELSE 'active' END AS status"
    "  FROM tokens t JOIN users u ON u.number = t.user JOIN orgs o ON o.number = t.org"
    "  JOIN tiers r ON r.number = t.tier LEFT JOIN usage_lines l ON l.line = t.line"
    "  LEFT JOIN epochs e ON e.number = (SELECT p.number FROM epochs p WHERE p.settled = 0"
    "   AND t.id <= p.born_max AND (t.spared_at IS NULL OR t.spared_at <= p.at)"
    "   AND (p.org IS NULL OR p.org = t.org) AND (p.user IS NULL OR p.user = t.user)"
    "   AND (p.kind IS NULL OR p.kind = t.kind) ORDER BY p.number LIMIT 1)"
    " )",
    NULL,
};
