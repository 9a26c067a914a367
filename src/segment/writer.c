/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a writer: the lock on the directory, attaching, creating, publishing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment/clock_line.h"
#include "segment/writer.h"

void segment_writer_close(struct segment_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    segment_file_close(&writer->keys);
    segment_file_close(&writer->usage);
    for (uint32_t i = 0; i < writer->old_usage_count; i++) {
        segment_file_close(&writer->old_usage[i]);
    }
    if (writer->lock >= 0 && !writer->published) {
        (void)unlinkat(writer->directory, KEYS_NEW_NAME, 0);
        (void)unlinkat(writer->directory, USAGE_NEW_NAME, 0);
    }
    segment_scopes_deinit(&writer->scopes);
    if (writer->lock >= 0) {
        (void)close(writer->lock); /* gives the lock back */
    }
    if (writer->directory >= 0) {
        (void)close(writer->directory);
    }
    pthread_mutex_destroy(&writer->keys_lock);
    pthread_mutex_destroy(&writer->load_lock);
    free(writer);
}

static void close_writer(struct segment_writer **writer)
{
    segment_writer_close(*writer);
}

/* --- the directory ---------------------------------------------------------------------------- */

static tkr_error_t open_directory(const char *path, int *ret_fd, struct fault *fault)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fault_set(fault, segment_errno(), "", "%s cannot be made: %s", path,
                         strerror(errno));
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fault_set(fault, TKR_IO, "", "%s cannot be opened: %s", path, strerror(errno));
    }
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_uid != geteuid() || (status.st_mode & 022) != 0) {
        (void)close(fd);
        return fault_set(fault, TKR_FORBIDDEN, "",
                         "%s must belong to this user and be writable by nobody else", path);
    }
    *ret_fd = fd;
    return TKR_OK;
}

static tkr_error_t lock_directory(struct segment_writer *writer, const char *path,
                                  struct fault *fault)
{
    writer->lock =
        openat(writer->directory, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (writer->lock < 0) {
        return fault_set(fault, segment_errno(), "", "%s/lock cannot be opened: %s", path,
                         strerror(errno));
    }
    if (flock(writer->lock, LOCK_EX | LOCK_NB) != 0) {
        tkr_error_t error = errno == EWOULDBLOCK ? TKR_LOCKED : TKR_IO;
        (void)close(writer->lock);
        writer->lock = -1; /* so that nothing of the holder's is touched */
        return fault_set(fault, error, "", "%s is held by another process", path);
    }
    return TKR_OK;
}

/* What an authority that was killed had not finished takes memory and is of no use. */
static void remove_leftovers(int directory)
{
    static const char *const names[] = {KEYS_NEW_NAME, KEYS_GROWN_NAME, USAGE_NEW_NAME};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlinkat(directory, names[i], 0);
    }
}

static tkr_error_t writer_new(const struct segment_options *options,
                              struct segment_writer **ret_writer, struct fault *fault)
{
    CLEANUP(close_writer) struct segment_writer *writer = calloc(1, sizeof *writer);
    ENSURE(writer != NULL, TKR_MEMORY);
    writer->directory = writer->lock = -1;
    writer->keys = writer->usage = SEGMENT_FILE_NONE;
    pthread_mutex_init(&writer->keys_lock, NULL);
    pthread_mutex_init(&writer->load_lock, NULL);
    memcpy(writer->store_id, options->store_id, sizeof writer->store_id);
    memcpy(writer->kinds, options->window_kinds, sizeof writer->kinds);
    writer->clock = options->clock;
    writer->random = options->random;
    writer->stride = line_stride(options->window_kinds);
    TRY(open_directory(options->directory, &writer->directory, fault));
    TRY(lock_directory(writer, options->directory, fault));
    remove_leftovers(writer->directory);
    *ret_writer = writer;
    writer = NULL;
    return TKR_OK;
}

static void take_keys(struct segment_writer *writer, const struct segment_file *keys)
{
    writer->keys = *keys;
    writer->header = (void *)keys->base;
    segment_view_init(&writer->view, keys->base);
}

/* --- attaching ---------------------------------------------------------------------------------
 */

