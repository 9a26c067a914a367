/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of the two files of a segment. Little-endian machines of 64 bits only; all
 * positions are indices or offsets from the start of a region, never pointers.
 *
 *   keys   header (4 KiB) │ tiers │ orgs │ users │ user bits │ user index │ records │ text
 *   usage  header (4 KiB) │ dirty map │ lines
 *
 * Records are the hash table. A first plan had an index of (tag, number) entries in front
 * of numbered records. At 10 million tokens each step that waits for the one before costs a
 * miss of 200 to 250 ns, and the bare path (hash 90 ns, look-up, four atomic operations on
 * the usage line) took
 *
 *     index → record → usage, name and user                 755 ns
 *     record at its hashed place → usage, name and user     680 ns
 *     the same, and nothing but the usage line is touched   530 ns
 *     record tables of 1, 2 or 4 lines a bucket, load 0.5 to 0.8: all within the noise
 *
 * (Zen 5 guest, 4 KiB pages below the guest). So a record lies at its hashed place, with
 * linear probing, and holds what a verdict needs: lengths of the texts and the number of the
 * org, so that the texts are only pointed at. Whether a user is suspended stands in a bitmap
 * of two bits a user, small enough to stay in the cache.
 *
 *   slot = high 64 bits of (keyed hash × capacity)
 *
 * keeps the order of the hashes, so that a grown table is written front to back from the old
 * one: growth runs at the speed of memory, whatever the factor.
 *
 * A record is one cache line of eight words:
 *
 *   0  seq:24 │ flags:16 │ tier:8 │ name length:8 │ user id length:8
 *   1  expires_at_ms:48 (0: never) │ org:16
 *   2  user:32 │ usage line:32
 *   3  text:32 │ scopes:32           offsets into the text region, in units of 8 bytes
 *   4…7  SHA-256 of the token
 *
 * `seq` is a sequence lock: odd while the writer is at the other words. Word 0 is 0 in a slot
 * that was never used, where a search ends; a removed record leaves RECORD_REMOVED behind.
 *
 * The text of a token is immutable; a change writes a new one:
 *
 *   id (16) [not_before_ms (8)] [limits (16)] [meter (16)] [extra (8)] name [metadata]
 *   [networks (18 each)]
 *
 * with the parts in brackets as the flags of the record say. A set of scopes is written once
 * and shared: {next set:32, length:16, 0:16} and the canonical text.
 *
 * The first six bytes of an id are the millisecond in which the token was born. An epoch, an
 * emergency revocation that the records do not show yet, refuses what was born up to its time;
 * the header has room for SEGMENT_EPOCHS_MAX of them under one sequence lock. While there is
 * none, and that is nearly always, they cost the verification one load from a line that it
 * reads anyway.
 *
 * To change the format: count the version of the file up. Nothing converts `keys`: another
 * version is refused and built anew from the store. For `usage` write the conversion beside
 * segment/usage_convert.c, because counts that were not flushed live only there.
 */
#ifndef SEGMENT_FORMAT_H
#define SEGMENT_FORMAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "policy/limits_spec.h"
#include "segment/usage_line.h"

#define SEGMENT_VERSION 3U                       /* of `keys` */
#define SEGMENT_USAGE_VERSION 2U                 /* of `usage` */
#define SEGMENT_KEYS_MAGIC 0x314559454b4b4f54ULL /* "TOKKEYE1" */
#define SEGMENT_USAGE_MAGIC 0x314741535555ULL    /* "UUSAG1" */
#define SEGMENT_HEADER_BYTES 4096
#define SEGMENT_PAGE_BYTES 4096U
#define SEGMENT_HUGE_BYTES (2U * 1024 * 1024)
#define SEGMENT_TEXT_UNIT 8U

/* Record slots that a search looks at before it gives up; an insertion that would need more
 * makes the table grow. */
#define SEGMENT_PROBES_MAX 2048U
/* Records in use or removed are kept at or below 4 of 5 slots. */
#define SEGMENT_LOAD_NUMERATOR 4U
#define SEGMENT_LOAD_DENOMINATOR 5U

enum segment_region_number {
    REGION_TIERS,
    REGION_ORGS,
    REGION_USERS,
    REGION_USER_BITS,
    REGION_USER_INDEX,
    REGION_RECORDS,
    REGION_TEXT,
    REGION_COUNT
};

struct segment_region {
    uint64_t offset, bytes; /* in the file; bytes are reserved, not claimed */
    _Atomic uint64_t claimed;
};

enum segment_state {
    SEGMENT_STATE_BUILDING = 1,
    SEGMENT_STATE_LIVE = 2,
    SEGMENT_STATE_SUPERSEDED = 3,
};

/* now = base + (monotonic - monotonic of the last beat), one percent less while slow; see
 * segment/clock_line.h. */
