/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the authority.
 *
 *   any thread      validates and prepares a change, queues it          authority_*.c
 *   writer thread   takes what is queued as one batch:                  writer.c
 *                     begin, apply each, commit       the store
 *                     begin, show each, end           the segment       writer_show.c
 *                     done for each
 *                   between batches: usage flush in slices              writer_usage.c
 *                   and checkpoints
 *   beat thread     every 250 ms: heartbeat and logical clock, and      beat.c
 *                   tells the writer when a flush is due
 *
 * A change has two steps of its own, in a table of kinds: `apply` on the store within the
 * batch, and `show` on the segment after the commit. apply may fail for itself (a conflict):
 * then it has changed nothing, and the batch goes on. show may fail only for want of space;
 * what then happens stands in writer_show.c.
 *
 * The store's calls for the writer thread, and the segment writer's, are made on the writer
 * thread only, once it runs.
 */
#ifndef ENGINE_AUTHORITY_INTERNAL_H
#define ENGINE_AUTHORITY_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "base/metrics.h"
#include "engine/alerts.h"
#include "engine/lifecycle.h"
#include "engine/tenancy.h"

#define BEAT_MS 250

/* --- plaintext tokens between creation and answer ---------------------------------------- */

struct plaintext {
    char text[TOKEN_GENERATED_BYTES_MAX + 1];
};
#define PLAINTEXTS_MAX (WORK_QUEUE_MAX + STORE_BATCH_MAX) /* queued, and being written */

struct plaintexts {
    pthread_mutex_t mutex;
    struct plaintext *slots; /* secret memory */
    uint16_t free[PLAINTEXTS_MAX];
    size_t free_count;
};
MUST_USE tkr_error_t plaintexts_init(struct plaintexts *plaintexts);
void plaintexts_deinit(struct plaintexts *plaintexts);
/* NULL when all are taken. */
struct plaintext *plaintexts_take(struct plaintexts *plaintexts);
/* Wipes. NULL is allowed. */
void plaintexts_return(struct plaintexts *plaintexts, struct plaintext *plaintext);

/* --- changes ----------------------------------------------------------------------------- */

struct change;
struct environment_sync;
struct leak_notice;
struct authority_task;
struct change_kind {
    const char *event; /* type of its audit event */
    /* On the writer thread, within a batch. A CALLER or DENIED error fails this change alone,
     * and it has undone itself; any other fails the batch. Fills change->result.fault then. */
    tkr_error_t (*apply)(struct authority *authority, struct change *change);
    /* After the commit. Errors: those of the segment's put functions. */
    tkr_error_t (*show)(struct authority *authority, struct change *change);
};
extern const struct change_kind change_create, change_update, change_revoke, change_tier,
    change_rotate, change_rollback, change_end_grace, change_disable, change_restore,
    change_quarantine, change_emergency, change_cleanup, change_import, change_credits,
    change_charge, change_reserve, change_settle, change_refund, change_delivered,
    change_undelivered;
extern const struct change_kind change_user_create, change_user_update, change_org_create,
    change_org_update, change_role_put, change_role_delete;
extern const struct change_kind change_adopt, change_revoke_family, change_task;

/* Tokens that a change wrote, too many to be kept whole: they are shown as the store has them. */
struct change_ids {
    char (*ids)[TOKEN_ID_CHARS + 1]; /* of malloc, freed with the change */
    uint32_t count, room;
};

/* An event that its caller words; see engine/cicd.h. Texts in the arena. */
struct change_noted {
    const char *type, *verdict, *details;
};

/* What a rotation by schedule writes into its schedule; see authority_rotation.c. */
struct rotation_step {
    char lineage_id[TOKEN_ID_CHARS + 1];
    uint64_t version; /* begin: of the schedule that it is by */
    enum schedule_outcome outcome;
    const char *error;
    int64_t next_at_ms;
};

struct change {
    struct change *next;
    const struct change_kind *kind;
    struct arena *arena; /* holds all that the change refers to */
    struct principal by;
    change_done done;
    void *context;

