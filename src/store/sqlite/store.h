/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the SQLite store.
 *
 *   writer   one connection, used by the authority's writer thread only: changes, bookkeeping,
 *            checkpoints. What `meta` holds is kept in memory beside it: `current` goes with
 *            the transaction, `committed` is what a restart would see.
 *   readers  at most STORE_READERS connections, opened when first needed, lent to whichever
 *            thread reads; who finds none free waits for one.
 *
 * WAL lets readers go on while the writer commits. Only the writer checkpoints: the defect of
 * SQLite 3.40.1 that can lose a commit at a reset of the log needs two that do.
 */
#ifndef STORE_SQLITE_STORE_H
#define STORE_SQLITE_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/store_sqlite.h"

struct meta {
    uint64_t seq;
    uint64_t tokens;
    uint32_t next_line;
    int64_t clock_ms;
    struct store_head head; /* of the audit log */
};

struct user_row {
    int64_t number, org;
    struct store_user user;
    char tier[TIER_NAME_BYTES_MAX + 1]; /* "" for none */
};

/* What the writer found last in this batch: an import asks for the same again and again. It is
 * forgotten where the rows may have changed: at the begin, after an undo, at a write to users. */
struct known {
    bool user;
    struct user_row user_row; /* its ids are those below */
    char user_id[USER_ID_BYTES_MAX + 1], org_id[ORG_ID_BYTES_MAX + 1];
    int64_t tier; /* 0: none */
    char tier_name[TIER_NAME_BYTES_MAX + 1];
};

struct readers {
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    struct connection connections[STORE_READERS];
    bool open[STORE_READERS];
    bool lent[STORE_READERS];
};

struct store {
    char *path; /* of the database */
    char *vfs;  /* NULL: the default one */
    int lock_fd;
    uint8_t store_id[SEGMENT_STORE_ID_BYTES];
    uint64_t users_at_open; /* the highest number: a count would read them all */
    uint64_t tokens_at_open;

    struct connection writer;
    struct meta current; /* the writer thread's */
    struct meta marked;  /* as it was at mark */
    struct known known;
    bool changed;               /* this batch has a change: it counts seq up */
    bool touched;               /* this batch has bookkeeping that meta holds */
    bool seals;                 /* this batch seals the head of the audit log in any case */
    int log_pages;              /* in the write-ahead log after the newest commit */
    int log_pages_checkpointed; /* of them, when a checkpoint was last tried */
    int commit_pages;           /* of the newest commit */
    pthread_mutex_t meta_mutex; /* guards `committed` */
    struct meta committed;
    struct store_sealer sealer; /* seal NULL: none */

    struct readers readers;
};

/* As store_sqlite_open, with another table of migrations. */
MUST_USE tkr_error_t store_open_with(const struct store_sqlite_options *options,
                                     const struct migration *migrations, size_t migration_count,
                                     struct store_port *ret_port, struct fault *fault);

/* --- meta.c ------------------------------------------------------------------------------ */
/* A wal hook of the writer; `context` is the store. */
int meta_log_grew(void *context, sqlite3 *db, const char *database, int pages);
MUST_USE tkr_error_t meta_read(struct store *store, struct fault *fault);
tkr_error_t store_identity(struct store *store, struct store_identity *ret_identity);
tkr_error_t store_begin(struct store *store);
tkr_error_t store_commit(struct store *store, uint64_t *ret_seq);
void store_rollback(struct store *store);
tkr_error_t store_mark(struct store *store);
tkr_error_t store_release(struct store *store, bool undo);
tkr_error_t store_maintain(struct store *store);

/* --- events.c ---------------------------------------------------------------------------- */
/* The audit event of a change, in its transaction. */
MUST_USE tkr_error_t store_insert_event(struct store *store, const struct store_event *event);
/* One of no change: the sequence number of changes stays. */
tkr_error_t store_note_event(struct store *store, const struct store_event *event);
/* A row of LOG_COLUMNS; its texts live until the statement goes on. */
void events_read(sqlite3_stmt *statement, struct store_log_event *ret_event);
/* At open: where the chain stands. It begins here when it has not. */
MUST_USE tkr_error_t events_read_head(struct store *store);
/* In a commit: writes the head, with its seal. */
MUST_USE tkr_error_t events_write_head(struct store *store);
/* Strips: see sqlite_004.c. The one of the next event behind `position`, in the order asked for.
 * NOT_FOUND: there is none. */
