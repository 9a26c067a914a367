/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists, page by page: a table for people, or one JSON object whose array is written piece by
 * piece. The command has the options --limit, --cursor and --all.
 */
#ifndef CLI_PAGES_H
#define CLI_PAGES_H

#include "cli/record.h"

struct pages {
    const char *path;            /* of the API */
    const char *const *headings; /* of the columns, and the members that stand in them */
    const char *const *members;
    size_t columns;
    const char *const (*filters)[2]; /* query argument, option; a switch gives `true` */
    size_t filter_count;
    const char *none; /* a sentence when there is nothing */
};
MUST_USE enum cli_exit pages_print(struct cli *cli, const struct pages *pages);

/* A list that comes whole, and whose cells are more than members. With --json it is printed as it
 * is answered. */
struct rows {
    const char *path;
    const char *const *headings;
    size_t columns;
    void (*add)(struct table *table, const json_t *thing); /* a row */
    const char *none;                                      /* a sentence when there is nothing */
};
MUST_USE enum cli_exit rows_print(struct cli *cli, const struct rows *rows);

/* The path of one thing: `base`, and the command's operand, of `bytes_max`, percent-encoded. False:
 * a usage error was printed. */
#define PAGES_PATH_SIZE (3 * USER_ID_BYTES_MAX + 64)
MUST_USE bool pages_path(struct cli *cli, const char *base, const char *what, size_t bytes_max,
                         char ret_path[PAGES_PATH_SIZE]);
/* The query of one thing: `org_id=` from --org; NULL without it. */
#define PAGES_QUERY_SIZE (3 * ORG_ID_BYTES_MAX + 16)
const char *pages_org_query(const struct cli *cli, char out[PAGES_QUERY_SIZE]);
/* One call, and its answer printed as a record. */
MUST_USE enum cli_exit pages_call(struct cli *cli, const struct client_call *call);

#endif
