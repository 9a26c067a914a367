/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/record_check.h"

#include "base/secret.h"
#include "daemon/ini_text.h"
#include "daemon/roff.h"

tkr_error_t record_refuse(const struct record_check *check, const char *key, const char *why)
{
    return record_file_complain(check->file, check->index, key, check->fault, TKR_INVALID, "%s",
                                why);
}

tkr_error_t record_read_secret(const struct record_check *check, const char *key, const char *path,
                               struct buffer *text)
{
    struct fault reason = {0};
    if (path[0] == '\0') {
        return record_refuse(check, key, "it must be given");
    }
    tkr_error_t error = ini_file_read(path, INI_FILE_PRIVATE, text, &reason);
    return error == TKR_OK ? TKR_OK
                           : record_file_complain(check->file, check->index, key, check->fault,
                                                  error, "%s", reason.detail);
}

tkr_error_t record_read_keys(const struct record_check *check, const char *key, const char *path,
                             struct notify_keys **keys)
{
    struct buffer text CLEANUP(buffer_deinit);
    struct fault reason = {0};
    void *memory = NULL;
    buffer_init_secret(&text, NOTIFY_SECRET_FILE_BYTES_MAX);
    TRY(record_read_secret(check, key, path, &text));
    TRY(secret_alloc(sizeof(**keys), &memory));
    *keys = memory;
    tkr_error_t error =
        signature_keys_read(text.data != NULL ? text.data : "", text.length, *keys, &reason);
    return error == TKR_OK ? TKR_OK
                           : record_file_complain(check->file, check->index, key, check->fault,
                                                  error, "%.200s: %s", path, reason.detail);
}

void record_print_manual_rows(const struct config_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        config_print_manual_row(&rows[i], out);
        if (rows[i].flag[0] != '\0') {
            fputs("For: ", out);
            roff_text(out, rows[i].flag);
            fputs(".\n", out);
        }
    }
}
