/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority: it owns the store and the segment, and every change goes through it.
 * A change goes store first (with its audit event, one transaction, fsync), segment
 * second, answer third: when `done` is called with TKR_OK, the change is durable and the
 * next verification sees it.
 *
 * Changes are asynchronous: the call validates, queues and returns; `done` comes later, on
 * the writer's thread, and must not block. When the call itself returns an error, `done` is
 * not called. The writer takes what has queued up, up to STORE_BATCH_MAX changes, as one
 * group commit. A change that fails alone (a conflict) is rolled back alone.
 *
 * When a commit fails, every change in it is answered with the error, the segment is left as
 * it was, and the next batch tries again (disk full heals by itself). After a commit whose
 * outcome cannot be known (I/O error in fsync) the authority stops accepting changes and
 * reports it; verification goes on.
 */
#ifndef ENGINE_LIFECYCLE_H
#define ENGINE_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/model.h"
#include "engine/rotation.h"
#include "engine/store_port.h"
#include "engine/verify.h"
#include "meter/meter.h"
#include "monitor/sketch.h"
#include "policy/lifetime.h"
#include "segment/segment.h"

struct authority;
struct alert_channel;

/* Which successes of verifications become audit events; see engine/auth_events.h. */
enum audit_successes {
    AUDIT_SUCCESSES_NONE,
    AUDIT_SUCCESSES_FIRST_PER_MINUTE, /* of each token */
    AUDIT_SUCCESSES_ALL
};

/* What is done when a token is used unlike before; see engine/monitor.h. In this order. */
enum monitor_action { MONITOR_IGNORE, MONITOR_ALERT, MONITOR_THROTTLE, MONITOR_QUARANTINE };
struct monitor_options {
    uint32_t tokens_max; /* that are watched, at most MONITOR_SKETCHES_MAX; 0: none */
    enum monitor_action actions[MONITOR_KINDS];
};

struct authority_options {
    const struct store_port *store; /* opened by the caller; closed by the caller after free */
    const char *runtime_directory;
    const struct clock *clock;
    const struct random_source *random;
    struct token_prefixes prefixes;
    enum window_kind window_kinds[WINDOW_COUNT];
    struct lifetime_policy lifetimes[3]; /* by enum token_kind */
    bool one_active_per_user;            /* where an org says nothing about it */
    uint32_t own_keys_max;               /* live keys of a user that tokens made; 0: OWN_KEYS_MAX */
    int64_t usage_flush_ms;              /* 1000 */
    int64_t rotation_grace_ms;           /* the overlap of a rotation that names none */
    struct rotation_options rotation;    /* by schedule */
    int64_t rotation_quiet_ms; /* a predecessor that was quiet for so long, and its successor in
                                  use, ends; 0: only when its overlap is over */
    bool metering;             /* count by verdict, endpoint and network */
    uint8_t boot_id[METER_BOOT_ID_BYTES];
    const struct seal_key *audit_key; /* of the caller's; NULL: the audit log is not sealed */
    bool audit_key_is_new;            /* so a log without a seal is one that begins */
    enum audit_successes audit_successes;
    uint32_t audit_refusals_per_second; /* of verifications, as events of their own */
    struct usage_retention usage_retention;
    struct monitor_options monitor;
    const struct alert_channel *channels; /* of notifications; the caller's (engine/alerts.h) */
    size_t channel_count;
    bool reset_clock; /* the operator says that the wall clock is right: forget the high water */
    /* Called from the authority's threads for what somebody should know (each event once). */
    void (*report)(void *context, enum log_level level, const char *event, const char *detail);
    void *report_context;
    /* Called on the writer thread when there is something new in the outbox; must not block. */
    void (*outbox_grew)(void *context);
    void *outbox_context;
};

/* Opens: attaches to the segment or builds it from the store, starts the writer thread and
 * the beat thread (heartbeat, usage flush). */
MUST_USE tkr_error_t authority_new(const struct authority_options *options,
                                   struct authority **ret_authority, struct fault *fault);
