/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scopes: `resource:action`, `resource:*` and `*`. A set of scopes is a text with single
 * spaces between (as RFC 6749 §3.3 writes them), sorted and without duplicates, so that
 * equal sets are equal texts. Pure.
 */
#ifndef POLICY_SCOPES_H
#define POLICY_SCOPES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/fault.h"
#include "base/limits.h"

/* One scope: segments of [A-Za-z0-9._/-] with `:` between, none empty, SCOPE_BYTES_MAX in all;
 * `*` may stand alone or as the last segment after a `:`. A scope without `:` is allowed (document
 * 003 has `api_read`) and matches only itself or `*`. */
bool scope_valid(const char *scope, size_t length);

/* Sorts, removes duplicates and joins; `ret_text` is replaced, and only on success;
 * its data is then a text, "" for no scopes. Errors:
 * TKR_INVALID naming the scope in `fault` (field `scopes`), TKR_OUT_OF_RANGE past
 * SCOPES_PER_TOKEN_MAX or SCOPES_TEXT_BYTES_MAX, TKR_TOO_LARGE when the buffer allows less. */
MUST_USE tkr_error_t scopes_join(const char *const *scopes, size_t count, struct buffer *ret_text,
                                 struct fault *fault);

/* Whether the set grants `scope`: itself, a covering `resource:*`, or `*`. `a:*` covers all that
 * begins with `a:`, also `a:b:c` and `a:b:*`; it does not cover `a`. No set grants "". */
bool scopes_grant(const char *set, size_t set_length, const char *scope, size_t scope_length);

/* Whether every scope of `asked` is granted by `set` (the no-escalation rule); asking for
 * nothing is covered by all. */
bool scopes_cover(const char *set, size_t set_length, const char *asked, size_t asked_length);

/* The scopes that are in either set (both canonical), canonical; `ret_text` is replaced, and only
 * on success. Errors: as scopes_join, past the maxima of a token. */
MUST_USE tkr_error_t scopes_union(const char *a, size_t a_length, const char *b, size_t b_length,
                                  struct buffer *ret_text, struct fault *fault);

/* Next scope of a set: returns its start and length and advances *position (begin with 0);
 * NULL at the end. Additional spaces are passed over. */
const char *scopes_next(const char *set, size_t set_length, size_t *position, size_t *ret_length);

#endif
