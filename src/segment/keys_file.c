/* SPDX-License-Identifier: Apache-2.0 */
/* Making a `keys` file, and judging one that somebody left: nothing in it is believed before
 * its numbers were held against each other and against the size of the file. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "segment/writer.h"

#define CAPACITY_MIN 16384ULL
#define USERS_MIN 4096ULL
#define TEXT_MIN (16ULL * 1024 * 1024)
/* Sparse, so generous: names and the rare metadata of this many bytes a token. */
#define TEXT_PER_TOKEN 256ULL

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}
static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t with_load(uint64_t entries)
{
    return entries * SEGMENT_LOAD_DENOMINATOR / SEGMENT_LOAD_NUMERATOR + 2;
}

struct segment_sizes segment_sizes_for(uint64_t tokens, uint64_t users, uint64_t text_bytes)
{
    struct segment_sizes sizes;
    sizes.capacity =
        min_u64(max_u64(with_load(tokens), CAPACITY_MIN), with_load(SEGMENT_TOKENS_MAX));
    sizes.users = (uint32_t)min_u64(max_u64(users, USERS_MIN), SEGMENT_USERS_MAX);
    uint64_t text = max_u64(max_u64(text_bytes, tokens * TEXT_PER_TOKEN), TEXT_MIN);
    sizes.text_bytes =
        min_u64(text, SEGMENT_TEXT_BYTES_MAX) / SEGMENT_HUGE_BYTES * SEGMENT_HUGE_BYTES;
    return sizes;
}

static uint64_t region_bytes(const struct segment_keys_header *header,
                             enum segment_region_number number)
{
    switch (number) {
    case REGION_TIERS:
        return SEGMENT_TIERS_MAX * sizeof(struct segment_tier);
    case REGION_ORGS:
        return SEGMENT_ORGS_MAX * sizeof(struct segment_org);
    case REGION_USERS:
        return header->user_capacity * (uint64_t)sizeof(struct segment_user);
    case REGION_USER_BITS:
        return (header->user_capacity / USER_BITS_PER_WORD + 1) * 8ULL;
    case REGION_USER_INDEX:
        return header->user_index_capacity * 8ULL;
    case REGION_RECORDS:
        return header->capacity * sizeof(struct segment_record);
    default:
        return header->regions[REGION_TEXT].bytes;
    }
}

static uint64_t align(uint64_t offset, uint64_t bytes)
{
    uint64_t unit = bytes >= SEGMENT_HUGE_BYTES ? SEGMENT_HUGE_BYTES : SEGMENT_PAGE_BYTES;
    return (offset + unit - 1) / unit * unit;
}

static void lay_out(struct segment_keys_header *header, const struct segment_sizes *sizes)
{
    header->magic = SEGMENT_KEYS_MAGIC;
    header->version = SEGMENT_VERSION;
    header->header_bytes = SEGMENT_HEADER_BYTES;
    header->capacity = sizes->capacity;
    header->user_capacity = sizes->users;
    header->user_index_capacity = (uint32_t)with_load(sizes->users);
    header->regions[REGION_TEXT].bytes = sizes->text_bytes;
    uint64_t offset = SEGMENT_HEADER_BYTES;
    for (int i = 0; i < REGION_COUNT; i++) {
        struct segment_region *region = &header->regions[i];
        region->bytes = region_bytes(header, (enum segment_region_number)i);
        region->offset = align(offset, region->bytes);
        offset = region->offset + region->bytes;
    }
    header->file_bytes = align(offset, SEGMENT_HUGE_BYTES);
}

tkr_error_t segment_region_claim(struct segment_file *keys, enum segment_region_number number,
                                 uint64_t bytes)
{
    struct segment_keys_header *header = (void *)keys->base;
    struct segment_region *region = &header->regions[number];
    uint64_t claimed = atomic_load_explicit(&region->claimed, memory_order_relaxed);
    if (LIKELY(bytes <= claimed)) {
        return TKR_OK;
    }
    ENSURE(bytes <= region->bytes, TKR_CAPACITY);
    uint64_t next = segment_claim_step(claimed, bytes, region->bytes);
    TRY(segment_file_claim(keys, region->offset + claimed, region->offset + next));
    atomic_store(&region->claimed, next);
    return TKR_OK;
}

