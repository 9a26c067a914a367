/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into an environment that was given. */
#ifndef DAEMON_ENVIRONMENT_H
#define DAEMON_ENVIRONMENT_H

#include <stddef.h>
#include <string.h>

/* The value of a variable; NULL when it is not there. */
static inline const char *environment_value(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=') {
            return environment[i] + length + 1;
        }
    }
    return NULL;
}

#endif
