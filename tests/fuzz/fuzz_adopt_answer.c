/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a line with the names of the five members, a space between, and an old endpoint's
 * answer. What must hold: it is read with every text printable and within its bounds, or refused
 * in words that name one of the members; and nothing is written when it is refused.
 */
#include "fuzz.h"

#include <string.h>

#include "adopt/answer.h"
#include "base/text.h"

#define NAMES 5
#define NAMES_BYTES_MAX 256

/* Cuts the first line at its spaces; a name that is not there is "". */
static size_t take_names(const char *text, size_t size, char line[NAMES_BYTES_MAX],
                         const char *ret_names[NAMES])
{
    const char *feed = memchr(text, '\n', size);
    size_t length = feed != NULL ? (size_t)(feed - text) : 0;
    size_t kept = length < NAMES_BYTES_MAX ? length : NAMES_BYTES_MAX - 1;
    memcpy(line, text, kept);
    line[kept] = '\0';
    for (size_t i = 0; i < NAMES; i++) {
        ret_names[i] = line;
        line += strcspn(line, " ");
        if (*line == ' ') {
            *line++ = '\0';
        }
    }
    return feed != NULL ? length + 1 : 0;
}

static void check_text(const char *text, size_t bytes_max)
{
    ASSERT(strlen(text) <= bytes_max && text_is_printable_utf8(text, strlen(text)));
}

static void check_answer(const struct adopt_answer *answer)
{
    check_text(answer->user_id, USER_ID_BYTES_MAX);
    check_text(answer->name, TOKEN_NAME_BYTES_MAX);
    check_text(answer->tier, TIER_NAME_BYTES_MAX);
    ASSERT(strlen(answer->scopes) <= SCOPES_TEXT_BYTES_MAX);
    ASSERT(answer->scope_count <= SCOPES_PER_TOKEN_MAX);
    size_t words = answer->scopes[0] != '\0';
    for (const char *at = answer->scopes; *at != '\0'; at++) {
        ASSERT(*at != ' ' || (at > answer->scopes && at[1] != ' ' && at[1] != '\0'));
        words += *at == ' ';
    }
    ASSERT(words == answer->scope_count);
    ASSERT((answer->end == ADOPT_END_AT) == (answer->expires_at_ms != 0));
    ASSERT(answer->expires_at_ms >= 0 && answer->expires_at_ms <= TEXT_TIME_MS_MAX);
}

static void check_refused(tkr_error_t error, const struct fault *fault,
                          const char *const names[NAMES])
{
    ASSERT(error == TKR_MALFORMED || error == TKR_INVALID || error == TKR_OUT_OF_RANGE);
    ASSERT(fault->error == error && fault->detail[0] != '\0');
    bool named = error == TKR_MALFORMED && fault->field[0] == '\0';
    for (size_t i = 0; i < NAMES; i++) { /* a long name is cut */
        named = named || strncmp(fault->field, names[i], FAULT_FIELD_BYTES - 1) == 0;
    }
    ASSERT(named);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[NAMES_BYTES_MAX];
    const char *names[NAMES];
    const char *text = (const char *)data;
    size_t start = take_names(text, size, line, names);
    const struct adopt_members members = {names[0], names[1], names[2], names[3], names[4]};
    struct adopt_answer answer = {.scope_count = SIZE_MAX};
    struct fault fault = {0};
    tkr_error_t error = adopt_answer_read(text + start, size - start, &members, &answer, &fault);
    if (error == TKR_OK) {
        check_answer(&answer);
    } else {
        ASSERT(answer.scope_count == SIZE_MAX);
        check_refused(error, &fault, names);
    }
    return 0;
}
