/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/reader.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "segment/writer.h"

/* A stale segment is looked at again this often, so that an outage costs no system call a
 * verification. */
#define TRY_AGAIN_NS 100000000
/* Openings in a row when the files are exchanged between one look and the next. */
#define OPEN_TRIES 8

/* How long to wait for a writer that was stopped in the middle of a record. */
#define WAIT_NS 50000
#define WAITS_MAX 200

bool segment_copy_patiently(const _Atomic uint64_t *words, uint64_t *ret_copy, uint32_t count)
{
    static const struct timespec wait = {.tv_nsec = WAIT_NS};
    for (int i = 0; i < WAITS_MAX; i++) {
        (void)nanosleep(&wait, NULL);
        for (uint32_t w = 0; w < count; w++) {
            ret_copy[w] = segment_load(&words[w]);
        }
        bool steady = atomic_load_explicit(&words[0], memory_order_relaxed) == ret_copy[0];
        if ((ret_copy[0] & 1) == 0 && steady) {
            return true;
        }
    }
    return false;
}

static struct {
    pthread_mutex_t lock;
    struct segment_mapping *first;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void unmap(struct segment_mapping *mapping)
{
    (void)munmap((void *)mapping->view.header, mapping->keys_mapped);
    (void)munmap(mapping->usage, mapping->usage_mapped);
    free(mapping);
}

static void mapping_unref(struct segment_mapping *mapping)
{
    if (mapping == NULL) {
        return;
    }
    pthread_mutex_lock(&registry.lock);
    bool last = --mapping->references == 0;
    if (last) {
        struct segment_mapping **at = &registry.first;
        while (*at != mapping) {
            at = &(*at)->next;
        }
        *at = mapping->next;
    }
    pthread_mutex_unlock(&registry.lock);
    if (last) {
        unmap(mapping);
    }
}

/* Two files that belong together, as a mapping. They stay the caller's on an error. */
static tkr_error_t make_mapping(struct segment_file *keys, struct segment_file *usage,
                                struct segment_mapping **ret_mapping)
{
    const struct segment_keys_header *header = (const void *)keys->base;
    const struct segment_usage_header *lines = (const void *)usage->base;
    struct stat status;
    ENSURE(header->usage_nonce == lines->nonce && atomic_load(&header->state) == SEGMENT_STATE_LIVE,
           TKR_UNAVAILABLE);
    ENSURE(fstat(keys->fd, &status) == 0, TKR_IO);
    struct segment_mapping *mapping = calloc(1, sizeof *mapping);
    ENSURE(mapping != NULL, TKR_MEMORY);
    segment_view_init(&mapping->view, keys->base);
    mapping->usage = usage->base;
    for (int i = 0; i < WINDOW_COUNT; i++) {
        mapping->kinds[i] = (enum window_kind)header->kinds[i];
    }
    /* By what keys say, which no verifier can write. */
    mapping->stride = line_stride(mapping->kinds);
    mapping->line_room = segment_usage_room(usage, mapping->stride);
    mapping->device = status.st_dev;
    mapping->inode = status.st_ino;
    mapping->usage_bytes = usage->bytes;
    mapping->keys_mapped = keys->bytes;
    mapping->usage_mapped = usage->bytes;
    /* The stride is what the kinds of the usage file say; keys must say the same. */
    if (lines->stride != mapping->stride) {
        free(mapping);
        return TKR_UNAVAILABLE;
    }
    *ret_mapping = mapping;
    return TKR_OK;
}

/* The registered mapping of the same files if there is one, else this one, registered. */
static struct segment_mapping *intern(struct segment_mapping *fresh)
{
    pthread_mutex_lock(&registry.lock);
    struct segment_mapping *found = registry.first;
    while (found != NULL && (found->device != fresh->device || found->inode != fresh->inode ||
                             found->usage_bytes != fresh->usage_bytes)) {
        found = found->next;
    }
    if (found == NULL) {
        found = fresh;
        fresh->next = registry.first;
        registry.first = fresh;
    }
    found->references++;
    pthread_mutex_unlock(&registry.lock);
    if (found != fresh) {
        unmap(fresh);
    }
    return found;
}

static tkr_error_t open_once(int directory, struct segment_mapping **ret_mapping,
                             struct fault *fault)
{
    struct segment_file keys = SEGMENT_FILE_NONE, usage = SEGMENT_FILE_NONE;
    struct segment_mapping *mapping = NULL;
    tkr_error_t error = segment_keys_open(directory, false, &keys, fault);
    if (error == TKR_OK) {
        error = segment_usage_open(directory, true, &usage, fault);
    }
    if (error == TKR_OK) {
        error = make_mapping(&keys, &usage, &mapping);
    }
    if (error != TKR_OK) {
        segment_file_close(&keys);
        segment_file_close(&usage);
        return error;
    }
    (void)close(keys.fd);
    (void)close(usage.fd);
    *ret_mapping = intern(mapping);
    return TKR_OK;
}

static tkr_error_t open_mapping(const char *path, struct segment_mapping **ret_mapping,
                                struct fault *fault)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return fault_set(fault, segment_errno(), "", "%s cannot be opened", path);
    }
    tkr_error_t error = TKR_OK;
    for (int i = 0; i < OPEN_TRIES; i++) {
        error = open_once(directory, ret_mapping, fault);
        /* These are also seen while a writer exchanges or extends the files. */
        if (error != TKR_UNAVAILABLE && error != TKR_CORRUPT) {
            break;
        }
    }
    (void)close(directory);
    return error;
}

