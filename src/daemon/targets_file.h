/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of targets (`rotation.targets_file`), to which rotated tokens are brought: a section
 * for each, with the keys of daemon/targets_table.h.
 *
 *     [deploy-key]
 *     type = file
 *     path = /etc/deploy/token
 *     orgs = acme
 *
 * A path or a program never comes by the API: who may rotate tokens must not run programs.
 */
#ifndef DAEMON_TARGETS_FILE_H
#define DAEMON_TARGETS_FILE_H

#include "daemon/config.h"
#include "daemon/config_rows.h"
#include "deliver/target.h"
#include "engine/rotation.h"

struct targets;
/* `path` "": there is no file, and no target. Checks what can be seen without delivering, and reads
 * the files of keys and tokens. `complain` (NULL is allowed) hears all errors, the fault is the
 * first: those of record_file_read, and TKR_INVALID. */
MUST_USE tkr_error_t targets_read(const char *path, config_complaint complain, void *context,
                                  struct targets **ret_targets, struct fault *fault);
MUST_USE tkr_error_t targets_read_text(const char *text, size_t length, const char *name,
                                       config_complaint complain, void *context,
                                       struct targets **ret_targets, struct fault *fault);
void targets_free(struct targets *targets);    /* wipes; NULL is allowed */
void targets_free_p(struct targets **targets); /* for CLEANUP */

/* For who delivers, and for the authority; as long as the targets live. */
const struct deliver_target *const *targets_list(const struct targets *targets, size_t *ret_count);
const struct rotation_target *targets_rotation(const struct targets *targets, size_t *ret_count);

void targets_print_example(FILE *out); /* commented example from the table */
void targets_print_manual(FILE *out);  /* tokenry-targets(5), man format */

/* For daemon/targets*.c only: the table as rows. */
extern const struct config_row targets_rows[];
extern const size_t targets_row_count;

#endif