/* Lets queued changes finish, flushes usage, stops the threads. NULL is allowed. */
void authority_free(struct authority *authority);
int64_t authority_now_ms(struct authority *authority);
/* How often the beat thread has gone round: about four times a second while it is alive. */
uint64_t authority_beats(const struct authority *authority);

struct authority_status {
    struct segment_stats segment;
    uint64_t tokens_by_status[TOKEN_STATUS_COUNT]; /* counted at most every 10 s */
    uint64_t commits, changes, commit_failures;
    uint64_t queue_length;
    int64_t started_at_ms;
    int64_t clock_behind_ms;
    bool attached;           /* the segment of the former run was taken over */
    int64_t load_ms;         /* how long attach or build took */
    bool changes_accepted;   /* false after a commit of unknown outcome */
    tkr_error_t last_commit; /* of the newest commit: NO_SPACE while the disk is full */
};
void authority_status(struct authority *authority, struct authority_status *ret_status);
/* Histogram of commit latency: counts by bucket bound, see base/metrics.h. */
struct histogram;
const struct histogram *authority_commit_latency(const struct authority *authority);

/* Who does what nobody asked for. */
extern const struct principal principal_system;

/* --- changes ------------------------------------------------------------------------------ */

struct reservation {
    char id[CHARGE_ID_CHARS + 1];
    char token_id[TOKEN_ID_CHARS + 1];
    uint64_t amount;
    enum charge_state state;
    int64_t expires_at_ms;
};

struct emergency;
struct cleanup;
struct change_result {
    tkr_error_t error;
    struct fault fault;
    struct token token; /* as it is now; its texts live until `done` returns */
    const char
        *plaintext;    /* create, rotate: the new token, wiped after `done` returns; else NULL */
    uint32_t family;   /* revoking a family: how many beside it and its versions */
    uint32_t versions; /* update, revoke: versions beside it that were changed with it */
    const struct token *predecessor;   /* rotate: the token that was rotated; NULL: replayed */
    const struct emergency *emergency; /* likewise for these two */
    const struct cleanup *cleanup;
    bool weak;           /* create, rotate: the chosen token is weak, and was taken by force */
    bool clamped;        /* create/update: the maximum lifetime cut the expiry */
    int64_t clamp_max_s; /* then: the maximum, and what was asked for, 0 for "never" */
    int64_t clamp_asked_s;
    bool replayed;          /* this Idempotency-Key did it earlier; plaintext NULL */
    uint64_t revoked_count; /* create, update: other tokens of the user that this one replaced */
    /* Changes of users, organisations and roles: as it is now. See engine/tenancy.h. */
    struct user user;
    struct org org;
    struct role role;
    uint64_t role_tokens;  /* role: how many tokens have it */
    bool clamped_to_maker; /* a key of one's own: it ends with the token that made it */
    const struct token_imported *imported; /* import: one for each; else NULL */
    size_t imported_count;
    int64_t retry_after_ms;         /* QUOTA: when a refill may help; 0: never */
    const char *answer;             /* charge: the JSON that the verdict was written as */
    struct reservation reservation; /* reserve, settle, refund */
    struct token_credits credits;   /* the same, and of the token: as they are now */
    struct {
        uint64_t seq;
        int64_t at_ms;
    } noted; /* authority_record_cicd: the event */
};
/* What became of one token of an import. */
enum token_import_result {
    TOKEN_IMPORT_CREATED,
    TOKEN_IMPORT_EXISTS,  /* it was here: nothing was changed */
    TOKEN_IMPORT_REVOKED, /* it was here, is revoked, and stays so */
    TOKEN_IMPORT_REFUSED,
};
struct token_imported {
    enum token_import_result result;
    char id[TOKEN_ID_CHARS + 1]; /* "": refused, another org's, cleaned away, or only tried */
    bool clamped;                /* the maximum lifetime cut its expiry */
    const struct fault *fault;   /* REFUSED: why; else NULL */
};

typedef void (*change_done)(void *context, const struct change_result *result);

