/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port to the durable store, declared by its consumer. store/sqlite implements it;
 * store/postgres will. One conformance suite (tests/conformance) runs over each.
 *
 * Writes come from one thread, in batches: begin, any number of changes, commit. Each change
 * function also writes the audit event it is given, so that no change exists without one.
 * When a change function fails with a CALLER error, that change alone is undone and the
 * batch goes on; with any other error the batch must be rolled back. Reads may come from
 * any thread, see the last commit, and never wait for a writer.
 */
#ifndef ENGINE_STORE_PORT_H
#define ENGINE_STORE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fault.h"
#include "engine/audit_port.h"
#include "engine/blast_port.h"
#include "engine/import_port.h"
#include "engine/jobs_port.h"
#include "engine/model.h"
#include "engine/outbox_port.h"
#include "engine/schedules_port.h"
#include "engine/sketches_port.h"
#include "engine/tenancy_port.h"
#include "engine/usage_port.h"
#include "segment/segment.h"

struct store_event {
    int64_t at_ms;
    const char *type; /* "token.create", "token.update", "token.revoke", "tier.put", ... */
    const char *actor_user, *actor_token, *org_id, *user_id, *token_id, *token_name;
    const char *verdict, *method, *endpoint, *ray_id; /* of what a proxy asked */
    const char *client, *user_agent, *request_id;
    const char *details; /* JSON object text, <= 4 KiB; NULL: none. Never a token. */
};

/* What is found of a store by a look from outside. */
struct store_look {
    int64_t version, bytes;
    int64_t clock_ms; /* the highest logical time that was written */
    bool checked;     /* it was looked at for damage, all of it */
};

struct store_user {
    const char *org_id, *id;
    uint32_t line; /* usage line, or SEGMENT_NO_LINE */
    bool suspended;
    struct limits overrides;
    const char *tier; /* from ensure_user only; NULL: none of its own */
};

/* What a credit line may use; see policy/credits.h. */
struct store_credits {
    uint32_t line;
    struct credits_amount allowance;
    uint64_t refill;
};

/* A charge that is remembered for its key, or a reservation. Stored as a number: never renumber. */
enum charge_state { CHARGE_OPEN, CHARGE_SETTLED, CHARGE_REFUNDED, CHARGE_EXPIRED };
#define CHARGE_ID_CHARS TOKEN_ID_CHARS /* "rsv_" and 26 characters */
struct store_charge {
    char id[CHARGE_ID_CHARS + 1]; /* of a reservation; "" for a charge */
    const char *org_id;           /* the token's */
    const char *key;              /* with its caller; NULL: none */
    uint8_t request_digest[TOKEN_DIGEST_BYTES];
    uint32_t line; /* SEGMENT_NO_LINE: the token's credits were unlimited */
    struct credits_amount amount;
    enum charge_state state;
    const char *answer; /* what the first answer said; NULL: nothing is remembered */
    char token_id[TOKEN_ID_CHARS + 1];
    int64_t created_at_ms, expires_at_ms;
};

struct token_filter {
    const char *org_id;  /* NULL: all */
    const char *user_id; /* NULL: all */
    const char *name;    /* NULL: all; else exact */
    const char *tier;    /* NULL: all */
    const char *role;    /* NULL: all */
    bool has_kind;
    enum token_kind kind;
    bool has_status;
    enum token_status status;
    bool include_inactive; /* without has_status: also expired and revoked ones */
    uint32_t limit;        /* 1 to LIST_PAGE_MAX */
    bool epochs_pending;   /* an emergency revocation covers rows that do not say it yet */
    const char *cursor;    /* NULL: from the newest */
    int64_t now_ms;        /* what "expired" is measured against */
};
struct token_page {
    struct token *tokens;
    size_t count;
    const char *next_cursor; /* NULL: no more. Opaque, at most 64 visible characters. */
};

/* One line to flush. The store books what the line has more than the store knew of it, so
 * flushing the same line twice counts once. */
struct store_usage {
    const struct segment_usage *usage;
    int64_t minute_ms; /* the start of the minute that the difference is booked on */
};

/*
 * What the authority reads at start, in this order: tiers, orgs, users, lines (when asked
 * for), tokens. Each of the first three answers with a number of the caller's, and the later
 * ones come with it, so that ten million tokens need no look-up by name. `worker` is
 * 0..workers-1: tokens come from several threads at once (each worker is one thread); all
 * the rest comes from the thread that called load. What is passed lives until the return.
 */