MUST_USE tkr_error_t events_next_strip(struct connection *connection, bool oldest_first,
                                       int64_t position, int64_t *ret_strip);
/* The position behind all that there is of the strip now. */
MUST_USE tkr_error_t events_behind_strip(struct connection *connection, bool oldest_first,
                                         int64_t strip, int64_t *ret_position);
void store_seal_now(struct store *store);
uint64_t store_newest_seq(struct store *store);
void store_set_sealer(struct store *store, const struct store_sealer *sealer);
tkr_error_t store_drop_events(struct store *store, uint64_t until_seq, uint32_t most,
                              uint64_t *ret_first_seq);
tkr_error_t store_read_log(struct store *store, struct store_log *ret_log);
tkr_error_t store_each_event(struct store *store, uint64_t from_seq, uint64_t until_seq,
                             tkr_error_t (*visit)(void *context,
                                                  const struct store_log_event *event),
                             void *context);
tkr_error_t store_each_checkpoint(struct store *store, uint64_t from_seq,
                                  tkr_error_t (*visit)(void *context,
                                                       const struct audit_checkpoint *checkpoint),
                                  void *context);
tkr_error_t store_list_events(struct store *store, const struct event_filter *filter,
                              struct arena *arena, struct event_page *ret_page);

/* --- write.c ----------------------------------------------------------------------------- */
tkr_error_t store_ensure_user(struct store *store, const char *org_id, const char *user_id,
                              bool want_line, int64_t now_ms, struct arena *arena,
                              struct store_user *ret_user, bool *ret_created);
tkr_error_t store_give_user_lines(struct store *store,
                                  tkr_error_t (*visit)(void *context, const struct store_user *),
                                  void *context);
tkr_error_t store_insert_token(struct store *store, struct token *token,
                               const struct store_event *event);
tkr_error_t store_update_token(struct store *store, struct token *token,
                               const struct store_event *event);
tkr_error_t store_put_tier(struct store *store, const struct tier *tier,
                           const struct store_event *event);

/* The numbers of rows, on the writer's connection. NOT_FOUND. */
void store_forget(struct store *store);
MUST_USE tkr_error_t store_find_org_number(struct store *store, const char *org_id,
                                           int64_t *ret_number);
MUST_USE tkr_error_t store_find_user_numbers(struct store *store, const char *org_id,
                                             const char *user_id, int64_t *ret_number,
                                             int64_t *ret_org);
MUST_USE tkr_error_t store_put_leak_report(struct store *store,
                                           const uint8_t digest[TOKEN_DIGEST_BYTES],
                                           const char *source, size_t tokens, int64_t now_ms);
MUST_USE tkr_error_t store_ensure_org(struct store *store, const char *org_id, int64_t now_ms,
                                      int64_t *ret_number);
MUST_USE tkr_error_t store_find_tier(struct store *store, const char *name, int64_t *ret_number);

/* --- epochs.c ---------------------------------------------------------------------------- */
tkr_error_t store_put_epoch(struct store *store, struct store_epoch *epoch,
                            const struct store_event *event);
tkr_error_t store_settle_epoch(struct store *store, uint64_t number,
                               tkr_error_t (*visit)(void *context,
                                                    const uint8_t digest[TOKEN_DIGEST_BYTES]),
                               void *context, bool *ret_settled);
tkr_error_t store_list_epochs(struct store *store, const char *org_id, bool pending_only,
                              uint32_t limit, struct arena *arena, struct store_epoch **ret_epochs,
                              size_t *ret_count);
tkr_error_t store_newest_epoch(struct store *store, int64_t *ret_at_ms);

/* --- cleanup.c --------------------------------------------------------------------------- */
tkr_error_t store_cleanup(struct store *store, int64_t before_ms, bool deactivate, uint32_t limit,
                          int64_t now_ms,
                          tkr_error_t (*visit)(void *context, const struct store_cleaned *cleaned,
                                               struct store_event *ret_event),
                          void *context, uint32_t *ret_count);
tkr_error_t store_count_ended(struct store *store, int64_t before_ms, uint64_t *ret_expired,
                              uint64_t *ret_revoked);
tkr_error_t store_list_overlaps(struct store *store, int64_t now_ms, uint32_t limit,
                                struct store_overlap *ret_overlaps, size_t *ret_count);
/* --- made.c ------------------------------------------------------------------------------ */
tkr_error_t store_count_made(struct store *store, const char *org_id, const char *user_id,
                             int64_t now_ms, uint32_t most, uint32_t *ret_count);