    /* What is asked for, by kind. */
    struct token asked; /* create: the token; update, revoke: its id */
    struct token_update update;
    struct tier tier;
    const struct environment_sync *environment; /* lives until `done` */
    struct plaintext *plaintext;
    bool chosen;
    bool own, own_tier; /* create: a key of one's own; see authority_own.c. Family: own_only */
    const char *idempotency_key; /* with its user, see authority_create.c; NULL: none */
    uint8_t request_digest[TOKEN_DIGEST_BYTES];
    const char *reason;
    uint64_t if_version;
    int64_t grace_ms; /* rotate, rollback */
    struct emergency emergency;
    struct store_epoch epoch; /* what it became */
    struct cleanup cleanup;
    struct user_write user_asked; /* texts in the arena, as below */
    struct org_write org_asked;
    struct role_write role_asked;   /* its scopes are asked.scopes */
    struct lifetime_asked lifetime; /* create */
    struct leak_notice *leaks;      /* of the caller's, until `done` */
    struct import_batch *import;    /* import: its tokens; else NULL */
    struct credits_asked credits;
    struct token_charge charge;
    struct reservation reservation; /* reserve: what is asked for; settle, refund: its id */
    int64_t ttl_ms;
    bool scheduled; /* rotate: by its schedule */
    struct rotation_step step;
    const struct authority_task *task; /* lives until `done` */
    struct change_noted noted;

    /* What became of it. */
    struct change_result result;
    struct store_user user; /* of the token, and of the other */
    struct token *other;    /* another one that the change wrote, to be shown after it, or NULL */
    struct change_ids ids;  /* still others, by their identifiers, likewise */
    struct change_ids lineages; /* revoking a family: whose versions are listed */
    uint32_t lines_end;     /* lines below this one were given out, beside those of the tokens */
    bool changed;           /* false: it was so already; there is nothing to show */
    const char *policy_org; /* whose `policy` was read; NULL: none yet */
    struct org_policy policy;
    int64_t replaced_at_ms; /* create, update: when it revoked the user's older ones */
    bool retiered;          /* user: tokens that inherit their tier have another one now */
    bool denies;            /* afterwards the token is refused: showing it must not fail */
    bool other_denies;      /* likewise the other */
    int64_t maker_ends_ms;  /* a key of one's own: the end of the token that makes it; 0: never */
    bool version_is_new;    /* rotate: the predecessor got its own line just now */
    uint8_t (*digests)[TOKEN_DIGEST_BYTES]; /* cleanup: of the tokens that it was at */
    size_t digest_count;
    char (*others)[TOKEN_ID_CHARS + 1]; /* more to be shown again as the store has them */
    size_t other_count;
};

/* Texts of the principal are copied. Errors: TKR_UNAVAILABLE (no changes are accepted),
 * TKR_MEMORY. */
MUST_USE tkr_error_t change_new(struct authority *authority, const struct change_kind *kind,
                                const struct principal *by, change_done done, void *context,
                                struct change **ret_change, struct fault *fault);
/* The same with another maximum of memory than CHANGE_BYTES_MAX. */
MUST_USE tkr_error_t change_new_sized(struct authority *authority, const struct change_kind *kind,
                                      const struct principal *by, size_t bytes_max,
                                      change_done done, void *context, struct change **ret_change,
                                      struct fault *fault);
void change_free(struct authority *authority, struct change *change); /* wipes; NULL is allowed */
/* The event of a change on its token (NULL: none). */
struct store_event change_event(const struct authority *authority, const struct change *change,
                                const struct token *token, const char *details);

/* --- change.c: what the kinds share ------------------------------------------------------ */

/* The token that is meant, into change->asked.id. NOT_FOUND: it is no identifier. */
MUST_USE tkr_error_t change_copy_id(const char *token_id, struct change *change);
MUST_USE tkr_error_t change_copy_reason(const struct authority *authority, const char *reason,
                                        struct change *change, struct fault *fault);
MUST_USE tkr_error_t change_ids_add(struct change_ids *ids, const char *token_id);
bool change_ids_have(const struct change_ids *ids, const char *token_id);
/* To change->ids, which grow. */
MUST_USE tkr_error_t change_add_id(struct change *change, const char *token_id);
/* A key belongs to the user who sends it, not to the whole org: else one user's key could be
 * answered with another's token. A line feed cannot be in either part. NULL: none. */
void change_copy_key(struct change *change, const char *key,
                     const uint8_t request_digest[TOKEN_DIGEST_BYTES]);
/* `force` is for a chosen token, and for who has every scope. (authority_create.c) */
MUST_USE tkr_error_t change_check_force(const struct principal *by,
                                        const struct token_create *create, struct fault *fault);
/* The text of a new token, chosen or made here (then kept in change->plaintext), its digest and
 * display prefix, into change->asked. A weak one needs `force`. (authority_create.c) */
MUST_USE tkr_error_t change_make_text(struct authority *authority,
                                      const struct token_create *create, struct change *change,
                                      struct fault *fault);