/* The parts that are addressed at random are claimed whole. */
static tkr_error_t claim_fixed(struct segment_file *keys)
{
    static const enum segment_region_number whole[] = {REGION_TIERS, REGION_USER_BITS,
                                                       REGION_USER_INDEX, REGION_RECORDS};
    struct segment_keys_header *header = (void *)keys->base;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        TRY(segment_region_claim(keys, whole[i], header->regions[whole[i]].bytes));
    }
    return TKR_OK;
}

tkr_error_t segment_keys_create(int directory, const char *name, const struct segment_sizes *sizes,
                                struct segment_file *ret_file)
{
    struct segment_keys_header plan = {0};
    lay_out(&plan, sizes);
    struct segment_file file;
    TRY(segment_file_create(directory, name, KEYS_MODE, plan.file_bytes, &file));
    tkr_error_t error = segment_file_claim(&file, 0, SEGMENT_HEADER_BYTES);
    if (error == TKR_OK) {
        struct segment_keys_header *header = (void *)file.base;
        lay_out(header, sizes);
        atomic_store(&header->state, SEGMENT_STATE_BUILDING);
        atomic_store(&header->text_used, SEGMENT_TEXT_UNIT); /* offset 0 means "none" */
        error = claim_fixed(&file);
    }
    if (error != TKR_OK) {
        segment_file_close(&file);
        (void)unlinkat(directory, name, 0);
        return error;
    }
    *ret_file = file;
    return TKR_OK;
}

void segment_view_init(struct segment_view *view, uint8_t *base)
{
    struct segment_keys_header *header = (void *)base;
    const struct segment_region *regions = header->regions;
    *view = (struct segment_view){
        .header = header,
        .records = (void *)(base + regions[REGION_RECORDS].offset),
        .capacity = header->capacity,
        .seed = {header->seed[0], header->seed[1], header->seed[2]},
        .tiers = (void *)(base + regions[REGION_TIERS].offset),
        .orgs = (void *)(base + regions[REGION_ORGS].offset),
        .users = (void *)(base + regions[REGION_USERS].offset),
        .user_bits = (void *)(base + regions[REGION_USER_BITS].offset),
        .user_index = (void *)(base + regions[REGION_USER_INDEX].offset),
        .user_capacity = header->user_capacity,
        .user_index_capacity = header->user_index_capacity,
        .text = base + regions[REGION_TEXT].offset,
        .text_bytes = regions[REGION_TEXT].bytes,
    };
}

/* --- judging ------------------------------------------------------------------------------- */

static tkr_error_t judge_version(uint32_t version, uint32_t ours, const char *name,
                                 struct fault *fault)
{
    if (version > ours) {
        return fault_set(fault, TKR_VERSION_NEWER, "", "%s has format %u, this program knows %u",
                         name, version, ours);
    }
    if (version < ours) {
        return fault_set(fault, TKR_UNAVAILABLE, "", "%s has the old format %u", name, version);
    }
    return TKR_OK;
}

static const char *judge_header(const struct segment_keys_header *header, uint64_t size)
{
    if (header->header_bytes != SEGMENT_HEADER_BYTES || header->file_bytes != size) {
        return "the file was cut or extended";
    }
    if (header->capacity == 0 || header->capacity > with_load(SEGMENT_TOKENS_MAX) ||
        header->user_capacity > SEGMENT_USERS_MAX || header->user_index_capacity == 0 ||
        header->regions[REGION_TEXT].bytes > SEGMENT_TEXT_BYTES_MAX ||
        header->regions[REGION_TEXT].bytes < SEGMENT_TOKEN_TEXT_MAX) {
        return "a capacity is out of range";
    }
    uint64_t end = SEGMENT_HEADER_BYTES;
    for (int i = 0; i < REGION_COUNT; i++) {
        const struct segment_region *region = &header->regions[i];
        uint64_t wanted = region_bytes(header, (enum segment_region_number)i);
        if (region->offset < end || region->offset % SEGMENT_PAGE_BYTES != 0 ||
            region->bytes != wanted || region->offset > size ||
            region->bytes > size - region->offset ||
            atomic_load(&region->claimed) > region->bytes) {
            return "a region does not lie where it should";
        }
        end = region->offset + region->bytes;
    }
    for (int i = 0; i < WINDOW_COUNT; i++) {
        if (header->kinds[i] > WINDOW_SLIDING) {
            return "a kind of window is not known";
        }
    }
    uint64_t records = (uint64_t)atomic_load(&header->tokens) + atomic_load(&header->removed);
    if (atomic_load(&header->text_used) > header->regions[REGION_TEXT].bytes ||
        atomic_load(&header->users) > header->user_capacity || records > header->capacity ||
        atomic_load(&header->tiers) > SEGMENT_TIERS_MAX ||
        atomic_load(&header->orgs) > SEGMENT_ORGS_MAX ||
        atomic_load(&header->epochs) > SEGMENT_EPOCHS_MAX ||
        atomic_load(&header->lines) > SEGMENT_LINES_MAX) {
        return "it holds more than it has room for";
    }
    return NULL;
}

