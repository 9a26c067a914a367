/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of CSV, RFC 4180 with one difference: a line break inside quotes is no part of a field.
 * A row is then a line, so that a bad one is one line of the file and not the rest of it.
 */
#include <string.h>

#include "simulate/recorded.h"

struct scan {
    const char *text;
    size_t length, at;
    bool ended; /* behind the last field */
    char unquoted[SIMULATE_LINE_BYTES_MAX];
};

static tkr_error_t quote_fault(struct fault *fault)
{
    return fault_set(fault, TKR_MALFORMED, "", "a quote is not closed, or text stands behind it");
}

/* `"..."` with `""` for a quote. */
static tkr_error_t quoted_field(struct scan *scan, size_t *ret_length, struct fault *fault)
{
    size_t length = 0;
    bool closed = false;
    scan->at++;
    while (!closed && scan->at < scan->length) {
        char c = scan->text[scan->at++];
        bool doubled = c == '"' && scan->at < scan->length && scan->text[scan->at] == '"';
        scan->at += doubled;
        closed = c == '"' && !doubled;
        if (!closed) {
            scan->unquoted[length++] = c;
        }
    }
    bool at_end = scan->at == scan->length || scan->text[scan->at] == ',';
    *ret_length = length;
    return closed && at_end ? TKR_OK : quote_fault(fault);
}

static tkr_error_t next_field(struct scan *scan, const char **ret_text, size_t *ret_length,
                              struct fault *fault)
{
    const char *begin = scan->text + scan->at;
    if (scan->at < scan->length && *begin == '"') {
        *ret_text = scan->unquoted;
        TRY(quoted_field(scan, ret_length, fault));
    } else {
        size_t left = scan->length - scan->at;
        const char *comma = left > 0 ? memchr(begin, ',', left) : NULL;
        *ret_text = begin;
        *ret_length = comma != NULL ? (size_t)(comma - begin) : left;
        scan->at += *ret_length;
    }
    scan->ended = scan->at == scan->length;
    scan->at++; /* the comma */
    return TKR_OK;
}

static tkr_error_t open_line(struct scan *scan, const char *line, size_t length,
                             struct fault *fault)
{
    scan->text = line;
    scan->length = length;
    scan->at = 0;
    scan->ended = false;
    if (length > SIMULATE_LINE_BYTES_MAX) {
        return fault_set(fault, TKR_TOO_LARGE, "", "longer than %d bytes", SIMULATE_LINE_BYTES_MAX);
    }
    return TKR_OK;
}

static tkr_error_t check_header(const struct recorded_rules *rules, unsigned found,
                                struct fault *fault)
{
    for (unsigned i = 0; i < RECORDED_MEMBERS; i++) {
        if (rules->needed[i] && (found >> i & 1) == 0) {
            return fault_set(fault, TKR_INVALID, recorded_names[i],
                             "the header has no column for %s; say which one it is with --field "
                             "%s=COLUMN",
                             recorded_names[i], recorded_names[i]);
        }
    }
    return TKR_OK;
}

tkr_error_t recorded_read_header(const struct recorded_rules *rules, const char *line,
                                 size_t length, struct recorded_columns *ret_columns,
                                 struct fault *fault)
{
    struct scan scan;
    unsigned found = 0;
    TRY(open_line(&scan, line, length, fault));
    *ret_columns = (struct recorded_columns){0};
    while (!scan.ended) {
        const char *text;
        size_t field_length;
        TRY(next_field(&scan, &text, &field_length, fault));
        if (ret_columns->count == SIMULATE_COLUMNS_MAX) {
            return fault_set(fault, TKR_TOO_LARGE, "", "the header has more than %d columns",
                             SIMULATE_COLUMNS_MAX);
        }
        unsigned members = 0;
        for (unsigned i = 0; i < RECORDED_MEMBERS; i++) {
            bool same = strlen(rules->names[i]) == field_length &&
                        memcmp(rules->names[i], text, field_length) == 0;
            members |= (unsigned)same << i;
        }
        if ((found & members) != 0) {
            return fault_set(fault, TKR_INVALID, "", "column %zu has the name of one before it",
                             ret_columns->count + 1);
        }
        found |= members;
        ret_columns->members[ret_columns->count++] = (uint8_t)members;
    }
    return check_header(rules, found, fault);
}

static tkr_error_t set_members(const struct recorded_rules *rules, unsigned members,
                               struct recorded *recorded, const char *text, size_t length,
                               struct fault *fault)
{
    for (unsigned i = 0; i < RECORDED_MEMBERS; i++) {
        if ((members >> i & 1) != 0) {
            TRY(recorded_set(rules, recorded, (enum recorded_member)i, text, length, fault));
        }
    }
    return TKR_OK;
}

tkr_error_t recorded_read_csv(const struct recorded_rules *rules,
                              const struct recorded_columns *columns, const char *line,
                              size_t length, struct recorded *ret_recorded, struct fault *fault)
{
    struct scan scan;
    size_t count = 0;
    TRY(open_line(&scan, line, length, fault));
    recorded_clear(ret_recorded);
    while (!scan.ended) {
        const char *text;
        size_t field_length;
        TRY(next_field(&scan, &text, &field_length, fault));
        unsigned members = count < columns->count ? columns->members[count] : 0;
        TRY(set_members(rules, members, ret_recorded, text, field_length, fault));
        count++;
    }
    if (count != columns->count) {
        return fault_set(fault, TKR_MALFORMED, "", "%zu columns, and the header has %zu", count,
                         columns->count);
    }
    return recorded_check(rules, ret_recorded, fault);
}
