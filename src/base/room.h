/* SPDX-License-Identifier: Apache-2.0 */
/* How much room is left where a path is. */
#ifndef BASE_ROOM_H
#define BASE_ROOM_H

#include <stdint.h>

#include "base/check.h"

enum room_verdict { ROOM_ENOUGH, ROOM_LOW, ROOM_NONE };
struct room {
    uint64_t free_bytes;
    unsigned percent;
    uint64_t free_files; /* that can still be made; UINT64_MAX where that is not counted */
    enum room_verdict verdict;
};

/* `none_bytes`, or ROOM_FREE_FILES: less is ROOM_NONE; less than `low_bytes` or ROOM_FREE_PERCENT
 * is ROOM_LOW. Errors: TKR_IO (errno says why). */
MUST_USE tkr_error_t room_look(const char *path, uint64_t low_bytes, uint64_t none_bytes,
                               struct room *ret_room);

#endif
