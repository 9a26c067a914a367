/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/subjects.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 1024U
#define EMPTY UINT32_MAX

struct subject {
    uint64_t text_at;
    uint32_t hash;
    uint16_t length;
    uint8_t kind;
};

struct subjects {
    uint64_t key[2];
    uint32_t *slots; /* numbers; a power of two of them, at most half full */
    uint32_t slot_count;
    uint32_t count, capacity;
    struct subject *rows;
    char *text;
    uint64_t text_bytes, text_capacity;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes a step; each step is keyed. */
static uint32_t hash_of(const struct subjects *subjects, enum limits_subject kind, const char *id,
                        size_t length)
{
    uint64_t state = mix(subjects->key[0] ^ length, subjects->key[1] ^ (uint64_t)kind);
    for (size_t at = 0; at < length; at += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, id + at, length - at < sizeof(word) ? length - at : sizeof(word));
        state = mix(state ^ word, subjects->key[1]);
    }
    return (uint32_t)(state ^ state >> 32);
}

tkr_error_t subjects_new(const struct random_source *random, struct subjects **ret_subjects)
{
    uint64_t key[2];
    TRY(random_fill(random, key, sizeof(key)));
    struct subjects *subjects = calloc(1, sizeof(*subjects));
    ENSURE(subjects != NULL, TKR_MEMORY);
    subjects->key[0] = key[0];
    subjects->key[1] = key[1] | 1;
    *ret_subjects = subjects;
    return TKR_OK;
}

void subjects_free(struct subjects *subjects)
{
    if (subjects != NULL) {
        free(subjects->slots);
        free(subjects->rows);
        free(subjects->text);
        free(subjects);
    }
}

static uint32_t *find_slot(uint32_t *slots, uint32_t slot_count, uint32_t hash)
{
    return &slots[hash & (slot_count - 1)];
}

static uint32_t *next_slot(struct subjects *subjects, uint32_t *slot)
{
    return slot + 1 == subjects->slots + subjects->slot_count ? subjects->slots : slot + 1;
}

/* Twice the slots, and every number in its place. */
static tkr_error_t grow_slots(struct subjects *subjects)
{
    uint32_t count = subjects->slot_count == 0 ? SLOTS_FIRST : 2 * subjects->slot_count;
    uint32_t *slots = malloc(count * sizeof(*slots));
    ENSURE(slots != NULL, TKR_MEMORY);
    memset(slots, 0xff, count * sizeof(*slots)); /* EMPTY */
    free(subjects->slots);
    subjects->slots = slots;
    subjects->slot_count = count;
    for (uint32_t i = 0; i < subjects->count; i++) {
        uint32_t *slot = find_slot(slots, count, subjects->rows[i].hash);
        while (*slot != EMPTY) {
            slot = next_slot(subjects, slot);
        }
        *slot = i;
    }
    return TKR_OK;
}

/* Room for one more subject and its text. */
static tkr_error_t reserve(struct subjects *subjects, size_t text_bytes)
{
    if (subjects->count * 2 >= subjects->slot_count) {
        TRY(grow_slots(subjects));
    }
    if (subjects->count == subjects->capacity) {
        uint32_t capacity = subjects->capacity == 0 ? SLOTS_FIRST : 2 * subjects->capacity;
        struct subject *rows = reallocarray(subjects->rows, capacity, sizeof(*rows));
        ENSURE(rows != NULL, TKR_MEMORY);
        subjects->rows = rows;
        subjects->capacity = capacity;
    }
    if (text_bytes > subjects->text_capacity - subjects->text_bytes) {
        uint64_t capacity = 2 * subjects->text_capacity + SLOTS_FIRST + text_bytes;
        char *text = realloc(subjects->text, capacity);
        ENSURE(text != NULL, TKR_MEMORY);
        subjects->text = text;
        subjects->text_capacity = capacity;
    }
    return TKR_OK;
}

static tkr_error_t add(struct subjects *subjects, const struct subject *row, const char *id,
                       uint32_t *ret_number)
{
    ENSURE(subjects->count < SIMULATE_SUBJECTS_MAX, TKR_CAPACITY);
    TRY(reserve(subjects, row->length));
    uint32_t number = subjects->count++;
    subjects->rows[number] = *row;
    subjects->rows[number].text_at = subjects->text_bytes;
    memcpy(subjects->text + subjects->text_bytes, id, row->length);
    subjects->text_bytes += row->length;
    uint32_t *slot = find_slot(subjects->slots, subjects->slot_count, row->hash);
    while (*slot != EMPTY) {
        slot = next_slot(subjects, slot);
    }
    *slot = number;
    *ret_number = number;
    return TKR_OK;
}

tkr_error_t subjects_number(struct subjects *subjects, enum limits_subject kind, const char *id,
                            size_t length, uint32_t *ret_number)
{
    ASSERT(length <= UINT16_MAX);
    struct subject row = {.hash = hash_of(subjects, kind, id, length),
                          .length = (uint16_t)length,
                          .kind = (uint8_t)kind};
    uint32_t *slot = subjects->slot_count > 0
                         ? find_slot(subjects->slots, subjects->slot_count, row.hash)
                         : NULL;
    for (; slot != NULL && *slot != EMPTY; slot = next_slot(subjects, slot)) {
        const struct subject *there = &subjects->rows[*slot];
        if (there->hash == row.hash && there->length == length && there->kind == row.kind &&
            memcmp(subjects->text + there->text_at, id, length) == 0) {
            *ret_number = *slot;
            return TKR_OK;
        }
    }
    return add(subjects, &row, id, ret_number);
}

uint32_t subjects_count(const struct subjects *subjects)
{
    return subjects->count;
}

enum limits_subject subjects_kind(const struct subjects *subjects, uint32_t number)
{
    ASSERT(number < subjects->count);
    return (enum limits_subject)subjects->rows[number].kind;
}

const char *subjects_id(const struct subjects *subjects, uint32_t number, size_t *ret_length)
{
    ASSERT(number < subjects->count);
    *ret_length = subjects->rows[number].length;
    return subjects->text + subjects->rows[number].text_at;
}