/* On the writer thread. When the change's key was used before: the same request gets the same
 * token, without its plaintext. IDEMPOTENCY: it was another request. */
MUST_USE tkr_error_t change_replay(struct authority *authority, struct change *change,
                                   bool *ret_replayed);
/* The same step at the other end: the key did it. NULL key: nothing. */
MUST_USE tkr_error_t change_put_key(struct authority *authority, const struct change *change,
                                    const char *token_id);
/* Runs a change that makes several calls of the store: undone as a whole when it fails. */
MUST_USE tkr_error_t change_apply_marked(struct authority *authority, struct change *change,
                                         tkr_error_t (*apply)(struct authority *, struct change *));
/* The token as it is in this batch. NOT_FOUND also for another org's. */
MUST_USE tkr_error_t change_read_current(struct authority *authority, const struct change *change,
                                         const char *token_id, struct token *ret_token);
/*
 * FORBIDDEN: nobody changes a token that may do more than they may: a later expiry, wider
 * networks or an end of being disabled would be given by somebody who could not have made the
 * token. Revoking takes no such check, because it only takes away.
 */
MUST_USE tkr_error_t change_check_reach(struct change *change, const struct token *token);
MUST_USE tkr_error_t change_check_version(struct change *change, const struct token *token);
/* CONFLICT: the token is not ours to change. */
/* What binds a token: its configuration, or its credits. FORBIDDEN naming the member: it binds the
 * caller's own token, too, and the caller has not `*`. */
enum bound { BOUND_BY_CONFIGURATION, BOUND_BY_CREDITS };
MUST_USE tkr_error_t change_check_bound(struct authority *authority, struct change *change,
                                        const struct token *token, enum bound bound,
                                        const char *member);
MUST_USE tkr_error_t change_check_source(struct change *change, const struct token *token);
/* A token that is about to be inserted: its id, made now and after every emergency revocation
 * (which goes by the time in the id), and the times. */
MUST_USE tkr_error_t token_give_birth(struct authority *authority, int64_t now_ms,
                                      struct token *token);

/* --- authority_lineage.c ------------------------------------------------------------------ */

/* On the writer thread, after an update or a revocation of the token was written: the versions
 * beside it follow, and come into change->ids. Nothing when the token is not the current one. */
MUST_USE tkr_error_t lineage_follow(struct authority *authority, struct change *change,
                                    const struct token *before, const struct token *current);
/* When a hold of a token begins that is held already since `held_ms`, 0: that it is not. One of an
 * older version by itself begins anew, and is not over when the current one is restored. */
int64_t lineage_hold_ms(const struct token *token, int64_t held_ms, int64_t now_ms);
/* CONFLICT: its successor is what can be changed. */
MUST_USE tkr_error_t lineage_check_update(struct change *change, const struct token *token);
/* CAPACITY: rotating it would make more versions than may live at a time. */
MUST_USE tkr_error_t lineage_check_room(struct authority *authority, struct change *change,
                                        const struct token *token, int64_t now_ms);

/* --- authority_rotate.c ------------------------------------------------------------------- */

/* The step of change_rollback without a mark of its own, and its other half. */
MUST_USE tkr_error_t rotation_roll_back(struct authority *authority, struct change *change);
MUST_USE tkr_error_t show_rollback(struct authority *authority, struct change *change);

/* --- authority_rotation.c, authority_schedules.c, zones.c ---------------------------------- */

/* Within the rotation: the schedule of the lineage says that the successor is on its way.
 * NOT_FOUND: there is none any more. CONFLICT: another one is. */
MUST_USE tkr_error_t rotation_note_begin(struct authority *authority, struct change *change,
                                         const struct token *successor);
int64_t schedule_overlap_ms(const struct authority *authority, const struct schedule *schedule);
/* At start: whether the server's window and zone can be read. */
MUST_USE tkr_error_t rotation_check_options(struct authority *authority, struct fault *fault);

struct known_zone {
    char name[TIME_ZONE_NAME_BYTES_MAX + 1];
    struct zone *zone;
};
struct zones {
    pthread_mutex_t mutex;
    struct known_zone entries[ZONES_KEPT_MAX];
    size_t count;
};
/* Any thread; it stays as long as the authority. NULL is UTC. NOT_FOUND, MALFORMED, CAPACITY. */
MUST_USE tkr_error_t zones_find(struct authority *authority, const char *name,
                                const struct zone **ret_zone);
void zones_free(struct zones *zones);

