/* SPDX-License-Identifier: Apache-2.0 */
/* Inside import/: what the kinds of stores share. */
#ifndef IMPORT_SOURCE_H
#define IMPORT_SOURCE_H

#include "base/arena.h"
#include "import/bytes.h"
#include "import/columns.h"
#include "import/import.h"

struct import_source {
    const struct import_reader *reader;
    const struct import_options *options;
    void *state;               /* the reader's */
    struct arena *arena;       /* of the row at hand */
    struct columns columns;    /* that were seen */
    uint64_t number;           /* of the row at hand */
    uint64_t total;            /* rows, or bytes; 0: not known */
    const struct bytes *bytes; /* what is read, when `total` is bytes; else NULL */
    struct row *row;           /* the row at hand */
};

/* A kind of store. `next` has a fresh row in source->row and fills it; an error that is the row's
 * own is told by row_bad, then TKR_OK. */
struct import_reader {
    const char *name;
    tkr_error_t (*open)(struct import_source *source, const char *where, struct fault *fault);
    tkr_error_t (*next)(struct import_source *source, bool *ret_end, struct fault *fault);
    void (*close)(struct import_source *source); /* state may be NULL or half built */
};
extern const struct import_reader import_env, import_json, import_sqlite, import_postgres,
    import_csv;

#endif
