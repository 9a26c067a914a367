/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of notification channels (`notify.channels_file`): a section for each, with the keys of
 * daemon/channels_table.h.
 *
 *     [ops]
 *     type = slack
 *     url = https://hooks.slack.com/services/...
 *     severity = high
 *
 * Without a file there is one channel, `log`, of type log.
 */
#ifndef DAEMON_CHANNELS_FILE_H
#define DAEMON_CHANNELS_FILE_H

#include "daemon/config.h"
#include "engine/alerts.h"
#include "notify/channel.h"

struct channels;
/* `path` "": there is no file. Checks everything that can be seen without sending, and reads the
 * files of keys and passwords. `complain` (NULL is allowed) hears all errors, the fault is the
 * first: those of record_file_read, and TKR_INVALID. */
MUST_USE tkr_error_t channels_read(const char *path, config_complaint complain, void *context,
                                   struct channels **ret_channels, struct fault *fault);
MUST_USE tkr_error_t channels_read_text(const char *text, size_t length, const char *name,
                                        config_complaint complain, void *context,
                                        struct channels **ret_channels, struct fault *fault);
void channels_free(struct channels *channels);    /* wipes; NULL is allowed */
void channels_free_p(struct channels **channels); /* for CLEANUP */

/* For who delivers, and for the authority; as long as the channels live. */
const struct notify_channel *const *channels_list(const struct channels *channels,
                                                  size_t *ret_count);
const struct alert_channel *channels_alerts(const struct channels *channels, size_t *ret_count);

void channels_print_example(FILE *out); /* commented example from the table */
void channels_print_manual(FILE *out);  /* tokenry-channels(5), man format */

#endif