struct credits_asked;
struct token_create {
    const char *user_id, *name; /* the user (and org) is made when it is new */
    const char *org_id;         /* NULL: the principal's */
    enum token_kind kind;
    enum token_env env;
    const char *tier; /* NULL: its user's, whatever that will be */
    const char *const *scopes;
    size_t scope_count;
    const char *role; /* NULL: none; else the role's scopes too */
    struct limits overrides;
    const struct cidr *allowed_ips;
    size_t allowed_ip_count;
    const char *metadata; /* JSON object text, NULL: none */
    int64_t not_before_ms;
    struct lifetime_asked lifetime;
    const struct credits_asked *credits; /* NULL: unlimited */
    const char *chosen; /* a foreign token (NULL: generate); its plaintext is not returned */
    size_t chosen_length;
    bool force;                                 /* the chosen token may be weak; needs scope * */
    const char *idempotency_key;                /* NULL: none */
    uint8_t request_digest[TOKEN_DIGEST_BYTES]; /* of the canonical request, for the key */
    /* Set by authority_create_own_key: the writer holds it against the token that made it. */
    bool own, own_tier; /* own_tier: the tier was asked for */
    bool honeytoken;    /* it never works, and tells when it is tried */
    /* `chosen` is from an old endpoint, which vouched for it: source `adopted`, an event of its
     * own (token.adopt), and a lifetime beyond the policy is cut, never refused. */
    bool adopted;
};
/* Errors: OUT_OF_RANGE/INVALID (naming the member; `token`: the chosen one is weak), FORBIDDEN
 * (more scope than the caller has, another org, kind admin or force without `*`), CONFLICT (the
 * chosen token exists), NOT_FOUND (tier, role), BUSY, NO_SPACE, UNAVAILABLE. */
MUST_USE tkr_error_t authority_create_token(struct authority *authority, const struct principal *by,
                                            const struct token_create *create, change_done done,
                                            void *context, struct fault *fault);

/*
 * A key of the caller's own user and org, for whoever has a token (authority_own.c): `user_id`,
 * `org_id`, `kind` and `chosen` of the request are not looked at, and the key has nothing that the
 * caller's token has not. What is not asked for (`tier` NULL, no networks, no env) is the caller's;
 * scopes are those that are asked for. Errors: as for creating, FORBIDDEN naming the member that
 * asks for more, CAPACITY (own_keys_max), UNAUTHENTICATED (the caller's token ended meanwhile).
 */
MUST_USE tkr_error_t authority_create_own_key(struct authority *authority,
                                              const struct principal *by,
                                              const struct token_create *create, bool has_env,
                                              change_done done, void *context, struct fault *fault);
/* A token of another store. */
struct token_import {
    uint8_t digest[TOKEN_DIGEST_BYTES];
    const char *user_id, *name;
    const char *org_id; /* NULL: the principal's */
    enum token_kind kind;
    enum token_env env;
    const char *display_prefix; /* NULL: the beginning of the digest is shown */
    const char *tier;           /* NULL: "free" */
    const char *const *scopes;
    size_t scope_count;
    struct limits overrides;
    const struct cidr *allowed_ips;
    size_t allowed_ip_count;
    const char *metadata; /* NULL: none */
    int64_t not_before_ms, expires_at_ms;
    int64_t created_at_ms; /* 0, or in the future: now */
    int64_t last_used_at_ms;
    uint64_t request_count;
    bool disabled, quarantined, revoked;
    int64_t revoked_at_ms; /* 0: now */
    const char *revoke_reason;
};
/*
 * At most IMPORT_CHANGE_ROWS_MAX, in one transaction, with one event. Each has a result of its own
 * in result->imported: one that is refused does not stop the others. A digest that is known
 * changes nothing, so doing all of it once more is harmless; a revoked one never comes back. What
 * `by` could not create it cannot import: scopes, kind, org and lifetime are held to the same
 * rules (a token that has ended anyway may have ended at any time).
 *
 * `dry_run`: says what would be done. `rows` and their texts must live until `done`. Errors:
 * TKR_TOO_LARGE, TKR_BUSY, TKR_NO_SPACE, TKR_UNAVAILABLE.
 */
