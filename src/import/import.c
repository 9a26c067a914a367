/* SPDX-License-Identifier: Apache-2.0 */
#include "import/import.h"

#include <stdlib.h>
#include <string.h>

#include "import/row.h"

static const struct import_reader *const readers[IMPORT_KIND_COUNT] = {
    [IMPORT_ENV] = &import_env,       [IMPORT_JSON] = &import_json,
    [IMPORT_SQLITE] = &import_sqlite, [IMPORT_POSTGRES] = &import_postgres,
    [IMPORT_CSV] = &import_csv,
};

const char *import_kind_name(enum import_kind kind)
{
    return (unsigned)kind < IMPORT_KIND_COUNT ? readers[kind]->name : "";
}

tkr_error_t import_kind_parse(const char *text, enum import_kind *ret_kind)
{
    for (int kind = 0; kind < IMPORT_KIND_COUNT; kind++) {
        if (strcmp(readers[kind]->name, text) == 0) {
            *ret_kind = (enum import_kind)kind;
            return TKR_OK;
        }
    }
    return TKR_INVALID;
}

bool import_pair_split(char *text, struct import_pair *ret_pair)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0') {
        return false;
    }
    *equals = '\0';
    *ret_pair = (struct import_pair){text, equals + 1};
    return true;
}

void import_close(struct import_source *source)
{
    if (source == NULL) {
        return;
    }
    source->bytes = NULL;
    source->reader->close(source);
    arena_free(source->arena);
    free(source->row);
    free(source);
}

void import_close_p(struct import_source **source)
{
    import_close(*source);
}

tkr_error_t import_open(enum import_kind kind, const char *where,
                        const struct import_options *options, struct import_source **ret_source,
                        struct fault *fault)
{
    ENSURE((unsigned)kind < IMPORT_KIND_COUNT, TKR_INVALID);
    TRY(columns_check(options, fault));
    struct import_source *source CLEANUP(import_close_p) = calloc(1, sizeof(*source));
    ENSURE(source != NULL, TKR_MEMORY);
    source->reader = readers[kind];
    source->options = options;
    source->row = calloc(1, sizeof(*source->row));
    ENSURE(source->row != NULL, TKR_MEMORY);
    TRY(arena_new(IMPORT_ROW_BYTES_MAX, &source->arena));
    TRY(source->reader->open(source, where, fault));
    *ret_source = source;
    source = NULL;
    return TKR_OK;
}

tkr_error_t import_next(struct import_source *source, struct import_row *ret_row,
                        enum import_outcome *ret_outcome, struct fault *fault)
{
    bool end = false;
    struct row *row = source->row;
    row_begin(row, source, ++source->number);
    TRY(source->reader->next(source, &end, fault));
    if (end) {
        *ret_outcome = IMPORT_END;
        return TKR_OK;
    }
    TRY(row_finish(row));
    *ret_outcome = row->bad ? IMPORT_BAD : IMPORT_ROW;
    *ret_row = row->out;
    if (row->bad) {
        *ret_row = (struct import_row){.number = row->out.number, .source_id = row->out.source_id};
    }
    if (row->bad && fault != NULL) {
        *fault = row->fault;
    }
    return TKR_OK;
}

double import_progress(const struct import_source *source)
{
    uint64_t done = source->bytes != NULL ? bytes_offset(source->bytes) : source->number;
    if (source->total == 0) {
        return -1;
    }
    return done < source->total ? (double)done / (double)source->total : 1;
}

bool import_column(const struct import_source *source, size_t index, const char **ret_column,
                   const char **ret_member)
{
    if (index >= source->columns.count) {
        return false;
    }
    *ret_column = source->columns.list[index].name;
    *ret_member = import_member_name(source->columns.list[index].member);
    return true;
}
