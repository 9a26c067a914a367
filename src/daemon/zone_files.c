/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/zone_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"

#define FOLDER "/usr/share/zoneinfo"

static void close_file(FILE **file)
{
    if (*file != NULL) {
        fclose(*file);
    }
}

/* The name is a path that stays in its folder: zone_name_valid. */
static tkr_error_t load(void *context, const char *name, struct zone **ret_zone)
{
    (void)context;
    char path[sizeof(FOLDER) + TIME_ZONE_NAME_BYTES_MAX + 1];
    uint8_t bytes[ZONE_BYTES_MAX + 1]; /* one more is found to be too large */
    ENSURE(zone_name_valid(name, strlen(name)), TKR_NOT_FOUND);
    snprintf(path, sizeof(path), FOLDER "/%s", name);
    FILE *file CLEANUP(close_file) = fopen(path, "re");
    ENSURE(file != NULL, errno == ENOENT || errno == ENOTDIR ? TKR_NOT_FOUND : TKR_IO);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    ENSURE(!ferror(file), errno == EISDIR ? TKR_NOT_FOUND : TKR_IO);
    return zone_parse(bytes, size, ret_zone);
}

struct zone_source zone_files(void)
{
    return (struct zone_source){load, NULL};
}
