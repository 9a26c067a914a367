/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The usage file, as the authority keeps it. Verifiers count in it at the same time.
 *
 * A verifier that counted sets the dirty byte of the line's group if it is not set. A scan
 * clears a byte (exchange) and then reads the lines. Both the count and the clearing are
 * sequentially consistent, so either the verifier sees the byte cleared and sets it again, or
 * the scan sees the count. One killed between the two leaves its count in the line, where the
 * next use of the group takes it along.
 *
 * What verifiers may write they may write at any moment, also behind the back of
 * segment_usage_open: a number of this file is read once, and held against the mapping, before
 * anything is addressed with it.
 */
#include <string.h>
#include <unistd.h>

#include "segment/writer.h"

#define CAPACITY_MIN 65536U
#define IMAGE_HEADER_BYTES 8U
#define IMAGE_VERSION 1

static _Atomic uint8_t *dirty_map(uint8_t *base)
{
    return (void *)(base + SEGMENT_DIRTY_OFFSET);
}

static line_word *line_at(uint8_t *base, uint32_t stride, uint32_t line)
{
    return (void *)(base + SEGMENT_LINES_OFFSET + (uint64_t)line * stride);
}

static uint64_t file_bytes(uint32_t capacity, uint32_t stride)
{
    uint64_t bytes = SEGMENT_LINES_OFFSET + (uint64_t)capacity * stride;
    return (bytes + SEGMENT_HUGE_BYTES - 1) / SEGMENT_HUGE_BYTES * SEGMENT_HUGE_BYTES;
}

uint32_t segment_usage_room(const struct segment_file *usage, uint32_t stride)
{
    uint64_t room = (usage->bytes - SEGMENT_LINES_OFFSET) / stride;
    return room < SEGMENT_LINES_MAX ? (uint32_t)room : SEGMENT_LINES_MAX;
}

uint32_t segment_usage_lines(const struct segment_file *usage, uint32_t stride)
{
    const struct segment_usage_header *header = (const void *)usage->base;
    uint32_t lines = atomic_load(&header->lines), room = segment_usage_room(usage, stride);
    return lines < room ? lines : room;
}

static void take_usage(struct segment_writer *writer, const struct segment_file *usage)
{
    writer->usage = *usage;
    writer->usage_header = (void *)usage->base;
    atomic_store(&writer->usage_base, usage->base);
}

tkr_error_t segment_usage_create(struct segment_writer *writer, uint32_t capacity)
{
    uint64_t nonce;
    TRY(random_fill(writer->random, &nonce, sizeof nonce));
    capacity = capacity < CAPACITY_MIN ? CAPACITY_MIN : capacity;
    struct segment_file usage;
    TRY(segment_file_create(writer->directory, USAGE_NEW_NAME, USAGE_MODE,
                            file_bytes(capacity, writer->stride), &usage));
    tkr_error_t error = segment_file_claim(&usage, 0, SEGMENT_HEADER_BYTES);
    if (error != TKR_OK) {
        segment_file_close(&usage);
        return error;
    }
    struct segment_usage_header *header = (void *)usage.base;
    header->magic = SEGMENT_USAGE_MAGIC;
    header->version = SEGMENT_USAGE_VERSION;
    header->stride = writer->stride;
    header->nonce = nonce;
    memcpy(header->store_id, writer->store_id, sizeof header->store_id);
    for (int i = 0; i < WINDOW_COUNT; i++) {
        header->kinds[i] = (uint8_t)writer->kinds[i];
    }
    atomic_store(&header->capacity, capacity);
    take_usage(writer, &usage);
    writer->usage_is_new = true;
    return TKR_OK;
}

/* The file becomes longer; the mapping so far stays for whoever is reading through it. */
static tkr_error_t extend(struct segment_writer *writer, uint32_t count)
{
    ENSURE(writer->old_usage_count < USAGE_VIEWS_MAX, TKR_CAPACITY);
    uint32_t capacity = atomic_load(&writer->usage_header->capacity);
    uint64_t wanted = (uint64_t)capacity * 2 > count ? (uint64_t)capacity * 2 : count;
    capacity = wanted < SEGMENT_LINES_MAX ? (uint32_t)wanted : SEGMENT_LINES_MAX;
    uint64_t bytes = file_bytes(capacity, writer->stride);
    ENSURE(ftruncate(writer->usage.fd, (off_t)bytes) == 0, segment_errno());
    struct segment_file longer = {.fd = writer->usage.fd};
    TRY(segment_file_map(&longer, bytes, true));
    struct segment_file former = writer->usage;
    former.fd = -1;
    writer->old_usage[writer->old_usage_count++] = former;
    take_usage(writer, &longer);
    atomic_store(&writer->usage_header->capacity, capacity);
    return TKR_OK;
}

