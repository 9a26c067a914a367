/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *what)
{
    /* stdio may itself be what broke, but there is nothing safer that formats a number. */
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}
