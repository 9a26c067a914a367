/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment: every token record resident in memory that processes share.
 *
 * Two files in the runtime directory (a tmpfs): `keys`, which only the authority writes
 * and verifiers map read-only, and `usage`, which every verifier may write. Both are
 * position-independent (indices, no pointers) and carry a format version.
 *
 *   keys   header │ tiers │ orgs │ users │ user bits │ user index │ records │ text
 *   usage  header │ dirty map │ lines of 64 bytes (stride grows with sliding hour/day)
 *
 *   record  64 bytes, one cache line, at the place that a keyed hash of its digest gives, so
 *           that chosen tokens cannot be aimed at one place: sequence lock, flags, tier,
 *           expiry, user, usage line, and the SHA-256 digest
 *   text    append-only: the token's id, name, metadata, networks, overrides; a change
 *           writes anew and swaps the offset; what is left behind goes at the next growth
 *   line    total count, last use, and the words of the three windows (segment/usage_line.h)
 *
 * segment/format.h has the bytes, and the figures that chose them.
 *
 * Users, tiers, orgs and usage lines keep their numbers through growth. Regions are reserved
 * sparsely and their pages are claimed in chunks before use, so that a full tmpfs is an
 * error (TKR_NO_SPACE) and never a SIGBUS. When a region is full a new generation of
 * `keys` is written beside the old one and renamed over it, and the old one is marked
 * superseded; readers notice at their next verification. `usage` is extended in place.
 *
 * Consistency with the store: the header holds the store's identity and the sequence
 * number of the last change applied. begin/end mark the time in which they disagree. At
 * attach, a segment that was between begin and end, or of another store, or behind or
 * ahead of it, is refused (TKR_UNAVAILABLE) and the authority builds a new one from the
 * store. Usage lines survive that, because the store remembers each line number.
 *
 * Time: the header carries a logical clock, (logical ms, monotonic ns) at the last beat.
 * now = logical + elapsed monotonic time. A beat moves it forward to the wall clock when
 * that is ahead; when the wall clock was set back it goes on at the monotonic rate (1 %
 * slower until they meet again), so nothing un-expires and no window is granted twice.
 *
 * Threads: a writer belongs to one thread at a time, except what says "any thread", and
 * except loaders, one a thread, while a created segment is filled. A reader belongs to one
 * thread. Readers of one process share one mapping.
 */
#ifndef SEGMENT_SEGMENT_H
#define SEGMENT_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/random.h"
#include "policy/cidr.h"
#include "policy/credits.h"
#include "policy/limits_spec.h"
#include "token/token_text.h"

#define SEGMENT_STORE_ID_BYTES 16
#define SEGMENT_NO_LINE UINT32_MAX

/* Why a token is refused, as bits; the order of checks is engine/verify's. */
enum segment_token_flag {
    SEGMENT_TOKEN_REVOKED = 1 << 0,
    SEGMENT_TOKEN_DISABLED = 1 << 1,
    SEGMENT_TOKEN_QUARANTINED = 1 << 2,
    SEGMENT_TOKEN_HONEYTOKEN = 1 << 13, /* never works; whoever verifies is told why */
    SEGMENT_TOKEN_WARNED = 1 << 14,     /* works, and whoever verifies is told */
};
enum segment_user_flag { SEGMENT_USER_SUSPENDED = 1 << 0 };

/* --- writing: the authority only --------------------------------------------------- */

struct segment_writer;

struct segment_options {
    const char *directory; /* created 0700 when missing; must be ours */
    uint8_t store_id[SEGMENT_STORE_ID_BYTES];
    enum window_kind window_kinds[WINDOW_COUNT];
    const struct clock *clock;
    const struct random_source *random;
    int64_t clock_floor_ms; /* the logical clock starts no earlier than this */
    /* The operator says that the wall clock is right: attach refuses, and create forgets the
     * clock of the segment before it and empties windows that lie in the future. */
    bool reset_clock;
    uint32_t tokens_hint; /* expected tokens, to size the first generation; 0 is fine */
    uint32_t users_hint;  /* the same for users */
};