tkr_error_t segment_writer_reserve_lines(struct segment_writer *writer, uint32_t count)
{
    uint32_t lines = atomic_load(&writer->header->lines);
    if (count <= lines) {
        return TKR_OK;
    }
    ENSURE(count <= SEGMENT_LINES_MAX, TKR_CAPACITY);
    if (count > atomic_load(&writer->usage_header->capacity)) {
        TRY(extend(writer, count));
    }
    uint32_t capacity = atomic_load(&writer->usage_header->capacity);
    uint64_t claimed = (uint64_t)lines * writer->stride;
    uint64_t next = segment_claim_step(claimed, (uint64_t)count * writer->stride,
                                       (uint64_t)capacity * writer->stride);
    uint32_t claimed_lines = (uint32_t)(next / writer->stride);
    TRY(segment_file_claim(&writer->usage, SEGMENT_DIRTY_OFFSET + lines / SEGMENT_DIRTY_LINES,
                           SEGMENT_DIRTY_OFFSET + claimed_lines / SEGMENT_DIRTY_LINES + 1));
    TRY(segment_file_claim(&writer->usage, SEGMENT_LINES_OFFSET + claimed,
                           SEGMENT_LINES_OFFSET + next));
    atomic_store(&writer->usage_header->lines, claimed_lines);
    atomic_store(&writer->header->lines, claimed_lines);
    return TKR_OK;
}

/* --- keeping what a former authority left ------------------------------------------------------
 */

static bool usage_fits(const struct segment_usage_header *header,
                       const struct segment_options *options, uint64_t store_seq)
{
    return memcmp(header->store_id, options->store_id, SEGMENT_STORE_ID_BYTES) == 0 &&
           atomic_load(&header->store_seq) <= store_seq;
}

static bool same_kinds(const struct segment_usage_header *header,
                       const struct segment_options *options)
{
    for (int i = 0; i < WINDOW_COUNT; i++) {
        if (header->kinds[i] != options->window_kinds[i]) {
            return false;
        }
    }
    return true;
}

static void load_line(line_word *line, uint32_t stride, uint64_t ret_words[LINE_WORDS_MAX])
{
    for (uint32_t i = 0; i < stride / 8; i++) {
        ret_words[i] = atomic_load(&line[i]);
    }
}

static void store_line(line_word *line, uint32_t stride, const uint64_t *words)
{
    for (uint32_t i = 0; i < stride / 8; i++) {
        atomic_store_explicit(&line[i], words[i], memory_order_relaxed);
    }
}

/* A new file with the lines of the old one, whose windows are of other kinds. A use that
 * another process counts in the old file after its line was read here is missed. */
static tkr_error_t convert_usage(struct segment_writer *writer, struct segment_file *old,
                                 int64_t now_ms, bool drop_future)
{
    const struct segment_usage_header *header = (const void *)old->base;
    enum window_kind kinds[WINDOW_COUNT];
    for (int i = 0; i < WINDOW_COUNT; i++) {
        uint8_t kind = *(const volatile uint8_t *)&header->kinds[i];
        ENSURE(kind <= WINDOW_SLIDING, TKR_UNAVAILABLE);
        kinds[i] = (enum window_kind)kind;
    }
    uint32_t stride = line_stride(kinds);
    uint32_t count = segment_usage_lines(old, stride);
    TRY(segment_usage_create(writer, segment_usage_room(old, stride)));
    TRY(segment_writer_reserve_lines(writer, count));
    for (uint32_t i = 0; i < count; i++) {
        uint64_t from[LINE_WORDS_MAX] = {0}, to[LINE_WORDS_MAX] = {0};
        load_line(line_at(old->base, stride, i), stride, from);
        if (from[LINE_LAST_USED] == 0) {
            continue;
        }
        segment_line_convert(kinds, from, writer->kinds, to, now_ms, drop_future);
        store_line(line_at(writer->usage.base, writer->stride, i), writer->stride, to);
        dirty_map(writer->usage.base)[i / SEGMENT_DIRTY_LINES] = 1;
    }
    return TKR_OK;
}

