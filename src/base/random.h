/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness, injected. Production uses the kernel's (getrandom(2)), which cannot fail
 * after boot; a source that fails makes the operation fail. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

#include "base/check.h"

struct random_source {
    tkr_error_t (*fill)(void *context, void *bytes, size_t length);
    void *context;
};

const struct random_source *random_system(void);

MUST_USE static inline tkr_error_t random_fill(const struct random_source *source, void *bytes,
                                               size_t length)
{
    return source->fill(source->context, bytes, length);
}

#endif