MUST_USE tkr_error_t authority_import_tokens(struct authority *authority,
                                             const struct principal *by,
                                             const struct token_import *rows, size_t count,
                                             bool dry_run, change_done done, void *context,
                                             struct fault *fault);

/* What an update may change; `has_` says which. */
struct token_update {
    bool has_name, has_tier, has_scopes, has_role, has_overrides, has_allowed_ips, has_metadata,
        has_expires, has_not_before, has_disabled, has_quarantined, has_credits;
    const char *name;
    const char *tier;          /* NULL: its user's, from now on */
    const char *role;          /* NULL: none */
    const char *const *scopes; /* its own; those of its role stay beside them */
    size_t scope_count;
    struct limits overrides; /* replaces all overrides */
    const struct cidr *allowed_ips;
    size_t allowed_ip_count;
    const char *metadata;
    struct lifetime_asked lifetime;
    int64_t not_before_ms;
    bool disabled;
    bool quarantined;
    const struct credits_asked *credits; /* as by authority_set_credits; NULL: unlimited */
    uint64_t if_version;                 /* 0: whatever it is; else PRECONDITION when it differs */
    const char *idempotency_key;         /* NULL: none */
    uint8_t request_digest[TOKEN_DIGEST_BYTES]; /* for the key */
};
/* The versions beside it that have not ended get the same. Errors: as for creating, and NOT_FOUND,
 * PRECONDITION, CONFLICT (it is revoked; or it was rotated, and its successor is what can be
 * changed), FORBIDDEN (the
 * token has more scope than the caller; or it is the caller's own, which without `*` cannot change
 * its own tier, overrides, networks, times or credits), IDEMPOTENCY. */
MUST_USE tkr_error_t authority_update_token(struct authority *authority, const struct principal *by,
                                            const char *token_id, const struct token_update *update,
                                            change_done done, void *context, struct fault *fault);

/* Of a current version also those that live on beside it (see authority_lineage.c). Revoking a
 * revoked token succeeds and changes nothing. Revoking only takes away, so a caller may
 * revoke a token with more scope than their own. */
MUST_USE tkr_error_t authority_revoke_token(struct authority *authority, const struct principal *by,
                                            const char *token_id,
                                            const char *reason /* NULL: none */,
                                            uint64_t if_version, change_done done, void *context,
                                            struct fault *fault);

/*
 * The same, and with it every token that it made, that those made, and so on: what somebody with a
 * leaked token gave themselves. All of it is one change. Tokens that the caller cannot see, and
 * with `own_only` those of another user than the first, stay. CAPACITY: they are more than
 * FAMILY_TOKENS_MAX, and nothing is revoked.
 */
MUST_USE tkr_error_t authority_revoke_family(struct authority *authority,
                                             const struct principal *by, const char *token_id,
                                             const char *reason, uint64_t if_version, bool own_only,
                                             change_done done, void *context, struct fault *fault);

/*
 * Rotation: a successor with the same configuration takes the place of the token, which goes on
 * beside it for `grace_ms`. Counters, limits and credits belong to the lineage: nothing starts
 * anew. The result's token is the successor, with its plaintext. See authority_rotate.c.
 */
struct token_rotate {
    const char *reason; /* for the audit log; NULL: none */
    bool has_grace;     /* else as configured */
    int64_t grace_ms;   /* 0 to ROTATION_GRACE_S_MAX; 0: the predecessor ends at once */
    bool has_lifetime;  /* else as long as the predecessor was given */
    struct lifetime_asked lifetime;
    const char *chosen; /* the successor's text; NULL: generate */
    size_t chosen_length;
    bool force;                  /* the chosen token may be weak; needs scope * */
    uint64_t schedule_version;   /* by authority_begin_rotation only; 0: not by a schedule */
    const char *idempotency_key; /* NULL: none */
    uint8_t request_digest[TOKEN_DIGEST_BYTES];
    uint64_t if_version; /* of the predecessor; 0: whatever it is */
};
/* Errors: as for creating; NOT_FOUND; CAPACITY: VERSIONS_LIVE_MAX versions before it live on;
 * CONFLICT: it was rotated already (naming the successor: of
 * two at once one wins), is revoked, disabled or quarantined, or comes from the environment. */