tkr_error_t segment_usage_prepare(struct segment_writer *writer,
                                  const struct segment_options *options, uint64_t store_seq,
                                  int64_t now_ms, bool *ret_kept)
{
    uint64_t capacity = ((uint64_t)options->tokens_hint + options->users_hint) * 3 / 2;
    uint32_t limited = capacity < SEGMENT_LINES_MAX ? (uint32_t)capacity : SEGMENT_LINES_MAX;
    struct segment_file old = SEGMENT_FILE_NONE;
    bool fits = segment_usage_open(writer->directory, true, &old, NULL) == TKR_OK &&
                usage_fits((const void *)old.base, options, store_seq);
    *ret_kept = fits;
    if (!fits) {
        segment_file_close(&old);
        return segment_usage_create(writer, limited);
    }
    if (same_kinds((const void *)old.base, options) && !options->reset_clock) {
        take_usage(writer, &old);
        return TKR_OK;
    }
    tkr_error_t error = convert_usage(writer, &old, now_ms, options->reset_clock);
    segment_file_close(&old);
    return error;
}

/* --- scanning and restoring ----------------------------------------------------------------------
 */

typedef tkr_error_t (*visit_line)(void *context, const struct segment_usage *usage);

static void write_image(const struct segment_writer *writer, const uint64_t *words,
                        struct segment_usage *usage)
{
    uint8_t head[IMAGE_HEADER_BYTES] = {IMAGE_VERSION};
    for (int i = 0; i < WINDOW_COUNT; i++) {
        head[1 + i] = (uint8_t)writer->kinds[i];
    }
    memcpy(usage->image, head, sizeof head);
    memcpy(usage->image + sizeof head, words, writer->stride);
    usage->bytes = sizeof head + writer->stride;
}

static tkr_error_t visit_group(struct segment_writer *writer, uint32_t group, uint32_t lines,
                               visit_line visit, void *context)
{
    uint32_t end = (group + 1) * SEGMENT_DIRTY_LINES;
    for (uint32_t i = group * SEGMENT_DIRTY_LINES; i < end && i < lines; i++) {
        line_word *line = line_at(writer->usage.base, writer->stride, i);
        if (atomic_load_explicit(&line[LINE_LAST_USED], memory_order_relaxed) == 0) {
            continue;
        }
        uint64_t words[LINE_WORDS_MAX] = {0};
        load_line(line, writer->stride, words);
        struct segment_usage usage;
        usage.line = i;
        usage.total = words[LINE_TOTAL];
        usage.last_used_ms = (int64_t)words[LINE_LAST_USED];
        write_image(writer, words, &usage);
        TRY(visit(context, &usage));
    }
    return TKR_OK;
}

tkr_error_t segment_writer_scan_usage(struct segment_writer *writer, visit_line visit,
                                      void *context)
{
    uint32_t lines = atomic_load(&writer->header->lines);
    uint32_t groups = (lines + SEGMENT_DIRTY_LINES - 1) / SEGMENT_DIRTY_LINES;
    _Atomic uint8_t *dirty = dirty_map(writer->usage.base);
    uint32_t first = writer->scan_from < groups ? writer->scan_from : 0;
    for (uint32_t i = 0; i < groups; i++) {
        uint32_t group = first + i < groups ? first + i : first + i - groups;
        if (atomic_load_explicit(&dirty[group], memory_order_relaxed) == 0 ||
            atomic_exchange(&dirty[group], 0) == 0) {
            continue;
        }
        tkr_error_t error = visit_group(writer, group, lines, visit, context);
        if (error != TKR_OK) {
            atomic_store(&dirty[group], 1);
            writer->scan_from = group;
            return error;
        }
    }
    return TKR_OK;
}