tkr_error_t segment_reader_open(const char *directory, const struct clock *clock, int64_t stale_s,
                                struct segment_reader **ret_reader, struct fault *fault)
{
    size_t length = strlen(directory);
    ENSURE(length < SEGMENT_DIRECTORY_BYTES_MAX,
           fault_set(fault, TKR_TOO_LARGE, "directory", "the name of the directory is too long"));
    struct segment_reader *reader = calloc(1, sizeof *reader);
    ENSURE(reader != NULL, TKR_MEMORY);
    reader->clock = clock;
    reader->stale_ns = stale_s * 1000000000;
    memcpy(reader->directory, directory, length + 1);
    tkr_error_t error = open_mapping(directory, &reader->mapping, fault);
    if (error != TKR_OK) {
        free(reader);
        return error;
    }
    *ret_reader = reader;
    return TKR_OK;
}

void segment_reader_close(struct segment_reader *reader)
{
    if (reader != NULL) {
        mapping_unref(reader->mapping);
        free(reader);
    }
}

static void refresh(struct segment_reader *reader)
{
    struct segment_mapping *mapping;
    if (open_mapping(reader->directory, &mapping, NULL) == TKR_OK) {
        mapping_unref(reader->mapping);
        reader->mapping = mapping;
    }
}

static bool fresh(const struct segment_reader *reader, int64_t *ret_now_ms)
{
    const struct segment_keys_header *header = reader->mapping->view.header;
    int64_t silent_ns;
    return atomic_load(&header->state) == SEGMENT_STATE_LIVE &&
           segment_clock_read(&header->clock, clock_monotonic_coarse_ns(reader->clock), ret_now_ms,
                              &silent_ns) &&
           silent_ns <= reader->stale_ns && silent_ns >= -reader->stale_ns && *ret_now_ms > 0;
}

bool segment_reader_move(struct segment_reader *reader, int64_t *ret_now_ms)
{
    int64_t monotonic_ns = clock_monotonic_coarse_ns(reader->clock);
    uint32_t state = atomic_load(&reader->mapping->view.header->state);
    bool only_stale = state == SEGMENT_STATE_LIVE && !segment_reader_outgrown(reader);
    if (only_stale && monotonic_ns < reader->next_try_ns) {
        return fresh(reader, ret_now_ms);
    }
    reader->next_try_ns = monotonic_ns + TRY_AGAIN_NS;
    refresh(reader);
    return fresh(reader, ret_now_ms);
}