MUST_USE tkr_error_t authority_rotate_token(struct authority *authority, const struct principal *by,
                                            const char *token_id, const struct token_rotate *rotate,
                                            change_done done, void *context, struct fault *fault);
/* Within the overlap: the predecessor is current again, and the successor ends after `grace_ms`, or
 * at once and for good. Named by either. The result's token is the predecessor. CONFLICT: never
 * rotated, or the overlap is over. */
MUST_USE tkr_error_t authority_rollback_token(struct authority *authority,
                                              const struct principal *by, const char *token_id,
                                              int64_t grace_ms, change_done done, void *context,
                                              struct fault *fault);

/* Refused until restored. As an update of `disabled` or `quarantined` alone, with an event of
 * its own and a reason (NULL: none). Restoring lifts both. */
enum token_hold { HOLD_DISABLE, HOLD_QUARANTINE, HOLD_RESTORE };
MUST_USE tkr_error_t authority_hold_token(struct authority *authority, const struct principal *by,
                                          const char *token_id, enum token_hold hold,
                                          const char *reason, uint64_t if_version, change_done done,
                                          void *context, struct fault *fault);

/*
 * Emergency revocation: whatever was made until now and matches is refused, durably and from the
 * moment of the answer, however many tokens that are. See authority_emergency.c. The caller's own
 * token can be spared. Errors: OUT_OF_RANGE (reason), FORBIDDEN (another org without `*`),
 * NOT_FOUND (org or user), BUSY (SEGMENT_EPOCHS_MAX are being settled).
 */
struct emergency {
    const char *reason;
    const char *org_id;  /* NULL: the principal's; "*": all */
    const char *user_id; /* NULL: all */
    bool has_kind;
    enum token_kind kind;
    bool spare_caller;
    /* What became of it. */
    uint64_t number;
    int64_t at_ms;
    bool spared;
};
MUST_USE tkr_error_t authority_emergency_revoke(struct authority *authority,
                                                const struct principal *by,
                                                const struct emergency *emergency, change_done done,
                                                void *context, struct fault *fault);
/* The newest first, of the principal's org or of all; at most `limit`. */
MUST_USE tkr_error_t authority_list_epochs(struct authority *authority, const struct principal *by,
                                           uint32_t limit, struct arena *arena,
                                           struct store_epoch **ret_epochs, size_t *ret_count);

/*
 * Cleanup: deletes tokens that expired or were revoked before `before_ms`, at most
 * CLEANUP_BATCH_MAX a call; call again while `more`. Disabled ones go as others do when they
 * expired; of one in quarantine, which is evidence, the time counts from the later of its expiry
 * and its quarantine. A digest that was revoked or in quarantine leaves a tombstone, so it never
 * comes back. `deactivate_only` revokes the expired ones and deletes nothing.
 */
struct cleanup {
    int64_t before_ms;
    bool deactivate_only;
    /* What became of it. */
    uint64_t count;
    bool more;
};
/* Errors: OUT_OF_RANGE (before_ms is not in the past), FORBIDDEN (without `*`). */
MUST_USE tkr_error_t authority_cleanup(struct authority *authority, const struct principal *by,
                                       const struct cleanup *cleanup, change_done done,
                                       void *context, struct fault *fault);
/* How many a cleanup would find: expired, and revoked. */
MUST_USE tkr_error_t authority_count_cleanup(struct authority *authority,
                                             const struct principal *by, int64_t before_ms,
                                             uint64_t *ret_expired, uint64_t *ret_revoked,
                                             struct fault *fault);
/* --- credits: engine/authority_credits.c, _charge.c, _reserve.c ---------------------------- */