tkr_error_t segment_writer_restore_line(struct segment_writer *writer, uint32_t line,
                                        const uint8_t *image, size_t bytes)
{
    ENSURE(line < atomic_load(&writer->header->lines), TKR_OUT_OF_RANGE);
    ENSURE(bytes > IMAGE_HEADER_BYTES && image[0] == IMAGE_VERSION, TKR_CORRUPT);
    enum window_kind kinds[WINDOW_COUNT];
    for (int i = 0; i < WINDOW_COUNT; i++) {
        ENSURE(image[1 + i] <= WINDOW_SLIDING, TKR_CORRUPT);
        kinds[i] = (enum window_kind)image[1 + i];
    }
    ENSURE(bytes == IMAGE_HEADER_BYTES + line_stride(kinds), TKR_CORRUPT);
    uint64_t from[LINE_WORDS_MAX] = {0}, to[LINE_WORDS_MAX] = {0};
    memcpy(from, image + IMAGE_HEADER_BYTES, bytes - IMAGE_HEADER_BYTES);
    segment_line_convert(kinds, from, writer->kinds, to, segment_writer_now_ms(writer), false);
    store_line(line_at(writer->usage.base, writer->stride, line), writer->stride, to);
    return TKR_OK;
}

tkr_error_t segment_writer_seed_line(struct segment_writer *writer, uint32_t line, uint64_t total,
                                     int64_t last_used_ms)
{
    ENSURE(line < atomic_load(&writer->header->lines), TKR_OUT_OF_RANGE);
    line_word *words = line_at(writer->usage.base, writer->stride, line);
    atomic_store(&words[LINE_TOTAL], total);
    atomic_store(&words[LINE_LAST_USED], (uint64_t)last_used_ms);
    return TKR_OK;
}

void segment_writer_mark_line(struct segment_writer *writer, uint32_t line)
{
    ASSERT(line < atomic_load(&writer->header->lines));
    atomic_store(&dirty_map(writer->usage.base)[line / SEGMENT_DIRTY_LINES], 1);
}

void segment_writer_seed_image(const struct segment_writer *writer, uint32_t line, uint64_t total,
                               int64_t last_used_ms, struct segment_usage *ret_usage)
{
    uint64_t words[LINE_WORDS_MAX] = {
        [LINE_TOTAL] = total, [LINE_LAST_USED] = (uint64_t)last_used_ms};
    *ret_usage = (struct segment_usage){.line = line, .total = total, .last_used_ms = last_used_ms};
    write_image(writer, words, ret_usage);
}

/* From any thread; NULL when there is no such line. */
static line_word *find_line(struct segment_writer *writer, uint32_t line)
{
    /* Lines first: a file that became longer shows its mapping before its lines. */
    pthread_mutex_lock(&writer->keys_lock);
    uint32_t lines = atomic_load(&writer->header->lines);
    pthread_mutex_unlock(&writer->keys_lock);
    return line < lines ? line_at(atomic_load(&writer->usage_base), writer->stride, line) : NULL;
}

tkr_error_t segment_writer_put_credits(struct segment_writer *writer, uint32_t line,
                                       const struct segment_credits *credits)
{
    line_word *words = find_line(writer, line);
    ENSURE(words != NULL, TKR_OUT_OF_RANGE);
    ASSERT(credits->allowance.amount <= CREDITS_ALLOWANCE_MAX &&
           credits->refill <= CREDITS_ALLOWANCE_MAX);
    atomic_store(&words[CREDIT_LINE_ALLOWANCE], credit_word(credits->allowance));
    atomic_store(&words[CREDIT_LINE_REFILL], credits->refill);
    atomic_store(&words[CREDIT_LINE_TAG], CREDIT_LINE_TAGGED);
    return TKR_OK;
}

tkr_error_t segment_writer_read_credits(struct segment_writer *writer, uint32_t line,
                                        struct segment_credits *ret_credits,
                                        struct credits_amount *ret_used)
{
    line_word *words = find_line(writer, line);
    ENSURE(words != NULL, TKR_OUT_OF_RANGE);
    ENSURE(atomic_load(&words[CREDIT_LINE_TAG]) == CREDIT_LINE_TAGGED, TKR_NOT_FOUND);
    struct credit_line_view view = credit_line_read(words, 0);
    ret_credits->allowance = credit_amount(view.allowance_word);
    ret_credits->refill = view.refill;
    *ret_used = credit_amount(view.used_word);
    return TKR_OK;
}

void segment_writer_read_line(struct segment_writer *writer, uint32_t line, uint64_t *ret_total,
                              int64_t *ret_last_used_ms)
{
    *ret_total = 0;
    *ret_last_used_ms = 0;
    line_word *words = find_line(writer, line);
    if (words != NULL) {
        *ret_total = atomic_load(&words[LINE_TOTAL]);
        *ret_last_used_ms = (int64_t)atomic_load(&words[LINE_LAST_USED]);
    }
}
