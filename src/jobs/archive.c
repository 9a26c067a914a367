/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/copy.h"
#include "base/text.h"

#include <jansson.h>

#define ID_SHOWN_BYTES 4
#define PATH_BYTES 4096
#define STOP_EVERY_EVENTS 1000

static void close_file(FILE **file)
{
    if (*file != NULL) {
        fclose(*file);
    }
}

static void close_directory(DIR **directory)
{
    if (*directory != NULL) {
        closedir(*directory);
    }
}

static tkr_error_t fail(struct fault *fault, const char *path)
{
    int number = errno;
    tkr_error_t error = number == ENOENT || number == ENOTDIR  ? TKR_NOT_FOUND
                        : number == EACCES || number == EROFS  ? TKR_READ_ONLY
                        : number == ENOSPC || number == EDQUOT ? TKR_NO_SPACE
                        : number == EFBIG                      ? TKR_NO_SPACE
                                                               : TKR_IO;
    return fault_set(fault, error, "audit.archive_directory", "%s: %s", path, strerror(number));
}

/* --- names ------------------------------------------------------------------------------------ */

static void write_prefix(const struct archive *archive, char out[ARCHIVE_NAME_SIZE])
{
    char id[2 * ID_SHOWN_BYTES + 1];
    text_hex(archive->store_id, ID_SHOWN_BYTES, id);
    snprintf(out, ARCHIVE_NAME_SIZE, "audit-%s-", id);
}

const char *archive_name(const struct archive *archive, const struct archive_range *range,
                         char out[ARCHIVE_NAME_SIZE])
{
    char prefix[ARCHIVE_NAME_SIZE];
    write_prefix(archive, prefix);
    snprintf(out, ARCHIVE_NAME_SIZE, "%.20s%016" PRIu64 "-%016" PRIu64 ".ndjson", prefix,
             range->first_seq, range->last_seq);
    return out;
}

uint64_t archive_lines(const struct archive_range *range)
{
    return range->last_seq - range->first_seq + 3;
}

/* Only exactly as archive_name writes it. */
bool archive_name_read(const struct archive *archive, const char *name,
                       struct archive_range *ret_range)
{
    char again[ARCHIVE_NAME_SIZE];
    struct archive_range range = {0, 0};
    write_prefix(archive, again);
    size_t prefix = strlen(again);
    if (strlen(name) < prefix + 33 ||
        text_parse_u64(name + prefix, 16, &range.first_seq) != TKR_OK ||
        text_parse_u64(name + prefix + 17, 16, &range.last_seq) != TKR_OK || range.first_seq < 1 ||
        range.last_seq < range.first_seq ||
        strcmp(archive_name(archive, &range, again), name) != 0) {
        return false;
    }
    *ret_range = range;
    return true;
}

tkr_error_t archive_find(const struct archive *archive, uint64_t seq,
                         struct archive_range *ret_range, struct fault *fault)
{
    DIR *directory CLEANUP(close_directory) = opendir(archive->directory);
    struct archive_range range, best = {0, 0};
    const struct dirent *entry;
    if (directory == NULL) {
        return fail(fault, archive->directory);
    }
    while ((entry = readdir(directory)) != NULL) {
        if (archive_name_read(archive, entry->d_name, &range) && range.first_seq <= seq &&
            range.last_seq >= seq && (best.last_seq == 0 || range.last_seq < best.last_seq)) {
            best = range;
        }
    }
    ENSURE(best.last_seq != 0, TKR_NOT_FOUND);
    *ret_range = best;
    return TKR_OK;
}

static tkr_error_t make_path(const struct archive *archive, const char *name, const char *suffix,
                             char ret_path[PATH_BYTES], struct fault *fault)
{
    int length = snprintf(ret_path, PATH_BYTES, "%s/%s%s", archive->directory, name, suffix);
    if (length < 0 || length >= PATH_BYTES) {
        return fault_set(fault, TKR_TOO_LARGE, "audit.archive_directory", "the path is too long");
    }
    return TKR_OK;
}

/* --- checking --------------------------------------------------------------------------------- */

/* The first thing that does not hold. That the daemon found the log changed once, and said so in
 * it, is no reason to keep it for ever: whoever looks at the archive is told, too. */
struct doubt {
    bool any;
    struct audit_finding first;
};

static void doubt_it(void *context, const struct audit_finding *finding)
{
    struct doubt *doubt = context;
    if (!doubt->any && finding->kind != AUDIT_BROKEN) {
        doubt->any = true;
        doubt->first = *finding;
    }
}