/* --- authority_revoke.c ------------------------------------------------------------------- */

/* The step of change_revoke without a mark of its own. */
MUST_USE tkr_error_t revoke_with_versions(struct authority *authority, struct change *change);

/* --- authority_emergency.c ---------------------------------------------------------------- */

#define EMERGENCY_REASON "emergency revocation"
/* An emergency revocation that is not settled. */
struct pending_epoch {
    struct store_epoch epoch; /* its texts are in `texts`; without a reason */
    char texts[ORG_ID_BYTES_MAX + USER_ID_BYTES_MAX + 2];
};
struct epochs {
    pthread_mutex_t mutex; /* the writer thread writes, all read */
    struct pending_epoch pending[SEGMENT_EPOCHS_MAX];
    size_t count;
    _Atomic int64_t newest_ms; /* of all that ever were */
    bool settle_failed;        /* told, until it works again */
};
/* Before the writer thread runs; the segment has its users, and nobody sees it yet, or it has the
 * epochs of before. */
MUST_USE tkr_error_t epochs_load(struct authority *authority);
int64_t epochs_newest_ms(const struct authority *authority);
bool epochs_pending(struct authority *authority);
/* A token that a pending epoch covers is revoked, whatever its row says. On the writer thread. */
void epochs_overlay(struct authority *authority, struct token *token);
/* The same on other threads: what is pending is noted before the row is read. An epoch may be
 * settled between the two, and then neither the row that was read nor the epochs tell of it. */
struct epochs_noted {
    struct pending_epoch pending[SEGMENT_EPOCHS_MAX];
    size_t count;
};
void epochs_note(struct authority *authority, struct epochs_noted *ret_noted);
void epochs_overlay_noted(const struct epochs_noted *noted, struct token *token);
/* Settles some rows. Whether there is more to do at once. */
bool epochs_settle_slice(struct authority *authority);

/* --- authority_read.c --------------------------------------------------------------------- */

/* A token that was read on any thread as it is now: its counts, credits and status. */
void token_overlay(struct authority *authority, const struct epochs_noted *noted,
                   struct token *token, int64_t now_ms);

/* --- authority_audit.c -------------------------------------------------------------------- */

/* On the writer thread, and at start. */
struct audit_seals {
    uint8_t store_id[AUDIT_STORE_ID_BYTES];
    uint64_t first_seq, seq; /* of the chain, and of the newest event */
    uint64_t checkpoint_seq;
    int64_t checkpoint_at_ms;
    bool ending; /* what has no checkpoint yet gets one now */
    /* Of the commit that is going on. */
    bool made, made_checkpoint;
    uint64_t made_seq;
    struct audit_checkpoint checkpoint;
};
/* Before anything is written: looks at the log, and seals it from then on. */
MUST_USE tkr_error_t audit_start(struct authority *authority);
/* Every commit: the store's, and what it sealed is told. */
MUST_USE tkr_error_t audit_commit(struct authority *authority, uint64_t *ret_seq);
/* At each flush: the last events of a busy minute get their checkpoint although nothing comes after
 * them. `ending`: all do. */
void audit_flush(struct authority *authority, bool ending);

/* --- authority_alerts.c ------------------------------------------------------------------- */

/* Within a batch, or at start: the messages of an alert without its event. */
MUST_USE tkr_error_t alert_post(struct authority *authority, const struct alert *alert,
                                int64_t now_ms);
/* After each commit. */
void alert_committed(struct authority *authority);

/* --- authority_auth.c, writer_auth.c: see auth_events.h ------------------------------------ */

struct auth;
MUST_USE tkr_error_t auth_init(struct authority *authority);
void auth_deinit(struct authority *authority); /* after the writer */
/* On the writer thread: begins to store what has come up to now, with `telling` also what is only
 * counted, with `ending` all of that. False: there is nothing to store to. */
bool auth_flush_begin(struct authority *authority, bool telling, bool ending);
/* Stores a slice; false: that was all, or it failed and goes on at the next flush. */
bool auth_flush_slice(struct authority *authority);

/* --- writer_monitor.c --------------------------------------------------------------------- */

struct watch;
/* After meter_start: without a meter there is nothing to watch. */
MUST_USE tkr_error_t monitor_start(struct authority *authority,
                                   const struct store_identity *identity);
void monitor_stop(struct authority *authority);
/* What a drain has, when it is in the store. */
void monitor_feed_drain(struct authority *authority, const struct meter_drain *drain);
/* Acts on alarms, tells them, and keeps a slice of the sketches; `ending`: all of them. At each
 * flush. */