tkr_error_t store_list_made(struct store *store, const char *token_id, uint32_t most,
                            char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count);
tkr_error_t store_list_versions(struct store *store, const char *lineage_id, uint32_t most,
                                char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count);
tkr_error_t store_list_overlapping(struct store *store, const char *lineage_id, int64_t now_ms,
                                   uint32_t most, char (*ret_ids)[TOKEN_ID_CHARS + 1],
                                   uint32_t *ret_count);
tkr_error_t store_list_environment(struct store *store, uint32_t most,
                                   char (*ret_ids)[TOKEN_ID_CHARS + 1], uint32_t *ret_count);
tkr_error_t store_read_digest(struct store *store, const uint8_t digest[TOKEN_DIGEST_BYTES],
                              struct arena *arena, struct token *ret_token);

/* --- blast.c ----------------------------------------------------------------------------- */
tkr_error_t store_visit_kin(struct store *store, enum store_kin kin, const char *token_id,
                            uint32_t most, struct arena *arena, kin_visit visit, void *context);
tkr_error_t store_read_events(struct store *store, const struct event_question *question,
                              struct arena *arena, struct event_answer *ret_answer);

/* --- outbox.c ---------------------------------------------------------------------------- */
tkr_error_t store_put_alert_key(struct store *store, const char *key, int64_t now_ms,
                                bool *ret_new);
tkr_error_t store_put_outbox(struct store *store, const struct outbox_message *message,
                             bool *ret_stored);
tkr_error_t store_settle_outbox(struct store *store, const struct outbox_result *result);
tkr_error_t store_revive_outbox(struct store *store, const char *id, int64_t now_ms,
                                uint64_t *ret_count);
tkr_error_t store_drop_outbox(struct store *store, const char *id, uint64_t *ret_count);
tkr_error_t store_list_due_outbox(struct store *store, const char *channel, int64_t now_ms,
                                  uint32_t limit, struct arena *arena,
                                  struct outbox_message **ret_messages, size_t *ret_count,
                                  int64_t *ret_next_ms);
tkr_error_t store_list_dead_outbox(struct store *store, const struct outbox_page_of *of,
                                   struct arena *arena, struct outbox_page *ret_page);
tkr_error_t store_list_outbox_channels(struct store *store, struct arena *arena,
                                       struct outbox_channel **ret_channels, size_t *ret_count);

/* --- schedules.c ------------------------------------------------------------------------- */
tkr_error_t store_read_schedule(struct store *store, const char *lineage_id, struct arena *arena,
                                struct schedule *ret_schedule);
tkr_error_t store_put_schedule(struct store *store, const struct schedule *schedule,
                               const struct store_event *event);
tkr_error_t store_remove_schedule(struct store *store, const char *lineage_id,
                                  const struct store_event *event);
tkr_error_t store_find_schedule_target(struct store *store, const char *target,
                                       const char *lineage_id,
                                       char ret_lineage_id[TOKEN_ID_CHARS + 1]);
tkr_error_t store_drop_schedules(struct store *store, uint64_t *ret_count);
tkr_error_t store_list_schedules(struct store *store, const struct schedule_page_of *page,
                                 struct arena *arena, struct scheduled_token **ret_tokens,
                                 size_t *ret_count);
tkr_error_t store_get_schedule(struct store *store, const char *lineage_id, struct arena *arena,
                               struct scheduled_token *ret_token);

/* --- sketches.c -------------------------------------------------------------------------- */
tkr_error_t store_put_sketch(struct store *store, uint32_t line, uint32_t hour, const void *image,
                             size_t bytes);
tkr_error_t store_forget_sketches(struct store *store, uint32_t before_hour);
tkr_error_t store_find_line_token(struct store *store, uint32_t line,
                                  char ret_token_id[TOKEN_ID_CHARS + 1]);
tkr_error_t store_each_sketch(struct store *store, uint32_t most,
                              tkr_error_t (*visit)(void *context, uint32_t line, const void *image,
                                                   size_t bytes),
                              void *context);
tkr_error_t store_list_expiring(struct store *store, const struct expiring_question *question,
                                struct arena *arena, struct watched_token **ret_tokens,
                                size_t *ret_count);
tkr_error_t store_tally_expiring(struct store *store, const struct expiring_question *question,
                                 uint64_t *ret_count, uint64_t *ret_used);
