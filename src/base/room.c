/* SPDX-License-Identifier: Apache-2.0 */
#include "base/room.h"

#include <stdbool.h>
#include <sys/statvfs.h>

#include "base/limits.h"

tkr_error_t room_look(const char *path, uint64_t low_bytes, uint64_t none_bytes,
                      struct room *ret_room)
{
    struct statvfs status;
    ENSURE(statvfs(path, &status) == 0, TKR_IO);
    uint64_t all_bytes = (uint64_t)status.f_blocks * status.f_frsize;
    struct room room = {.free_bytes = (uint64_t)status.f_bavail * status.f_frsize,
                        .free_files = status.f_files > 0 ? status.f_favail : UINT64_MAX};
    room.percent = all_bytes > 0 ? (unsigned)(room.free_bytes * 100 / all_bytes) : 100;
    bool none = room.free_bytes < none_bytes || room.free_files < ROOM_FREE_FILES;
    bool low = room.free_bytes < low_bytes || room.percent < ROOM_FREE_PERCENT;
    room.verdict = none ? ROOM_NONE : low ? ROOM_LOW : ROOM_ENOUGH;
    *ret_room = room;
    return TKR_OK;
}
