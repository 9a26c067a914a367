/* SPDX-License-Identifier: Apache-2.0 */
/* A user agent without its versions: `Chrome/131.0.0.0` of today is `Chrome/132.0.0.0` next month,
 * and a new release of a client is no new client. */
#include "monitor/sketch.h"

static bool is_version(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == '_';
}

static uint8_t lower(char c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* FNV-1a. */
uint64_t monitor_agent(const char *text, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++) {
        if (!is_version(text[i])) {
            hash = (hash ^ lower(text[i])) * UINT64_C(0x100000001b3);
        }
    }
    return hash != 0 ? hash : 1;
}
