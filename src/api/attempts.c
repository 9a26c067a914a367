/* SPDX-License-Identifier: Apache-2.0 */
#include "api/attempts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"

#define BUCKET 8U
#define BUCKETS (API_ATTEMPTS_MAX / BUCKET)

/*
 *   key:40 │ retries:4 │ second:20      0: empty
 */
#define SECOND_MASK 0xfffffULL
#define RETRY_SHIFT 20
#define RETRY_ONE (1ULL << RETRY_SHIFT)
#define KEY_SHIFT 24

struct attempts {
    _Atomic uint64_t words[API_ATTEMPTS_MAX];
};

tkr_error_t attempts_new(struct attempts **ret_attempts)
{
    *ret_attempts = calloc(1, sizeof **ret_attempts);
    return *ret_attempts != NULL ? TKR_OK : TKR_MEMORY;
}

void attempts_free(struct attempts *attempts)
{
    free(attempts);
}

tkr_error_t attempt_key(const char *id, size_t id_length, const char *token, size_t token_length,
                        uint64_t *ret_key)
{
    char bytes[API_ATTEMPT_ID_BYTES_MAX + 1 + TOKEN_TEXT_BYTES_MAX];
    uint8_t digest[DIGEST_SHA256_BYTES];
    ENSURE(id_length > 0 && id_length <= API_ATTEMPT_ID_BYTES_MAX, TKR_INVALID);
    for (size_t i = 0; i < id_length; i++) {
        ENSURE(id[i] > 0x20 && id[i] < 0x7f, TKR_INVALID);
    }
    token_length = token_length < TOKEN_TEXT_BYTES_MAX ? token_length : TOKEN_TEXT_BYTES_MAX;
    memcpy(bytes, id, id_length);
    bytes[id_length] = '\0';
    memcpy(bytes + id_length + 1, token, token_length);
    tkr_error_t error = digest_sha256(bytes, id_length + 1 + token_length, digest);
    explicit_bzero(bytes, sizeof bytes);
    TRY(error);
    memcpy(ret_key, digest, sizeof *ret_key);
    return TKR_OK;
}

static _Atomic uint64_t *bucket_of(struct attempts *attempts, uint64_t key)
{
    return &attempts->words[key % BUCKETS * BUCKET];
}

static bool is_of(uint64_t word, uint64_t key)
{
    return word != 0 && word >> KEY_SHIFT == key >> KEY_SHIFT;
}

static uint64_t age_s(uint64_t word, int64_t now_s)
{
    return ((uint64_t)now_s - word) & SECOND_MASK;
}

bool attempts_take(struct attempts *attempts, uint64_t key, int64_t now_s)
{
    _Atomic uint64_t *bucket = bucket_of(attempts, key);
    for (size_t i = 0; i < BUCKET; i++) {
        uint64_t word = atomic_load(&bucket[i]);
        while (is_of(word, key) && age_s(word, now_s) <= API_ATTEMPT_S &&
               (word >> RETRY_SHIFT & 0xf) < API_ATTEMPT_RETRIES_MAX) {
            if (atomic_compare_exchange_weak(&bucket[i], &word, word + RETRY_ONE)) {
                return true;
            }
        }
    }
    return false;
}

void attempts_note(struct attempts *attempts, uint64_t key, int64_t now_s)
{
    _Atomic uint64_t *bucket = bucket_of(attempts, key);
    size_t oldest = 0;
    uint64_t oldest_age_s = 0;
    for (size_t i = 0; i < BUCKET; i++) {
        uint64_t word = atomic_load(&bucket[i]);
        uint64_t age = word == 0 || is_of(word, key) ? SECOND_MASK + 1 : age_s(word, now_s);
        if (age > oldest_age_s) {
            oldest = i;
            oldest_age_s = age;
        }
    }
    /* Of two that write here at once one is forgotten: its retry counts again. */
    atomic_store(&bucket[oldest],
                 (key >> KEY_SHIFT << KEY_SHIFT) | ((uint64_t)now_s & SECOND_MASK));
}
