/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the file, and the seats in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meter/format.h"

#define FILE_NAME "meter"

static size_t file_bytes(const struct meter *meter)
{
    return METER_SEATS_OFFSET + METER_SEATS_MAX * meter->seat_bytes;
}

static void set_shape(struct meter *meter, const struct meter_options *options)
{
    meter->slots = options->slots != 0 ? options->slots : METER_SLOTS_DEFAULT;
    ASSERT(meter->slots % METER_BUCKET_SLOTS == 0);
    size_t bytes = meter_slots_all(meter) * sizeof(struct meter_slot);
    meter->seat_bytes = (bytes + METER_PAGE_BYTES - 1) / METER_PAGE_BYTES * METER_PAGE_BYTES;
}

static void use_file(struct meter *meter, const struct segment_file *file)
{
    meter->file = *file;
    meter->header = (void *)file->base;
    meter->labels = (void *)(file->base + METER_LABELS_OFFSET);
    meter->log = (void *)(file->base + METER_LOG_OFFSET);
}

static void leave_file(struct meter *meter)
{
    segment_file_close(&meter->file);
    meter->header = NULL;
}

/* --- a file that is there ----------------------------------------------------------------- */

static tkr_error_t check_header(const struct meter *meter, const struct meter_options *options,
                                struct fault *report)
{
    const struct meter_header *header = meter->header;
    if (header->magic != METER_MAGIC) {
        return fault_set(report, TKR_CORRUPT, "", "it does not begin as a meter does");
    }
    if (header->version != METER_VERSION) {
        return fault_set(report, TKR_CONFLICT, "", "it is of version %u, not %u", header->version,
                         METER_VERSION);
    }
    if (memcmp(header->store_id, options->store_id, sizeof header->store_id) != 0) {
        return fault_set(report, TKR_CONFLICT, "", "it belongs to another store");
    }
    if (memcmp(header->boot_id, options->boot_id, sizeof header->boot_id) != 0) {
        return fault_set(report, TKR_CONFLICT, "", "it was there before the machine started");
    }
    bool same = header->header_bytes == METER_HEADER_BYTES && header->slots == meter->slots &&
                header->slot_bytes == sizeof(struct meter_slot) &&
                header->seats_max == METER_SEATS_MAX && header->labels_max == METER_LABELS_MAX &&
                header->label_bytes == METER_LABEL_BYTES_MAX &&
                header->drain_max == METER_DRAIN_MAX && header->id != 0;
    return same ? TKR_OK : fault_set(report, TKR_CORRUPT, "", "its sizes are not ours");
}

static tkr_error_t check_rest(struct meter *meter, struct fault *report)
{
    const struct meter_header *header = meter->header;
    uint32_t seats = atomic_load(&header->seats);
    uint32_t length = atomic_load(&header->pending_length);
    if (seats > METER_SEATS_MAX || length > METER_DRAIN_MAX) {
        return fault_set(report, TKR_CORRUPT, "", "it has more than there can be");
    }
    for (uint32_t i = 0; i < length && atomic_load(&header->pending) != 0; i++) {
        const struct meter_log_entry *entry = &meter->log[i];
        if (entry->seat >= seats || entry->slot >= meter_slots_all(meter) ||
            entry->count > METER_COUNT_MASK) {
            return fault_set(report, TKR_CORRUPT, "", "its log names what is not there");
        }
    }
    if (meter_labels_load(meter) != TKR_OK) {
        return fault_set(report, TKR_CORRUPT, "", "its labels are damaged");
    }
    return TKR_OK;
}

static tkr_error_t claim_seats(struct meter *meter, uint32_t begin, uint32_t end)
{
    return segment_file_claim(&meter->file, METER_SEATS_OFFSET + begin * meter->seat_bytes,
                              METER_SEATS_OFFSET + end * meter->seat_bytes);
}

/* NOT_FOUND: there is none. Another error that is in the report too: it is no good. */
static tkr_error_t take_up(struct meter *meter, int directory, const struct meter_options *options,
                           struct fault *report)
{
    struct segment_file file;
    uint64_t size = 0;
    TRY(segment_file_open(directory, FILE_NAME, true, &file, &size));
    if (size != file_bytes(meter)) {
        segment_file_close(&file);
        return fault_set(report, TKR_CORRUPT, "", "its length is not that of a meter");
    }
    tkr_error_t error = segment_file_map(&file, size, true);
    if (error != TKR_OK) {
        segment_file_close(&file);
        return error;
    }
    use_file(meter, &file);
    error = check_header(meter, options, report);
    if (error == TKR_OK) {
        error = check_rest(meter, report);
    }
    if (error == TKR_OK) {
        error = claim_seats(meter, 0, atomic_load(&meter->header->seats));
    }
    if (error != TKR_OK) {
        leave_file(meter);
    }
    return error;
}

/* --- a new file ------------------------------------------------------------------------------ */

