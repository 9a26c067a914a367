/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/audit_archives.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/archive.h"

#define PATH_BYTES 4096

static void close_file(FILE **file)
{
    if (*file != NULL && *file != stdin) {
        fclose(*file);
    }
}

static void free_text(char **text)
{
    free(*text);
}

static tkr_error_t cannot_read(const char *path, struct fault *fault)
{
    int number = errno;
    return fault_set(fault, number == ENOENT ? TKR_NOT_FOUND : TKR_IO, "", "%s: %s", path,
                     strerror(number));
}

static void found(void *context, const struct audit_finding *finding)
{
    struct audit_archives *archives = context;
    archives->findings++;
    archives->check->found(archives->check->context, finding, archives->where);
}

static void tell(struct audit_archives *archives, enum audit_finding_kind kind, uint64_t seq,
                 uint64_t until)
{
    found(archives, &(const struct audit_finding){kind, seq, until});
}

tkr_error_t audit_archives_init(struct audit_archives *archives,
                                const struct audit_log_check *check, const uint8_t *key)
{
    memset(archives, 0, sizeof(*archives));
    archives->check = check;
    audit_copy_init(&archives->copy, found, archives);
    if (key != NULL) {
        TRY(audit_copy_trust(&archives->copy, key));
    }
    for (size_t i = 0; i < check->trusted_count; i++) {
        TRY(audit_copy_trust(&archives->copy, check->trusted[i]));
    }
    return TKR_OK;
}

