/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which column of a table, or key of an object, is which member of a row. By what `--map` says,
 * else by synonyms, upper or lower case. When several columns are the same member, the one counts
 * that --map names, else the one whose synonym stands first.
 */
#ifndef IMPORT_COLUMNS_H
#define IMPORT_COLUMNS_H

#include "import/import.h"

enum import_member {
    IMPORT_DIGEST,
    IMPORT_TOKEN, /* the plaintext */
    IMPORT_SOURCE_ID,
    IMPORT_ORG_ID,
    IMPORT_USER_ID,
    IMPORT_NAME,
    IMPORT_TOKEN_KIND,
    IMPORT_TOKEN_ENV,
    IMPORT_TIER,
    IMPORT_SCOPES,
    IMPORT_LIMITS,
    IMPORT_METADATA,
    IMPORT_DISPLAY_PREFIX,
    IMPORT_ALLOWED_IPS,
    IMPORT_NOT_BEFORE,
    IMPORT_EXPIRES_AT,
    IMPORT_CREATED_AT,
    IMPORT_LAST_USED_AT,
    IMPORT_REQUEST_COUNT,
    IMPORT_ACTIVE,
    IMPORT_STATUS,
    IMPORT_DISABLED_AT,
    IMPORT_QUARANTINED_AT,
    IMPORT_REVOKED,
    IMPORT_REVOKED_AT,
    IMPORT_REVOKE_REASON,
    IMPORT_MEMBER_COUNT /* also: no member */
};
const char *import_member_name(enum import_member member); /* "" for none */

struct column {
    char name[IMPORT_COLUMN_BYTES_MAX + 1];
    enum import_member member;
    unsigned rank; /* the least of several columns of one member counts */
};

struct columns {
    struct column list[IMPORT_COLUMNS_MAX];
    size_t count;
};

/* The column of this name, which is remembered. A name too long, or one too many, is a column
 * that is no member. Static memory, or as long as `columns`. */
const struct column *columns_find(struct columns *columns, const struct import_options *options,
                                  const char *name, size_t length);

/* Which of several columns is each member: an index into `names`, SIZE_MAX for none. */
void columns_choose(struct columns *columns, const struct import_options *options,
                    const char *const *names, size_t count, size_t ret_chosen[IMPORT_MEMBER_COUNT]);
/* For tables: as columns_choose; there must be a digest or a token, and every mapping must be
 * about a column that is there. Errors: TKR_INVALID. */
MUST_USE tkr_error_t columns_choose_all(struct columns *columns,
                                        const struct import_options *options,
                                        const char *const *names, size_t count,
                                        size_t ret_chosen[IMPORT_MEMBER_COUNT],
                                        struct fault *fault);
/* Whether the mappings name members that exist. Errors: TKR_INVALID. */
MUST_USE tkr_error_t columns_check(const struct import_options *options, struct fault *fault);

#endif
