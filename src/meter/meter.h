/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meter: how often each combination of (usage line, org, verdict, endpoint label,
 * network, hour) came to be, of the requests that the daemon answered. A file `meter` beside
 * the segment keeps the counts, so that a killed daemon loses none.
 *
 *   event threads ──count──▶ seat 0 ┐
 *                 ──count──▶ seat 1 ├──drain──▶ one other thread ──▶ the store
 *                 ──count──▶ seat n ┘
 *
 *   meter   header (4 KiB) │ labels │ log of the drain under way │ seats
 *   seat    slots in buckets of 8 │ one slot a verdict for what found no room
 *   slot    32 bytes: key, hour and count, what of the count is booked
 *
 * It is not part of the segment, because the segment is what every verifier shares, also those
 * of libtokenry, and they meter nothing by dimension.
 *
 * Counting. A seat belongs to one thread, the only one that writes its keys and counts. A hit
 * compares a key and stores a count: no lock, no system call, no allocation, no atomic
 * read-modify-write, no fence; 3 to 5 ns.
 *
 * Draining. The first plan was two halves a seat, swapped by a sequence number that the owner
 * acknowledges. But an owner that is idle, stopped or killed never acknowledges, and to take a
 * half without that needs a fence in each count (6 ns) so that the drain knows nobody is
 * inside; and each swap empties the table, so that every key is inserted anew each second.
 * Instead counts only ever grow, and beside each stands how much of it is booked, which only
 * the drain writes. So nobody waits for anybody:
 *
 *   a slot is in use while count ≠ booked. Its key then stands still: the owner gives a slot
 *       to another key only when count = booked, and only the owner changes the count;
 *   the owner writes a new key first and the count after it (release). A drain reads the count
 *       first (acquire) and the key only when count ≠ booked. An owner that is killed between
 *       the two leaves a slot that is free under whatever key, and the request was not counted;
 *   the hour is in the word of the count, so the two change as one.
 *
 * Booking once. A drain writes what it takes (slot, count) to the log in the file, then its
 * number beside it: the drain is pending. The store books the entries and the number in one
 * transaction. After that the drain sets booked := count for each slot of the log and clears
 * the pending number. Killed
 *
 *   before the number is there     the log says nothing; the next drain takes the same again
 *   before the commit              the store has a lower number: the drain is given up
 *   after the commit               the store has the number: booked := count for the whole
 *                                  log, which may be done any number of times
 *
 * so meter_recover with the number that the store remembers for this file (meter_id) decides,
 * and nothing is lost or counted twice. Numbers are only compared for one file: a file that is
 * begun anew has another id.
 *
 * Bounds. A seat has METER_SLOTS_DEFAULT slots, a key eight places. A key that finds them all
 * in use is counted with label and network `other`, then without its line, then under its
 * verdict alone, which always has room; each of the first two steps may use one place of a bucket
 * that the one before may not. At most METER_LABELS_MAX endpoint labels are told apart;
 * further ones are `other`.
 *
 * Secrecy. The file (0600) holds no token and no address: networks are /24 and /48.
 *
 * To change the format: count METER_VERSION up (meter/format.h). Another version is begun anew,
 * with a report: what it held that was not drained, a second's counts, is given up.
 *
 * Threads: one may drain; a seat belongs to one thread at a time; meter_label_intern,
 * meter_seat_take and meter_seat_return may be called by any. One process at a time has the
 * file: whoever holds the lock of the segment.
 */
#ifndef METER_METER_H
#define METER_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/random.h"
#include "policy/cidr.h"

#define METER_STORE_ID_BYTES 16
#define METER_BOOT_ID_BYTES 16

struct meter;
struct meter_seat;

struct meter_options {
    const char *directory; /* the runtime directory; exists, and is ours */
    uint8_t store_id[METER_STORE_ID_BYTES];
    /* Of the machine's start. A file of another one lay on a disk while the machine went down,
     * and which of its pages got there is unknown: it is begun anew. */
    uint8_t boot_id[METER_BOOT_ID_BYTES];
    const struct random_source *random;
    uint32_t slots; /* of a seat, a power of two from 8; 0: METER_SLOTS_DEFAULT */
};

/*
 * Takes up the file of a former process, or begins anew: when there is none, when it is
 * damaged, of another version, store or boot. ret_report->error tells why then
 * (TKR_CORRUPT, or TKR_CONFLICT: not ours; TKR_OK: there is nothing to tell), with a sentence.
 * Errors: TKR_NO_SPACE, TKR_IO, TKR_MEMORY, TKR_READ_ONLY.
 */
