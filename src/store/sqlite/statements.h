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
#define TOKEN_JOINS                                                                                \
    " CROSS JOIN users u ON u.number = t.user CROSS JOIN orgs o ON o.number = t.org"               \
    " CROSS JOIN tiers r ON r.number = t.tier LEFT JOIN usage_lines l ON l.line = t.line"          \
    " LEFT JOIN usage_lines v ON v.line = t.version_line"

/* Whether the epoch `e` covers the token `t`. */
#define EPOCH_COVERS                                                                               \
    "t.id <= e.born_max AND (t.spared_at IS NULL OR t.spared_at <= e.at)"                          \
    " AND (e.org IS NULL OR e.org = t.org) AND (e.user IS NULL OR e.user = t.user)"                \
    " AND (e.kind IS NULL OR e.kind = t.kind)"

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
    STATEMENT_FIND_REVOKED,
    STATEMENT_READ_ENDED,
    STATEMENT_DEACTIVATE_TOKEN,
    STATEMENT_BURY_TOKEN,
    STATEMENT_DELETE_LINE,
    STATEMENT_DELETE_TOKEN,
    STATEMENT_COUNT_ENDED_EXPIRED,
    STATEMENT_COUNT_ENDED_REVOKED,
    STATEMENT_LIST_OVERLAPS,
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
    STATEMENT_COUNT
};

extern const char *const statement_sql[STATEMENT_COUNT];

#endif