void audit_archives_deinit(struct audit_archives *archives)
{
    audit_copy_deinit(&archives->copy);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Whether its first line says what its name does. */
static bool is_of(const struct audit_line *line, const struct archive *archive,
                  const struct archive_range *range)
{
    return line->kind == AUDIT_LINE_BEGIN && line->begin.first_seq == range->first_seq &&
           memcmp(line->begin.store_id, archive->store_id, AUDIT_STORE_ID_BYTES) == 0;
}

static tkr_error_t read_lines(struct audit_archives *archives, FILE *file, const char *path,
                              struct fault *fault)
{
    tkr_error_t error = audit_copy_read(&archives->copy, file);
    if (error == TKR_NOT_FOUND) {
        return fault_set(fault, TKR_MALFORMED, "",
                         "%s: it does not say where it begins: this is no archive, and no export "
                         "of a whole log",
                         path);
    }
    return error == TKR_IO ? cannot_read(path, fault) : error;
}

static FILE *open_lines(const char *path)
{
    return strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
}

tkr_error_t audit_archives_read_file(struct audit_archives *archives, const char *path,
                                     struct fault *fault)
{
    FILE *file CLEANUP(close_file) = open_lines(path);
    if (file == NULL) {
        return cannot_read(path, fault);
    }
    audit_copy_expect(&archives->copy, archives->check->kept, archives->check->kept_count,
                      UINT64_MAX);
    TRY(read_lines(archives, file, path, fault));
    if (!archives->copy.begun) {
        return fault_set(fault, TKR_MALFORMED, "", "%s: there is nothing in it", path);
    }
    audit_copy_end(&archives->copy);
    return TKR_OK;
}

/* --- a directory of them ---------------------------------------------------------------------- */

/* A file that has not what its name says is left out, and so what should be in it is missing. */
static tkr_error_t check_name(struct audit_archives *archives, FILE *file,
                              const struct archive *archive, const struct archive_range *range,
                              bool *ret_fits)
{
    char *line CLEANUP(free_text) = NULL;
    size_t size = 0;
    ssize_t length = getline(&line, &size, file);
    struct audit_line *read = malloc(sizeof(*read));
    ENSURE(read != NULL, TKR_MEMORY);
    *ret_fits = length > 0 && audit_line_read(line, (size_t)length - 1, read) == TKR_OK &&
                is_of(read, archive, range);
    free(read);
    if (!*ret_fits) {
        tell(archives, AUDIT_FOREIGN, range->first_seq, range->last_seq);
    }
    rewind(file);
    return TKR_OK;
}

static tkr_error_t read_archive(struct audit_archives *archives, const struct archive *archive,
                                const struct archive_range *range, struct fault *fault)
{
    char path[PATH_BYTES];
    bool fits = false;
    snprintf(path, sizeof(path), "%s/%s", archive->directory, archives->where);
    FILE *file CLEANUP(close_file) = fopen(path, "re");
    if (file == NULL) {
        return cannot_read(path, fault);
    }
    TRY(check_name(archives, file, archive, range, &fits));
    if (!fits) {
        return TKR_OK;
    }
    uint64_t before = archives->copy.lines;
    archives->files++;
    TRY(read_lines(archives, file, path, fault));
    if (archives->copy.signed_seq != range->last_seq ||
        archives->copy.lines - before != archive_lines(range) ||
        archives->copy.verifier.next_seq != range->last_seq + 1) {
        tell(archives, AUDIT_NOT_AS_SIGNED, range->last_seq, range->last_seq);
    }
    return TKR_OK;
}

struct ranges {
    struct archive_range *all;
    size_t count, room;
};

static void ranges_release(struct ranges *ranges)
{
    free(ranges->all);
}

static int by_first(const void *a, const void *b)
{
    const struct archive_range *left = a, *right = b;
    return left->first_seq != right->first_seq ? (left->first_seq < right->first_seq ? -1 : 1)
           : left->last_seq < right->last_seq  ? -1
                                               : left->last_seq > right->last_seq;
}

static tkr_error_t add_range(struct ranges *ranges, const struct archive_range *range)
{
    if (ranges->count == ranges->room) {
        size_t room = ranges->room > 0 ? 2 * ranges->room : 64;
        void *grown = reallocarray(ranges->all, room, sizeof(ranges->all[0]));
        ENSURE(grown != NULL, TKR_MEMORY);
        ranges->all = grown;
        ranges->room = room;
    }
    ranges->all[ranges->count++] = *range;
    return TKR_OK;
}

static tkr_error_t list(const struct archive *archive, struct ranges *ranges, struct fault *fault)
{
    DIR *directory = opendir(archive->directory);
    const struct dirent *entry;
    struct archive_range range;
    tkr_error_t error = TKR_OK;
    if (directory == NULL) {
        return cannot_read(archive->directory, fault);
    }
    while (error == TKR_OK && (entry = readdir(directory)) != NULL) {
        if (archive_name_read(archive, entry->d_name, &range)) {
            error = add_range(ranges, &range);
        }
    }
    closedir(directory);
    if (ranges->count > 0) {
        qsort(ranges->all, ranges->count, sizeof(ranges->all[0]), by_first);
    }
    return error;
}

static tkr_error_t read_directory(struct audit_archives *archives, const struct store_log *log,
                                  struct fault *fault)
{
    struct ranges ranges CLEANUP(ranges_release) = {0};
    struct archive archive = {.directory = archives->check->archives};
    char name[ARCHIVE_NAME_SIZE];
    memcpy(archive.store_id, log->store_id, sizeof(archive.store_id));
    TRY(list(&archive, &ranges, fault));
    for (size_t i = 0; i < ranges.count; i++) {
        archives->where = archive_name(&archive, &ranges.all[i], name);
        TRY(read_archive(archives, &archive, &ranges.all[i], fault));
    }
    archives->where = NULL;
    return TKR_OK;
}

/* --- both ends -------------------------------------------------------------------------------- */

/* The first archive follows nothing. */
static tkr_error_t check_beginning(struct audit_archives *archives, const struct store_log *log,
                                   const uint8_t *base, uint64_t first_seq)
{
    uint8_t begin[AUDIT_DIGEST_BYTES];
    TRY(audit_chain_begin(log->store_id, sizeof(log->store_id), begin));
    if (memcmp(begin, base, sizeof(begin)) != 0) {
        tell(archives, first_seq > 1 ? AUDIT_MISSING : AUDIT_CHANGED, 1,
             first_seq > 1 ? first_seq - 1 : 1);
    }
    return TKR_OK;
}

/* What the log begins behind is what the archives have there. They may have more: of a run that was
 * killed before the log let go of it. */
static void check_end(struct audit_archives *archives, const struct store_log *log)
{
    const struct audit_copy *copy = &archives->copy;
    uint64_t first = log->head.first_seq, next = copy->verifier.next_seq;
    const uint8_t *digest = next == first ? copy->verifier.digest : copy->watched;
    if (next < first) {
        tell(archives, AUDIT_MISSING, next, first - 1);
    } else if ((next > first && !copy->watched_met) ||
               memcmp(digest, log->head.base, AUDIT_DIGEST_BYTES) != 0) {
        tell(archives, AUDIT_CHANGED, first - 1, first - 1);
    }
}

tkr_error_t audit_archives_read(struct audit_archives *archives, const struct store_log *log,
                                struct fault *fault)
{
    struct audit_copy *copy = &archives->copy;
    copy->watched_seq = log->head.first_seq - 1;
    audit_copy_expect(copy, archives->check->kept, archives->check->kept_count,
                      log->head.first_seq); /* those of later events are the log's */
    if (strcmp(archives->check->archives, "-") == 0) {
        TRY(read_lines(archives, stdin, "-", fault));
    } else {
        TRY(read_directory(archives, log, fault));
    }
    if (!copy->begun) { /* there may be none yet */
        return check_beginning(archives, log, log->head.base, log->head.first_seq);
    }
    TRY(check_beginning(archives, log, copy->base, copy->verifier.first_seq));
    audit_copy_end(copy);
    check_end(archives, log);
    return TKR_OK;
}