void monitor_flush(struct authority *authority, bool ending);

/* --- rotation_quiet.c --------------------------------------------------------------------- */

/* Ends predecessors that nobody uses any more. At each flush. */
void rotation_end_quiet(struct authority *authority);

/* --- the authority ----------------------------------------------------------------------- */

struct known_tier {
    struct tier tier;
    uint16_t number; /* in the segment */
};

struct usage_flush {
    struct segment_usage lines[USAGE_FLUSH_LINES_MAX]; /* of the last scan */
    size_t count, next; /* from `next` on they are not in the store yet */
    uint32_t *stored;   /* the low half of each line's total that the store has, if known */
    uint32_t stored_count;
    int64_t clock_ms; /* logical time that the store has */
    bool failed;      /* told, until it works again */
};

/*
 * The credit lines that a batch touches, each as its transaction has it. After the commit they
 * are written to the segment, once each: in between, a reader would see a charge undone.
 *
 * A charge is held in the segment before it is stored, so that a verification cannot use what is
 * being charged; `before` is what to go back to when the commit fails. One who is killed in
 * between leaves the hold there, until the next authority writes what the store says.
 */
struct credits_entry {
    struct store_credits row;
    bool dropped, held;
    struct segment_credits before;
};
struct credits_book {
    struct credits_entry entries[STORE_BATCH_MAX]; /* each change has at most one line */
    size_t count;
};

struct change_list {
    struct change *first, **end; /* where the next one is put */
};

struct authority {
    struct authority_options options;
    char *runtime_directory; /* the copy that options points to */
    const struct store_port *store;
    struct segment_writer *segment;
    struct plaintexts plaintexts;

    /* The queue, and what the writer is told to do. */
    pthread_mutex_t queue_mutex;
    pthread_cond_t queue_changed; /* wakes the writer */
    pthread_cond_t flush_done;    /* wakes who waits in authority_flush */
    struct change_list queue, imports;
    size_t queue_length; /* of both */
    bool flush_due, stopping;
    bool auth_due; /* many events of verifications wait */
    uint64_t flushes_asked, flushes_done;

    /* Threads. */
    pthread_t writer_thread, beat_thread;
    bool writer_started, beat_started;
    pthread_mutex_t beat_mutex;
    pthread_cond_t beat_stop_changed;
    bool beat_stop;
    _Atomic uint64_t beats;

    /* Tiers by name: written by the writer thread, read by all. */
    pthread_mutex_t tiers_mutex;
    struct known_tier tiers[SEGMENT_TIERS_MAX];
    size_t tier_count;

    /* The writer thread's. */
    bool batch_wants_lines; /* a tier of this batch is of users: new users get lines */
    uint8_t births[1024];   /* randomness for identifiers; see token_give_birth */
    size_t births_left;     /* of it, at its end */
    struct usage_flush usage;
    struct credits_book credits;
    char invisible[INVISIBLE_TOKENS_MAX][TOKEN_ID_CHARS + 1]; /* to be shown again */
    size_t invisible_count;
    bool invisible_tiers;
    bool invisible_lost; /* more than could be remembered */
    bool segment_behind; /* the segment lacks something: it is not marked as complete */
    uint64_t store_seq;
    bool maintain_failed; /* told, until it works again */
    struct meter *meter;  /* NULL: none */
    struct meter_flush *meter_flush;
    struct usage_sweep sweep; /* of old counts */
    bool sweeping;
    int64_t swept_at_ns; /* monotonic, when the last one began; 0: never */

    /* Read by all. */
    _Atomic bool changes_accepted;
    _Atomic bool segment_full; /* creates are refused until what is invisible has been shown */
    _Atomic uint64_t commits, changes, commit_failures;
    _Atomic int last_commit;
    _Atomic int64_t clock_behind_ms;
    struct histogram commit_latency;
    int64_t started_at_ms, load_ms;
    bool attached;

    struct epochs epochs;
    struct quiet_watch *quiet; /* rotation_quiet.c */
    struct auth *auth;         /* auth_internal.h */
    struct watch *watch;       /* writer_monitor.c; NULL: nothing is watched */
    struct audit_seals audit;
    bool outbox_grew; /* by what is being committed; the writer thread's */

    struct zones zones;

    pthread_mutex_t counts_mutex;
    uint64_t counts[TOKEN_STATUS_COUNT];
    int64_t counted_at_ns; /* monotonic; 0: never */
    uint64_t expiring[4];  /* within the days of expiring_steps_days */
    int64_t expiring_at_ns;
};

