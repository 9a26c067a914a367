/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens and users of a recording, numbered as they first appear. A token and a user of the
 * same text are two.
 *
 * Memory: 16 bytes and its text each, and 4 to 8 for the index; while a table grows, the old one
 * beside it. Not thread-safe.
 */
#ifndef SIMULATE_SUBJECTS_H
#define SIMULATE_SUBJECTS_H

#include <stdint.h>

#include "base/limits.h"
#include "base/random.h"
#include "policy/limits_spec.h"

#define SUBJECT_NONE UINT32_MAX

struct subjects;

/* Errors: TKR_MEMORY, those of the random source (the index is keyed: whoever chooses names may
 * not choose where they stand). */
MUST_USE tkr_error_t subjects_new(const struct random_source *random,
                                  struct subjects **ret_subjects);
void subjects_free(struct subjects *subjects); /* NULL is allowed */

/* The number of a name that may be new. `kind` is LIMITS_OF_TOKEN or LIMITS_OF_USER. Errors:
 * TKR_CAPACITY (SIMULATE_SUBJECTS_MAX), TKR_MEMORY. */
MUST_USE tkr_error_t subjects_number(struct subjects *subjects, enum limits_subject kind,
                                     const char *id, size_t length, uint32_t *ret_number);
uint32_t subjects_count(const struct subjects *subjects);
enum limits_subject subjects_kind(const struct subjects *subjects, uint32_t number);
/* Not terminated; good until the next name is added. */
const char *subjects_id(const struct subjects *subjects, uint32_t number, size_t *ret_length);

#endif
