/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a token comes in: from standard input, or typed at a prompt that does not show it.
 * Never as an argument: arguments are shown to every user of the machine by ps(1), and kept
 * in shells' histories.
 */
#ifndef CLI_TOKEN_INPUT_H
#define CLI_TOKEN_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"

/* Whether a word may be a token: it has the checksum of our form behind any prefix, or one of
 * the usual prefixes and enough behind it. Better once too often than once too seldom. */
bool token_input_suspicious(const char *word);

/* A word for an error text: whole when it is too short to be a token, else its beginning,
 * without what a terminal would act upon. Returns `out`. */
#define TOKEN_INPUT_SHOWN_SIZE 24
const char *token_input_shown(const char *word, char out[TOKEN_INPUT_SHOWN_SIZE]);

/* A token in wiped memory. Start with zeros. */
struct token_input {
    char *text; /* NUL-terminated */
    size_t length;
};
void token_input_release(struct token_input *input); /* for CLEANUP */

/*
 * One line, without the blanks around it: from standard input, after a prompt without echo
 * when that is a terminal. Errors, with a sentence in `fault`: TKR_MALFORMED (empty, several
 * lines, not 20 to 512 visible ASCII characters: TOKEN_SHAPE_BAD), TKR_IO, TKR_MEMORY.
 */
/* With `asked` false (no --token-stdin was given) only a terminal is read. */
MUST_USE tkr_error_t token_input_read(bool asked, struct token_input *ret_input,
                                      struct fault *fault);

#endif
