/* SPDX-License-Identifier: Apache-2.0 */
/* An object of an answer for people: a line a member; or as it is, with --json. */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include <jansson.h>

#include "base/buffer.h"
#include "cli/client.h"
#include "cli/table.h"

void record_print(const struct cli *cli, const json_t *object);
/* A value in a few words: texts without quotes, lists with commas, null as nothing. */
void record_value(const json_t *value, struct buffer *out);
/* The colour of a token's status. */
enum table_colour record_status_colour(const char *status);

#endif
