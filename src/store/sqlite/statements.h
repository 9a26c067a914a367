/* SPDX-License-Identifier: Apache-2.0 */
/* The prepared statements of a connection: a name and its SQL a row, in statements.c. */
#ifndef STORE_SQLITE_STATEMENTS_H
#define STORE_SQLITE_STATEMENTS_H

/* The columns of a token that both ways of reading need, first; see row.c. */
#define TOKEN_COLUMNS_CORE                                                                         \
    "t.id, t.digest, t.name, t.kind, t.env, t.line, t.scopes, t.overrides, t.allowed_ips, "        \
    "t.metadata, t.not_before, t.expires_at, t.disabled_at, t.quarantined_at, t.revoked_at, "      \
    "t.version_line, t.credit_line, t.spared_at, t.honeytoken, t.warned"
#define TOKEN_COLUMNS_FULL                                                                         \
    TOKEN_COLUMNS_CORE ", t.number, o.id, u.id, r.name, t.revoke_reason, t.display_prefix, "       \
                       "t.lineage_id, t.rotated_from, t.version, t.created_at, t.updated_at, "     \
                       "l.total, l.last_used_at, v.total, v.last_used_at, t.replaced_by, "         \
                       "t.created_by, t.grace_until, t.expires_ungraced, t.source, "               \
                       "t.tier_inherited, (SELECT name FROM roles WHERE number = t.role), "        \
                       "t.own_scopes"
/* CROSS JOIN: in SQLite, the order as written, so that `tokens` leads. */
#define USER_COLUMNS                                                                               \
    "u.number, o.id, u.id, r.name, u.email, u.metadata, u.overrides, u.suspended_at, "             \
    "u.created_at, u.updated_at, u.version"
#define USER_JOINS " CROSS JOIN orgs o ON o.number = u.org LEFT JOIN tiers r ON r.number = u.tier"
#define ORG_COLUMNS "number, id, lifetimes, one_active, created_at, updated_at, version"
#define ROLE_COLUMNS                                                                               \
    "r.number, (SELECT id FROM orgs WHERE number = r.org), r.name, r.scopes, r.created_at, "       \
    "r.updated_at, r.version"
#define SCAN_COLUMNS                                                                               \
    "number, id, digest, kind, scopes, own_scopes, tier_inherited, revoked_at, expires_at"
#define TOKEN_JOINS                                                                                \
    " CROSS JOIN users u ON u.number = t.user CROSS JOIN orgs o ON o.number = t.org"               \
    " CROSS JOIN tiers r ON r.number = t.tier LEFT JOIN usage_lines l ON l.line = t.line"          \
    " LEFT JOIN usage_lines v ON v.line = t.version_line"

/* Whether the epoch `e` covers the token `t`. */
#define EPOCH_COVERS                                                                               \
    "t.id <= e.born_max AND (t.spared_at IS NULL OR t.spared_at <= e.at)"                          \
    " AND (e.org IS NULL OR e.org = t.org) AND (e.user IS NULL OR e.user = t.user)"                \
    " AND (e.kind IS NULL OR e.kind = t.kind)"