/* A token as the segment needs it. Texts need not be NUL-terminated or live on. */
struct segment_token {
    uint8_t digest[TOKEN_DIGEST_BYTES];
    uint8_t id[TOKEN_ID_BYTES];
    enum token_kind kind;
    enum token_env env;
    uint32_t flags; /* enum segment_token_flag */
    uint32_t line;  /* usage line of its lineage */
    uint32_t user;  /* number from segment_writer_put_user */
    uint16_t tier;  /* number from segment_writer_put_tier */
    /* The org is that of the user. */
    int64_t not_before_ms; /* 0: at once */
    int64_t expires_at_ms; /* 0: never */
    struct limits overrides;
    bool has_version_line, has_credit_line;
    uint32_t version_line; /* counts this version of a lineage alone */
    uint32_t credit_line;
    int64_t spared_ms; /* epochs count it as born then; 0: by its id */
    const char *name;
    size_t name_length;
    const char *scopes; /* canonical, see policy/scopes.h */
    size_t scopes_length;
    const char *metadata; /* JSON object text; length 0: none */
    size_t metadata_length;
    const struct cidr *cidrs;
    size_t cidr_count;
};

/*
 * Attaches to the segment that a former authority left when it matches `options`
 * (store_id, window kinds, format version) and `store_seq`, else TKR_UNAVAILABLE with the
 * reason in `fault`: then call segment_writer_create. Both take an exclusive flock on
 * `<directory>/lock` (TKR_LOCKED) and hold it until close.
 */
MUST_USE tkr_error_t segment_writer_attach(const struct segment_options *options,
                                           uint64_t store_seq, struct segment_writer **ret_writer,
                                           struct fault *fault);
/*
 * A new, empty `keys`, invisible to readers until segment_writer_publish. The `usage` file
 * is kept when it is of this store_id and not from its future (`store_seq`), else begun
 * anew (*ret_usage_kept tells, so that the caller restores lines from the store). When the
 * window kinds changed, lines are converted so that no window is granted twice.
 */
MUST_USE tkr_error_t segment_writer_create(const struct segment_options *options,
                                           uint64_t store_seq, struct segment_writer **ret_writer,
                                           bool *ret_usage_kept, struct fault *fault);
/* Makes a created segment visible: everything in it is applied up to `store_seq`. */
MUST_USE tkr_error_t segment_writer_publish(struct segment_writer *writer, uint64_t store_seq);
void segment_writer_close(struct segment_writer *writer); /* NULL is allowed; files stay */

/* Brackets the changes of one store transaction. `store_seq` is the store's sequence
 * number after it. Between them a crash makes the next attach refuse. */
void segment_writer_begin(struct segment_writer *writer);
void segment_writer_end(struct segment_writer *writer, uint64_t store_seq);

/* All put functions: insert, or replace what has the same key (name, id, digest).
 * Errors: TKR_NO_SPACE, TKR_MEMORY, TKR_CAPACITY. On an error nothing changed. */
MUST_USE tkr_error_t segment_writer_put_tier(struct segment_writer *writer, const struct tier *tier,
                                             uint16_t *ret_number);
MUST_USE tkr_error_t segment_writer_put_org(struct segment_writer *writer, const char *id,
                                            size_t id_length, uint16_t *ret_number);
/* (org, id) is the key. `line` counts for the user across tokens, or SEGMENT_NO_LINE;
 * `overrides`, where set, beat the tier's limits for the user. */
MUST_USE tkr_error_t segment_writer_put_user(struct segment_writer *writer, uint16_t org,
                                             const char *id, size_t id_length, uint32_t flags,
                                             uint32_t line, const struct limits *overrides,
                                             uint32_t *ret_number);
/* The number that a put gave out. TKR_NOT_FOUND. May be called from several threads as long as
 * none puts. */
