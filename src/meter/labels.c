/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoint labels and their numbers. A number is published by the count in the header, after
 * its text is complete, so that one that was killed in between leaves nothing. Finding is an
 * index in the process with linear probing, four times as large as there are labels; entries
 * are only ever added. The lock for adding is the process's own and dies with it.
 */
#include <stdio.h>
#include <string.h>

#include "meter/format.h"

static const char *const special[] = {"-", "other"};

bool meter_label_valid(const char *label, size_t length)
{
    if (length == 0 || length > METER_LABEL_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = label[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '/' || c == '-')) {
            return false;
        }
    }
    return true;
}

static uint32_t place_of(const struct meter *meter, const struct meter_label *label)
{
    uint64_t hash = meter->header->seed[0];
    for (size_t i = 0; i < sizeof label->text; i += 8) {
        uint64_t word;
        memcpy(&word, label->text + i, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 32;
    }
    return (uint32_t)hash % METER_LABEL_INDEX;
}

/* The place of the label, or the empty one where it would go; the index is never full. */
static uint32_t find(const struct meter *meter, const struct meter_label *label,
                     uint16_t *ret_number)
{
    uint32_t place = place_of(meter, label);
    for (;; place = (place + 1) % METER_LABEL_INDEX) {
        uint16_t entry = atomic_load_explicit(&meter->label_index[place], memory_order_acquire);
        if (entry == 0 || memcmp(&meter->labels[entry - 1], label, sizeof *label) == 0) {
            *ret_number = entry;
            return place;
        }
    }
}

/* Under the mutex, which makes a second look necessary. */
static uint16_t append(struct meter *meter, const struct meter_label *label)
{
    uint16_t entry;
    uint32_t place = find(meter, label, &entry);
    uint32_t count = atomic_load(&meter->header->labels);
    if (entry != 0) {
        return (uint16_t)(entry - 1);
    }
    if (count >= METER_LABELS_MAX) {
        return METER_LABEL_OTHER;
    }
    meter->labels[count] = *label;
    atomic_store(&meter->header->labels, count + 1);
    atomic_store_explicit(&meter->label_index[place], (uint16_t)(count + 1), memory_order_release);
    return (uint16_t)count;
}

uint16_t meter_label_intern(struct meter *meter, const char *label, size_t length)
{
    ASSERT(meter_label_valid(label, length));
    struct meter_label wanted = {0};
    memcpy(wanted.text, label, length);
    uint16_t number;
    (void)find(meter, &wanted, &number);
    if (number != 0) {
        return (uint16_t)(number - 1);
    }
    if (atomic_load(&meter->header->labels) >= METER_LABELS_MAX) {
        return METER_LABEL_OTHER;
    }
    pthread_mutex_lock(&meter->mutex);
    number = append(meter, &wanted);
    pthread_mutex_unlock(&meter->mutex);
    return number;
}

const char *meter_label_text(const struct meter *meter, uint16_t label, char out[METER_LABEL_SIZE])
{
    if (label < METER_LABELS_MAX && label < atomic_load(&meter->header->labels)) {
        memcpy(out, meter->labels[label].text, METER_LABEL_BYTES_MAX);
        out[METER_LABEL_BYTES_MAX] = '\0';
    } else {
        snprintf(out, METER_LABEL_SIZE, "%s", special[label == METER_LABEL_NONE ? 0 : 1]);
    }
    return out;
}

tkr_error_t meter_labels_load(struct meter *meter)
{
    uint32_t count = atomic_load(&meter->header->labels);
    ENSURE(count <= METER_LABELS_MAX, TKR_CORRUPT);
    for (uint32_t i = 0; i < count; i++) {
        const struct meter_label *label = &meter->labels[i];
        uint16_t entry;
        ENSURE(meter_label_valid(label->text, strnlen(label->text, sizeof label->text)),
               TKR_CORRUPT);
        uint32_t place = find(meter, label, &entry);
        ENSURE(entry == 0, TKR_CORRUPT); /* twice */
        atomic_store(&meter->label_index[place], (uint16_t)(i + 1));
    }
    return TKR_OK;
}

void meter_labels_forget(struct meter *meter)
{
    atomic_store(&meter->header->labels, 0);
    for (uint32_t i = 0; i < METER_LABEL_INDEX; i++) {
        atomic_store(&meter->label_index[i], 0);
    }
    memset(meter->labels, 0, METER_LABELS_MAX * sizeof *meter->labels);
}

const char *meter_network_format(uint64_t network, char out[CIDR_TEXT_SIZE])
{
    unsigned family = (unsigned)(network >> 48);
    if (network == METER_NETWORK_NONE || (family != 4 && family != 6)) {
        snprintf(out, CIDR_TEXT_SIZE, "%s", special[network == METER_NETWORK_NONE ? 0 : 1]);
        return out;
    }
    struct cidr cidr = {.network = {.family = (uint8_t)family},
                        .prefix_bits = family == 4 ? 24 : 48};
    for (unsigned i = 0, bytes = cidr.prefix_bits / 8U; i < bytes; i++) {
        cidr.network.bytes[i] = (uint8_t)(network >> (8 * (bytes - 1 - i)));
    }
    return cidr_format(&cidr, out);
}