tkr_error_t segment_keys_open(int directory, bool writable, struct segment_file *ret_file,
                              struct fault *fault)
{
    struct segment_file file = SEGMENT_FILE_NONE;
    uint64_t size = 0;
    tkr_error_t error = segment_file_open(directory, KEYS_NAME, writable, &file, &size);
    if (error != TKR_OK) {
        return errno == ENOENT
                   ? fault_set(fault, error, "", "there was no segment")
                   : fault_set(fault, error, "", "keys cannot be opened: %s", strerror(errno));
    }
    if (size < SEGMENT_HEADER_BYTES) {
        segment_file_close(&file);
        return fault_set(fault, TKR_CORRUPT, "", "keys is %llu bytes long",
                         (unsigned long long)size);
    }
    error = segment_file_map(&file, size, writable);
    const struct segment_keys_header *header = (const void *)file.base;
    if (error == TKR_OK && header->magic != SEGMENT_KEYS_MAGIC) {
        error = fault_set(fault, TKR_CORRUPT, "", "keys does not begin as a segment does");
    }
    if (error == TKR_OK) {
        error = judge_version(header->version, SEGMENT_VERSION, "keys", fault);
    }
    const char *reason = error == TKR_OK ? judge_header(header, size) : NULL;
    if (reason != NULL) {
        error = fault_set(fault, TKR_CORRUPT, "", "keys is damaged: %s", reason);
    }
    if (error != TKR_OK) {
        segment_file_close(&file);
        return error;
    }
    *ret_file = file;
    return TKR_OK;
}

static const char *judge_usage(const struct segment_usage_header *header, uint64_t size)
{
    enum window_kind kinds[WINDOW_COUNT];
    for (int i = 0; i < WINDOW_COUNT; i++) {
        uint8_t kind = *(const volatile uint8_t *)&header->kinds[i]; /* once: see usage.c */
        if (kind > WINDOW_SLIDING) {
            return "a kind of window is not known";
        }
        kinds[i] = (enum window_kind)kind;
    }
    uint32_t stride = line_stride(kinds);
    uint32_t capacity = atomic_load(&header->capacity);
    if (header->stride != stride || capacity > SEGMENT_LINES_MAX ||
        atomic_load(&header->lines) > capacity) {
        return "its numbers do not fit each other";
    }
    if (size < SEGMENT_LINES_OFFSET || (size - SEGMENT_LINES_OFFSET) / stride < capacity) {
        return "the file was cut";
    }
    return NULL;
}

tkr_error_t segment_usage_open(int directory, bool writable, struct segment_file *ret_file,
                               struct fault *fault)
{
    struct segment_file file = SEGMENT_FILE_NONE;
    uint64_t size = 0;
    tkr_error_t error = segment_file_open(directory, USAGE_NAME, writable, &file, &size);
    if (error != TKR_OK) {
        return fault_set(fault, error, "", "usage cannot be opened: %s", strerror(errno));
    }
    if (size < SEGMENT_LINES_OFFSET) {
        segment_file_close(&file);
        return fault_set(fault, TKR_CORRUPT, "", "usage is %llu bytes long",
                         (unsigned long long)size);
    }
    error = segment_file_map(&file, size, writable);
    const struct segment_usage_header *header = (const void *)file.base;
    if (error == TKR_OK && header->magic != SEGMENT_USAGE_MAGIC) {
        error = fault_set(fault, TKR_CORRUPT, "", "usage does not begin as one does");
    }
    if (error == TKR_OK) {
        error = judge_version(header->version, SEGMENT_USAGE_VERSION, "usage", fault);
    }
    const char *reason = error == TKR_OK ? judge_usage(header, size) : NULL;
    if (reason != NULL) {
        error = fault_set(fault, TKR_CORRUPT, "", "usage is damaged: %s", reason);
    }
    if (error != TKR_OK) {
        segment_file_close(&file);
        return error;
    }
    *ret_file = file;
    return TKR_OK;
}
