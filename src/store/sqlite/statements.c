/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/statements.h"

#define HOUR_MS "3600000"
#define DAY_MS "86400000"
#define GROWN "min(count, 1 << 62) + excluded.count" /* it never overflows */
/* The lines of a user's tokens; several versions share one. */
#define LINES_OF_USER                                                                              \
    "WITH lines (line) AS MATERIALIZED (SELECT DISTINCT line FROM tokens INDEXED BY tokens_user"   \
    " WHERE user = (SELECT number FROM users WHERE id = ?5"                                        \
    " AND org = (SELECT number FROM orgs WHERE id = ?4))) "
/* The counts of some lines between ?1 and ?2, in steps of ?3. */
#define POINTS(lines)                                                                              \
    "SELECT at - at % ?3 AS step, sum(count) FROM ("                                               \
    "SELECT u.minute AS at, u.count AS count FROM " lines " l CROSS JOIN token_usage u"            \
    " ON u.line = l.line AND u.minute >= ?1 AND u.minute < ?2"                                     \
    " UNION ALL SELECT u.hour, u.count FROM " lines " l CROSS JOIN usage_hours u"                  \
    " ON u.line = l.line AND u.hour >= ?1 AND u.hour < ?2"                                         \
    " UNION ALL SELECT u.day, u.count FROM " lines " l CROSS JOIN usage_days u"                    \
    " ON u.line = l.line AND u.day >= ?1 AND u.day < ?2) GROUP BY step ORDER BY step"

#define LIVE " AND revoked_at IS NULL AND disabled_at IS NULL AND quarantined_at IS NULL"
/* Expired by ?1 and held; of one in quarantine, which is evidence, that too was by ?1. */
#define HELD_LONG_AGO                                                                              \
    "tokens INDEXED BY tokens_held WHERE expires_at <= ?1 AND revoked_at IS NULL"                  \
    " AND (disabled_at IS NOT NULL OR quarantined_at IS NOT NULL)"                                 \
    " AND (quarantined_at IS NULL OR quarantined_at <= ?1)"

/* Revokes what an epoch covers among the rows that `index` and `range` give. */
#define SETTLE(index, range)                                                                       \
    "UPDATE tokens SET revoked_at = (SELECT at FROM epochs WHERE number = ?1),"                    \
    " revoke_reason = (SELECT reason FROM epochs WHERE number = ?1),"                              \
    " updated_at = (SELECT at FROM epochs WHERE number = ?1), version = version + 1"               \
    " WHERE number IN (SELECT t.number FROM epochs e CROSS JOIN tokens t " index " WHERE"          \
    "  e.number = ?1 AND " range " AND t.revoked_at IS NULL AND " EPOCH_COVERS                     \
    "  ORDER BY t.number LIMIT ?4) RETURNING digest, number"
#define LIVES_OR_MADE                                                                              \
    "(t.revoked_at IS NULL OR EXISTS"                                                              \
    " (SELECT 1 FROM tokens INDEXED BY tokens_made_by WHERE created_by = t.id))"
#define OVERLAPPING "replaced_by IS NOT NULL AND revoked_at IS NULL AND expires_at > ?3"
/* TOKEN_SOURCE_IMPORTED and _ADOPTED: where they come from they may live for ever. */
#define COMES_AGAIN "3, 4"
#define USER_OF                                                                                    \
    "(SELECT number FROM users WHERE id = ?2 AND org = (SELECT number FROM orgs WHERE id = ?1))"
/* NULL: the roles of all organisations have org 0. */
#define ORG_OR_ALL(parameter) "coalesce((SELECT number FROM orgs WHERE id = " parameter "), 0)"
#define REPLACED                                                                                   \
    " FROM tokens INDEXED BY tokens_user WHERE user = " USER_OF                                    \
    " AND kind = ?3 AND env = ?4 AND coalesce(lineage_id, id) <> ?5 AND revoked_at IS NULL AND "   \
    "quarantined_at IS NULL"                                                                       \
    " AND honeytoken = 0 AND source <> 2 AND (expires_at IS NULL OR expires_at > ?6)"
#define LINE_OF_ITS_OWN                                                                            \
    "(SELECT line FROM tokens WHERE number = ?1 AND lineage_id IS NULL AND version_line IS NULL)"
/* See sketches.c. */
#define WATCHED_COLUMNS TOKEN_COLUMNS_FULL ", coalesce(l.last_used_at, 0)"
#define WATCHED_LIVE                                                                               \
    " AND t.revoked_at IS NULL AND t.disabled_at IS NULL AND t.quarantined_at IS NULL"             \
    " AND t.honeytoken = 0"
#define EXPIRING                                                                                   \
    " FROM tokens t INDEXED BY tokens_expires" TOKEN_JOINS                                         \
    " WHERE t.expires_at > ?1 AND t.expires_at <= ?2" WATCHED_LIVE                                 \
    " AND t.expires_at - t.created_at > ?3 AND (?6 IS NULL OR o.id = ?6)"                          \
    " AND NOT EXISTS (SELECT 1 FROM alerts WHERE key = ?5 || t.id || '/' || t.expires_at)"         \
    " AND NOT EXISTS (SELECT 1 FROM tokens s JOIN usage_lines w ON w.line = s.version_line"        \
    "  WHERE s.id = t.replaced_by AND w.total > 0)"
/* See blast.c. */
#define KIN_COLUMNS TOKEN_COLUMNS_FULL ", u.suspended_at IS NOT NULL"
#define EVENT_COLUMNS                                                                              \
    "at, type, org_id, actor_user, actor_token, user_id, token_id, token_name, client, "           \
    "user_agent, request_id, details, verdict, endpoint, method, ray_id"
/* See jobs.c. */
#define JOB_COLUMNS                                                                                \
    "name, due_at, holder, lease_until, started_at, ended_at, succeeded_at, duration_ms, "         \
    "outcome, count, result, runs, failures"
/* See credits.c. */
#define CHARGE_COLUMNS                                                                             \
    "id, org_id, key, request_digest, line, period, amount, state, answer, token_id, created_at, " \
    "expires_at"

