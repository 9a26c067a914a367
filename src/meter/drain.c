/* SPDX-License-Identifier: Apache-2.0 */
/* Draining: what was counted goes to the store, each count once. See meter/meter.h. */
#include "meter/format.h"

static struct meter_slot *slot_of_log(const struct meter *meter,
                                      const struct meter_log_entry *entry)
{
    return &meter_seat_slots(meter, entry->seat)[entry->slot];
}

/* Everything in the log is in the store. Done again after a kill in the middle it is the same:
 * only a drain writes `booked`, and this one is not over. */
static void book(struct meter *meter, uint64_t number)
{
    struct meter_header *header = meter->header;
    uint32_t length = atomic_load(&header->pending_length);
    for (uint32_t i = 0; i < length; i++) {
        struct meter_slot *slot = slot_of_log(meter, &meter->log[i]);
        atomic_store_explicit(&slot->booked, meter->log[i].count, memory_order_release);
    }
    atomic_store(&header->number, number);
    atomic_store(&header->pending, 0);
}

static bool all_is_booked(const struct meter *meter)
{
    uint32_t seats = atomic_load(&meter->header->seats);
    for (uint32_t i = 0; i < seats; i++) {
        const struct meter_slot *slots = meter_seat_slots(meter, i);
        for (uint32_t j = 0; j < meter_slots_all(meter); j++) {
            if (((slots[j].count ^ slots[j].booked) & METER_COUNT_MASK) != 0) {
                return false;
            }
        }
    }
    return true;
}

void meter_recover(struct meter *meter, uint64_t stored_number)
{
    struct meter_header *header = meter->header;
    uint64_t pending = atomic_load(&header->pending);
    if (pending != 0 && pending <= stored_number) {
        book(meter, pending);
    }
    atomic_store(&header->pending, 0);
    if (atomic_load(&header->number) < stored_number) {
        atomic_store(&header->number, stored_number);
    }
    if (all_is_booked(meter)) {
        meter_labels_forget(meter); /* nothing refers to them */
    }
    meter->recovered = true;
    meter_drain_start(meter);
}

void meter_drain_start(struct meter *meter)
{
    meter->seat = 0;
    meter->slot = 0;
}

static struct meter_entry entry_of(const struct meter_slot *slot, uint64_t count, uint64_t booked)
{
    uint64_t first = atomic_load_explicit(&slot->key[0], memory_order_relaxed);
    uint64_t second = atomic_load_explicit(&slot->key[1], memory_order_relaxed);
    return (struct meter_entry){
        .line = (uint32_t)first,
        .org = (second & METER_HAS_ORG) != 0 ? (uint32_t)(first >> METER_ORG_SHIFT) & 0xffff
                                             : METER_NO_ORG,
        .label = (uint16_t)(first >> METER_LABEL_SHIFT & METER_LABEL_MASK),
        .verdict = (uint8_t)(first >> METER_VERDICT_SHIFT),
        .network = second & METER_NETWORK_MASK,
        .hour_ms = (int64_t)(count >> METER_COUNT_BITS) * METER_HOUR_MS,
        .count = (count - booked) & METER_COUNT_MASK,
    };
}

/* Takes from one seat; true: it is done with. */
static bool take_from(struct meter *meter, struct meter_drain *drain)
{
    struct meter_slot *slots = meter_seat_slots(meter, meter->seat);
    for (; meter->slot < meter_slots_all(meter); meter->slot++) {
        const struct meter_slot *slot = &slots[meter->slot];
        uint64_t count = atomic_load_explicit(&slot->count, memory_order_acquire);
        uint64_t booked = atomic_load_explicit(&slot->booked, memory_order_relaxed);
        if (((count ^ booked) & METER_COUNT_MASK) == 0) {
            continue;
        }
        if (drain->count == METER_DRAIN_MAX) {
            return false;
        }
        meter->log[drain->count] =
            (struct meter_log_entry){meter->seat, meter->slot, count & METER_COUNT_MASK};
        drain->entries[drain->count++] = entry_of(slot, count, booked);
    }
    return true;
}

bool meter_drain_next(struct meter *meter, struct meter_drain *ret_drain)
{
    struct meter_header *header = meter->header;
    ASSERT(meter->recovered && atomic_load(&header->pending) == 0);
    ret_drain->count = 0;
    uint32_t seats = atomic_load(&header->seats);
    while (meter->seat < seats && take_from(meter, ret_drain)) {
        meter->seat++;
        meter->slot = 0;
    }
    if (ret_drain->count == 0) {
        return false;
    }
    ret_drain->number = atomic_load(&header->number) + 1;
    atomic_store(&header->pending_length, (uint32_t)ret_drain->count);
    atomic_store(&header->pending, ret_drain->number); /* last: the log is complete */
    return true;
}

void meter_drain_end(struct meter *meter, bool booked)
{
    uint64_t pending = atomic_load(&meter->header->pending);
    ASSERT(pending != 0);
    if (booked) {
        book(meter, pending);
    } else {
        atomic_store(&meter->header->pending, 0);
    }
}
