/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows to the authority, a few hundred a call, and several calls at a time: while the authority
 * writes one, it reads the next, and so do we. Results are told to the report in the order of the
 * rows. A call that finds the authority busy or away is made again for half a minute.
 *
 * One thread uses a sender; the threads that call are its own.
 */
#ifndef CLI_IMPORT_SEND_H
#define CLI_IMPORT_SEND_H

#include "cli/client.h"
#include "cli/import_report.h"
#include "import/import.h"

struct import_sender;

/* Takes the client, also when it fails. */
MUST_USE enum cli_exit import_sender_open(struct cli *cli, struct client *client,
                                          struct import_report *report, bool dry_run,
                                          struct import_sender **ret_sender);
/* The row's texts are copied. *ret_sent: it was one that filled a call. Anything but CLI_DONE (a
 * sentence was printed) is of a former call, and final. */
MUST_USE enum cli_exit import_sender_add(struct import_sender *sender, const struct import_row *row,
                                         bool *ret_sent);
/* Sends the rest and waits for all. */
MUST_USE enum cli_exit import_sender_finish(struct import_sender *sender);
/* Waits for what is under way. */
void import_sender_free_p(struct import_sender **sender);

#endif
