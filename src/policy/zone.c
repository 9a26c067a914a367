/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TZif file is two blocks and a line. The first block, of 32-bit times, is for old readers and
 * skipped by its counts. The second lists moments and what holds from each on; the line is a rule
 * for all time after the last of them (zone_rule.h).
 *
 *     "TZif" 2 .. counts | v1 data | "TZif" 2 .. counts | v2 data | \n CET-1CEST,… \n
 *
 * The counts are checked against the size before anything is read, so no index is out of bounds.
 */
#include "policy/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "policy/zone_rule.h"

#define HEADER_BYTES 44
#define TYPE_BYTES 6
#define WALL_OFFSET_S_MAX                                                                          \
    (26 * 3600) /* RFC 8536 §3.2 recommends -25 h to 26 h; more: malformed                        \
                 */

struct zone {
    bool has_rule;
    struct zone_rule rule;
    int32_t before_s; /* the offset before the first moment */
    size_t count;
    struct {
        int64_t at_s;
        int32_t offset_s; /* from then on */
    } moments[];
};

static const struct zone utc = {.has_rule = true};

const struct zone *zone_utc(void)
{
    return &utc;
}

void zone_free(struct zone *zone)
{
    free(zone);
}

void zone_free_p(struct zone **zone)
{
    zone_free(*zone);
}

/* --- reading ------------------------------------------------------------------------------ */

struct counts {
    uint32_t utc_flags, standard_flags, leaps, moments, types, chars;
};

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int64_t read_i64(const uint8_t *bytes)
{
    return (int64_t)((uint64_t)read_u32(bytes) << 32 | read_u32(bytes + 4));
}

static tkr_error_t read_header(const uint8_t *bytes, size_t size, struct counts *ret)
{
    ENSURE(size >= HEADER_BYTES && memcmp(bytes, "TZif", 4) == 0, TKR_MALFORMED);
    ENSURE(bytes[4] >= '2' && bytes[4] <= '4', TKR_MALFORMED);
    *ret = (struct counts){
        .utc_flags = read_u32(bytes + 20),
        .standard_flags = read_u32(bytes + 24),
        .leaps = read_u32(bytes + 28),
        .moments = read_u32(bytes + 32),
        .types = read_u32(bytes + 36),
        .chars = read_u32(bytes + 40),
    };
    /* No file of ZONE_BYTES_MAX holds more, and so no sum below overflows. */
    ENSURE(ret->utc_flags <= ZONE_BYTES_MAX && ret->standard_flags <= ZONE_BYTES_MAX &&
               ret->moments <= ZONE_BYTES_MAX && ret->types <= ZONE_BYTES_MAX &&
               ret->chars <= ZONE_BYTES_MAX,
           TKR_MALFORMED);
    return ret->leaps == 0 ? TKR_OK : TKR_MALFORMED;
}

static size_t data_bytes(const struct counts *counts, size_t time_bytes)
{
    return counts->moments * (time_bytes + 1) + (size_t)counts->types * TYPE_BYTES + counts->chars +
           counts->standard_flags + counts->utc_flags;
}

static tkr_error_t read_moments(const uint8_t *data, const struct counts *counts, struct zone *zone)
{
    const uint8_t *indices = data + (size_t)counts->moments * 8;
    const uint8_t *types = indices + counts->moments;
    int32_t offsets[256] = {0};
    for (size_t i = 0; i < counts->types; i++) {
        offsets[i] = (int32_t)read_u32(types + i * TYPE_BYTES);
        ENSURE(offsets[i] >= -WALL_OFFSET_S_MAX && offsets[i] <= WALL_OFFSET_S_MAX, TKR_MALFORMED);
    }
    zone->before_s = offsets[0];
    zone->count = counts->moments;
    for (size_t i = 0; i < counts->moments; i++) {
        int64_t at_s = read_i64(data + i * 8);
        ENSURE(indices[i] < counts->types, TKR_MALFORMED);
        ENSURE(i == 0 || at_s > zone->moments[i - 1].at_s, TKR_MALFORMED);
        zone->moments[i].at_s = at_s;
        zone->moments[i].offset_s = offsets[indices[i]];
    }
    return TKR_OK;
}