MUST_USE tkr_error_t meter_open(const struct meter_options *options, struct meter **ret_meter,
                                struct fault *ret_report);
void meter_close(struct meter *meter); /* NULL is allowed; the file stays */

/* --- counting: the seat's thread ---------------------------------------------------------- */

#define METER_NO_LINE UINT32_MAX
#define METER_NO_ORG UINT32_MAX
#define METER_LABEL_NONE 256U
#define METER_LABEL_OTHER 257U
/* A network as a number: the family in the top byte, then 24 or 48 bits. */
#define METER_NETWORK_NONE 0ULL
#define METER_NETWORK_OTHER (7ULL << 48)

struct meter_event {
    uint32_t line, org; /* org: below 65536 */
    uint16_t label;     /* from meter_label_intern */
    uint8_t verdict;    /* below METER_VERDICTS_MAX */
    uint64_t network;   /* from meter_network */
    int64_t now_ms;     /* tells the hour */
};

/* Any thread. TKR_CAPACITY: METER_SEATS_MAX are taken. TKR_NO_SPACE, TKR_MEMORY. */
MUST_USE tkr_error_t meter_seat_take(struct meter *meter, struct meter_seat **ret_seat);
void meter_seat_return(struct meter *meter, struct meter_seat *seat); /* NULL is allowed */

void meter_count(struct meter_seat *seat, const struct meter_event *event, uint32_t times);
/* Asks for the memory that meter_count will touch. */
void meter_prefetch(const struct meter_seat *seat, const struct meter_event *event);

static inline uint64_t meter_network(const struct ip_address *address)
{
    const uint8_t *bytes = address->bytes;
    uint64_t top = (uint64_t)bytes[0] << 16 | (uint64_t)bytes[1] << 8 | bytes[2];
    if (address->family == 4) {
        return 4ULL << 48 | top;
    }
    uint64_t rest = (uint64_t)bytes[3] << 16 | (uint64_t)bytes[4] << 8 | bytes[5];
    return address->family == 6 ? 6ULL << 48 | top << 24 | rest : METER_NETWORK_NONE;
}
/* `192.0.2.0/24`, `2001:db8:1::/48`, `other`, or `-` for none. Returns `out`. */
const char *meter_network_format(uint64_t network, char out[CIDR_TEXT_SIZE]);

/* Any thread. 1 to METER_LABEL_BYTES_MAX of a-z 0-9 . _ / - and nothing else. */
bool meter_label_valid(const char *label, size_t length);
/* The number of a valid label; METER_LABEL_OTHER when there are METER_LABELS_MAX others. Takes a
 * lock only for a label that is new. */
uint16_t meter_label_intern(struct meter *meter, const char *label, size_t length);
/* The text of a number: the label, `-` or `other`. Returns `out`. */
#define METER_LABEL_SIZE (METER_LABEL_BYTES_MAX + 1)
const char *meter_label_text(const struct meter *meter, uint16_t label, char out[METER_LABEL_SIZE]);

/* --- draining: one thread ------------------------------------------------------------------ */

/* What the store remembers drain numbers by; other in each file. */
uint64_t meter_id(const struct meter *meter);
/* Before all else: judges a drain that was under way when the former process ended.
 * `stored_number`: the highest that the store has for this id, 0: none. */
void meter_recover(struct meter *meter, uint64_t stored_number);

struct meter_entry {
    uint32_t line, org;
    uint16_t label;
    uint8_t verdict;
    uint64_t network;
    int64_t hour_ms; /* when it began */
    uint64_t count;  /* 1 or more */
};
struct meter_drain {
    uint64_t number;
    size_t count;
    struct meter_entry entries[METER_DRAIN_MAX];
};
/* Begins a pass over all seats. What is counted behind its back waits for the next pass. */
void meter_drain_start(struct meter *meter);
/*
 * The next entries of the pass, at most METER_DRAIN_MAX; false: the pass is at its end, and
 * there is nothing to end. Otherwise meter_drain_end must follow, with whether the store has
 * committed them with their number. When that cannot be known it must not be called: the next
 * process will ask the store.
 */
bool meter_drain_next(struct meter *meter, struct meter_drain *ret_drain);
void meter_drain_end(struct meter *meter, bool booked);

#endif
