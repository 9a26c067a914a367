/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old stores of tokens, each read as one stream of rows of the same form.
 *
 *   import.c      the table of kinds, and the stream
 *   row.c         text of a member → a struct import_row, checked     row_values.c, row_lists.c
 *   columns.c     which column or key is which member, by synonyms
 *   time.c        the times that other programs write
 *   bytes.c       a file, some bytes at a time
 *   env.c json.c csv.c sqlite.c postgres.c   one kind each
 *
 * A row that cannot be taken is an outcome like others (IMPORT_BAD, with its reason) and never
 * ends the stream; an error does: the file cannot be read, its frame is broken, the database is
 * gone. No store is read into memory as a whole, whatever its size: what is held is one row, or
 * one entry of at most IMPORT_ENTRY_BYTES_MAX.
 *
 * Only SHA-256 digests come out. Where the store has the token itself, its digest is computed and
 * the text is wiped at once, as far as it lies in our memory: a database library's own buffers are
 * its own. Before JSON is read the caller must have made jansson wipe what it frees.
 *
 *     struct import_source *source CLEANUP(import_close_p) = NULL;
 *     TRY(import_open(IMPORT_CSV, "old.csv", &options, &source, &fault));
 *     for (;;) {
 *         TRY(import_next(source, &row, &outcome, &fault));
 *         if (outcome == IMPORT_END) break;
 *         ...
 *     }
 *
 * One thread uses a source. Faults never contain a value of the store, only names of columns.
 */
#ifndef IMPORT_IMPORT_H
#define IMPORT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"
#include "policy/cidr.h"
#include "policy/limits_spec.h"
#include "token/token_text.h"

enum import_kind {
    IMPORT_ENV,      /* API_TOKEN and API_TOKENS, of a .env file or of our environment */
    IMPORT_JSON,     /* an object by digest, an array, or what `tokenry export` wrote */
    IMPORT_SQLITE,   /* a table of a SQLite database */
    IMPORT_POSTGRES, /* a table of a PostgreSQL database */
    IMPORT_CSV,      /* RFC 4180, with a header */
    IMPORT_KIND_COUNT
};
const char *import_kind_name(enum import_kind kind);
/* Errors: TKR_INVALID. */
MUST_USE tkr_error_t import_kind_parse(const char *text, enum import_kind *ret_kind);

/* The zone of times that name none. A named one is the C library's: it is put into TZ of this
 * process, so parse it before other threads run. */
struct import_zone {
    bool named;
    int32_t offset_s; /* east of UTC, unless named */
};
/* `UTC`, `Z`, `+02:00`, or a name of the time zone database as `Europe/Berlin`. Errors:
 * TKR_INVALID. */
MUST_USE tkr_error_t import_zone_parse(const char *text, struct import_zone *ret_zone);

struct import_pair {
    const char *from, *to;
};

struct import_options {
    const char *table;              /* databases: `tokens` or `schema.tokens`; NULL: the known one
                                       that is there */
    const struct import_pair *maps; /* column → member, or → `ignore`; before the synonyms */
    size_t map_count;
    const struct import_pair *tiers; /* old name → ours */
    size_t tier_count;
    const char *default_org;  /* rows that name none; NULL: left open */
    const char *default_user; /* rows that name none; NULL: see row_finish */
    struct import_zone zone;
    struct token_prefixes prefixes; /* ours: which part of a token is shown, and which are tests */
    char *const *environment;       /* for IMPORT_ENV without a file */
};

/* Texts live until the next call with this source. Times are Unix milliseconds, 0 is none. */
struct import_row {
    uint64_t number;       /* 1 for the first; of a CSV the line on which it begins */
    const char *source_id; /* what the old store calls it; NULL */
    uint8_t digest[TOKEN_DIGEST_BYTES];
    const char *org_id; /* NULL: not said */
    const char *user_id, *name;
    enum token_kind kind;
    enum token_env env;
    const char *tier;           /* NULL: not said */
    const char *scopes;         /* canonical; "" for none */
    struct limits limits;       /* its own */
    const char *metadata;       /* a JSON object */
    const char *display_prefix; /* NULL: not known */
    const struct cidr *allowed_ips;
    size_t allowed_ip_count;
    int64_t not_before_ms, expires_at_ms, created_at_ms, last_used_at_ms;
    uint64_t request_count;
    bool disabled, quarantined, revoked;
    int64_t revoked_at_ms;     /* may be 0 although revoked: the store does not say when */
    const char *revoke_reason; /* NULL */
};

struct import_source;

/* `where`: a path (`-` is standard input, for JSON and CSV), or what libpq calls a connection
 * string, without a password (TKR_FORBIDDEN: others can read arguments). NULL: the environment, or
 * the PG* variables. `options` and its texts must outlive the source. Errors: TKR_NOT_FOUND (file,
 * table), TKR_INVALID (no column has the token or its hash, a mapping that is about nothing),
 * TKR_MALFORMED, TKR_TOO_LARGE, TKR_UNAVAILABLE, TKR_IO, TKR_MEMORY. */
MUST_USE tkr_error_t import_open(enum import_kind kind, const char *where,
                                 const struct import_options *options,
                                 struct import_source **ret_source, struct fault *fault);
void import_close(struct import_source *source); /* NULL is allowed */
void import_close_p(struct import_source **source);

enum import_outcome {
    IMPORT_ROW, /* *ret_row is whole */
    IMPORT_BAD, /* *ret_row has only `number` and perhaps `source_id`; `fault` says why not */
    IMPORT_END,
};
/* Errors end the stream: TKR_MALFORMED, TKR_IO, TKR_TIMEOUT, TKR_VERSION_NEWER, TKR_MEMORY. */
MUST_USE tkr_error_t import_next(struct import_source *source, struct import_row *ret_row,
                                 enum import_outcome *ret_outcome, struct fault *fault);

/* Column `index` that was seen so far and what it was taken for, "" for nothing; false past the
 * last. For a report: so that somebody sees what was left behind. */
bool import_column(const struct import_source *source, size_t index, const char **ret_column,
                   const char **ret_member);

/* How much of it was read, 0 to 1; negative when that is not known. */
double import_progress(const struct import_source *source);

/* Splits `from=to` at the first `=`, in place. False when there is none or a side is empty. */
bool import_pair_split(char *text, struct import_pair *ret_pair);

#endif