/* Tells the owner. */
void authority_report(struct authority *authority, enum log_level level, const char *event,
                      const char *format, ...) PRINTF_LIKE(4, 5);

/* --- authority_import.c ------------------------------------------------------------------ */
struct imported_row {
    struct token token;
    struct store_user user;
    uint64_t request_count;
    int64_t last_used_at_ms;
    int64_t created_at_ms; /* there; 0: now */
    bool shown;            /* verifiers see it */
};
/* A row and a result for each token that was asked for. */
struct import_batch {
    struct imported_row *rows;
    struct token_imported *results;
    size_t count;
    bool dry_run;
};

/* --- authority_build.c: the segment at start --------------------------------------------- */
MUST_USE tkr_error_t authority_build(struct authority *authority, struct fault *fault);

/* --- writer.c ---------------------------------------------------------------------------- */
/* Queues; the change is the writer's from then on. On an error it is freed. */
MUST_USE tkr_error_t writer_submit(struct authority *authority, struct change *change,
                                   struct fault *fault);
MUST_USE tkr_error_t writer_start(struct authority *authority);
void writer_stop(struct authority *authority); /* after all that is queued */
/* Whether a change waits that is no import. */
bool writer_is_awaited(struct authority *authority);
/* After a commit of unknown outcome. */
void writer_refuse_changes(struct authority *authority, tkr_error_t error);
/* Whether a failed commit has certainly committed nothing. */
bool writer_outcome_known(tkr_error_t error);

/* --- writer_show.c ----------------------------------------------------------------------- */
/* The end of what segment_writer_begin began: the segment shows the store up to `store_seq`. */
void writer_shown(struct authority *authority, uint64_t store_seq);
void writer_show_batch(struct authority *authority, struct change *changes, uint64_t store_seq);
void writer_show_again(struct authority *authority);
/* A token that could not be shown is shown again, as the store has it by then. */
void writer_remember_token(struct authority *authority, const char *token_id);
MUST_USE tkr_error_t show_token(struct authority *authority, const struct token *token,
                                const struct store_user *user);
MUST_USE tkr_error_t show_user(struct authority *authority, const struct store_user *user,
                               uint32_t *ret_number);
MUST_USE tkr_error_t show_tier(struct authority *authority, const struct tier *tier);
/* Without its user and tier, which differ between here and loading. */
MUST_USE tkr_error_t segment_token_from(const struct token *token, struct segment_token *ret_token);

/* Each of change->ids, whose failures are remembered like those of any other token. An error: one
 * that is not refused could not be shown. */
MUST_USE tkr_error_t show_ids(struct authority *authority, const struct change *change);

/* --- authority_own.c --------------------------------------------------------------------- */
/* On the writer thread: takes from change->asked what the token that makes it has not. */
MUST_USE tkr_error_t own_key_bound(struct authority *authority, struct change *change);
/* A key ends no later than its maker. After its own end was decided. */
void own_key_cut(struct change *change, struct token *key);
/* A token that another one was changed with, as the store has it. */
MUST_USE tkr_error_t show_stored_token(struct authority *authority, const char *token_id);

/* --- credits_book.c ---------------------------------------------------------------------- */
void credits_book_begin(struct authority *authority);
void credits_book_show(struct authority *authority); /* after the commit */
void credits_book_undo(struct authority *authority); /* after a commit that failed */
/* As the batch has it. NOT_FOUND: the line has no credits (any more). */
MUST_USE tkr_error_t credits_find(struct authority *authority, uint32_t line,
                                  struct store_credits *ret_credits);
/* Makes room for the line in the segment, and writes store and book. `event` may be NULL. */
MUST_USE tkr_error_t credits_write(struct authority *authority, const struct store_credits *credits,
                                   const struct store_event *event);
MUST_USE tkr_error_t credits_drop(struct authority *authority, uint32_t line);
/* What verifications have used on it. Zeros for a line that was not shown yet. */
struct credits_amount credits_used(struct authority *authority, uint32_t line);
struct token_credits credits_describe(const struct store_credits *credits,
                                      struct credits_amount used, int64_t now_ms);

struct credits_hold {
    bool taken; /* false: there was nothing to take from */
    struct store_credits row;
    struct segment_credits before;
    struct token_credits left;
};
/* Takes credits out of the line's allowance, in the segment. QUOTA: too few, nothing was changed;
 * `ret_hold->left` tells how they stand. A line without credits is unlimited. */