enum credits_operation { CREDITS_KEEP, CREDITS_SET, CREDITS_ADD, CREDITS_SUBTRACT };
struct credits_asked {
    bool unlimited; /* no credits are counted any more; then nothing else is asked */
    enum credits_operation operation;
    uint64_t amount;
    bool has_refill; /* else as it is; none when it is new */
    enum credits_interval interval;
    uint64_t refill;
};
struct credits_change {
    const char *token_id;
    struct credits_asked asked;
    uint64_t if_version;                        /* 0: whatever it is */
    const char *idempotency_key;                /* NULL: none */
    uint8_t request_digest[TOKEN_DIGEST_BYTES]; /* for the key */
};
/*
 * Gives the lineage of a token credits, or makes them unlimited. When only a refill is asked for,
 * what is left stays, and a new stock begins with one refill. Subtracting ends at 0. With a key it
 * is done once; asked again, the credits are told as they are by then. What is reserved stays so,
 * beside what is left; once credits are unlimited there is nothing to give it back to. Errors:
 * NOT_FOUND, OUT_OF_RANGE, CONFLICT (it is revoked; there is nothing to add to), FORBIDDEN (the
 * caller's own without `*`, or one with more scope), PRECONDITION, IDEMPOTENCY.
 */
MUST_USE tkr_error_t authority_set_credits(struct authority *authority, const struct principal *by,
                                           const struct credits_change *asked, change_done done,
                                           void *context, struct fault *fault);
MUST_USE tkr_error_t credits_check(const struct credits_asked *asked, struct fault *fault);

/*
 * A verification whose charge is remembered: with the same key it is made once, however often it
 * is asked for, and whatever is killed in between. The first answer is kept and told again for
 * IDEMPOTENCY_TTL_S. A refusal takes nothing and is not kept: asking again is a new try.
 */
struct token_charge {
    struct verifier *verifier; /* the writer thread's until `done` */
    const struct verify_request *request;
    bool all_orgs;   /* else a token of another org than the caller's is not_found */
    const char *key; /* with its caller */
    uint8_t request_digest[TOKEN_DIGEST_BYTES];
    /* Writes the answer; on the writer thread, before `done`. */
    void (*write)(void *context, const struct verify_result *result, struct buffer *out);
};
/* Errors: IDEMPOTENCY (the key came with another request), BUSY, UNAVAILABLE. */
MUST_USE tkr_error_t authority_charge(struct authority *authority, const struct principal *by,
                                      const struct token_charge *charge, change_done done,
                                      void *context, struct fault *fault);

/*
 * For work whose cost is known afterwards. A reservation takes credits at once; settling gives
 * back what was not needed, or takes what was needed beyond (QUOTA when there is too little; it
 * stays open then); refunding gives all back, as the end of its time does. Credits are given back
 * to the period that they were taken from: after a refill there is nothing to give back to. A
 * token whose credits are unlimited reserves without a limit.
 *
 * Settling or refunding again in the same way succeeds and changes nothing.
 */
struct reserve_asked {
    const char *token_id;
    uint64_t amount;                            /* 1 to CREDITS_MAX */
    int64_t ttl_s;                              /* 1 to CREDITS_RESERVATION_S_MAX */
    const char *key;                            /* NULL: none */
    uint8_t request_digest[TOKEN_DIGEST_BYTES]; /* for the key */
};
/* Errors: NOT_FOUND, CONFLICT (the token is not active), QUOTA, IDEMPOTENCY, OUT_OF_RANGE. */
MUST_USE tkr_error_t authority_reserve(struct authority *authority, const struct principal *by,
                                       const struct reserve_asked *asked, change_done done,
                                       void *context, struct fault *fault);
/* Errors: NOT_FOUND, CONFLICT (it ended in another way), QUOTA, OUT_OF_RANGE. */
MUST_USE tkr_error_t authority_settle(struct authority *authority, const struct principal *by,
                                      const char *reservation_id, uint64_t amount, change_done done,
                                      void *context, struct fault *fault);
MUST_USE tkr_error_t authority_refund(struct authority *authority, const struct principal *by,
                                      const char *reservation_id, change_done done, void *context,
                                      struct fault *fault);
const char *charge_state_name(enum charge_state state); /* "open", "settled", ... */

/* The tiers table: put inserts or replaces. `scopes` of the principal must grant
 * `tiers:write`. (The engine checks FORBIDDEN for escalation only; api/ checks call scopes.) */
