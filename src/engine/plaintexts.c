/* SPDX-License-Identifier: Apache-2.0 */
/* One piece of secret memory for all plaintext tokens that wait for their answer: locking
 * pages for each would cost two system calls a token and a whole page. */
#include "base/secret.h"
#include "engine/authority_internal.h"

#define SLOTS_BYTES (PLAINTEXTS_MAX * sizeof(struct plaintext))
_Static_assert(PLAINTEXTS_MAX <= UINT16_MAX, "slot numbers are 16 bits wide");

tkr_error_t plaintexts_init(struct plaintexts *plaintexts)
{
    void *slots = NULL;
    TRY(secret_alloc(SLOTS_BYTES, &slots));
    plaintexts->slots = slots;
    for (size_t i = 0; i < PLAINTEXTS_MAX; i++) {
        plaintexts->free[i] = (uint16_t)i;
    }
    plaintexts->free_count = PLAINTEXTS_MAX;
    pthread_mutex_init(&plaintexts->mutex, NULL);
    return TKR_OK;
}

void plaintexts_deinit(struct plaintexts *plaintexts)
{
    if (plaintexts->slots != NULL) {
        secret_free(plaintexts->slots, SLOTS_BYTES);
        pthread_mutex_destroy(&plaintexts->mutex);
        plaintexts->slots = NULL;
    }
}

struct plaintext *plaintexts_take(struct plaintexts *plaintexts)
{
    struct plaintext *taken = NULL;
    pthread_mutex_lock(&plaintexts->mutex);
    if (plaintexts->free_count > 0) {
        taken = &plaintexts->slots[plaintexts->free[--plaintexts->free_count]];
    }
    pthread_mutex_unlock(&plaintexts->mutex);
    return taken;
}

void plaintexts_return(struct plaintexts *plaintexts, struct plaintext *plaintext)
{
    if (plaintext == NULL) {
        return;
    }
    secret_wipe(plaintext, sizeof(*plaintext));
    pthread_mutex_lock(&plaintexts->mutex);
    plaintexts->free[plaintexts->free_count++] = (uint16_t)(plaintext - plaintexts->slots);
    pthread_mutex_unlock(&plaintexts->mutex);
}