MUST_USE tkr_error_t credits_hold(struct authority *authority, uint32_t line, uint64_t amount,
                                  struct credits_hold *ret_hold);
void credits_unhold(struct authority *authority, const struct credits_hold *hold);
/* Writes it to store and book. On an error it is no longer held. */
MUST_USE tkr_error_t credits_keep(struct authority *authority, const struct credits_hold *hold);
/* Gives back what was taken in a period, if that is the present one. */
MUST_USE tkr_error_t credits_give_back(struct authority *authority, uint32_t line,
                                       struct credits_amount amount);
/* The token's credits as a verification would see them now. Any thread. */
struct token_credits credits_of_token(struct authority *authority, const struct token *token);
/* The milliseconds until there are `amount`; 0: never. */
int64_t credits_wait_ms(const struct token_credits *credits, uint64_t amount, int64_t now_ms);

/* --- authority_credits.c ----------------------------------------------------------------- */
/* The credits of an update, on the writer thread, after the token was written. They bring an event
 * of their own. */
MUST_USE tkr_error_t credits_update(struct authority *authority, struct change *change,
                                    struct token *token);
/* After the commit: what else shares them. */
MUST_USE tkr_error_t credits_show_others(struct authority *authority, const struct change *change);

/* --- authority_reserve.c ----------------------------------------------------------------- */
/* Refunds reservations whose time is over. On the writer thread, between batches. */
void reservations_expire(struct authority *authority);

/* --- tiers.c ----------------------------------------------------------------------------- */
/* Makes the token's user as far as it is new, with a line if its tier is of users. A tier that is
 * inherited is set to the user's. */
MUST_USE tkr_error_t tiers_ensure_user(struct authority *authority, struct change *change,
                                       struct token *token, int64_t now_ms);
/* TKR_NOT_FOUND. */
MUST_USE tkr_error_t tiers_find(struct authority *authority, const char *name,
                                struct known_tier *ret_tier);
MUST_USE tkr_error_t tiers_remember(struct authority *authority, const struct tier *tier,
                                    uint16_t number);

/* --- writer_usage.c ---------------------------------------------------------------------- */
/* Of bookkeeping. */
MUST_USE tkr_error_t writer_commit_usage(struct authority *authority);
/* Scans, unless lines of the last scan are left; false: there is nothing to flush to. */
bool usage_flush_begin(struct authority *authority);
/* Writes a slice; false: the flush is at its end, or failed and goes on at the next one. */
bool usage_flush_slice(struct authority *authority);
/* All lines that are marked, for a clean stop. */
void usage_flush_all(struct authority *authority);
/* Waits until all usage up to now is in the store (or failed to get there). For tests. */
void authority_flush(struct authority *authority);

/* --- writer_meter.c ---------------------------------------------------------------------- */
MUST_USE tkr_error_t meter_start(struct authority *authority,
                                 const uint8_t store_id[METER_STORE_ID_BYTES]);
void meter_stop(struct authority *authority);
/* A flush goes over all of the meter once, a slice is one transaction. */
void meter_flush_start(struct authority *authority);
MUST_USE tkr_error_t meter_flush_slice(struct authority *authority, bool *ret_more);
/* Sets authority->sweeping when a sweep is due; a slice ends that at the end. */
void usage_sweep_start(struct authority *authority);
void usage_sweep_slice(struct authority *authority);

/* --- beat.c ------------------------------------------------------------------------------ */
MUST_USE tkr_error_t beat_start(struct authority *authority);
void beat_stop(struct authority *authority);

/* --- checks.c: what callers may send ----------------------------------------------------- */
/* Each refuses also what contains a token of ours (INVALID). */
MUST_USE tkr_error_t check_text(const struct authority *authority, const char *field,
                                const char *text, size_t bytes_max, struct fault *fault);
MUST_USE tkr_error_t check_networks(size_t count, struct fault *fault);
MUST_USE tkr_error_t check_metadata(const struct authority *authority, const char *metadata,
                                    struct fault *fault);
/* Canonical text in the arena; FORBIDDEN when `by` does not have them all. */
MUST_USE tkr_error_t check_scopes(const struct authority *authority, const struct principal *by,
                                  const char *const *scopes, size_t count, struct arena *arena,
                                  const char **ret_text, struct fault *fault);
MUST_USE tkr_error_t check_validity(int64_t not_before_ms, int64_t expires_at_ms,
                                    struct fault *fault);
MUST_USE tkr_error_t check_kind(const struct principal *by, enum token_kind kind,
                                struct fault *fault);