/* Whether what a former authority left is what the store holds. NULL: it is. */
static const char *judge_left(const struct segment_writer *writer,
                              const struct segment_options *options, uint64_t store_seq)
{
    const struct segment_keys_header *keys = writer->header;
    const struct segment_usage_header *usage = writer->usage_header;
    if (options->reset_clock) {
        return "the clock is to be reset";
    }
    if (memcmp(keys->store_id, options->store_id, SEGMENT_STORE_ID_BYTES) != 0 ||
        memcmp(usage->store_id, options->store_id, SEGMENT_STORE_ID_BYTES) != 0) {
        return "the segment is of another store";
    }
    if (atomic_load(&keys->state) != SEGMENT_STATE_LIVE || atomic_load(&keys->changing) != 0) {
        return "the former authority stopped in the middle of a change";
    }
    if (atomic_load(&keys->store_seq) != store_seq) {
        return "the segment and the store are at different changes";
    }
    if (keys->usage_nonce != usage->nonce ||
        atomic_load(&keys->lines) > segment_usage_lines(&writer->usage, writer->stride)) {
        return "keys and usage do not belong together";
    }
    for (int i = 0; i < WINDOW_COUNT; i++) {
        if (keys->kinds[i] != options->window_kinds[i] ||
            usage->kinds[i] != options->window_kinds[i]) {
            return "the kinds of windows are configured otherwise now";
        }
    }
    return NULL;
}

tkr_error_t segment_writer_attach(const struct segment_options *options, uint64_t store_seq,
                                  struct segment_writer **ret_writer, struct fault *fault)
{
    CLEANUP(close_writer) struct segment_writer *writer = NULL;
    TRY(writer_new(options, &writer, fault));
    writer->published = true; /* the files are not ours to remove */
    struct segment_file keys;
    tkr_error_t error = segment_keys_open(writer->directory, true, &keys, fault);
    if (error == TKR_OK) {
        take_keys(writer, &keys);
        error = segment_usage_open(writer->directory, true, &writer->usage, fault);
    }
    /* Whatever is wrong with the files, building new ones mends it. */
    ENSURE(error == TKR_OK, error == TKR_MEMORY ? error : TKR_UNAVAILABLE);
    writer->usage_header = (void *)writer->usage.base;
    atomic_store(&writer->usage_base, writer->usage.base);
    const char *reason = judge_left(writer, options, store_seq);
    if (reason != NULL) {
        return fault_set(fault, TKR_UNAVAILABLE, "", "%s", reason);
    }
    error = segment_scopes_rebuild(&writer->keys, &writer->scopes);
    if (error != TKR_OK) {
        return fault_set(fault, error == TKR_MEMORY ? error : TKR_UNAVAILABLE, "",
                         "the sets of scopes are damaged");
    }
    struct segment_clock_line *line = &writer->header->clock;
    int64_t left_ms = segment_clock_left_ms(line, writer->clock);
    segment_clock_start(line, writer->clock,
                        left_ms > options->clock_floor_ms ? left_ms : options->clock_floor_ms);
    *ret_writer = writer;
    writer = NULL;
    return TKR_OK;
}

/* --- creating -----------------------------------------------------------------------------------
 */

/* The logical time that the segment before this one had reached; 0 when there is none of this
 * store. A failure only means that the store's floor is all there is. */
static int64_t former_time_ms(struct segment_writer *writer, uint64_t *ret_generation)
{
    struct segment_file keys;
    if (segment_keys_open(writer->directory, false, &keys, NULL) != TKR_OK) {
        return 0;
    }
    const struct segment_keys_header *header = (const void *)keys.base;
    int64_t now_ms = 0;
    *ret_generation = header->generation;
    if (memcmp(header->store_id, writer->store_id, SEGMENT_STORE_ID_BYTES) == 0) {
        now_ms = segment_clock_left_ms(&header->clock, writer->clock);
    }
    segment_file_close(&keys);
    return now_ms;
}