tkr_error_t store_count_expiring(struct store *store, int64_t from_ms, int64_t until_ms,
                                 uint64_t *ret_count);
tkr_error_t store_list_unused(struct store *store, const struct unused_question *question,
                              int64_t *next, struct arena *arena, struct watched_token **ret_tokens,
                              size_t *ret_count);

/* --- import.c ---------------------------------------------------------------------------- */
tkr_error_t store_find_digest(struct store *store, const uint8_t digest[TOKEN_DIGEST_BYTES],
                              struct store_found *ret_found);
tkr_error_t store_put_line(struct store *store, uint32_t line, uint64_t total, int64_t last_used_ms,
                           const uint8_t *image, size_t bytes);

/* --- bookkeeping.c ----------------------------------------------------------------------- */
tkr_error_t store_find_idempotency(struct store *store, const char *org_id, const char *key,
                                   int64_t now_ms, char ret_token_id[TOKEN_ID_CHARS + 1],
                                   uint8_t ret_request_digest[TOKEN_DIGEST_BYTES]);
tkr_error_t store_put_idempotency(struct store *store, const char *org_id, const char *key,
                                  const uint8_t request_digest[TOKEN_DIGEST_BYTES],
                                  const char *token_id, int64_t now_ms);
tkr_error_t store_flush_usage(struct store *store, const struct store_usage *usage, size_t count,
                              int64_t clock_ms);

/* --- metered.c --------------------------------------------------------------------------- */
tkr_error_t store_book_metered(struct store *store, uint64_t meter, uint64_t number,
                               const struct usage_metered *metered, size_t count);
tkr_error_t store_metered_number(struct store *store, uint64_t meter, uint64_t *ret_number);

/* --- sweep.c ----------------------------------------------------------------------------- */
tkr_error_t store_sweep_usage(struct store *store, const struct usage_retention *retention,
                              struct usage_sweep *sweep);

/* --- usage.c ------------------------------------------------------------------------------ */
tkr_error_t store_read_usage(struct store *store, const struct usage_question *question,
                             struct arena *arena, struct usage_answer *ret_answer);
tkr_error_t store_read_versions(struct store *store, const char *lineage_id, int64_t from_ms,
                                int64_t until_ms, struct arena *arena,
                                struct usage_version **ret_versions, size_t *ret_count);
/* --- credits.c --------------------------------------------------------------------------- */
tkr_error_t store_load_credits(struct store *store,
                               tkr_error_t (*visit)(void *context, const struct store_credits *),
                               void *context);
tkr_error_t store_find_credits(struct store *store, uint32_t line,
                               struct store_credits *ret_credits);
tkr_error_t store_put_credits(struct store *store, const struct store_credits *credits,
                              const struct store_event *event);
tkr_error_t store_drop_credits(struct store *store, uint32_t line);
tkr_error_t store_list_lineage(struct store *store, const char *lineage_id, uint32_t credit_line,
                               struct arena *arena, char (**ret_ids)[TOKEN_ID_CHARS + 1],
                               size_t *ret_count);
tkr_error_t store_put_charge(struct store *store, const struct store_charge *charge,
                             const struct store_event *event);
tkr_error_t store_find_charge(struct store *store, const char *id, struct arena *arena,
                              struct store_charge *ret_charge);
tkr_error_t store_find_charge_by_key(struct store *store, const char *key, int64_t now_ms,
                                     struct arena *arena, struct store_charge *ret_charge);
tkr_error_t store_find_expired_charge(struct store *store, int64_t now_ms, struct arena *arena,
                                      struct store_charge *ret_charge);
tkr_error_t store_finish_charge(struct store *store, const struct store_charge *charge,
                                int64_t now_ms, const struct store_event *event);

/* --- readers.c --------------------------------------------------------------------------- */
MUST_USE tkr_error_t readers_init(struct readers *readers);
void readers_deinit(struct readers *readers);
/* Lends a connection, and begins a read transaction on it. TKR_BUSY when none came free
 * within STORE_BUSY_MS. */
MUST_USE tkr_error_t reader_take(struct store *store, struct connection **ret_connection);
void reader_return(struct store *store, struct connection *connection);

/* --- read.c ------------------------------------------------------------------------------ */
tkr_error_t store_read_token(struct store *store, const char *token_id, struct arena *arena,
                             struct token *ret_token);
tkr_error_t store_get_token(struct store *store, const char *token_id, struct arena *arena,
                            struct token *ret_token);
