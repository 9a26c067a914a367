/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the writer share. Nothing outside src/segment includes this. */
#ifndef SEGMENT_WRITER_H
#define SEGMENT_WRITER_H

#include <pthread.h>

#include "segment/file.h"
#include "segment/format.h"
#include "segment/segment.h"
#include "segment/view.h"

#define KEYS_NAME "keys"
#define KEYS_NEW_NAME "keys.new"
#define KEYS_GROWN_NAME "keys.grown"
#define USAGE_NAME "usage"
#define USAGE_NEW_NAME "usage.new"
#define LOCK_NAME "lock"
#define KEYS_MODE 0640
#define USAGE_MODE 0660

/* Sets of scopes by their text, so that equal ones are stored once. Open addressing; 0 is
 * free. */
struct scopes_table {
    uint32_t *slots; /* offset of the set in the text region */
    uint32_t capacity, count;
};

/* Former mappings of the usage file stay until close: any thread may be reading a line. */
#define USAGE_VIEWS_MAX 40

struct segment_writer {
    int directory, lock;
    uint8_t store_id[SEGMENT_STORE_ID_BYTES];
    enum window_kind kinds[WINDOW_COUNT];
    const struct clock *clock;
    const struct random_source *random;
    bool published;
    bool usage_is_new;         /* still called usage.new */
    pthread_mutex_t keys_lock; /* held while `keys` is exchanged, and by other threads */
    struct segment_file keys;
    struct segment_view view;           /* of `keys`; only the writer's thread */
    struct segment_keys_header *header; /* keys.base */
    struct segment_file usage;
    struct segment_usage_header *usage_header;
    uint8_t *_Atomic usage_base; /* for any thread */
    struct segment_file old_usage[USAGE_VIEWS_MAX];
    uint32_t old_usage_count;
    uint32_t stride;
    uint32_t scan_from; /* group of lines at which the last scan was stopped */
    struct scopes_table scopes;
    pthread_mutex_t load_lock; /* loaders: claiming pages, sets of scopes */
};

/* What a generation of `keys` has room for. */
struct segment_sizes {
    uint64_t capacity; /* record slots */
    uint32_t users;
    uint64_t text_bytes;
};
struct segment_sizes segment_sizes_for(uint64_t tokens, uint64_t users, uint64_t text_bytes);

/* --- keys_file.c: making and judging a file --------------------------------------------- */

/* Makes the file `name`, mapped and with its fixed parts claimed, in state BUILDING. The constants
 * that do not follow from `sizes` are the caller's. */
MUST_USE tkr_error_t segment_keys_create(int directory, const char *name,
                                         const struct segment_sizes *sizes,
                                         struct segment_file *ret_file);
/* Opens, judges and maps. Errors, with the reason in `fault`: TKR_NOT_FOUND, TKR_VERSION_NEWER,
 * TKR_CORRUPT, TKR_IO, TKR_MEMORY. */
MUST_USE tkr_error_t segment_keys_open(int directory, bool writable, struct segment_file *ret_file,
                                       struct fault *fault);
MUST_USE tkr_error_t segment_usage_open(int directory, bool writable, struct segment_file *ret_file,
                                        struct fault *fault);
/* Lines that the mapping has room for; and those that are claimed, as far as it has. */
uint32_t segment_usage_room(const struct segment_file *usage, uint32_t stride);
uint32_t segment_usage_lines(const struct segment_file *usage, uint32_t stride);
/* Claims so that `bytes` of a region can be written. */
MUST_USE tkr_error_t segment_region_claim(struct segment_file *keys,
                                          enum segment_region_number number, uint64_t bytes);

/* --- text.c: the append-only region --------------------------------------------------------- */

/* Room for `bytes`; *ret_offset in units. TKR_CAPACITY: the region is full (grow). */
MUST_USE tkr_error_t segment_text_reserve(struct segment_file *keys, size_t bytes,
                                          uint32_t *ret_offset);
MUST_USE tkr_error_t segment_text_put(struct segment_file *keys, const char *text, size_t length,
                                      uint32_t *ret_offset);