struct store_loaded_token {
    const struct token *token; /* without org_id, user_id, tier, display_prefix, counts, and the
                                  times of creation and change: the segment needs none of them */
    uint32_t user;
    uint16_t tier;
};
struct store_loader {
    void *context;
    tkr_error_t (*tier)(void *context, const struct tier *tier, uint16_t *ret_number);
    tkr_error_t (*org)(void *context, const char *id, size_t id_length, uint16_t *ret_number);
    tkr_error_t (*user)(void *context, uint16_t org, const struct store_user *user,
                        uint32_t *ret_number);
    tkr_error_t (*line)(void *context, uint32_t line, const uint8_t *image, size_t bytes);
    tkr_error_t (*token)(void *context, unsigned worker, const struct store_loaded_token *token);
};

/* An emergency revocation: all that was born up to its time and matches is revoked. Settling
 * writes that into the rows. Numbers of orgs and users are the store's own. */
struct store_epoch {
    uint64_t number;
    int64_t at_ms;
    const char *org_id, *user_id; /* NULL: all */
    bool has_kind;
    enum token_kind kind;
    const char *reason;
    bool settled;
    uint64_t tokens; /* that it revoked, as far as settled */
};

/* A token that a cleanup is at. */
struct store_cleaned {
    uint8_t digest[TOKEN_DIGEST_BYTES];
    char id[TOKEN_ID_CHARS + 1];
    const char *org_id, *user_id, *name; /* until the next one */
    bool revoked, quarantined;
};

/* A version and its successor, both in use. */
struct store_overlap {
    char id[TOKEN_ID_CHARS + 1];
    uint32_t line, successor_line; /* of the versions */
};

struct store_identity {
    uint8_t store_id[SEGMENT_STORE_ID_BYTES]; /* random, made with the database */
    uint64_t seq;                             /* grows with every committed batch of changes */
    uint64_t users;                           /* rows, or a few more */
    uint64_t tokens, lines;                   /* rows; next free usage line */
    int64_t clock_ms;                         /* the highest logical time that was flushed */
};

struct store;
struct store_port {
    const char *name;     /* "sqlite" */
    const char *location; /* for people: the database's path or address; never a secret */

    tkr_error_t (*identity)(struct store *store, struct store_identity *ret_identity);
    tkr_error_t (*load)(struct store *store, const struct store_loader *loader, unsigned workers,
                        bool with_lines, struct fault *fault);

