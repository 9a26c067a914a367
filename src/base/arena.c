/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena is a chain of blocks, newest first; only the newest is allocated from:
 *
 *     arena ─▶ block (newest) ─▶ block ─▶ first block (survives a reset)
 *
 * Blocks double in size, and no block is larger than what the bound still allows, so the
 * memory held is at most about twice the bound.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 16
#define FIRST_BLOCK_BYTES 4096

struct block {
    struct block *older;
    size_t capacity;
    size_t used;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
    struct block *newest;
    size_t bytes_max;
    size_t bytes_used; /* the sum over all blocks */
    bool overflowed;
};

static struct block *block_new(size_t capacity, struct block *older)
{
    struct block *block = malloc(sizeof(*block) + capacity);
    if (block != NULL) {
        *block = (struct block){.older = older, .capacity = capacity};
    }
    return block;
}

tkr_error_t arena_new(size_t bytes_max, struct arena **ret_arena)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    ENSURE(arena != NULL, TKR_MEMORY);
    arena->bytes_max = bytes_max;
    arena->newest = block_new(bytes_max < FIRST_BLOCK_BYTES ? bytes_max : FIRST_BLOCK_BYTES, NULL);
    if (arena->newest == NULL) {
        free(arena);
        return TKR_MEMORY;
    }
    *ret_arena = arena;
    return TKR_OK;
}

void arena_free(struct arena *arena)
{
    if (arena == NULL) {
        return;
    }
    for (struct block *block = arena->newest; block != NULL;) {
        struct block *older = block->older;
        free(block);
        block = older;
    }
    free(arena);
}

void arena_free_p(struct arena **arena)
{
    arena_free(*arena);
    *arena = NULL;
}

/* Makes a newest block with room for `bytes`, which the bound is known to allow. */
static bool grow(struct arena *arena, size_t bytes)
{
    size_t left = arena->bytes_max - arena->bytes_used;
    size_t capacity = arena->newest->capacity > left / 2 ? left : arena->newest->capacity * 2;
    struct block *block = block_new(capacity > bytes ? capacity : bytes, arena->newest);
    if (block == NULL) {
        return false;
    }
    arena->newest = block;
    return true;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    bytes = bytes > 0 ? bytes : 1; /* so that every allocation has an address of its own */
    /* The bound is asked before rounding up, so that rounding cannot wrap around. */
    if (arena->overflowed || bytes > arena->bytes_max - arena->bytes_used) {
        arena->overflowed = true;
        return NULL;
    }
    size_t rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (rounded < bytes || rounded > arena->bytes_max - arena->bytes_used) {
        rounded = arena->bytes_max - arena->bytes_used; /* the tail of the bound is the last */
    }
    if (rounded > arena->newest->capacity - arena->newest->used && !grow(arena, rounded)) {
        arena->overflowed = true;
        return NULL;
    }
    struct block *block = arena->newest;
    void *memory = block->bytes + block->used;
    block->used += rounded;
    arena->bytes_used += rounded;
    memset(memory, 0, bytes);
    return memory;
}

char *arena_copy(struct arena *arena, const char *text, size_t length)
{
    char *copy = length < SIZE_MAX ? arena_alloc(arena, length + 1) : NULL;
    if (copy == NULL) {
        arena->overflowed = true;
        return NULL;
    }
    if (length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}

char *arena_print(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length >= 0 ? arena_alloc(arena, (size_t)length + 1) : NULL;
    if (text == NULL) {
        arena->overflowed = true;
        return NULL;
    }
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

bool arena_overflowed(const struct arena *arena)
{
    return arena->overflowed;
}

void arena_reset(struct arena *arena)
{
    while (arena->newest->older != NULL) {
        struct block *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    arena->newest->used = 0;
    arena->bytes_used = 0;
    arena->overflowed = false;
}
