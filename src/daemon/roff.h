/* SPDX-License-Identifier: Apache-2.0 */
/* Text for manual pages: what man(1) would take for its own is escaped. */
#ifndef DAEMON_ROFF_H
#define DAEMON_ROFF_H

#include <stddef.h>
#include <stdio.h>

/* Within a line. */
void roff_text(FILE *out, const char *text);
void roff_bytes(FILE *out, const char *text, size_t length);
/* One sentence a line, as manual pages are written; the last line is ended, too. */
void roff_sentences(FILE *out, const char *text);

#endif