    /* --- the writer thread only --- */
    tkr_error_t (*begin)(struct store *store);
    /*
     * *ret_seq: the sequence number that this commit made (the former one when the batch
     * changed nothing but bookkeeping). After an error the batch is rolled back. TKR_NO_SPACE,
     * TKR_LOCKED, TKR_READ_ONLY and TKR_UNAVAILABLE: it is certain that nothing was committed.
     * Any other error (I/O in fsync, above all): what is on the medium is unknown until it is
     * opened again.
     */
    tkr_error_t (*commit)(struct store *store, uint64_t *ret_seq);
    void (*rollback)(struct store *store);
    /* A point in the batch to come back to, for a change that makes several of the calls
     * below; one at a time. release ends it and, with `undo`, undoes all since mark. */
    tkr_error_t (*mark)(struct store *store);
    tkr_error_t (*release)(struct store *store, bool undo);
    /* Housekeeping that no caller waits for (SQLite: checkpoints). Call it between batches,
     * after their answers. An error harms nothing that is committed. */
    tkr_error_t (*maintain)(struct store *store);
    /* Makes the user and its org when new. *ret_created tells. Gives out a line when
     * `want_line` and it has none. */
    tkr_error_t (*ensure_user)(struct store *store, const char *org_id, const char *user_id,
                               bool want_line, int64_t now_ms, struct arena *arena,
                               struct store_user *ret_user, bool *ret_created);
    /* Gives out token->line (when SEGMENT_NO_LINE). CONFLICT: the digest or id exists. Without an
     * event (NULL) only when one of several tokens follows within the batch. */
    tkr_error_t (*insert_token)(struct store *store, struct token *token,
                                const struct store_event *event);
    /* Writes all mutable columns where id and version match, and counts the version up.
     * PRECONDITION when they do not. A revoked row is never made unrevoked: CONFLICT. */
    tkr_error_t (*update_token)(struct store *store, struct token *token,
                                const struct store_event *event);
    tkr_error_t (*put_tier)(struct store *store, const struct tier *tier,
                            const struct store_event *event);
    /* Gives a line to every user without one that has tokens of a tier whose limits are of
     * users, and shows each to `visit`, whose error stops and is returned. Remembers which tiers
     * are done, so it costs nothing when none came to be of users. */
    tkr_error_t (*give_user_lines)(struct store *store,
                                   tkr_error_t (*visit)(void *context, const struct store_user *),
                                   void *context);
    /* Also on the writer's connection, so that it sees the batch's own changes. */
    tkr_error_t (*read_token)(struct store *store, const char *token_id, struct arena *arena,
                              struct token *ret_token);
    /* Emergency revocations. put gives the number; NOT_FOUND: no such org or user. */
    tkr_error_t (*put_epoch)(struct store *store, struct store_epoch *epoch,
                             const struct store_event *event);
    /* Revokes rows that the epoch covers, at most EMERGENCY_SETTLE_ROWS, and shows the digest of
     * each. *ret_settled: it was the last. */
    tkr_error_t (*settle_epoch)(struct store *store, uint64_t number,
                                tkr_error_t (*visit)(void *context,
                                                     const uint8_t digest[TOKEN_DIGEST_BYTES]),
                                void *context, bool *ret_settled);
    /* Tokens that ended before `before_ms`, at most `limit`: deletes them, with a tombstone for
     * each that was revoked or held; or, with `deactivate`, revokes those that only
     * expired. One in quarantine ends with the later of its expiry and its quarantine. `visit`
     * sees each before it goes and gives its event. */
    tkr_error_t (*cleanup)(struct store *store, int64_t before_ms, bool deactivate, uint32_t limit,
                           int64_t now_ms,
                           tkr_error_t (*visit)(void *context, const struct store_cleaned *cleaned,
                                                struct store_event *ret_event),
                           void *context, uint32_t *ret_count);
    /* How many tokens of the user are live (neither revoked nor expired) and were made by a token;
     * counts no further than `most`. Reads no row of any other. */
    tkr_error_t (*count_made)(struct store *store, const char *org_id, const char *user_id,
                              int64_t now_ms, uint32_t most, uint32_t *ret_count);
    /* The ids of the tokens that this one made, at most `most`; of those that are revoked only
     * the ones that made others. */
    tkr_error_t (*list_made)(struct store *store, const char *token_id, uint32_t most,
                             char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count);
    /* Those of the versions of a lineage, of those that are revoked only the ones that made others.
     */
    tkr_error_t (*list_versions)(struct store *store, const char *lineage_id, uint32_t most,
                                 char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count);
    /* Those of the versions that are not current and, at `now_ms`, neither revoked nor expired. */
    tkr_error_t (*list_overlapping)(struct store *store, const char *lineage_id, int64_t now_ms,
                                    uint32_t most, char (*ret_ids)[TOKEN_ID_CHARS + 1],
                                    uint32_t *ret_count);
    /* The ids of tokens of the environment that are neither disabled nor revoked, at most `most`.
     */
    tkr_error_t (*list_environment)(struct store *store, uint32_t most,
                                    char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count);
    /* As read_token, by the digest. */
    tkr_error_t (*read_digest)(struct store *store, const uint8_t digest[TOKEN_DIGEST_BYTES],
                               struct arena *arena, struct token *ret_token);
    /* Idempotency: NOT_FOUND, or the token that the key made and the request's digest. */
    tkr_error_t (*find_idempotency)(struct store *store, const char *org_id, const char *key,
                                    int64_t now_ms, char ret_token_id[TOKEN_ID_CHARS + 1],
                                    uint8_t ret_request_digest[TOKEN_DIGEST_BYTES]);
    tkr_error_t (*put_idempotency)(struct store *store, const char *org_id, const char *key,
                                   const uint8_t request_digest[TOKEN_DIGEST_BYTES],
                                   const char *token_id, int64_t now_ms);
    /* Bookkeeping without an event and without a new sequence number: counts, last use, line
     * images, per-minute rows, the clock. */
    tkr_error_t (*flush_usage)(struct store *store, const struct store_usage *usage, size_t count,
                               int64_t clock_ms);

    /* The same for what a meter drained, with the number of the drain; and the highest such
     * number, 0: none. */
    tkr_error_t (*book_metered)(struct store *store, uint64_t meter, uint64_t number,
                                const struct usage_metered *metered, size_t count);
    tkr_error_t (*metered_number)(struct store *store, uint64_t meter, uint64_t *ret_number);
    /* A slice of a sweep that makes old counts coarser and takes out the oldest: at most
     * USAGE_SWEEP_LINES lines. TKR_NOT_FOUND: it is at its end. */
    tkr_error_t (*sweep_usage)(struct store *store, const struct usage_retention *retention,
                               struct usage_sweep *sweep);
    /* CONFLICT: a report of this digest was taken before. */
    tkr_error_t (*put_leak_report)(struct store *store, const uint8_t digest[TOKEN_DIGEST_BYTES],
                                   const char *source, size_t tokens, int64_t now_ms);
    /* An event of what changed nothing: it makes no new sequence number either. */
    tkr_error_t (*note_event)(struct store *store, const struct store_event *event);