MUST_USE tkr_error_t segment_writer_find_tier(struct segment_writer *writer, const char *name,
                                              size_t name_length, uint16_t *ret_number);
MUST_USE tkr_error_t segment_writer_find_org(struct segment_writer *writer, const char *id,
                                             size_t id_length, uint16_t *ret_number);
MUST_USE tkr_error_t segment_writer_find_user(struct segment_writer *writer, uint16_t org,
                                              const char *id, size_t id_length,
                                              uint32_t *ret_number);
/* The org of a number, with a NUL; for the writer's thread. TKR_NOT_FOUND. */
MUST_USE tkr_error_t segment_writer_org_id(struct segment_writer *writer, uint32_t number,
                                           char ret_id[ORG_ID_BYTES_MAX + 1]);
/* Lines, users and tiers that it names must have been made before (TKR_INVALID otherwise).
 * Visible to every reader when it returns. A record that is revoked is never made
 * unrevoked by a put (revocation is sticky): TKR_CONFLICT. */
MUST_USE tkr_error_t segment_writer_put_token(struct segment_writer *writer,
                                              const struct segment_token *token);
/* Takes a token out (retention cleanup): afterwards `not_found`. TKR_NOT_FOUND. */
MUST_USE tkr_error_t segment_writer_remove_token(struct segment_writer *writer,
                                                 const uint8_t digest[TOKEN_DIGEST_BYTES]);
/* Changes what stands in the record itself. TKR_NOT_FOUND. Setting flags needs no space and
 * cannot fail otherwise; a set of scopes may: TKR_NO_SPACE, TKR_CAPACITY. Flags are never
 * taken away here. */
struct segment_adjustment {
    uint32_t set_flags; /* enum segment_token_flag */
    bool has_tier;
    uint16_t tier;
    const char *scopes; /* NULL: as they are */
    size_t scopes_length;
};
MUST_USE tkr_error_t segment_writer_adjust_token(struct segment_writer *writer,
                                                 const uint8_t digest[TOKEN_DIGEST_BYTES],
                                                 const struct segment_adjustment *adjustment);

/*
 * Emergency revocations that the records do not show yet: until they do, a token that one
 * covers is refused as revoked, from the moment this returns. Replaces all; at most
 * SEGMENT_EPOCHS_MAX. Numbers are those of the put functions.
 */
#define SEGMENT_ANY UINT32_MAX
struct segment_epoch {
    int64_t at_ms;      /* tokens born up to then */
    uint32_t org, user; /* SEGMENT_ANY */
    uint8_t kinds;      /* bits: 1 << enum token_kind */
};
void segment_writer_set_epochs(struct segment_writer *writer, const struct segment_epoch *epochs,
                               size_t count);

bool segment_writer_has_token(struct segment_writer *writer,
                              const uint8_t digest[TOKEN_DIGEST_BYTES]);

/*
 * Filling a created segment from several threads. Each thread has a loader of its own; tiers,
 * orgs, users and lines are put before, by one thread; nothing else touches the writer
 * meanwhile. A put is only queued (so that the cache misses of 16 tokens overlap) and is in the
 * segment when _finish has returned. A table that is full does not grow here, so
 * `tokens_hint` must be no less than the number of tokens: TKR_CAPACITY.
 *
 *     segment_loader_new(writer, &loader);
 *     while (...) { TRY(segment_loader_put(loader, &token)); }
 *     error = segment_loader_finish(loader);       frees the loader in any case
 */
struct segment_loader;
MUST_USE tkr_error_t segment_loader_new(struct segment_writer *writer,
                                        struct segment_loader **ret_loader);
/* Errors: as segment_writer_put_token, and TKR_CONFLICT for a digest that is there already; an
 * error may belong to one of the 16 tokens before. */
MUST_USE tkr_error_t segment_loader_put(struct segment_loader *loader,
                                        const struct segment_token *token);
MUST_USE tkr_error_t segment_loader_finish(struct segment_loader *loader); /* NULL: TKR_OK */