static void fill_header(struct meter *meter, const struct meter_options *options,
                        const uint64_t random[3])
{
    struct meter_header *header = meter->header;
    header->version = METER_VERSION;
    header->header_bytes = METER_HEADER_BYTES;
    memcpy(header->store_id, options->store_id, sizeof header->store_id);
    memcpy(header->boot_id, options->boot_id, sizeof header->boot_id);
    header->id = random[0] >> 1 | 1; /* not 0, and a number for every database */
    header->seed[0] = random[1];
    header->seed[1] = random[2];
    header->slots = meter->slots;
    header->slot_bytes = sizeof(struct meter_slot);
    header->seats_max = METER_SEATS_MAX;
    header->labels_max = METER_LABELS_MAX;
    header->label_bytes = METER_LABEL_BYTES_MAX;
    header->drain_max = METER_DRAIN_MAX;
    atomic_signal_fence(memory_order_release);
    header->magic = METER_MAGIC; /* last: a file without it is begun anew */
}

static tkr_error_t begin_anew(struct meter *meter, int directory,
                              const struct meter_options *options)
{
    uint64_t random[3];
    TRY(random_fill(options->random, random, sizeof random));
    struct segment_file file;
    TRY(segment_file_create(directory, FILE_NAME, 0600, file_bytes(meter), &file));
    use_file(meter, &file);
    tkr_error_t error = segment_file_claim(&meter->file, 0, METER_SEATS_OFFSET);
    if (error != TKR_OK) {
        leave_file(meter);
        (void)unlinkat(directory, FILE_NAME, 0);
        return error;
    }
    for (uint32_t i = 0; i < METER_LABEL_INDEX; i++) {
        atomic_init(&meter->label_index[i], 0);
    }
    fill_header(meter, options, random);
    return TKR_OK;
}

static tkr_error_t open_file(struct meter *meter, const struct meter_options *options,
                             struct fault *report)
{
    int directory = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(directory >= 0, segment_errno());
    tkr_error_t error = take_up(meter, directory, options, report);
    if (error == TKR_NOT_FOUND || report->error != TKR_OK) {
        error = begin_anew(meter, directory, options);
    }
    (void)close(directory);
    return error;
}

static void close_meter(struct meter **meter)
{
    meter_close(*meter);
}

tkr_error_t meter_open(const struct meter_options *options, struct meter **ret_meter,
                       struct fault *ret_report)
{
    struct meter *meter CLEANUP(close_meter) = calloc(1, sizeof *meter);
    ENSURE(meter != NULL, TKR_MEMORY);
    meter->file = SEGMENT_FILE_NONE;
    pthread_mutex_init(&meter->mutex, NULL);
    meter->seats =
        aligned_alloc(_Alignof(struct meter_seat), METER_SEATS_MAX * sizeof *meter->seats);
    ENSURE(meter->seats != NULL, TKR_MEMORY);
    memset(meter->seats, 0, METER_SEATS_MAX * sizeof *meter->seats);
    set_shape(meter, options);
    *ret_report = (struct fault){0};
    TRY(open_file(meter, options, ret_report));
    *ret_meter = meter;
    meter = NULL;
    return TKR_OK;
}

void meter_close(struct meter *meter)
{
    if (meter == NULL) {
        return;
    }
    segment_file_close(&meter->file);
    pthread_mutex_destroy(&meter->mutex);
    free(meter->seats);
    free(meter);
}

uint64_t meter_id(const struct meter *meter)
{
    return meter->header->id;
}

/* --- seats --------------------------------------------------------------------------------- */

/* Under the mutex: the first that nobody has, its pages claimed. */
static tkr_error_t take_seat(struct meter *meter, struct meter_seat **ret_seat)
{
    uint32_t number = 0;
    while (number < METER_SEATS_MAX && meter->seats[number].taken) {
        number++;
    }
    ENSURE(number < METER_SEATS_MAX, TKR_CAPACITY);
    if (number >= atomic_load(&meter->header->seats)) {
        TRY(claim_seats(meter, number, number + 1));
        atomic_store(&meter->header->seats, number + 1);
    }
    struct meter_seat *seat = &meter->seats[number];
    seat->slots = meter_seat_slots(meter, number);
    seat->seed[0] = meter->header->seed[0];
    seat->seed[1] = meter->header->seed[1];
    seat->buckets = meter->slots / METER_BUCKET_SLOTS;
    seat->taken = true;
    *ret_seat = seat;
    return TKR_OK;
}

tkr_error_t meter_seat_take(struct meter *meter, struct meter_seat **ret_seat)
{
    pthread_mutex_lock(&meter->mutex);
    tkr_error_t error = take_seat(meter, ret_seat);
    pthread_mutex_unlock(&meter->mutex);
    return error;
}

void meter_seat_return(struct meter *meter, struct meter_seat *seat)
{
    if (seat == NULL) {
        return;
    }
    pthread_mutex_lock(&meter->mutex);
    seat->taken = false;
    pthread_mutex_unlock(&meter->mutex);
}
