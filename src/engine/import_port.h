/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store does for imports, beside struct store_port: tokens that others made are looked up
 * by their digest before anything of them is made, and many of them share one event.
 */
#ifndef ENGINE_IMPORT_PORT_H
#define ENGINE_IMPORT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/limits.h"

struct store;
struct store_event;

struct store_found {
    char id[TOKEN_ID_CHARS + 1]; /* "" when only its tombstone is left */
    char org_id[ORG_ID_BYTES_MAX + 1];
    bool revoked; /* also: it was, and has been cleaned away */
};

/* The writer thread only, within a batch. */
struct store_import {
    /* Errors: TKR_NOT_FOUND. */
    tkr_error_t (*find_digest)(struct store *store, const uint8_t digest[TOKEN_DIGEST_BYTES],
                               struct store_found *ret_found);
    /* An event of several tokens, which were inserted without one. */
    tkr_error_t (*put_event)(struct store *store, const struct store_event *event);
    /* What a line counted elsewhere, before it was given out here: no minute has it. */
    tkr_error_t (*put_line)(struct store *store, uint32_t line, uint64_t total,
                            int64_t last_used_ms, const uint8_t *image, size_t bytes);
};

#endif
