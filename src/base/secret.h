/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for secrets: locked where the system allows, kept out of core dumps, wiped. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

/* Overwrites; the compiler may not remove it. */
void secret_wipe(void *bytes, size_t length);
/* Whole pages, locked (best effort), MADV_DONTDUMP, zeroed. About 0.1 us for up to a page when
 * one is spare, else 10 us and more. Thread-safe. Errors: TKR_MEMORY. */
MUST_USE tkr_error_t secret_alloc(size_t bytes, void **ret_bytes);
/* Wipes. `length` is what was asked for; NULL is allowed. */
void secret_free(void *bytes, size_t length);
/* Compares in time that depends on `length` only. */
bool secret_equal(const void *a, const void *b, size_t length);
/* No core dumps, not ptraceable by others (RLIMIT_CORE 0, PR_SET_DUMPABLE 0). */
void secret_harden_process(void);

#endif
