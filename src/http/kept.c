/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "http/internal.h"

tkr_error_t kept_reserve(struct kept *kept, size_t bytes, size_t used)
{
    if (bytes <= kept->capacity) {
        return TKR_OK;
    }
    size_t capacity = bytes < 256 ? 256 : bytes;
    char *larger = malloc(capacity);
    ENSURE(larger != NULL, TKR_MEMORY);
    if (used > 0) {
        memcpy(larger, kept->bytes, used);
        secret_wipe(kept->bytes, used);
    }
    free(kept->bytes);
    *kept = (struct kept){larger, capacity};
    return TKR_OK;
}

void kept_release(struct kept *kept, size_t wipe_bytes)
{
    if (wipe_bytes > 0) {
        secret_wipe(kept->bytes, wipe_bytes);
    }
    if (kept->capacity > HTTP_KEPT_BYTES_MAX) {
        kept_free(kept);
    }
}

void kept_free(struct kept *kept)
{
    free(kept->bytes);
    *kept = (struct kept){0};
}
