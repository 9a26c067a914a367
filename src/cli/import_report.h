/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an import tells: a bar on a terminal while it runs, the first reasons and a summary at
 * its end, and with --report every row that was not simply made, a JSON object a line.
 */
#ifndef CLI_IMPORT_REPORT_H
#define CLI_IMPORT_REPORT_H

#include <jansson.h>

#include "base/text.h"
#include "cli/client.h"
#include "import/import.h"

struct import_report;

/* Opens the file of --report. False: a sentence was printed. */
MUST_USE bool import_report_open(struct cli *cli, struct import_report **ret_report);
void import_report_free_p(struct import_report **report);

/* A row that could not be read. `source_id` may be NULL or "". */
void import_report_bad(struct import_report *report, uint64_t number, const char *source_id,
                       const struct fault *fault);
/* A row's result as the API says it. */
void import_report_result(struct import_report *report, uint64_t number, const char *source_id,
                          const json_t *result);
/* How far it is: 0 to 1, or negative. */
void import_report_progress(struct import_report *report, double share);
/* Which columns were what. */
void import_report_columns(struct import_report *report, const struct import_source *source);
/* The summary. Returns `status`, or CLI_REFUSED when all went well but some rows were bad. */
enum cli_exit import_report_finish(struct import_report *report, enum cli_exit status);

#endif
