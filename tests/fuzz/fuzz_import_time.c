/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a time as another program may write it. What must hold: what is read is in range;
 * what RFC 3339 says about a text is what is read; and a zone of our own choosing moves a local
 * time by exactly its offset, and a time with a zone not at all.
 */
#include "fuzz.h"

#include "base/text.h"
#include "import/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct import_zone utc = {.offset_s = 0}, east = {.offset_s = 3600};
    const char *text = (const char *)data;
    int64_t ms, moved, strict;
    if (import_time_parse(text, size, &utc, &ms) != TKR_OK) {
        return 0;
    }
    ASSERT(ms > 0 && ms <= TEXT_TIME_MS_MAX);
    ASSERT(text_parse_time(text, size, &strict) != TKR_OK || strict == ms);
    if (import_time_parse(text, size, &east, &moved) == TKR_OK) {
        ASSERT(moved == ms || moved == ms - 3600000);
    }
    return 0;
}
