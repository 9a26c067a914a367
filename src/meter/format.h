/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of the file `meter`; what they mean stands in meter/meter.h. */
#ifndef METER_FORMAT_H
#define METER_FORMAT_H

#include <pthread.h>
#include <stdatomic.h>

#include "meter/meter.h"
#include "segment/file.h"

#define METER_VERSION 1U
#define METER_MAGIC 0x315245544d4b4f54ULL /* "TOKMTER1" */
#define METER_HEADER_BYTES 4096U
#define METER_PAGE_BYTES 4096U

struct meter_header {
    /* Constant once the magic is there. */
    uint64_t magic;
    uint32_t version, header_bytes;
    uint8_t store_id[METER_STORE_ID_BYTES], boot_id[METER_BOOT_ID_BYTES];
    uint64_t id;
    uint64_t seed[2]; /* of the hash: nobody can choose networks that crowd one bucket */
    uint32_t slots, slot_bytes, seats_max, labels_max, label_bytes, drain_max;

    _Alignas(64) _Atomic uint32_t seats; /* claimed */
    _Atomic uint32_t labels;

    /* The drain's. */
    _Alignas(64) _Atomic uint64_t number; /* of the last drain that is booked */
    _Atomic uint64_t pending;             /* of the one in the log; 0: none */
    _Atomic uint32_t pending_length;
};
_Static_assert(sizeof(struct meter_header) <= METER_HEADER_BYTES, "fits its page");

struct meter_label {
    char text[METER_LABEL_BYTES_MAX]; /* the rest is zero */
};

struct meter_log_entry {
    uint32_t seat, slot;
    uint64_t count; /* that will be booked */
};

/*
 *   key[0]   line:32 │ org:16 │ 0:2 │ label:9 │ verdict:5
 *   key[1]   0:8 │ has an org:1 │ network:55
 *   count    hour:20 │ count:44       hours since 1970 (until 2089); the count goes around
 *   booked   0:20 │ count:44
 */
struct meter_slot {
    _Alignas(32) _Atomic uint64_t key[2];
    _Atomic uint64_t count, booked;
};
_Static_assert(sizeof(struct meter_slot) == 32, "two a cache line");

#define METER_BUCKET_SLOTS 8U
#define METER_COUNT_BITS 44
#define METER_COUNT_MASK ((1ULL << METER_COUNT_BITS) - 1)
#define METER_HOUR_MASK ((1ULL << 20) - 1)
#define METER_HOUR_MS 3600000

#define METER_ORG_SHIFT 32
#define METER_LABEL_SHIFT 50
#define METER_LABEL_MASK 0x1ffULL
#define METER_VERDICT_SHIFT 59
#define METER_HAS_ORG (1ULL << 55)
#define METER_NETWORK_MASK (METER_HAS_ORG - 1)
_Static_assert(METER_VERDICTS_MAX == 32 && METER_LABELS_MAX == 256, "the bits of key[0]");

#define METER_LABELS_OFFSET ((size_t)METER_HEADER_BYTES)
#define METER_LOG_OFFSET (METER_LABELS_OFFSET + METER_LABELS_MAX * sizeof(struct meter_label))
#define METER_SEATS_OFFSET                                                                         \
    ((METER_LOG_OFFSET + METER_DRAIN_MAX * sizeof(struct meter_log_entry) + METER_PAGE_BYTES -     \
      1) /                                                                                         \
     METER_PAGE_BYTES * METER_PAGE_BYTES)

/* --- in the process ------------------------------------------------------------------------- */

#define METER_LABEL_INDEX (4U * METER_LABELS_MAX)

struct meter_seat {
    struct meter_slot *slots; /* and METER_VERDICTS_MAX behind them */
    uint64_t seed[2];
    uint32_t buckets;
    bool taken;
} __attribute__((aligned(64)));

struct meter {
    struct segment_file file;
    struct meter_header *header;
    struct meter_label *labels;
    struct meter_log_entry *log;
    uint32_t slots;
    size_t seat_bytes;

    pthread_mutex_t mutex; /* of seats that are taken, and of new labels */
    struct meter_seat *seats;
    _Atomic uint16_t label_index[METER_LABEL_INDEX]; /* number + 1; 0: none */

    /* The drain's place in its pass. */
    bool recovered;
    uint32_t seat, slot;
};

static inline uint32_t meter_slots_all(const struct meter *meter)
{
    return meter->slots + METER_VERDICTS_MAX;
}

static inline struct meter_slot *meter_seat_slots(const struct meter *meter, uint32_t seat)
{
    return (void *)(meter->file.base + METER_SEATS_OFFSET + (size_t)seat * meter->seat_bytes);
}

/* Fills the index from the labels of the file. TKR_CORRUPT: one is none. */
MUST_USE tkr_error_t meter_labels_load(struct meter *meter);
void meter_labels_forget(struct meter *meter); /* while nobody counts */

#endif