/* Of the table events, as events_read takes them: the fields are those of audit/chain.h. */
#define LOG_COLUMNS                                                                                \
    "number, at, digest, type, org_id, actor_user, actor_token, user_id, token_id, token_name,"    \
    " verdict, client, user_agent, method, endpoint, request_id, ray_id, details"

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_MARK,
    STATEMENT_UNDO,
    STATEMENT_RELEASE,
    STATEMENT_READ_META,
    STATEMENT_WRITE_META,
    STATEMENT_FIND_ORG,
    STATEMENT_INSERT_ORG,
    STATEMENT_FIND_USER,
    STATEMENT_INSERT_USER,
    STATEMENT_SET_USER_LINE,
    STATEMENT_USERS_WITHOUT_LINE,
    STATEMENT_TIERS_OF_TOKENS,
    STATEMENT_TIER_WITHOUT_LINES,
    STATEMENT_TIER_HAS_LINES,
    STATEMENT_FIND_TIER,
    STATEMENT_PUT_TIER,
    STATEMENT_LIST_TIERS,
    STATEMENT_INSERT_TOKEN,
    STATEMENT_UPDATE_TOKEN,
    STATEMENT_TOKEN_STATE,
    STATEMENT_GET_TOKEN,
    STATEMENT_INSERT_EVENT,
    STATEMENT_FIND_KEY,
    STATEMENT_PUT_KEY,
    STATEMENT_EXPIRE_KEYS,
    STATEMENT_FIND_DIGEST,
    STATEMENT_FIND_TOMBSTONE,
    STATEMENT_FIND_LINE,
    STATEMENT_PUT_LINE,
    STATEMENT_ADD_MINUTE,
    STATEMENT_PUT_EPOCH,
    STATEMENT_READ_SETTLING,
    STATEMENT_SETTLE_USER,
    STATEMENT_SETTLE_RANGE,
    STATEMENT_WRITE_SETTLING,
    STATEMENT_LIST_EPOCHS,
    STATEMENT_FIND_EXPIRED,
    STATEMENT_FIND_HELD,
    STATEMENT_FIND_REVOKED,
    STATEMENT_READ_ENDED,
    STATEMENT_DEACTIVATE_TOKEN,
    STATEMENT_BURY_TOKEN,
    STATEMENT_DELETE_LINE,
    STATEMENT_DELETE_CREDITS,
    STATEMENT_DELETE_TOKEN,
    STATEMENT_COUNT_ENDED_EXPIRED,
    STATEMENT_COUNT_ENDED_HELD,
    STATEMENT_COUNT_ENDED_REVOKED,
    STATEMENT_LIST_OVERLAPS,
    STATEMENT_FIND_CREDITS,
    STATEMENT_PUT_CREDITS,
    STATEMENT_DROP_CREDITS,
    STATEMENT_LOAD_CREDITS,
    STATEMENT_LIST_LINEAGE,
    STATEMENT_PUT_CHARGE,
    STATEMENT_FIND_CHARGE,
    STATEMENT_FIND_CHARGE_KEY,
    STATEMENT_FORGET_CHARGE_KEY,
    STATEMENT_FORGET_CHARGES,
    STATEMENT_FINISH_CHARGE,
    STATEMENT_EXPIRED_CHARGE,
    STATEMENT_COUNT_REVOKED,
    STATEMENT_COUNT_DISABLED,
    STATEMENT_COUNT_QUARANTINED,
    STATEMENT_COUNT_NOT_YET_VALID,
    STATEMENT_COUNT_EXPIRED,
    STATEMENT_COUNT_EXPIRED_EARLY,
    STATEMENT_LOAD_ORGS,
    STATEMENT_LOAD_USERS,
    STATEMENT_LOAD_LINES,
    STATEMENT_LOAD_RANGE,
    STATEMENT_LOAD_TOKENS,

    STATEMENT_CREATE_USER,
    STATEMENT_UPDATE_USER,
    STATEMENT_GET_USER,
    STATEMENT_SET_INHERITED_TIER,
    STATEMENT_SCAN_USER,
    STATEMENT_SCAN_ROLE,
    STATEMENT_LIST_REPLACED,
    STATEMENT_REPLACE_TOKENS,
    STATEMENT_SET_TOKEN_SCOPES,
    STATEMENT_CREATE_ORG,
    STATEMENT_COUNT_ORGS,
    STATEMENT_UPDATE_ORG,
    STATEMENT_GET_ORG,
    STATEMENT_LIST_ORGS,
    STATEMENT_INSERT_ROLE,
    STATEMENT_UPDATE_ROLE,
    STATEMENT_GET_ROLE,
    STATEMENT_OTHER_ROLE,
    STATEMENT_COUNT_ROLES,
    STATEMENT_DELETE_ROLE,
    STATEMENT_COUNT_ROLE_TOKENS,
    STATEMENT_LIST_ROLES,

    STATEMENT_COUNT_MADE,
    STATEMENT_LIST_MADE,
    STATEMENT_WRITE_HEAD,
    STATEMENT_BEGIN_CHAIN,
    STATEMENT_MOVE_BEGINNING,
    STATEMENT_EVENT_DIGEST,
    STATEMENT_DROP_EVENTS,
    STATEMENT_DROP_CHECKPOINTS,
    STATEMENT_READ_LOG,
    STATEMENT_PUT_CHECKPOINT,
    STATEMENT_NEWEST_EVENT,
    STATEMENT_EACH_EVENT,
    STATEMENT_EACH_CHECKPOINT,
    STATEMENT_LIST_VERSIONS,
    STATEMENT_LIST_OVERLAPPING,
    STATEMENT_ADOPT_CHILDREN,
    STATEMENT_LIST_ENVIRONMENT,
    STATEMENT_GET_BY_DIGEST,
    STATEMENT_ADD_BY,
    STATEMENT_COUNT_BY,
    STATEMENT_INSERT_BY,
    STATEMENT_GET_DRAIN,
    STATEMENT_PUT_DRAIN,
    STATEMENT_NEXT_MINUTE,
    STATEMENT_MINUTES_TO_HOURS,
    STATEMENT_DELETE_MINUTES,
    STATEMENT_NEXT_HOUR,
    STATEMENT_HOURS_TO_DAYS,
    STATEMENT_DELETE_HOURS,
    STATEMENT_NEXT_DAY,
    STATEMENT_DELETE_DAYS,
    STATEMENT_NEXT_BY,
    STATEMENT_FOLD_BY,
    STATEMENT_DELETE_FOLDED_BY,
    STATEMENT_DELETE_BY,
    STATEMENT_USAGE_OF_TOKEN,
    STATEMENT_USAGE_OF_USER,
    STATEMENT_USAGE_OF_ORG,
    STATEMENT_SHARES_OF_LINE,
    STATEMENT_SHARES_OF_USER,
    STATEMENT_USER_EXISTS,
    STATEMENT_VERSIONS,
    STATEMENT_PUT_LEAK_REPORT,

    STATEMENT_PUT_ALERT,
    STATEMENT_FORGET_ALERTS,
    STATEMENT_PUT_OUTBOX,
    STATEMENT_COUNT_OUTBOX,
    STATEMENT_ADD_OUTBOX_TALLY,
    STATEMENT_RECOUNT_OUTBOX,
    STATEMENT_OUTBOX_SENT,
    STATEMENT_OUTBOX_LATER,
    STATEMENT_OUTBOX_DEAD,
    STATEMENT_OUTBOX_BURY,
    STATEMENT_OUTBOX_REVIVE,
    STATEMENT_OUTBOX_DROP,
    STATEMENT_OUTBOX_DUE,
    STATEMENT_LIST_DEAD_OUTBOX,
    STATEMENT_LIST_OUTBOX_CHANNELS,
    STATEMENT_PUT_JOB,
    STATEMENT_READ_JOB,
    STATEMENT_EACH_JOB,

    STATEMENT_READ_SCHEDULE,
    STATEMENT_PUT_SCHEDULE,
    STATEMENT_REMOVE_SCHEDULE,
    STATEMENT_FIND_SCHEDULE_TARGET,
    STATEMENT_DROP_SCHEDULES,
    STATEMENT_LIST_SCHEDULES,
    STATEMENT_LIST_ROTATING,
    STATEMENT_GET_SCHEDULE,
    STATEMENT_PUT_SKETCH,
    STATEMENT_FORGET_SKETCHES,
    STATEMENT_DELETE_SKETCH,
    STATEMENT_EACH_SKETCH,
    STATEMENT_FIND_LINE_TOKEN,
    STATEMENT_LIST_EXPIRING,
    STATEMENT_TALLY_EXPIRING,
    STATEMENT_COUNT_EXPIRING,
    STATEMENT_LIST_UNUSED,
    STATEMENT_NEWEST_TOKEN,

    STATEMENT_KIN_VERSIONS,
    STATEMENT_KIN_MADE,
    STATEMENT_KIN_MADE_REVOKED,
    STATEMENT_EVENTS_BY,
    STATEMENT_EVENTS_SEEN,
    STATEMENT_EVENT_BEFORE,
    STATEMENT_EVENT_AFTER,
    STATEMENT_EVENTS_ABOUT,
    STATEMENT_EVENTS_FIRST,
    STATEMENT_COUNT
};

extern const char *const statement_sql[STATEMENT_COUNT];

#endif
