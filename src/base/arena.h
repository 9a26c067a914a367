/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded bump allocator for the lifetime of one request. Freed at once. Never for
 * secrets (base/secret.h). When the bound is reached, allocations return NULL and the
 * arena stays overflowed (sticky), so that a sequence may check once at its end.
 *
 *     struct arena *arena;
 *     TRY(arena_new(64 * 1024, &arena));
 *     const char *name = arena_copy(arena, text, length);
 *     ENSURE(!arena_overflowed(arena), TKR_TOO_LARGE);
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct arena;

/* `bytes_max` bounds the sum of all allocations. Errors: TKR_MEMORY. */
MUST_USE tkr_error_t arena_new(size_t bytes_max, struct arena **ret_arena);
void arena_free(struct arena *arena);    /* NULL is allowed */
void arena_free_p(struct arena **arena); /* for CLEANUP */
/* Zeroed memory aligned to 16 bytes, or NULL. */
void *arena_alloc(struct arena *arena, size_t bytes);
/* A NUL-terminated copy of `length` bytes, or NULL. */
char *arena_copy(struct arena *arena, const char *text, size_t length);
char *arena_print(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
bool arena_overflowed(const struct arena *arena);
/* Forgets everything that was allocated and keeps the first block. */
void arena_reset(struct arena *arena);

#endif