tkr_error_t store_list_tiers(struct store *store, struct arena *arena, struct tier **ret_tiers,
                             size_t *ret_count);
tkr_error_t store_count_tokens(struct store *store, int64_t now_ms,
                               uint64_t ret_counts[TOKEN_STATUS_COUNT]);

/* --- list.c ------------------------------------------------------------------------------ */
/* The statement for a filter; `cursor` says whether it goes on from one. */
MUST_USE tkr_error_t list_write_sql(struct buffer *sql, const struct token_filter *filter,
                                    bool cursor);
tkr_error_t store_list_tokens(struct store *store, const struct token_filter *filter,
                              struct arena *arena, struct token_page *ret_page);

/* --- load.c ------------------------------------------------------------------------------ */
tkr_error_t store_load(struct store *store, const struct store_loader *loader, unsigned workers,
                       bool with_lines, struct fault *fault);

/* --- page.c ------------------------------------------------------------------------------ */
/* The rows before that number are on the page; INT64_MAX when there is no cursor. INVALID. */
MUST_USE tkr_error_t page_before(const struct page_of *page, int64_t *ret_before);
/* The cursor behind the row of that number. */
MUST_USE tkr_error_t page_cursor(struct arena *arena, int64_t number, const char **ret_cursor);

/* --- users.c ----------------------------------------------------------------------------- */
tkr_error_t store_insert_user(struct store *store, const struct user *user,
                              const struct store_event *event);
tkr_error_t store_read_user(struct store *store, const char *org_id, const char *user_id,
                            struct arena *arena, struct user *ret_user);
tkr_error_t store_update_user(struct store *store, struct user *user,
                              const struct store_event *event);
tkr_error_t store_get_user(struct store *store, const char *org_id, const char *user_id,
                           struct arena *arena, struct user *ret_user);
tkr_error_t store_list_users(struct store *store, const struct user_filter *filter,
                             struct arena *arena, struct user_page *ret_page);

/* --- many.c: changes of many tokens ------------------------------------------------------ */
tkr_error_t store_set_inherited_tier(struct store *store, const struct user *user, const char *tier,
                                     int64_t now_ms);
tkr_error_t store_scan_tokens(struct store *store, const struct token_scan *scan,
                              struct arena *arena,
                              struct scanned_token ret_tokens[STORE_SCAN_TOKENS],
                              size_t *ret_count);
tkr_error_t store_replace_tokens(struct store *store, const struct token_replacement *replacement,
                                 const struct store_event *event, uint64_t *ret_count);
tkr_error_t store_set_token_scopes(struct store *store, int64_t number, const char *scopes,
                                   int64_t now_ms);

/* --- jobs.c ------------------------------------------------------------------------------ */
tkr_error_t store_put_job(struct store *store, const struct store_job *job);
tkr_error_t store_read_job(struct store *store, const char *name, struct store_job *ret_job);
tkr_error_t store_each_job(struct store *store,
                           tkr_error_t (*visit)(void *context, const struct store_job *job),
                           void *context);

/* --- orgs.c ------------------------------------------------------------------------------ */
tkr_error_t store_insert_org(struct store *store, const struct org *org,
                             const struct store_event *event);
tkr_error_t store_read_org(struct store *store, const char *org_id, struct arena *arena,
                           struct org *ret_org);
tkr_error_t store_update_org(struct store *store, struct org *org, const struct store_event *event);
tkr_error_t store_get_org(struct store *store, const char *org_id, struct arena *arena,
                          struct org *ret_org);
tkr_error_t store_list_orgs(struct store *store, const struct page_of *asked, struct arena *arena,
                            struct org_page *ret_page);

/* --- roles.c ----------------------------------------------------------------------------- */
tkr_error_t store_put_role(struct store *store, struct role *role, const struct store_event *event);
tkr_error_t store_read_role(struct store *store, const char *org_id, const char *name,
                            struct arena *arena, struct role *ret_role);
tkr_error_t store_delete_role(struct store *store, const struct role *role,
                              const struct store_event *event);
tkr_error_t store_count_role(struct store *store, const struct role *role, uint64_t *ret_tokens);
tkr_error_t store_get_role(struct store *store, const char *org_id, const char *name,
                           struct arena *arena, struct role *ret_role);
tkr_error_t store_list_roles(struct store *store, const struct role_filter *filter,
                             struct arena *arena, struct role_page *ret_page);

#endif