MUST_USE tkr_error_t authority_put_tier(struct authority *authority, const struct principal *by,
                                        const struct tier *tier, change_done done, void *context,
                                        struct fault *fault);

/* --- reads: any thread, from the store, overlaid with the live usage counts --------------- */

MUST_USE tkr_error_t authority_get_token(struct authority *authority, const struct principal *by,
                                         const char *token_id, struct arena *arena,
                                         struct token *ret_token);
/* One of the caller's own user and org, whatever scope the caller has; else NOT_FOUND. */
MUST_USE tkr_error_t authority_get_own_key(struct authority *authority, const struct principal *by,
                                           const char *token_id, struct arena *arena,
                                           struct token *ret_token);
/* By name: CONFLICT when several have it that are neither expired nor revoked; when none is,
 * the newest of the others. */
MUST_USE tkr_error_t authority_find_token(struct authority *authority, const struct principal *by,
                                          const char *name, struct arena *arena,
                                          struct token *ret_token);
/* Newest first; by an expiry or a beginning alone, in the order of that. `filter->org_id`: NULL is
 * the principal's own; another, or "*" for all, needs scope `*` (FORBIDDEN). `filter->now_ms` is
 * not looked at: it is the authority's time. INVALID: the cursor is none of ours. */
MUST_USE tkr_error_t authority_list_tokens(struct authority *authority, const struct principal *by,
                                           const struct token_filter *filter, struct arena *arena,
                                           struct token_page *ret_page, struct fault *fault);
/*
 * Usage of whole days (UTC) up to the end of today. NOT_FOUND: there is no such token, user or org
 * for this principal; OUT_OF_RANGE (days, step).
 */
struct usage_request {
    int64_t days;    /* 1 to USAGE_DAYS_MAX */
    int64_t step_ms; /* of the points: a minute, an hour, a day */
};
struct usage_report {
    int64_t from_ms, until_ms, step_ms;
    uint64_t requests; /* let through, by whatever verifier; of an org: by the daemon */
    uint64_t refused;  /* by the daemon */
    struct usage_answer answer;
    struct token token; /* of a token: as it is now */
    struct usage_version *versions;
    size_t version_count;
};
MUST_USE tkr_error_t authority_token_usage(struct authority *authority, const struct principal *by,
                                           const char *token_id,
                                           const struct usage_request *request, struct arena *arena,
                                           struct usage_report *ret_report, struct fault *fault);
/* `org_id` NULL: the principal's own. */
MUST_USE tkr_error_t authority_user_usage(struct authority *authority, const struct principal *by,
                                          const char *org_id, const char *user_id,
                                          const struct usage_request *request, struct arena *arena,
                                          struct usage_report *ret_report, struct fault *fault);
MUST_USE tkr_error_t authority_org_usage(struct authority *authority, const struct principal *by,
                                         const char *org_id, const struct usage_request *request,
                                         struct arena *arena, struct usage_report *ret_report,
                                         struct fault *fault);
/* Where those who answer requests count them; NULL: it is off. */
struct meter *authority_meter(struct authority *authority);

/* The audit log. Of the principal's organisation, or with `*` of all (also what belongs to none).
 * Errors: OUT_OF_RANGE (limit), INVALID (cursor), FORBIDDEN (another org). */
MUST_USE tkr_error_t authority_list_events(struct authority *authority, const struct principal *by,
                                           const struct event_filter *filter, struct arena *arena,
                                           struct event_page *ret_page, struct fault *fault);

/* The log itself: where its chain begins and ends, and its newest checkpoint. Of all organisations:
 * there is one chain. */
struct audit_chain {
    struct store_log log;
    bool has_checkpoint;
    struct audit_checkpoint checkpoint;
};
MUST_USE tkr_error_t authority_read_chain(struct authority *authority,
                                          struct audit_chain *ret_chain);

MUST_USE tkr_error_t authority_list_tiers(struct authority *authority, struct arena *arena,
                                          struct tier **ret_tiers, size_t *ret_count);

#endif