static tkr_error_t tell_doubt(const struct doubt *doubt, const char *what, struct fault *fault)
{
    if (!doubt->any) {
        return TKR_OK;
    }
    return fault_set(fault, TKR_CORRUPT, "audit.archive_directory", "%s: event %llu: %s", what,
                     (unsigned long long)doubt->first.seq, audit_finding_name(doubt->first.kind));
}

static tkr_error_t check_range(const struct archive *archive, const struct archive_range *range,
                               const struct store_head *head, const struct audit_copy *copy,
                               const char *path, struct fault *fault)
{
    const struct audit_verifier *verifier = &copy->verifier;
    bool whole = verifier->first_seq == range->first_seq &&
                 verifier->next_seq == range->last_seq + 1 && copy->signed_seq == range->last_seq &&
                 copy->lines == archive_lines(range) &&
                 memcmp(verifier->store_id, archive->store_id, AUDIT_STORE_ID_BYTES) == 0;
    bool joined = range->first_seq == head->first_seq || copy->watched_met;
    const uint8_t *base = range->first_seq == head->first_seq ? copy->base : copy->watched;
    if (!whole || !joined || memcmp(base, head->base, AUDIT_DIGEST_BYTES) != 0) {
        return fault_set(fault, TKR_CORRUPT, "audit.archive_directory",
                         "%s: it has not what its name says, or not of this log; move it away",
                         path);
    }
    return TKR_OK;
}

static tkr_error_t check_path(const struct archive *archive, const struct archive_range *range,
                              const struct store_head *head, const char *path,
                              uint8_t ret_digest[AUDIT_DIGEST_BYTES], struct fault *fault)
{
    struct doubt doubt = {0};
    struct audit_copy copy CLEANUP(audit_copy_deinit);
    audit_copy_init(&copy, doubt_it, &doubt);
    copy.watched_seq = head->first_seq - 1;
    FILE *file CLEANUP(close_file) = fopen(path, "re");
    if (file == NULL) {
        return fail(fault, path);
    }
    (void)posix_fadvise(fileno(file), 0, 0, POSIX_FADV_DONTNEED); /* what the disk has */
    TRY(audit_copy_trust(&copy, archive->public_key));
    tkr_error_t error = audit_copy_read(&copy, file);
    if (error == TKR_IO) {
        return fail(fault, path);
    }
    if (error != TKR_OK) {
        return fault_set(fault, TKR_CORRUPT, "audit.archive_directory",
                         "%s: this is no archive of an audit log", path);
    }
    audit_copy_end(&copy);
    TRY(tell_doubt(&doubt, path, fault));
    TRY(check_range(archive, range, head, &copy, path, fault));
    memcpy(ret_digest, copy.verifier.digest, AUDIT_DIGEST_BYTES);
    return TKR_OK;
}

tkr_error_t archive_check(const struct archive *archive, const struct archive_range *range,
                          const struct store_head *head, uint8_t ret_digest[AUDIT_DIGEST_BYTES],
                          struct fault *fault)
{
    char name[ARCHIVE_NAME_SIZE], path[PATH_BYTES];
    TRY(make_path(archive, archive_name(archive, range, name), "", path, fault));
    return check_path(archive, range, head, path, ret_digest, fault);
}

/* --- the log ---------------------------------------------------------------------------------- */

struct walk {
    struct audit_verifier verifier;
    FILE *file; /* NULL: it is only looked at */
    const char *path;
    struct buffer line;
    bool (*stop)(void *context);
    void *context;
    struct fault *fault;
};

static void walk_release(struct walk *walk)
{
    audit_verifier_deinit(&walk->verifier);
    buffer_deinit(&walk->line);
}

static tkr_error_t write_line(struct walk *walk)
{
    buffer_add_char(&walk->line, '\n');
    TRY(buffer_status(&walk->line));
    if (fwrite(walk->line.data, 1, walk->line.length, walk->file) != walk->line.length) {
        return fail(walk->fault, walk->path);
    }
    buffer_clear(&walk->line);
    return TKR_OK;
}

static tkr_error_t write_event(struct walk *walk, const struct store_log_event *event)
{
    const char *details = event->event.fields[AUDIT_FIELD_DETAILS];
    json_t *object = json_loads(details, JSON_REJECT_DUPLICATES, NULL);
    audit_line_put_event(&walk->line, &event->event, event->has_digest ? event->digest : NULL,
                         json_is_object(object));
    json_decref(object);
    return write_line(walk);
}

