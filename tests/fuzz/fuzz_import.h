/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the input as an old store, from a file in memory, and checks what holds for every kind. */
#ifndef FUZZ_FUZZ_IMPORT_H
#define FUZZ_FUZZ_IMPORT_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "import/import.h"

struct fuzz_import_result {
    tkr_error_t error; /* that ended it */
    size_t rows, bad;
};

static void fuzz_check_row(const struct import_row *row)
{
    ASSERT(row->user_id[0] != '\0' && text_is_printable_utf8(row->user_id, strlen(row->user_id)));
    ASSERT(row->name[0] != '\0' && text_is_printable_utf8(row->name, strlen(row->name)));
    ASSERT(row->metadata[0] == '{' && strlen(row->metadata) <= METADATA_BYTES_MAX);
    ASSERT(row->allowed_ip_count <= CIDRS_PER_TOKEN_MAX);
    ASSERT(row->expires_at_ms >= 0 && row->expires_at_ms <= TEXT_TIME_MS_MAX);
    ASSERT(row->tier == NULL || tier_name_valid(row->tier, strlen(row->tier)));
}

static void fuzz_read_all(struct import_source *source, struct fuzz_import_result *result)
{
    uint64_t last = 0;
    for (;;) {
        struct import_row row;
        struct fault fault = {0};
        enum import_outcome outcome = IMPORT_END;
        result->error = import_next(source, &row, &outcome, &fault);
        if (result->error != TKR_OK || outcome == IMPORT_END) {
            return;
        }
        ASSERT(row.number > last);
        last = row.number;
        result->rows += outcome == IMPORT_ROW;
        result->bad += outcome == IMPORT_BAD;
        if (outcome == IMPORT_ROW) {
            fuzz_check_row(&row);
        } else {
            ASSERT(fault.error == TKR_INVALID && fault.detail[0] != '\0');
        }
    }
}

static struct fuzz_import_result fuzz_import(enum import_kind kind, const uint8_t *data,
                                             size_t size)
{
    static const char *const no_environment[] = {NULL};
    struct import_options options = {.prefixes = token_prefixes_default};
    options.environment = (char *const *)(uintptr_t)no_environment;
    struct fuzz_import_result result = {0};
    char path[64];
    int fd = memfd_create("old", MFD_CLOEXEC);
    ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct import_source *source = NULL;
    struct fault fault = {0};
    result.error = import_open(kind, path, &options, &source, &fault);
    if (result.error == TKR_OK) {
        fuzz_read_all(source, &result);
    }
    import_close(source);
    close(fd);
    return result;
}

#endif