struct segment_clock_copy {
    _Atomic int64_t base_ns;
    _Atomic int64_t monotonic_ns_slow; /* nanoseconds × 2, + 1 while slow; the heartbeat, too */
};
struct segment_clock_line {
    _Alignas(64) _Atomic uint32_t seq;
    struct segment_clock_copy copies[2];
};

/*
 * Epochs: one sequence lock over all.
 *   word 0            seq:24 │ count:8
 *   word 1 + 2·i      at_ms:48 │ kinds:8 (bit: 1 << enum token_kind)
 *   word 2 + 2·i      org number + 1:32 │ user number + 1:32    (0: any)
 */
#define EPOCH_WORDS (1 + 2 * SEGMENT_EPOCHS_MAX)
#define EPOCH_COUNT_SHIFT 24
#define EPOCH_KINDS_SHIFT 48
#define EPOCH_AT_MASK 0xffffffffffffULL

struct segment_keys_header {
    /* Constant once the file is visible. */
    uint64_t magic;
    uint32_t version, header_bytes;
    uint8_t store_id[16];
    uint64_t generation;
    uint64_t seed[3];
    uint64_t file_bytes;
    uint64_t capacity; /* record slots */
    uint32_t user_capacity, user_index_capacity;
    uint8_t kinds[WINDOW_COUNT]; /* enum window_kind */
    uint64_t usage_nonce;        /* of the usage file that belongs to it */
    struct segment_region regions[REGION_COUNT];

    /* Read at each verification, written rarely. */
    _Alignas(64) _Atomic uint32_t state; /* enum segment_state */
    _Atomic uint32_t lines;              /* usage lines that are claimed */
    _Atomic uint32_t epochs;             /* that are pending */

    struct segment_clock_line clock;

    /* The writer's. */
    _Alignas(64) _Atomic uint64_t store_seq;
    _Atomic uint32_t changing; /* 1 between begin and end, and while a file is built */
    _Atomic uint32_t tokens, removed, users, tiers, orgs;
    _Atomic uint32_t scopes_head; /* newest set of scopes; 0: none */
    _Atomic uint64_t text_used, text_waste;

    _Alignas(64) _Atomic uint64_t epoch_word[EPOCH_WORDS];
};
_Static_assert(sizeof(struct segment_keys_header) <= SEGMENT_HEADER_BYTES, "fits its page");
/* Where version 3 has things. What moves them is another version: a daemon that took the clock
 * of version 1 for its own was an hour ahead, for good, because the store keeps the time. */
_Static_assert(SEGMENT_VERSION == 3 && offsetof(struct segment_keys_header, state) == 320 &&
                   offsetof(struct segment_keys_header, clock) == 384 &&
                   offsetof(struct segment_clock_line, copies) == 8 &&
                   sizeof(struct segment_clock_copy) == 16 &&
                   offsetof(struct segment_keys_header, store_seq) == 448 &&
                   offsetof(struct segment_keys_header, text_waste) == 496 &&
                   offsetof(struct segment_keys_header, epoch_word) == 512,
               "another layout is another version");

struct segment_usage_header {
    uint64_t magic;
    uint32_t version, stride;
    uint8_t store_id[16];
    uint64_t nonce; /* random, so that `keys` can name the `usage` it was made with */
    uint8_t kinds[WINDOW_COUNT];
    _Alignas(64) _Atomic uint64_t store_seq; /* of the last change that gave out lines */
    _Atomic uint32_t lines;                  /* claimed */
    _Atomic uint32_t capacity;               /* what the file's size has room for */
};
_Static_assert(sizeof(struct segment_usage_header) <= SEGMENT_HEADER_BYTES, "fits its page");

/* The dirty map has its final size from the start, sparse: one byte for 64 lines. */
#define SEGMENT_DIRTY_LINES 64U
#define SEGMENT_DIRTY_OFFSET ((uint64_t)SEGMENT_HEADER_BYTES)
#define SEGMENT_LINES_OFFSET                                                                       \
    ((uint64_t)SEGMENT_LINES_MAX / SEGMENT_DIRTY_LINES + SEGMENT_HUGE_BYTES)
_Static_assert(SEGMENT_LINES_MAX / SEGMENT_DIRTY_LINES % SEGMENT_HUGE_BYTES == 0, "lines aligned");

/* --- records ------------------------------------------------------------------------------ */

#define RECORD_WORDS 8
struct segment_record {
    _Alignas(64) _Atomic uint64_t word[RECORD_WORDS];
};
_Static_assert(sizeof(struct segment_record) == 64, "one cache line");