/* The offset of the set of scopes, made when new. */
MUST_USE tkr_error_t segment_scopes_put(struct segment_file *keys, struct scopes_table *table,
                                        const char *text, size_t length, uint32_t *ret_offset);
MUST_USE tkr_error_t segment_scopes_rebuild(struct segment_file *keys, struct scopes_table *table);
void segment_scopes_deinit(struct scopes_table *table);

/* --- records.c ------------------------------------------------------------------------------ */

/* Flags of a record that are those of the token. */
#define RECORD_TOKEN_FLAGS                                                                         \
    (RECORD_REVOKED | RECORD_DISABLED | RECORD_QUARANTINED | RECORD_HONEYTOKEN | RECORD_WARNED)

/* A record as it will be written, seq not filled in. */
struct record_image {
    uint64_t word[RECORD_WORDS];
};
static inline void record_digest(const uint8_t digest[TOKEN_DIGEST_BYTES], uint64_t ret_words[4])
{
    __builtin_memcpy(ret_words, digest, TOKEN_DIGEST_BYTES);
}
bool segment_record_has_digest(const struct segment_record *record, const uint64_t digest[4]);
/* The slot with this digest, or NULL. *ret_free: the first slot that can take it, or NULL when
 * the table must grow. */
struct segment_record *segment_record_find(const struct segment_view *view,
                                           const uint64_t digest[4],
                                           struct segment_record **ret_free);
/* Length of a token's text, from its record; 0 when that is damaged. */
size_t segment_record_text_bytes(const struct segment_view *view,
                                 const uint64_t record[RECORD_WORDS]);
void segment_record_write(struct segment_record *record, const struct record_image *image);
/* Writes the text of a token that segment_token_check accepted to `text`, where
 * segment_token_text_bytes of room are, and makes its record. `scopes`: offset of its set. */
void segment_record_prepare(const struct segment_view *view, const struct segment_token *token,
                            uint8_t *text, uint32_t text_offset, uint32_t scopes,
                            struct record_image *ret_image);
size_t segment_token_text_bytes(const struct segment_token *token);
MUST_USE tkr_error_t segment_token_check(const struct segment_view *view,
                                         const struct segment_token *token, uint32_t lines);

/* Enters a user whose words are written into the index of users (put.c). */
void segment_user_index_put(const struct segment_view *view, uint32_t number);

/* --- grow.c, time.c, usage.c ---------------------------------------------------------------- */

/* Writes a new generation that has room for what `more` says on top of what there is. */
MUST_USE tkr_error_t segment_writer_grow(struct segment_writer *writer, uint64_t more_text);
/* Makes the file `name` the visible one and marks the former one superseded. */
MUST_USE tkr_error_t segment_writer_show(struct segment_writer *writer, const char *name,
                                         struct segment_keys_header *header);

void segment_epochs_copy(struct segment_keys_header *to, const struct segment_keys_header *from);

void segment_clock_start(struct segment_clock_line *line, const struct clock *clock,
                         int64_t floor_ms);
void segment_clock_copy(struct segment_clock_line *to, const struct segment_clock_line *from);
/* The time that the readers of a segment which nobody beats any more may have reached: it went
 * on at its rate, unless the machine was started anew since. */
int64_t segment_clock_left_ms(const struct segment_clock_line *line, const struct clock *clock);

MUST_USE tkr_error_t segment_usage_create(struct segment_writer *writer, uint32_t capacity);
/* Keeps, converts or begins the usage file for a created segment. */
MUST_USE tkr_error_t segment_usage_prepare(struct segment_writer *writer,
                                           const struct segment_options *options,
                                           uint64_t store_seq, int64_t now_ms, bool *ret_kept);
void segment_line_convert(const enum window_kind from_kinds[WINDOW_COUNT], const uint64_t *from,
                          const enum window_kind to_kinds[WINDOW_COUNT], uint64_t *to,
                          int64_t now_ms, bool drop_future);

#endif