/* `\n` rule `\n`, and nothing behind it. Without a rule the last offset stays. */
static tkr_error_t read_footer(const uint8_t *bytes, size_t size, struct zone *zone)
{
    ENSURE(size >= 2 && bytes[0] == '\n' && bytes[size - 1] == '\n', TKR_MALFORMED);
    zone->has_rule = size > 2;
    return zone->has_rule ? zone_rule_parse((const char *)bytes + 1, size - 2, &zone->rule)
                          : TKR_OK;
}

tkr_error_t zone_parse(const uint8_t *bytes, size_t size, struct zone **ret_zone)
{
    struct counts first, counts;
    ENSURE(size <= ZONE_BYTES_MAX, TKR_MALFORMED);
    TRY(read_header(bytes, size, &first));
    size_t second = HEADER_BYTES + data_bytes(&first, 4);
    ENSURE(second <= size, TKR_MALFORMED);
    TRY(read_header(bytes + second, size - second, &counts));
    size_t data = second + HEADER_BYTES;
    size_t footer = data + data_bytes(&counts, 8);
    ENSURE(footer <= size && counts.types >= 1 && counts.types <= 256, TKR_MALFORMED);
    CLEANUP(zone_free_p)
    struct zone *zone = calloc(1, sizeof(*zone) + counts.moments * sizeof(zone->moments[0]));
    ENSURE(zone != NULL, TKR_MEMORY);
    TRY(read_moments(bytes + data, &counts, zone));
    TRY(read_footer(bytes + footer, size - footer, zone));
    *ret_zone = zone;
    zone = NULL;
    return TKR_OK;
}

/* --- asking ------------------------------------------------------------------------------- */

/* How many moments are not after `unix_s`. */
static size_t count_until(const struct zone *zone, int64_t unix_s)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->moments[middle].at_s <= unix_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct zone_stretch zone_at(const struct zone *zone, int64_t unix_s)
{
    size_t passed = count_until(zone, unix_s);
    struct zone_stretch stretch = {zone->before_s, INT64_MIN, INT64_MAX};
    if (passed > 0) {
        stretch.offset_s = zone->moments[passed - 1].offset_s;
        stretch.from_s = zone->moments[passed - 1].at_s;
    }
    if (passed < zone->count) {
        stretch.until_s = zone->moments[passed].at_s;
    } else if (zone->has_rule) {
        int64_t last_s = stretch.from_s;
        stretch = zone_rule_at(&zone->rule, unix_s);
        stretch.from_s = stretch.from_s > last_s ? stretch.from_s : last_s;
    }
    return stretch;
}

/*
 * The first stretch that ends only after the wall has shown it. Before its beginning the wall was
 * put forward, over the moment that is asked for: then that beginning is the answer.
 */
int64_t zone_to_unix(const struct zone *zone, int64_t wall_s)
{
    struct zone_stretch stretch = zone_at(zone, wall_s - WALL_OFFSET_S_MAX);
    while (stretch.until_s != INT64_MAX && wall_s - stretch.offset_s >= stretch.until_s) {
        stretch = zone_at(zone, stretch.until_s);
    }
    int64_t shown_s = wall_s - stretch.offset_s;
    return shown_s > stretch.from_s ? shown_s : stretch.from_s;
}

bool zone_name_valid(const char *name, size_t length)
{
    bool begins = true; /* a part of it */
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool capital = c >= 'A' && c <= 'Z';
        bool other =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-';
        if (!(capital || (!begins && (other || c == '/')))) {
            return false;
        }
        begins = c == '/';
    }
    return !begins && length <= TIME_ZONE_NAME_BYTES_MAX;
}