/* Flags, in word 0 from bit 24. Some are enum segment_token_flag. */
#define RECORD_SEQ_MASK 0xffffffU
#define RECORD_FLAGS_SHIFT 24
enum record_flag {
    RECORD_REVOKED = 1 << 0,
    RECORD_DISABLED = 1 << 1,
    RECORD_QUARANTINED = 1 << 2,
    RECORD_USED = 1 << 3,
    RECORD_REMOVED = 1 << 4,
    RECORD_KIND_SHIFT = 5, /* two bits: enum token_kind */
    RECORD_KIND_MASK = 3 << RECORD_KIND_SHIFT,
    RECORD_TEST = 1 << 7,
    RECORD_NOT_BEFORE = 1 << 8,
    RECORD_LIMITS = 1 << 9,
    RECORD_EXTRA = 1 << 10,
    RECORD_NETWORKS = 1 << 11,
    RECORD_METER = 1 << 12,
    RECORD_HONEYTOKEN = 1 << 13,
    RECORD_WARNED = 1 << 14,
};
#define RECORD_TIER_SHIFT 40
#define RECORD_NAME_SHIFT 48
#define RECORD_USER_SHIFT 56
#define RECORD_EXPIRES_MASK 0xffffffffffffULL
#define RECORD_ORG_SHIFT 48

static inline uint32_t record_flags(uint64_t word0)
{
    return (uint32_t)(word0 >> RECORD_FLAGS_SHIFT) & 0xffff;
}

/* The parts of a token's text. */
#define TOKEN_TEXT_ID_BYTES 16
/* For a token that is counted elsewhere, too, or that was spared by an epoch. */
struct segment_meter {
    uint32_t version_line, credit_line; /* SEGMENT_NO_LINE: none */
    int64_t spared_ms;                  /* counts as born then; 0: by its id */
};
struct segment_extra {
    uint16_t metadata_length;
    uint8_t network_count, reserved[5];
};
#define SEGMENT_NETWORK_BYTES 18 /* family, prefix bits, 16 bytes */
/* The largest text of a token; no token's text begins nearer to the region's end than that. */
#define SEGMENT_TOKEN_TEXT_MAX                                                                     \
    (TOKEN_TEXT_ID_BYTES + 8 + 16 + 16 + 8 + TOKEN_NAME_BYTES_MAX + METADATA_BYTES_MAX +           \
     CIDRS_PER_TOKEN_MAX * SEGMENT_NETWORK_BYTES + SEGMENT_TEXT_UNIT)

struct segment_scopes_text {
    uint32_t next; /* older set of scopes; 0: none */
    uint16_t length, reserved;
    char text[];
};

/* --- users, orgs, tiers ---------------------------------------------------------------------- */

#define USER_INLINE_BYTES 16 /* longer ids lie in the text region */
#define USER_WORDS 4
/*
 *   0  seq:24 │ 0:16 │ id length:8 │ org:16      1  usage line:32 │ text of a long id:32
 *   2  limits set:32 │ minute:32                 3  hour:32 │ day:32
 * Org and id never change; a number is never used again.
 */
struct segment_user {
    _Atomic uint64_t word[USER_WORDS];
    char id[USER_INLINE_BYTES]; /* when it is short */
};
_Static_assert(sizeof(struct segment_user) == 48, "dense");
#define USER_LENGTH_SHIFT 40
#define USER_ORG_SHIFT 48

/* Two bits a user. */
#define USER_BITS_PER_WORD 32U
enum segment_user_bit { USER_BIT_SUSPENDED = 1, USER_BIT_LIMITS = 2 };

struct segment_org {
    _Atomic uint64_t word; /* text:32 │ length:8; never changes once it is not 0 */
};

/* Tiers: a name never changes; limits and subject do, under a sequence lock. */
#define TIER_WORDS 3 /* seq:32 │ subject:32,  set:32 │ minute:32,  hour:32 │ day:32 */
struct segment_tier {
    _Atomic uint64_t word[TIER_WORDS];
    uint8_t name_length;
    char name[TIER_NAME_BYTES_MAX];
    uint8_t reserved[128 - 8 * TIER_WORDS - 1 - TIER_NAME_BYTES_MAX];
};
_Static_assert(sizeof(struct segment_tier) == 128, "two cache lines");

/* --- hashing --------------------------------------------------------------------------------- */

/* The keyed hash: the seed is secret and new in each segment, so that nobody can choose
 * tokens that crowd one place. The digest is uniform already. */
static inline uint64_t segment_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Place of a hash among `capacity`: keeps the order of hashes. */
static inline uint64_t segment_place(uint64_t hash, uint64_t capacity)
{
    return (uint64_t)(((unsigned __int128)hash * capacity) >> 64);
}

static inline uint64_t segment_hash(const uint64_t seed[3], const uint64_t digest[4])
{
    return segment_mix(digest[0] ^ seed[0], digest[1] ^ seed[1]);
}

#endif
