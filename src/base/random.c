/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

static tkr_error_t fill(void *context, void *bytes, size_t length)
{
    unsigned char *at = bytes;
    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got > 0, TKR_INTERNAL);
        at += got;
        length -= (size_t)got;
    }
    return TKR_OK;
}

const struct random_source *random_system(void)
{
    static const struct random_source source = {fill, NULL};
    return &source;
}
