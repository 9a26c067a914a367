/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error with the words that a person needs to mend it: which member, which file,
 * which range. Never contains a token.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "base/check.h"

#define FAULT_DETAIL_BYTES 512
#define FAULT_FIELD_BYTES 64

struct fault {
    tkr_error_t error;
    char field[FAULT_FIELD_BYTES];   /* the member, key or flag at fault; "" if none */
    char detail[FAULT_DETAIL_BYTES]; /* a sentence, cut at the maximum; "" if none */
};

/*
 * Fills `fault` (NULL is allowed: nothing happens) and returns `error`, so that
 * `return fault_set(fault, TKR_OUT_OF_RANGE, "cost", "must be 0 to %d", MAX);` reads well.
 */
tkr_error_t fault_set(struct fault *fault, tkr_error_t error, const char *field, const char *format,
                      ...) PRINTF_LIKE(4, 5);

#endif