/* See outbox.c. */
#define OUTBOX_COLUMNS                                                                             \
    "id, channel, at, severity, type, org_id, user_id, token_id, token_name, summary, details, "   \
    "since, next_at, tries, dead_at, error, number"

/* See schedules.c. */
#define SCHEDULE_COLUMNS                                                                           \
    "s.lineage_id, s.target, s.max_age, s.uses_age, s.overlap, s.uses, s.window, s.time_zone, "    \
    "s.created_at, s.updated_at, s.version, s.rotating_id, s.since, s.wished, s.outcome, "         \
    "s.outcome_at, s.error, s.delivered_at, s.failures, s.unsure, s.unsure_since, s.next_at"
/* With the version that is current. */
#define SCHEDULED                                                                                  \
    "SELECT " TOKEN_COLUMNS_FULL ", " SCHEDULE_COLUMNS " FROM schedules s CROSS JOIN tokens t"     \
    " ON t.number = (SELECT number FROM tokens WHERE id = s.lineage_id AND replaced_by IS NULL"    \
    "  UNION ALL SELECT number FROM tokens INDEXED BY tokens_lineage"                              \
    "  WHERE lineage_id = s.lineage_id AND replaced_by IS NULL LIMIT 1)" TOKEN_JOINS

const char *const statement_sql[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_MARK] = "SAVEPOINT change",
    [STATEMENT_UNDO] = "ROLLBACK TO change",
    [STATEMENT_RELEASE] = "RELEASE change",

    [STATEMENT_READ_META] = "SELECT store_id, seq, next_line, tokens, clock_ms FROM meta",
    [STATEMENT_WRITE_META] = "UPDATE meta SET seq = ?1, next_line = ?2, tokens = ?3, clock_ms = ?4",

    [STATEMENT_FIND_ORG] = "SELECT number FROM orgs WHERE id = ?1",
    [STATEMENT_INSERT_ORG] = "INSERT INTO orgs (id, created_at) VALUES (?1, ?2)",
    [STATEMENT_FIND_USER] = "SELECT u.number, u.org, u.line, u.suspended_at, u.overrides,"
                            " (SELECT name FROM tiers WHERE number = u.tier)"
                            " FROM orgs o CROSS JOIN users u ON u.id = ?2 AND u.org = o.number"
                            " WHERE o.id = ?1",
    [STATEMENT_INSERT_USER] =
        "INSERT INTO users (id, org, line, created_at) VALUES (?1, ?2, ?3, ?4)",
    [STATEMENT_SET_USER_LINE] = "UPDATE users SET line = ?2 WHERE number = ?1",
    [STATEMENT_USERS_WITHOUT_LINE] =
        "SELECT u.number, o.id, u.id, u.suspended_at, u.overrides"
        " FROM users u CROSS JOIN orgs o ON o.number = u.org"
        " WHERE u.number > ?2 AND u.line IS NULL AND EXISTS"
        "  (SELECT 1 FROM tokens t WHERE t.user = u.number AND t.tier = ?1)"
        " ORDER BY u.number LIMIT 1",

    /* New users of such a tier get no line, so what was known of it ends. */
    [STATEMENT_TIERS_OF_TOKENS] =
        "UPDATE tiers SET user_lines = 0 WHERE subject = 'token' AND user_lines = 1",
    [STATEMENT_TIER_WITHOUT_LINES] =
        "SELECT number FROM tiers WHERE subject <> 'token' AND user_lines = 0 LIMIT 1",
    [STATEMENT_TIER_HAS_LINES] = "UPDATE tiers SET user_lines = 1 WHERE number = ?1",
    [STATEMENT_FIND_TIER] = "SELECT number FROM tiers WHERE name = ?1",
    [STATEMENT_PUT_TIER] = "INSERT INTO tiers (name, limits, subject) VALUES (?1, ?2, ?3)"
                           " ON CONFLICT (name) DO UPDATE SET limits = ?2, subject = ?3",
    [STATEMENT_LIST_TIERS] = "SELECT name, limits, subject, number FROM tiers ORDER BY number",

    [STATEMENT_INSERT_TOKEN] =
        "INSERT INTO tokens (digest, id, user, org, tier, line, kind, env, name, scopes, overrides,"
        " allowed_ips, metadata, not_before, expires_at, disabled_at, quarantined_at, revoked_at,"
        " revoke_reason, display_prefix, lineage_id, rotated_from, version, created_at, updated_at,"
        " replaced_by, grace_until, expires_ungraced, version_line, credit_line, spared_at, source,"
        " honeytoken, warned, created_by, tier_inherited, role, own_scopes)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
        " ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36,"
        " (SELECT number FROM roles WHERE name = ?37 AND org IN (0, ?4) ORDER BY org DESC LIMIT 1),"
        " ?38)",
    [STATEMENT_UPDATE_TOKEN] =
        "UPDATE tokens SET name = ?3, tier = ?4, scopes = ?5, overrides = ?6, allowed_ips = ?7,"
        " metadata = ?8, not_before = ?9, expires_at = ?10, disabled_at = ?11,"
        " quarantined_at = ?12, revoked_at = ?13, revoke_reason = ?14, updated_at = ?15,"
        " replaced_by = ?16, grace_until = ?17, expires_ungraced = ?18, version_line = ?19,"
        " credit_line = ?20, spared_at = ?21, honeytoken = ?22, warned = ?23, tier_inherited = ?24,"
        " role = (SELECT number FROM roles r WHERE r.name = ?25 AND r.org IN (0, tokens.org)"
        " ORDER BY r.org DESC LIMIT 1), own_scopes = ?26,"
        " version = version + 1 WHERE id = ?1 AND version = ?2"
        " AND (revoked_at IS NULL OR ?13 IS NOT NULL)",
    [STATEMENT_TOKEN_STATE] = "SELECT version, revoked_at IS NOT NULL FROM tokens WHERE id = ?1",
    [STATEMENT_GET_TOKEN] =
        "SELECT " TOKEN_COLUMNS_FULL " FROM tokens t" TOKEN_JOINS " WHERE t.id = ?1",
    [STATEMENT_INSERT_EVENT] =
        "INSERT INTO events (" LOG_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
        " ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    [STATEMENT_WRITE_HEAD] = "UPDATE meta SET audit_seq = ?1, audit_digest = ?2, audit_mac = ?3",
    [STATEMENT_BEGIN_CHAIN] = "UPDATE meta SET audit_first = ?1 + 1, audit_base = ?2,"
                              " audit_seq = ?1, audit_digest = ?2",
    [STATEMENT_MOVE_BEGINNING] = "UPDATE meta SET audit_first = ?1, audit_base = ?2",
    [STATEMENT_EVENT_DIGEST] = "SELECT digest FROM events WHERE number = ?1",
    [STATEMENT_DROP_EVENTS] = "DELETE FROM events WHERE number BETWEEN ?1 AND ?2",
    [STATEMENT_DROP_CHECKPOINTS] = "DELETE FROM checkpoints WHERE seq <= ?1",
    [STATEMENT_READ_LOG] =
        "SELECT m.store_id, m.audit_first, m.audit_base, m.audit_seq, m.audit_digest, m.audit_mac,"
        " coalesce(c.seq, 0), coalesce(c.at, 0),"
        " (SELECT coalesce(min(number), 1) FROM events),"
        " (SELECT coalesce(max(number), 0) FROM events) FROM meta m LEFT JOIN checkpoints c"
        " ON c.seq = (SELECT max(seq) FROM checkpoints)",
    [STATEMENT_PUT_CHECKPOINT] = "INSERT OR REPLACE INTO checkpoints"
                                 " (seq, at, digest, public_key, signature)"
                                 " VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_NEWEST_EVENT] = "SELECT coalesce(max(number), 0) FROM events"
                               " WHERE number BETWEEN 0 AND ?1",
    [STATEMENT_EACH_EVENT] = "SELECT " LOG_COLUMNS " FROM events"
                             " WHERE number >= ?1 AND number <= ?2 ORDER BY number LIMIT ?3",
    [STATEMENT_EACH_CHECKPOINT] = "SELECT seq, at, digest, public_key, signature, (SELECT store_id "
                                  "FROM meta) FROM checkpoints"
                                  " WHERE seq >= ?1 ORDER BY seq",

    [STATEMENT_FIND_KEY] = "SELECT token_id, request_digest FROM idempotency_keys"
                           " WHERE org_id = ?1 AND key = ?2 AND created_at > ?3",
    [STATEMENT_PUT_KEY] = "INSERT OR REPLACE INTO idempotency_keys"
                          " (org_id, key, request_digest, token_id, created_at)"
                          " VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_EXPIRE_KEYS] = "DELETE FROM idempotency_keys WHERE created_at <= ?1 AND number IN"
                              " (SELECT number FROM idempotency_keys ORDER BY number LIMIT ?2)",

    [STATEMENT_FIND_DIGEST] =
        "SELECT t.id, o.id, t.revoked_at IS NOT NULL FROM tokens t"
        " CROSS JOIN orgs o ON o.number = t.org WHERE t.digest = ?1"
        " UNION ALL SELECT '', '', 1 FROM tombstones WHERE digest = ?1 LIMIT 1",
    [STATEMENT_FIND_TOMBSTONE] = "SELECT 1 FROM tombstones WHERE digest = ?1",
    [STATEMENT_FIND_LINE] = "SELECT total FROM usage_lines WHERE line = ?1",
    [STATEMENT_PUT_LINE] =
        "INSERT INTO usage_lines (line, total, last_used_at, image) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (line) DO UPDATE SET total = ?2, last_used_at = ?3, image = ?4",
    [STATEMENT_ADD_MINUTE] = "INSERT INTO token_usage (line, minute, count) VALUES (?1, ?2, ?3)"
                             " ON CONFLICT (line, minute) DO UPDATE"
                             " SET count = min(count, 1 << 62) + ?3", /* it never overflows */

    [STATEMENT_PUT_EPOCH] = "INSERT INTO epochs (at, born_max, org, user, kind, reason)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [STATEMENT_READ_SETTLING] = "SELECT cursor, user, (SELECT coalesce(max(number), 0) FROM tokens)"
                                " FROM epochs WHERE number = ?1",
    [STATEMENT_SETTLE_USER] = SETTLE("INDEXED BY tokens_user", "t.user = e.user AND t.number > ?2"
                                                               " AND t.number <= ?3"),
    [STATEMENT_SETTLE_RANGE] = SETTLE("NOT INDEXED", "t.number > ?2 AND t.number <= ?3"),
    [STATEMENT_WRITE_SETTLING] = "UPDATE epochs SET cursor = ?2, settled = ?3, tokens = tokens + ?4"
                                 " WHERE number = ?1",
    [STATEMENT_LIST_EPOCHS] =
        "SELECT e.number, e.at, o.id, u.id, e.kind, e.reason, e.settled, e.tokens FROM epochs e"
        " LEFT JOIN orgs o ON o.number = e.org LEFT JOIN users u ON u.number = e.user"
        " WHERE (?1 IS NULL OR o.id = ?1) AND (NOT ?2 OR e.settled = 0)"
        " ORDER BY e.number DESC LIMIT ?3",

    [STATEMENT_FIND_EXPIRED] =
        "SELECT number FROM tokens INDEXED BY tokens_expires WHERE expires_at <= ?1" LIVE
        " LIMIT ?2",
    [STATEMENT_FIND_HELD] = "SELECT number FROM " HELD_LONG_AGO " LIMIT ?2",
    [STATEMENT_FIND_REVOKED] = "SELECT number FROM tokens INDEXED BY tokens_revoked_at"
                               " WHERE revoked_at IS NOT NULL AND revoked_at <= ?1 LIMIT ?2",
    [STATEMENT_READ_ENDED] = "SELECT t.number, t.digest, t.id, o.id, u.id, t.name, t.revoked_at,"
                             " t.quarantined_at,"
                             " t.revoked_at IS NOT NULL OR t.quarantined_at IS NOT NULL"
                             " OR t.disabled_at IS NOT NULL"
                             " OR t.source IN (" COMES_AGAIN ")"
                             " FROM tokens t JOIN orgs o ON o.number = t.org"
                             " JOIN users u ON u.number = t.user WHERE t.number = ?1",
    [STATEMENT_DEACTIVATE_TOKEN] = "UPDATE tokens SET revoked_at = ?2, revoke_reason = 'expired',"
                                   " updated_at = ?2, version = version + 1 WHERE number = ?1",
    [STATEMENT_BURY_TOKEN] = "INSERT OR IGNORE INTO tombstones (digest, at)"
                             " SELECT digest, ?2 FROM tokens WHERE number = ?1",
    /* The line of a lineage belongs to other versions, too; and a first version that became
     * current again has no more than its version line to tell that there are some. */
    [STATEMENT_DELETE_LINE] = "DELETE FROM usage_lines WHERE line = " LINE_OF_ITS_OWN,
    /* Other tokens may share them. */
    [STATEMENT_DELETE_CREDITS] =
        "DELETE FROM credits WHERE line = (SELECT t.credit_line FROM tokens t WHERE t.number = ?1"
        " AND NOT EXISTS (SELECT 1 FROM tokens o WHERE o.credit_line = t.credit_line"
        " AND o.number <> t.number))",
    [STATEMENT_DELETE_TOKEN] = "DELETE FROM tokens WHERE number = ?1",
    [STATEMENT_COUNT_ENDED_EXPIRED] =
        "SELECT count(*) FROM tokens INDEXED BY tokens_expires WHERE expires_at <= ?1" LIVE,
    [STATEMENT_COUNT_ENDED_HELD] = "SELECT count(*) FROM " HELD_LONG_AGO,
    [STATEMENT_COUNT_ENDED_REVOKED] = "SELECT count(*) FROM tokens INDEXED BY tokens_revoked_at"
                                      " WHERE revoked_at IS NOT NULL AND revoked_at <= ?1",
    [STATEMENT_LIST_OVERLAPS] =
        "SELECT t.id, t.version_line, s.version_line"
        " FROM tokens t INDEXED BY tokens_grace JOIN tokens s ON s.id = t.replaced_by"
        " WHERE t.grace_until > ?1 AND t.revoked_at IS NULL AND t.expires_at > ?1"
        " AND t.version_line IS NOT NULL AND s.version_line IS NOT NULL LIMIT ?2",
    [STATEMENT_FIND_CREDITS] = "SELECT line, period, allowance, refill FROM credits"
                               " WHERE line = ?1",
    [STATEMENT_PUT_CREDITS] = "INSERT OR REPLACE INTO credits (line, period, allowance, refill)"
                              " VALUES (?1, ?2, ?3, ?4)",
    [STATEMENT_DROP_CREDITS] = "DELETE FROM credits WHERE line = ?1",
    [STATEMENT_LOAD_CREDITS] = "SELECT line, period, allowance, refill FROM credits ORDER BY line",
    [STATEMENT_LIST_LINEAGE] = "SELECT id FROM tokens WHERE id = ?1 AND revoked_at IS NULL"
                               " UNION SELECT id FROM tokens WHERE lineage_id = ?1"
                               " AND revoked_at IS NULL UNION SELECT id FROM tokens"
                               " WHERE credit_line = ?2 AND revoked_at IS NULL",
    [STATEMENT_PUT_CHARGE] =
        "INSERT INTO charges (id, org_id, key, request_digest, line, period, amount, state, answer,"
        " token_id, created_at, expires_at, forget_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [STATEMENT_FIND_CHARGE] = "SELECT " CHARGE_COLUMNS " FROM charges WHERE id = ?1",
    [STATEMENT_FIND_CHARGE_KEY] = "SELECT " CHARGE_COLUMNS " FROM charges WHERE key = ?1"
                                  " AND (forget_at IS NULL OR forget_at > ?2)",
    [STATEMENT_FORGET_CHARGE_KEY] = "UPDATE charges SET key = NULL WHERE key = ?1",
    [STATEMENT_FORGET_CHARGES] = "DELETE FROM charges WHERE number IN (SELECT number FROM charges"
                                 " WHERE forget_at <= ?1 ORDER BY forget_at LIMIT ?2)",
    [STATEMENT_FINISH_CHARGE] = "UPDATE charges SET state = ?2, amount = ?3, forget_at = ?4"
                                " WHERE id = ?1 AND state = 0",
    [STATEMENT_EXPIRED_CHARGE] =
        "SELECT " CHARGE_COLUMNS " FROM charges"
        " WHERE state = 0 AND expires_at <= ?1 ORDER BY expires_at LIMIT 1",

    /* Each reads one index, and rows only of the few tokens in that state. */
    [STATEMENT_COUNT_REVOKED] =
        "SELECT count(*) FROM tokens INDEXED BY tokens_revoked WHERE revoked_at IS NOT NULL",
    [STATEMENT_COUNT_DISABLED] = "SELECT count(*) FROM tokens INDEXED BY tokens_disabled"
                                 " WHERE disabled_at IS NOT NULL AND revoked_at IS NULL",
    [STATEMENT_COUNT_QUARANTINED] =
        "SELECT count(*) FROM tokens INDEXED BY tokens_quarantined WHERE quarantined_at IS NOT NULL"
        " AND revoked_at IS NULL AND disabled_at IS NULL",
    [STATEMENT_COUNT_NOT_YET_VALID] =
        "SELECT count(*) FROM tokens INDEXED BY tokens_not_before WHERE not_before > ?1" LIVE,
    [STATEMENT_COUNT_EXPIRED] =
        "SELECT count(*) FROM tokens INDEXED BY tokens_expires WHERE expires_at <= ?1" LIVE,
    [STATEMENT_COUNT_EXPIRED_EARLY] = "SELECT count(*) FROM tokens INDEXED BY tokens_not_before"
                                      " WHERE not_before > ?1 AND expires_at <= ?1" LIVE,

    [STATEMENT_LOAD_ORGS] = "SELECT number, id FROM orgs ORDER BY number",
    [STATEMENT_LOAD_USERS] =
        "SELECT number, org, id, line, suspended_at, overrides FROM users ORDER BY number",
    [STATEMENT_LOAD_LINES] = "SELECT line, image FROM usage_lines ORDER BY line",
    [STATEMENT_LOAD_RANGE] = "SELECT coalesce(min(number), 0), coalesce(max(number), -1)"
                             " FROM tokens",
    [STATEMENT_LOAD_TOKENS] = "SELECT " TOKEN_COLUMNS_CORE
                              ", t.user, t.tier FROM tokens t WHERE t.number BETWEEN ?1 AND ?2",

    [STATEMENT_CREATE_USER] =
        "INSERT INTO users (id, org, tier, email, metadata, overrides, suspended_at, created_at,"
        " updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [STATEMENT_UPDATE_USER] =
        "UPDATE users SET tier = ?3, email = ?4, metadata = ?5, overrides = ?6, suspended_at = ?7,"
        " updated_at = ?8, version = version + 1 WHERE number = " USER_OF " AND version = ?9",
    [STATEMENT_GET_USER] =
        "SELECT " USER_COLUMNS " FROM users u" USER_JOINS " WHERE u.number = " USER_OF,
    [STATEMENT_SET_INHERITED_TIER] =
        "UPDATE tokens INDEXED BY tokens_user SET tier = ?3, updated_at = ?4,"
        " version = version + 1 WHERE user = " USER_OF " AND tier_inherited = 1 AND tier <> ?3",
    [STATEMENT_SCAN_USER] = "SELECT " SCAN_COLUMNS " FROM tokens INDEXED BY tokens_user"
                            " WHERE user = " USER_OF " AND number > ?3 ORDER BY number LIMIT ?4",
    [STATEMENT_SCAN_ROLE] =
        "SELECT " SCAN_COLUMNS " FROM tokens INDEXED BY tokens_role WHERE role ="
        " (SELECT number FROM roles WHERE name = ?2 AND org = " ORG_OR_ALL(
            "?1") ")"
                  " AND number > ?3 ORDER BY number LIMIT ?4",
    [STATEMENT_LIST_REPLACED] = "SELECT id, name" REPLACED,
    [STATEMENT_REPLACE_TOKENS] =
        "UPDATE tokens SET revoked_at = ?6, updated_at = ?6, revoke_reason = ?7,"
        " version = version + 1 WHERE number IN (SELECT number" REPLACED ")",
    [STATEMENT_SET_TOKEN_SCOPES] = "UPDATE tokens SET scopes = ?2, updated_at = ?3,"
                                   " version = version + 1 WHERE number = ?1",

    [STATEMENT_CREATE_ORG] = "INSERT INTO orgs (id, lifetimes, one_active, created_at, updated_at)"
                             " VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_COUNT_ORGS] = "SELECT count(*) FROM orgs",
    [STATEMENT_UPDATE_ORG] = "UPDATE orgs SET lifetimes = ?2, one_active = ?3, updated_at = ?4,"
                             " version = version + 1 WHERE id = ?1 AND version = ?5",
    [STATEMENT_GET_ORG] = "SELECT " ORG_COLUMNS " FROM orgs WHERE id = ?1",
    [STATEMENT_LIST_ORGS] =
        "SELECT " ORG_COLUMNS " FROM orgs WHERE number < ?1 ORDER BY number DESC LIMIT ?2",

    [STATEMENT_INSERT_ROLE] = "INSERT INTO roles (org, name, scopes, created_at, updated_at)"
                              " VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_UPDATE_ROLE] = "UPDATE roles SET scopes = ?3, updated_at = ?4, version = version + 1"
                              " WHERE name = ?2 AND org = " ORG_OR_ALL("?1") " AND version = ?5",
    [STATEMENT_GET_ROLE] = "SELECT " ROLE_COLUMNS " FROM roles r WHERE r.name = ?2"
                           " AND r.org IN (0, (SELECT number FROM orgs WHERE id = ?1))"
                           " ORDER BY r.org DESC LIMIT 1",
    /* A name is of all organisations or of single ones, never both. */
    [STATEMENT_OTHER_ROLE] =
        "SELECT 1 FROM roles WHERE name = ?1 AND (org = 0) <> (?2 = 0) LIMIT 1",
    [STATEMENT_COUNT_ROLES] = "SELECT count(*) FROM roles INDEXED BY roles_org WHERE org = ?1",
    [STATEMENT_DELETE_ROLE] = "DELETE FROM roles WHERE name = ?2 AND org = " ORG_OR_ALL("?1"),
    [STATEMENT_COUNT_ROLE_TOKENS] =
        "SELECT count(*) FROM tokens INDEXED BY tokens_role WHERE role ="
        " (SELECT number FROM roles WHERE name = ?2 AND org = " ORG_OR_ALL("?1") ")",
    [STATEMENT_LIST_ROLES] =
        "SELECT " ROLE_COLUMNS " FROM roles r WHERE r.number < ?2 AND (?1 IS NULL OR r.org IN"
        " (0, (SELECT number FROM orgs WHERE id = ?1))) ORDER BY r.number DESC LIMIT ?3",
    /* Two ranges of one index; each ends at the limit. */
    [STATEMENT_COUNT_MADE] =
        "SELECT count(*) FROM (SELECT * FROM (SELECT 1 FROM tokens INDEXED BY tokens_made_for"
        "  WHERE user = ?1 AND expires_at IS NULL AND created_by IS NOT NULL"
        "  AND revoked_at IS NULL LIMIT ?3)"
        " UNION ALL SELECT * FROM (SELECT 1 FROM tokens INDEXED BY tokens_made_for"
        "  WHERE user = ?1 AND expires_at > ?2 AND created_by IS NOT NULL"
        "  AND revoked_at IS NULL LIMIT ?3))",
    [STATEMENT_LIST_MADE] = "SELECT id FROM tokens t INDEXED BY tokens_made_by"
                            " WHERE created_by = ?1 AND " LIVES_OR_MADE " LIMIT ?2",
    /* The first version has no lineage_id: its id is it. */
    [STATEMENT_LIST_VERSIONS] = "SELECT id FROM tokens t WHERE id = ?1 AND " LIVES_OR_MADE
                                " UNION ALL SELECT id FROM tokens t INDEXED BY tokens_lineage"
                                " WHERE lineage_id = ?1 AND " LIVES_OR_MADE " LIMIT ?2",
    [STATEMENT_LIST_OVERLAPPING] = "SELECT id FROM tokens WHERE id = ?1 AND " OVERLAPPING
                                   " UNION ALL SELECT id FROM tokens INDEXED BY tokens_lineage"
                                   " WHERE lineage_id = ?1 AND " OVERLAPPING " LIMIT ?2",
    /* Whoever asks for a family must not lose the trail where a link was cleaned away. No more than
     * make a family too large to be asked for at once. */
    [STATEMENT_ADOPT_CHILDREN] =
        "UPDATE tokens SET created_by = coalesce("
        " (SELECT v.id FROM tokens v WHERE v.number <> ?1 AND v.id ="
        "   (SELECT lineage_id FROM tokens WHERE number = ?1)),"
        " (SELECT max(v.id) FROM tokens v INDEXED BY tokens_lineage WHERE v.number <> ?1"
        "   AND v.lineage_id = (SELECT coalesce(lineage_id, id) FROM tokens WHERE number = ?1)),"
        " (SELECT created_by FROM tokens WHERE number = ?1), created_by)"
        " WHERE number IN (SELECT number FROM tokens INDEXED BY tokens_made_by"
        "  WHERE created_by = (SELECT id FROM tokens WHERE number = ?1) LIMIT ?2)",
    [STATEMENT_LIST_ENVIRONMENT] =
        "SELECT id FROM tokens INDEXED BY tokens_environment WHERE source = 2"
        " AND disabled_at IS NULL AND revoked_at IS NULL LIMIT ?2",
    [STATEMENT_GET_BY_DIGEST] =
        "SELECT " TOKEN_COLUMNS_FULL " FROM tokens t" TOKEN_JOINS " WHERE t.digest = ?1",
    [STATEMENT_ADD_BY] = "UPDATE usage_by SET count = min(count, 1 << 62) + ?5"
                         " WHERE line = ?1 AND dimension = ?2 AND hour = ?3 AND label = ?4",
    [STATEMENT_COUNT_BY] = "SELECT count(*) FROM (SELECT 1 FROM usage_by"
                           " WHERE line = ?1 AND dimension = ?2 AND hour = ?3 LIMIT ?4)",
    [STATEMENT_INSERT_BY] = "INSERT INTO usage_by (line, dimension, hour, label, count)"
                            " VALUES (?1, ?2, ?3, ?4, ?5)"
                            " ON CONFLICT DO UPDATE SET count = " GROWN,
    [STATEMENT_GET_DRAIN] = "SELECT number FROM meter_drains WHERE meter = ?1",
    [STATEMENT_PUT_DRAIN] = "INSERT INTO meter_drains (meter, number) VALUES (?1, ?2)"
                            " ON CONFLICT (meter) DO UPDATE SET number = max(number, ?2)",

    /* A sweep: the first row of the next line, what moves, and what goes. */
    [STATEMENT_NEXT_MINUTE] = "SELECT line, minute FROM token_usage WHERE line > ?1"
                              " ORDER BY line, minute LIMIT 1",
    [STATEMENT_MINUTES_TO_HOURS] =
        "INSERT INTO usage_hours (line, hour, count)"
        " SELECT line, minute - minute % " HOUR_MS " AS hour, sum(count) FROM token_usage"
        " WHERE line = ?1 AND minute < ?2 GROUP BY hour"
        " ON CONFLICT (line, hour) DO UPDATE SET count = " GROWN,
    [STATEMENT_DELETE_MINUTES] = "DELETE FROM token_usage WHERE line = ?1 AND minute < ?2",
    [STATEMENT_NEXT_HOUR] = "SELECT line, hour FROM usage_hours WHERE line > ?1"
                            " ORDER BY line, hour LIMIT 1",
    [STATEMENT_HOURS_TO_DAYS] =
        "INSERT INTO usage_days (line, day, count)"
        " SELECT line, hour - hour % " DAY_MS " AS day, sum(count) FROM usage_hours"
        " WHERE line = ?1 AND hour < ?2 GROUP BY day"
        " ON CONFLICT (line, day) DO UPDATE SET count = " GROWN,
    [STATEMENT_DELETE_HOURS] = "DELETE FROM usage_hours WHERE line = ?1 AND hour < ?2",
    [STATEMENT_NEXT_DAY] =
        "SELECT line, day FROM usage_days WHERE line > ?1 ORDER BY line, day LIMIT 1",
    [STATEMENT_DELETE_DAYS] = "DELETE FROM usage_days WHERE line = ?1 AND day < ?2",
    [STATEMENT_NEXT_BY] = "SELECT line, 0 FROM usage_by WHERE line > ?1 ORDER BY line LIMIT 1",
    [STATEMENT_FOLD_BY] =
        "INSERT INTO usage_by (line, dimension, hour, label, count)"
        " SELECT line, dimension, hour - hour % " DAY_MS " AS day, label, sum(count) FROM usage_by"
        " WHERE line = ?1 AND dimension = ?4 AND hour >= ?3 AND hour < ?2 AND hour % " DAY_MS
        " <> 0 GROUP BY day, label ON CONFLICT DO UPDATE SET count = " GROWN,
    [STATEMENT_DELETE_FOLDED_BY] = "DELETE FROM usage_by WHERE line = ?1 AND dimension = ?4"
                                   " AND hour >= ?3 AND hour < ?2 AND hour % " DAY_MS " <> 0",
    [STATEMENT_DELETE_BY] = "DELETE FROM usage_by WHERE line = ?1 AND dimension = ?4 AND hour < ?2",

    [STATEMENT_USAGE_OF_TOKEN] = "WITH lines (line) AS (SELECT ?4) " POINTS("lines"),
    [STATEMENT_USAGE_OF_USER] = LINES_OF_USER POINTS("lines"),
    /* An org's are by hour, of what the daemon answered. */
    [STATEMENT_USAGE_OF_ORG] =
        "SELECT hour - hour % ?3 AS step, sum(count) FROM usage_by WHERE line = ?4"
        " AND dimension = 0 AND hour >= ?1 AND hour < ?2 AND label = 'valid'"
        " GROUP BY step ORDER BY step",
    [STATEMENT_SHARES_OF_LINE] =
        "SELECT label, sum(count) AS all_of_it FROM usage_by WHERE line = ?4 AND dimension = ?3"
        " AND hour >= ?1 AND hour < ?2 GROUP BY label ORDER BY all_of_it DESC, label LIMIT ?6",
    [STATEMENT_SHARES_OF_USER] =
        LINES_OF_USER "SELECT b.label, sum(b.count) AS all_of_it FROM lines l CROSS JOIN usage_by b"
                      " ON b.line = l.line AND b.dimension = ?3 AND b.hour >= ?1 AND b.hour < ?2"
                      " GROUP BY b.label ORDER BY all_of_it DESC, b.label LIMIT ?6",
    [STATEMENT_USER_EXISTS] = "SELECT 1 FROM users WHERE id = ?2"
                              " AND org = (SELECT number FROM orgs WHERE id = ?1)",
    [STATEMENT_VERSIONS] = "SELECT t.id, t.replaced_by IS NULL, t.created_at, l.last_used_at,"
                           " (SELECT coalesce(sum(count), 0) FROM token_usage u"
                           "  WHERE u.line = l.line AND u.minute >= ?2 AND u.minute < ?3)"
                           " + (SELECT coalesce(sum(count), 0) FROM usage_hours u"
                           "  WHERE u.line = l.line AND u.hour >= ?2 AND u.hour < ?3)"
                           " + (SELECT coalesce(sum(count), 0) FROM usage_days u"
                           "  WHERE u.line = l.line AND u.day >= ?2 AND u.day < ?3)"
                           " FROM (SELECT * FROM tokens WHERE id = ?1 UNION SELECT * FROM tokens"
                           "  INDEXED BY tokens_lineage WHERE lineage_id = ?1) t"
                           " LEFT JOIN usage_lines l ON l.line = coalesce(t.version_line, t.line)"
                           " ORDER BY t.number DESC LIMIT ?4",
    [STATEMENT_PUT_LEAK_REPORT] =
        "INSERT INTO leak_reports (digest, source, at, tokens) VALUES (?1, ?2, ?3, ?4)",

    [STATEMENT_PUT_ALERT] = "INSERT INTO alerts (key, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    [STATEMENT_FORGET_ALERTS] =
        "DELETE FROM alerts WHERE key IN"
        " (SELECT key FROM alerts INDEXED BY alerts_at WHERE at < ?1 ORDER BY at LIMIT ?2)",
    [STATEMENT_PUT_OUTBOX] =
        "INSERT INTO outbox (id, channel, at, severity, type, org_id, user_id, token_id,"
        " token_name, summary, details, since, next_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [STATEMENT_COUNT_OUTBOX] = "SELECT waiting FROM outbox_channels WHERE name = ?1",
    [STATEMENT_ADD_OUTBOX_TALLY] =
        "INSERT INTO outbox_channels (name, waiting, dead, sent, failed, left_out, sent_at,"
        " failed_at, error) VALUES (?1, max(?2, 0), max(?3, 0), ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT (name) DO UPDATE SET waiting = max(waiting + ?2, 0), dead = max(dead + ?3, "
        "0),"
        " sent = sent + ?4, failed = failed + ?5, left_out = left_out + ?6,"
        " sent_at = coalesce(?7, sent_at), failed_at = coalesce(?8, failed_at),"
        " error = coalesce(?9, error)",
    [STATEMENT_RECOUNT_OUTBOX] =
        "UPDATE outbox_channels SET"
        " waiting = (SELECT count(*) FROM outbox WHERE channel = name AND dead_at IS NULL),"
        " dead = (SELECT count(*) FROM outbox WHERE channel = name AND dead_at IS NOT NULL)",
    [STATEMENT_OUTBOX_SENT] = "DELETE FROM outbox WHERE id = ?1 AND dead_at IS NULL",
    [STATEMENT_OUTBOX_LATER] = "UPDATE outbox SET next_at = ?2, tries = tries + 1, error = ?3"
                               " WHERE id = ?1 AND dead_at IS NULL",
    [STATEMENT_OUTBOX_DEAD] = "UPDATE outbox SET dead_at = ?2, tries = tries + 1, error = ?3"
                              " WHERE id = ?1 AND dead_at IS NULL",
    [STATEMENT_OUTBOX_BURY] =
        "DELETE FROM outbox WHERE number <= (SELECT number FROM outbox INDEXED BY outbox_dead"
        "  WHERE channel = ?1 AND dead_at IS NOT NULL ORDER BY number DESC LIMIT 1 OFFSET ?2)"
        " AND channel = ?1 AND dead_at IS NOT NULL",
    [STATEMENT_OUTBOX_REVIVE] =
        "UPDATE outbox SET dead_at = NULL, tries = 0, since = ?2, next_at = ?2"
        " WHERE dead_at IS NOT NULL AND (?1 IS NULL OR id = ?1)",
    [STATEMENT_OUTBOX_DROP] =
        "DELETE FROM outbox WHERE dead_at IS NOT NULL AND (?1 IS NULL OR id = ?1)",
    [STATEMENT_OUTBOX_DUE] = "SELECT " OUTBOX_COLUMNS " FROM outbox INDEXED BY outbox_due"
                             " WHERE channel = ?1 AND dead_at IS NULL ORDER BY next_at LIMIT ?2",
    [STATEMENT_LIST_DEAD_OUTBOX] =
        "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE dead_at IS NOT NULL"
        " AND (?1 IS NULL OR channel = ?1) AND number < ?2 ORDER BY number DESC LIMIT ?3",
    [STATEMENT_LIST_OUTBOX_CHANNELS] =
        "SELECT name, waiting, dead, sent, failed, left_out, sent_at, failed_at, error"
        " FROM outbox_channels ORDER BY name",
    [STATEMENT_PUT_JOB] = "INSERT OR REPLACE INTO jobs (" JOB_COLUMNS
                          ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [STATEMENT_READ_JOB] = "SELECT " JOB_COLUMNS " FROM jobs WHERE name = ?1",
    [STATEMENT_EACH_JOB] = "SELECT " JOB_COLUMNS " FROM jobs ORDER BY name",

    [STATEMENT_READ_SCHEDULE] =
        "SELECT " SCHEDULE_COLUMNS " FROM schedules s WHERE s.lineage_id = ?1",
    [STATEMENT_PUT_SCHEDULE] =
        "INSERT OR REPLACE INTO schedules (lineage_id, target, max_age, uses_age, overlap, uses,"
        " window, time_zone, created_at, updated_at, version, rotating_id, since, wished, outcome,"
        " outcome_at, error, delivered_at, failures, unsure, unsure_since, next_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
        " ?19, ?20, ?21, ?22)",
    [STATEMENT_REMOVE_SCHEDULE] = "DELETE FROM schedules WHERE lineage_id = ?1",
    [STATEMENT_FIND_SCHEDULE_TARGET] =
        "SELECT lineage_id FROM schedules WHERE target = ?1 AND lineage_id <> ?2 LIMIT 1",
    [STATEMENT_DROP_SCHEDULES] =
        "DELETE FROM schedules"
        " WHERE NOT EXISTS (SELECT 1 FROM tokens t WHERE t.id = schedules.lineage_id)"
        " AND NOT EXISTS (SELECT 1 FROM tokens t INDEXED BY tokens_lineage"
        "  WHERE t.lineage_id = schedules.lineage_id)",
    [STATEMENT_LIST_SCHEDULES] = SCHEDULED
    " WHERE (?1 IS NULL OR o.id = ?1) AND s.lineage_id > ?2 ORDER BY s.lineage_id LIMIT ?3",
    [STATEMENT_LIST_ROTATING] = SCHEDULED
    " WHERE (?1 IS NULL OR o.id = ?1) AND s.lineage_id > ?2 AND s.rotating_id IS NOT NULL"
    " ORDER BY s.lineage_id LIMIT ?3",
    [STATEMENT_GET_SCHEDULE] = SCHEDULED " WHERE s.lineage_id = ?1",

    [STATEMENT_PUT_SKETCH] = "INSERT OR REPLACE INTO sketches (line, hour, image)"
                             " VALUES (?1, ?2, ?3)",
    [STATEMENT_FORGET_SKETCHES] = "DELETE FROM sketches WHERE hour < ?1",
    [STATEMENT_DELETE_SKETCH] = "DELETE FROM sketches WHERE line = " LINE_OF_ITS_OWN,
    [STATEMENT_EACH_SKETCH] = "SELECT line, image FROM sketches ORDER BY hour DESC LIMIT ?1",
    [STATEMENT_FIND_LINE_TOKEN] = "SELECT id FROM tokens INDEXED BY tokens_line"
                                  " WHERE line = ?1 AND replaced_by IS NULL",
    [STATEMENT_LIST_EXPIRING] =
        "SELECT " WATCHED_COLUMNS ", 0" EXPIRING
        " ORDER BY coalesce(l.last_used_at, 0) < ?4, t.expires_at, t.number LIMIT ?7",
    [STATEMENT_TALLY_EXPIRING] =
        "SELECT count(*), count(CASE WHEN l.last_used_at >= ?4 THEN 1 END)" EXPIRING,
    [STATEMENT_COUNT_EXPIRING] =
        "SELECT count(*) FROM tokens t INDEXED BY tokens_expires"
        " WHERE t.expires_at > ?1 AND t.expires_at <= ?2" WATCHED_LIVE " AND t.replaced_by IS NULL",
    [STATEMENT_LIST_UNUSED] =
        "SELECT " WATCHED_COLUMNS ", EXISTS (SELECT 1 FROM alerts"
        " WHERE key = 'unused/' || t.id || '/' || coalesce(l.last_used_at, 0))"
        " FROM tokens t" TOKEN_JOINS " WHERE t.number > ?1 AND t.number <= ?1 + ?2" WATCHED_LIVE
        " AND t.replaced_by IS NULL AND t.created_at < ?3"
        " AND coalesce(l.last_used_at, 0) < ?3 AND (t.expires_at IS NULL OR t.expires_at > ?4)"
        " ORDER BY t.number",
    [STATEMENT_NEWEST_TOKEN] = "SELECT coalesce(max(number), 0) FROM tokens",
    /* The first of the lineage and the later ones, merged in their order. */
    [STATEMENT_KIN_VERSIONS] =
        "SELECT " KIN_COLUMNS " FROM (SELECT number FROM tokens WHERE id = ?1"
        " UNION SELECT number FROM tokens INDEXED BY tokens_lineage WHERE lineage_id = ?1"
        " ORDER BY 1 DESC LIMIT ?2) version"
        " CROSS JOIN tokens t ON t.number = version.number" TOKEN_JOINS,
    [STATEMENT_KIN_MADE] =
        "SELECT " KIN_COLUMNS " FROM tokens t INDEXED BY tokens_made_by" TOKEN_JOINS
        " WHERE t.created_by = ?1 AND t.revoked_at IS NULL ORDER BY t.number DESC LIMIT ?2",
    [STATEMENT_KIN_MADE_REVOKED] =
        "SELECT " KIN_COLUMNS " FROM tokens t INDEXED BY tokens_made_by" TOKEN_JOINS
        " WHERE t.created_by = ?1 AND t.revoked_at > 0 ORDER BY t.revoked_at DESC LIMIT ?2",
    [STATEMENT_EVENTS_BY] = "SELECT " EVENT_COLUMNS " FROM events INDEXED BY events_actor"
                            " WHERE actor_token = ?1 ORDER BY number DESC LIMIT ?2",
    [STATEMENT_EVENTS_SEEN] = "SELECT " EVENT_COLUMNS " FROM events INDEXED BY events_token"
                              " WHERE number >> 13 = ?3 AND token_id = ?1"
                              " ORDER BY number DESC LIMIT ?2",
    [STATEMENT_EVENT_BEFORE] = "SELECT max(number) FROM events WHERE number < ?1",
    [STATEMENT_EVENT_AFTER] = "SELECT min(number) FROM events WHERE number > ?1",
    [STATEMENT_EVENTS_ABOUT] = "SELECT " EVENT_COLUMNS " FROM events INDEXED BY events_about"
                               " WHERE token_id = ?1 AND type NOT GLOB 'auth.*'"
                               " ORDER BY number DESC LIMIT ?2",
    [STATEMENT_EVENTS_FIRST] = "SELECT " EVENT_COLUMNS " FROM events INDEXED BY events_about"
                               " WHERE token_id = ?1 AND type NOT GLOB 'auth.*'"
                               " ORDER BY number LIMIT ?2",
};