static tkr_error_t visit(void *context, const struct store_log_event *event)
{
    struct walk *walk = context;
    audit_verifier_event(&walk->verifier, &event->event, event->has_digest ? event->digest : NULL);
    if (walk->stop != NULL && walk->verifier.events % STOP_EVERY_EVENTS == 0 &&
        walk->stop(walk->context)) {
        return TKR_UNAVAILABLE;
    }
    return walk->file != NULL ? write_event(walk, event) : TKR_OK;
}

static tkr_error_t walk_log(struct walk *walk, const struct archive *archive,
                            const struct store_port *store, const struct store_head *head,
                            uint64_t last_seq)
{
    struct doubt doubt = {0};
    audit_verifier_init(&walk->verifier, archive->store_id, head->first_seq, head->base, doubt_it,
                        &doubt);
    TRY(store->audit.each_event(store->store, head->first_seq, last_seq, visit, walk));
    audit_verifier_end(&walk->verifier, last_seq, walk->verifier.digest);
    return tell_doubt(&doubt, "the audit log", walk->fault);
}

tkr_error_t archive_check_log(const struct archive *archive, const struct store_port *store,
                              const struct store_head *head, uint64_t last_seq,
                              uint8_t ret_digest[AUDIT_DIGEST_BYTES], struct fault *fault)
{
    struct walk walk CLEANUP(walk_release) = {.fault = fault};
    buffer_init(&walk.line, AUDIT_LINE_BYTES_MAX);
    TRY(walk_log(&walk, archive, store, head, last_seq));
    memcpy(ret_digest, walk.verifier.digest, AUDIT_DIGEST_BYTES);
    return TKR_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

static tkr_error_t write_all(struct walk *walk, const struct archive *archive,
                             const struct store_port *store, const struct store_head *head,
                             const struct audit_checkpoint *checkpoint)
{
    struct audit_begin begin = {.first_seq = head->first_seq};
    memcpy(begin.store_id, archive->store_id, sizeof(begin.store_id));
    memcpy(begin.base, head->base, sizeof(begin.base));
    audit_line_put_begin(&walk->line, &begin);
    TRY(write_line(walk));
    TRY(walk_log(walk, archive, store, head, checkpoint->seq));
    audit_line_put_checkpoint(&walk->line, checkpoint);
    TRY(write_line(walk));
    if (fflush(walk->file) != 0 || fsync(fileno(walk->file)) != 0) {
        return fail(walk->fault, walk->path);
    }
    return TKR_OK;
}

/* What an earlier try left behind is begun anew. */
static FILE *create(const char *path)
{
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL && fd >= 0) {
        close(fd);
    }
    return file;
}

static tkr_error_t write_new(const struct archive *archive, const struct store_port *store,
                             const struct store_head *head,
                             const struct audit_checkpoint *checkpoint, const char *path,
                             struct walk *walk)
{
    FILE *file CLEANUP(close_file) = create(path);
    if (file == NULL) {
        return fail(walk->fault, path);
    }
    walk->file = file;
    walk->path = path;
    return write_all(walk, archive, store, head, checkpoint);
}

static tkr_error_t sync_directory(const struct archive *archive, struct fault *fault)
{
    int fd = open(archive->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    tkr_error_t error = synced ? TKR_OK : fail(fault, archive->directory);
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

tkr_error_t archive_write(const struct archive *archive, const struct store_port *store,
                          const struct store_head *head, const struct audit_checkpoint *checkpoint,
                          bool (*stop)(void *context), void *context, struct fault *fault)
{
    const struct archive_range range = {head->first_seq, checkpoint->seq};
    char name[ARCHIVE_NAME_SIZE], path[PATH_BYTES], fresh[PATH_BYTES];
    uint8_t digest[AUDIT_DIGEST_BYTES];
    struct walk walk CLEANUP(walk_release) = {.stop = stop, .context = context, .fault = fault};
    buffer_init(&walk.line, AUDIT_LINE_BYTES_MAX);
    archive_name(archive, &range, name);
    TRY(make_path(archive, name, "", path, fault));
    TRY(make_path(archive, name, ".new", fresh, fault));
    tkr_error_t error = write_new(archive, store, head, checkpoint, fresh, &walk);
    if (error == TKR_OK) {
        error = check_path(archive, &range, head, fresh, digest, fault);
    }
    if (error == TKR_OK && rename(fresh, path) != 0) {
        error = fail(fault, path);
    }
    if (error != TKR_OK) {
        (void)unlink(fresh);
        return error;
    }
    return sync_directory(archive, fault);
}