    struct store_import import;
    /* Credits. put_credits replaces the line's row; `event` may be NULL when another call of the
     * same change brings it. find_…: NOT_FOUND. */
    tkr_error_t (*find_credits)(struct store *store, uint32_t line,
                                struct store_credits *ret_credits);
    tkr_error_t (*put_credits)(struct store *store, const struct store_credits *credits,
                               const struct store_event *event);
    tkr_error_t (*drop_credits)(struct store *store, uint32_t line);
    /* Identifiers of a lineage's tokens, and of those that share the credit line (unless it is
     * SEGMENT_NO_LINE), that are not revoked, the oldest first. CAPACITY beyond
     * LINEAGE_TOKENS_MAX. */
    tkr_error_t (*list_lineage)(struct store *store, const char *lineage_id, uint32_t credit_line,
                                struct arena *arena, char (**ret_ids)[TOKEN_ID_CHARS + 1],
                                size_t *ret_count);
    /* A charge that is not open is forgotten, with its key, after IDEMPOTENCY_TTL_S. */
    tkr_error_t (*put_charge)(struct store *store, const struct store_charge *charge,
                              const struct store_event *event);
    tkr_error_t (*find_charge)(struct store *store, const char *id, struct arena *arena,
                               struct store_charge *ret_charge);
    tkr_error_t (*find_charge_by_key)(struct store *store, const char *key, int64_t now_ms,
                                      struct arena *arena, struct store_charge *ret_charge);
    /* An open one whose time has come. */
    tkr_error_t (*find_expired_charge)(struct store *store, int64_t now_ms, struct arena *arena,
                                       struct store_charge *ret_charge);
    /* Writes state and amount of an open one, found by its id. CONFLICT: it is not open. */
    tkr_error_t (*finish_charge)(struct store *store, const struct store_charge *charge,
                                 int64_t now_ms, const struct store_event *event);

    /* --- any thread --- */
    tkr_error_t (*load_credits)(struct store *store,
                                tkr_error_t (*visit)(void *context, const struct store_credits *),
                                void *context);
    tkr_error_t (*get_token)(struct store *store, const char *token_id, struct arena *arena,
                             struct token *ret_token);
    tkr_error_t (*list_tokens)(struct store *store, const struct token_filter *filter,
                               struct arena *arena, struct token_page *ret_page);
    tkr_error_t (*list_tiers)(struct store *store, struct arena *arena, struct tier **ret_tiers,
                              size_t *ret_count);
    /* The newest first. org_id NULL: all. `pending_only`: those that are not settled. */
    tkr_error_t (*list_epochs)(struct store *store, const char *org_id, bool pending_only,
                               uint32_t limit, struct arena *arena, struct store_epoch **ret_epochs,
                               size_t *ret_count);
    /* The time of the newest epoch; 0: there was none. */
    tkr_error_t (*newest_epoch)(struct store *store, int64_t *ret_at_ms);
    /* Tokens that live on beside a successor, at most `limit`. */
    tkr_error_t (*list_overlaps)(struct store *store, int64_t now_ms, uint32_t limit,
                                 struct store_overlap *ret_overlaps, size_t *ret_count);
    /* What a cleanup would find. */
    tkr_error_t (*count_ended)(struct store *store, int64_t before_ms, uint64_t *ret_expired,
                               uint64_t *ret_revoked);
    tkr_error_t (*count_tokens)(struct store *store, int64_t now_ms,
                                uint64_t ret_counts[TOKEN_STATUS_COUNT]);
    /* NOT_FOUND: no such org, or user. */
    tkr_error_t (*read_usage)(struct store *store, const struct usage_question *question,
                              struct arena *arena, struct usage_answer *ret_answer);
    /* Newest first. A token that was never rotated has one version. */
    tkr_error_t (*read_versions)(struct store *store, const char *lineage_id, int64_t from_ms,
                                 int64_t until_ms, struct arena *arena,
                                 struct usage_version **ret_versions, size_t *ret_count);

    struct store_tenancy tenancy; /* users, organisations, roles */
    struct store_blast blast;     /* what there is about one token */
    struct store_audit audit;
    struct store_outbox outbox;
    struct store_sketches sketches; /* and what is asked of tokens that are watched */
    struct store_jobs jobs;
    struct store_schedules schedules; /* of rotation */

    struct store *store;
};

#endif