tkr_error_t segment_writer_create(const struct segment_options *options, uint64_t store_seq,
                                  struct segment_writer **ret_writer, bool *ret_usage_kept,
                                  struct fault *fault)
{
    CLEANUP(close_writer) struct segment_writer *writer = NULL;
    TRY(writer_new(options, &writer, fault));
    uint64_t generation = 0;
    int64_t floor_ms = former_time_ms(writer, &generation);
    if (options->reset_clock || floor_ms < options->clock_floor_ms) {
        floor_ms = options->clock_floor_ms;
    }
    uint64_t seed[3];
    TRY(random_fill(writer->random, seed, sizeof seed));
    struct segment_sizes sizes = segment_sizes_for(options->tokens_hint, options->users_hint, 0);
    struct segment_file keys;
    tkr_error_t error = segment_keys_create(writer->directory, KEYS_NEW_NAME, &sizes, &keys);
    if (error != TKR_OK) {
        return fault_set(fault, error, "", "%s/keys cannot be made: %s", options->directory,
                         tkr_error_text(error));
    }
    take_keys(writer, &keys);
    struct segment_keys_header *header = writer->header;
    memcpy(header->store_id, writer->store_id, sizeof header->store_id);
    memcpy(header->seed, seed, sizeof header->seed);
    memcpy(writer->view.seed, seed, sizeof header->seed);
    header->generation = generation + 1;
    for (int i = 0; i < WINDOW_COUNT; i++) {
        header->kinds[i] = (uint8_t)writer->kinds[i];
    }
    atomic_store(&header->changing, 1);
    atomic_store(&header->store_seq, store_seq);
    segment_clock_start(&header->clock, writer->clock, floor_ms);
    bool kept;
    error = segment_usage_prepare(writer, options, store_seq, segment_writer_now_ms(writer), &kept);
    if (error != TKR_OK) {
        return fault_set(fault, error, "", "%s/usage cannot be made: %s", options->directory,
                         tkr_error_text(error));
    }
    header->usage_nonce = writer->usage_header->nonce;
    atomic_store(&header->lines, segment_usage_lines(&writer->usage, writer->stride));
    *ret_usage_kept = kept;
    *ret_writer = writer;
    writer = NULL;
    return TKR_OK;
}

tkr_error_t segment_writer_show(struct segment_writer *writer, const char *name,
                                struct segment_keys_header *header)
{
    atomic_store(&header->state, SEGMENT_STATE_LIVE);
    /* Opened before it loses its name, marked after the new one has it: a reader that sees the
     * mark finds the new file. */
    struct segment_file old = SEGMENT_FILE_NONE;
    bool has_old = segment_keys_open(writer->directory, true, &old, NULL) == TKR_OK;
    tkr_error_t error = TKR_OK;
    if (writer->usage_is_new &&
        renameat(writer->directory, USAGE_NEW_NAME, writer->directory, USAGE_NAME) != 0) {
        error = segment_errno();
    }
    if (error == TKR_OK) {
        writer->usage_is_new = false;
        if (renameat(writer->directory, name, writer->directory, KEYS_NAME) != 0) {
            error = segment_errno();
        }
    }
    if (has_old && error == TKR_OK) {
        struct segment_keys_header *former = (void *)old.base;
        atomic_store(&former->state, SEGMENT_STATE_SUPERSEDED);
    }
    segment_file_close(&old);
    return error;
}

tkr_error_t segment_writer_publish(struct segment_writer *writer, uint64_t store_seq)
{
    ASSERT(!writer->published);
    segment_writer_end(writer, store_seq);
    (void)segment_writer_beat(writer, NULL);
    tkr_error_t error = segment_writer_show(writer, KEYS_NEW_NAME, writer->header);
    writer->published = error == TKR_OK;
    return error;
}

void segment_writer_begin(struct segment_writer *writer)
{
    atomic_store(&writer->header->changing, 1);
}

void segment_writer_end(struct segment_writer *writer, uint64_t store_seq)
{
    atomic_store(&writer->header->store_seq, store_seq);
    atomic_store(&writer->usage_header->store_seq, store_seq);
    atomic_store(&writer->header->changing, 0);
}

void segment_writer_stats(struct segment_writer *writer, struct segment_stats *ret_stats)
{
    pthread_mutex_lock(&writer->keys_lock);
    const struct segment_keys_header *header = writer->header;
    struct stat keys = {0}, usage = {0};
    (void)fstat(writer->keys.fd, &keys);
    (void)fstat(writer->usage.fd, &usage);
    *ret_stats = (struct segment_stats){
        .generation = header->generation,
        .tokens = atomic_load(&header->tokens),
        .users = atomic_load(&header->users),
        .tiers = atomic_load(&header->tiers),
        .orgs = atomic_load(&header->orgs),
        .lines = atomic_load(&header->lines),
        .keys_bytes = (uint64_t)keys.st_blocks * 512,
        .usage_bytes = (uint64_t)usage.st_blocks * 512,
        .text_bytes_used = atomic_load(&header->text_used),
        .text_bytes_waste = atomic_load(&header->text_waste),
    };
    pthread_mutex_unlock(&writer->keys_lock);
}
