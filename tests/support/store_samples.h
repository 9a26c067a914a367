/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and events for tests of the store port. */
#ifndef SUPPORT_STORE_SAMPLES_H
#define SUPPORT_STORE_SAMPLES_H

#include "engine/store_port.h"

#define SAMPLE_NOW 1767225600000LL /* 2026-01-01T00:00:00Z */

/* Token `number`: its id, digest and creation time follow from it; org `acme`, user `alice`,
 * name `token`, tier `free`, no line yet. Texts are static. */
struct token sample_token(unsigned number);
/* An event about it. */
struct store_event sample_event(const char *type, const struct token *token);
/* Makes the user and inserts, within a batch. */
MUST_USE tkr_error_t sample_insert(const struct store_port *port, struct token *token);
/* The same as a batch of its own, which must succeed. Returns the token with its line. */
struct token sample_store(const struct store_port *port, struct token token);

#endif