/* NULL: it is inherited. */
MUST_USE tkr_error_t check_tier_exists(struct authority *authority, const char *name,
                                       struct fault *fault);
bool principal_is_global(const struct principal *by);
/* A token of another org does not exist, for who has no `*`. */
bool principal_sees(const struct principal *by, const struct token *token);

/* The org that is asked for, or the principal's own. FORBIDDEN: another, without scope `*`. */
MUST_USE tkr_error_t check_org(const struct authority *authority, const struct principal *by,
                               const char *asked, const char **ret_org, struct fault *fault);
/* The same, for what has a name: what another org has does not exist. NOT_FOUND. */
MUST_USE tkr_error_t check_own_org(const struct principal *by, const char *asked,
                                   const char **ret_org);
/* Of a list: NULL is the principal's own, "*" all of them, which *ret_org NULL stands for. */
MUST_USE tkr_error_t check_list_org(const struct principal *by, const char *asked,
                                    const char **ret_org, struct fault *fault);
MUST_USE tkr_error_t check_page(const struct page_of *page, struct fault *fault);
bool principal_covers(const struct principal *by, const char *scopes);

/* --- authority_org.c, authority_role.c ----------------------------------------------------- */
/* On the writer thread: what holds in an org, which may be a new one. */
MUST_USE tkr_error_t org_policy_of(struct authority *authority, struct change *change,
                                   const char *org_id, struct org_policy *ret_policy);
/* On the writer thread: the end of a token, by what holds in its org; what the maximum cut goes
 * into the result. Errors: those of lifetime_decide. */
MUST_USE tkr_error_t org_decide_expiry(struct authority *authority, struct change *change,
                                       struct token *token, const struct lifetime_asked *asked,
                                       int64_t now_ms);
/* On the writer thread, after its insert, or after an update that made it usable again: revokes
 * what the token replaces, where its org wants
 * one active token a user; and after the commit, shows it. */
MUST_USE tkr_error_t org_replace_older(struct authority *authority, struct change *change,
                                       const struct token *token);
MUST_USE tkr_error_t org_show_replaced(struct authority *authority, struct change *change);
/* On the writer thread: with a role, makes token->scopes of its own ones and the role's. NOT_FOUND
 * (role), FORBIDDEN (it has more than the principal), OUT_OF_RANGE. */
MUST_USE tkr_error_t role_join(struct authority *authority, struct change *change,
                               struct token *token);
/* At start, within a batch: the roles that are built in, and their tokens, are as this version
 * has them. */
MUST_USE tkr_error_t roles_sync(struct authority *authority);

/* --- many.c: tokens that share what is changed -------------------------------------------- */
/* Each token of the scan, in slices, so that memory is bounded whatever their number. `visit`
 * may change the token in the store; its error stops and is returned. */
MUST_USE tkr_error_t many_each(struct authority *authority, const struct token_scan *scan,
                               tkr_error_t (*visit)(struct authority *authority, void *context,
                                                    const struct scanned_token *token),
                               void *context);
/* The same after the commit, to show what has changed. */
MUST_USE tkr_error_t many_show_each(struct authority *authority, const struct token_scan *scan,
                                    tkr_error_t (*visit)(struct authority *authority, void *context,
                                                         const struct scanned_token *token),
                                    void *context);
/* Adjusts the record of a token, which need not be there (it is shown later then, as the store
 * has it). What cannot be shown is remembered. */
MUST_USE tkr_error_t many_show(struct authority *authority, const struct scanned_token *token,
                               const struct segment_adjustment *adjustment);
/* FORBIDDEN, into `fault`: some token of the scan that is not revoked has more scope than the
 * principal. */
MUST_USE tkr_error_t many_check_reach(struct authority *authority, const struct principal *by,
                                      const struct token_scan *scan, struct fault *fault);

/* --- details.c: the JSON of an audit event ----------------------------------------------- */
struct details {
    struct buffer text;
    bool started;
};
void details_init(struct details *details);
void details_deinit(struct details *details);
void details_text(struct details *details, const char *name, const char *value); /* NULL: null */
void details_count(struct details *details, const char *name, uint64_t value);
void details_time(struct details *details, const char *name, int64_t unix_ms); /* 0: null */
void details_flag(struct details *details, const char *name, bool value);
void details_json(struct details *details, const char *name, const char *json);
/* The object; what did not fit is replaced by {"truncated":true}. Lives until deinit. */
const char *details_finish(struct details *details);

#endif
