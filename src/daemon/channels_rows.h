/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a channel as rows. For daemon/channels*.c only. */
#ifndef DAEMON_CHANNELS_ROWS_H
#define DAEMON_CHANNELS_ROWS_H

#include "daemon/config_rows.h"

extern const struct config_row channels_rows[];
extern const size_t channels_row_count;

#endif