/* Makes room for lines [0, count). Line numbers are given out by the store. */
MUST_USE tkr_error_t segment_writer_reserve_lines(struct segment_writer *writer, uint32_t count);

/* --- usage lines: what the authority reads to flush, and restores ------------------- */

/* An image is 8 bytes that say which kinds of windows it has, and the line. */
#define SEGMENT_LINE_BYTES_MAX (8 + 192)
struct segment_usage {
    uint32_t line;
    uint64_t total;                        /* requests let through, ever */
    int64_t last_used_ms;                  /* 0: never */
    size_t bytes;                          /* of `image` */
    uint8_t image[SEGMENT_LINE_BYTES_MAX]; /* the whole line, for segment_writer_restore_line */
};
/*
 * Calls `visit` for each line that may have changed since the last scan (each group of
 * lines is marked when one of them counts). Safe beside counting verifiers. Returning an
 * error from `visit` stops and leaves the rest marked; the next scan goes on from there, and
 * around, so that no line waits for ever behind busy ones.
 */
MUST_USE tkr_error_t segment_writer_scan_usage(struct segment_writer *writer,
                                               tkr_error_t (*visit)(void *context,
                                                                    const struct segment_usage *),
                                               void *context);
/* Overwrites a line with an image of a former scan; windows of another kind are converted so
 * that none is granted twice. Errors: TKR_CORRUPT, TKR_OUT_OF_RANGE (no such line). */
MUST_USE tkr_error_t segment_writer_restore_line(struct segment_writer *writer, uint32_t line,
                                                 const uint8_t *image, size_t bytes);
/* Sets the total and last use of a line that nobody counts on yet. */
MUST_USE tkr_error_t segment_writer_seed_line(struct segment_writer *writer, uint32_t line,
                                              uint64_t total, int64_t last_used_ms);
/* The next scan shows the line, although nobody counts on it. */
void segment_writer_mark_line(struct segment_writer *writer, uint32_t line);
/* What scanning such a line would show. */
void segment_writer_seed_image(const struct segment_writer *writer, uint32_t line, uint64_t total,
                               int64_t last_used_ms, struct segment_usage *ret_usage);
/*
 * Credit lines (segment/usage_line.h). Put writes what may be used, which every verification sees
 * that begins afterwards; whoever lowers the allowance reads what was used after that. Read works
 * from any thread. Errors: TKR_OUT_OF_RANGE (no such line), TKR_NOT_FOUND (not a credit line).
 */
struct segment_credits {
    struct credits_amount allowance;
    uint64_t refill;
};
MUST_USE tkr_error_t segment_writer_put_credits(struct segment_writer *writer, uint32_t line,
                                                const struct segment_credits *credits);
MUST_USE tkr_error_t segment_writer_read_credits(struct segment_writer *writer, uint32_t line,
                                                 struct segment_credits *ret_credits,
                                                 struct credits_amount *ret_used);
/* Any thread: the line's total and last use; zeros for a line that never counted. */
void segment_writer_read_line(struct segment_writer *writer, uint32_t line, uint64_t *ret_total,
                              int64_t *ret_last_used_ms);

/* Heartbeat and logical clock; call every 250 ms, from any one thread. Returns logical
 * milliseconds. *ret_behind_ms (may be NULL): how far the wall clock is behind it. */
int64_t segment_writer_beat(struct segment_writer *writer, int64_t *ret_behind_ms);
/* Logical now for the authority's own decisions (any thread). */
int64_t segment_writer_now_ms(struct segment_writer *writer);

struct segment_stats {
    uint64_t generation;
    uint32_t tokens, users, tiers, orgs, lines;
    uint64_t keys_bytes, usage_bytes;           /* claimed pages */
    uint64_t text_bytes_used, text_bytes_waste; /* waste goes at the next growth */
};
/* Any thread. */
void segment_writer_stats(struct segment_writer *writer, struct segment_stats *ret_stats);

/* --- reading: see segment/reader.h ---------------------------------------------------- */

#endif
