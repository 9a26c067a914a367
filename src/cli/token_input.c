/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/token_input.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/secret.h"
#include "token/token_text.h"

static bool has_checksum(const char *word, size_t length)
{
    enum { TAIL = TOKEN_BODY_CHARS + TOKEN_CHECKSUM_CHARS };
    if (length < TAIL) {
        return false;
    }
    const char *body = word + length - TAIL;
    for (size_t i = 0; i < TAIL; i++) {
        if (!isalnum((unsigned char)body[i])) {
            return false;
        }
    }
    char checksum[TOKEN_CHECKSUM_CHARS + 1];
    token_checksum(body, TOKEN_BODY_CHARS, checksum);
    return memcmp(checksum, body + TOKEN_BODY_CHARS, TOKEN_CHECKSUM_CHARS) == 0;
}

const char *token_input_shown(const char *word, char out[TOKEN_INPUT_SHOWN_SIZE])
{
    bool whole = strlen(word) < TOKEN_TEXT_BYTES_MIN;
    snprintf(out, TOKEN_INPUT_SHOWN_SIZE, whole ? "%.20s" : "%.4s...", word);
    for (char *c = out; *c != '\0'; c++) {
        *c = isprint((unsigned char)*c) ? *c : '?';
    }
    return out;
}

bool token_input_suspicious(const char *word)
{
    static const char *const prefixes[] = {"sk_live_", "sk_test_", "sk_", "sk-"};
    const char *equals = strchr(word, '=');
    if (equals != NULL && token_input_suspicious(equals + 1)) {
        return true; /* --name=TOKEN */
    }
    word += strspn(word, "-"); /* --TOKEN */
    size_t length = strlen(word);
    if (length < TOKEN_TEXT_BYTES_MIN) {
        return false;
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(word, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return has_checksum(word, length);
}

void token_input_release(struct token_input *input)
{
    if (input->text != NULL) {
        secret_free(input->text, CLI_INPUT_BYTES_MAX);
        input->text = NULL;
    }
}

/* Reads to the end of the line on a terminal, to the end of the file elsewhere. */
static tkr_error_t read_input(char *bytes, bool terminal, size_t *ret_length)
{
    size_t length = 0;
    while (length < CLI_INPUT_BYTES_MAX) {
        ssize_t got = read(STDIN_FILENO, bytes + length, CLI_INPUT_BYTES_MAX - length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0, TKR_IO);
        length += (size_t)got;
        if (got == 0 || (terminal && length > 0 && bytes[length - 1] == '\n')) {
            break;
        }
    }
    *ret_length = length;
    return TKR_OK;
}

/* The terminal as it was, for the handler; the program reads one token at a time. */
static struct termios terminal_shown;

/* Somebody gave up at the prompt: the terminal must echo again before we end of it. */
static void show_and_end(int number)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &terminal_shown);
    signal(number, SIG_DFL);
    raise(number);
}

static tkr_error_t read_hidden(char *bytes, size_t *ret_length)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    enum { ENDS = sizeof(ends) / sizeof(ends[0]) };
    struct sigaction before[ENDS], handler = {.sa_handler = show_and_end};
    bool known = tcgetattr(STDIN_FILENO, &terminal_shown) == 0;
    for (size_t i = 0; known && i < ENDS; i++) {
        sigaction(ends[i], &handler, &before[i]);
    }
    if (known) {
        struct termios hidden = terminal_shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        hidden.c_lflag |= ECHONL;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    fputs("Token: ", stderr);
    fflush(stderr);
    tkr_error_t error = read_input(bytes, true, ret_length);
    if (known) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_shown);
    }
    for (size_t i = 0; known && i < ENDS; i++) {
        sigaction(ends[i], &before[i], NULL);
    }
    return error;
}

static tkr_error_t trim(struct token_input *input, size_t length, struct fault *fault)
{
    char *start = input->text;
    while (length > 0 && isspace((unsigned char)start[length - 1])) {
        length--;
    }
    while (length > 0 && isspace((unsigned char)start[0])) {
        start++;
        length--;
    }
    if (length == 0) {
        return fault_set(fault, TKR_MALFORMED, "token", "no token was given on standard input");
    }
    if (memchr(start, '\n', length) != NULL) {
        return fault_set(fault, TKR_MALFORMED, "token",
                         "standard input has several lines; one token is wanted");
    }
    if (length > TOKEN_TEXT_BYTES_MAX ||
        token_shape(&token_prefixes_default, start, length) == TOKEN_SHAPE_BAD) {
        return fault_set(fault, TKR_MALFORMED, "token",
                         "this is no token: one has %d to %d visible ASCII characters",
                         TOKEN_TEXT_BYTES_MIN, TOKEN_TEXT_BYTES_MAX);
    }
    memmove(input->text, start, length);
    secret_wipe(input->text + length, CLI_INPUT_BYTES_MAX - length);
    input->length = length;
    return TKR_OK;
}

tkr_error_t token_input_read(bool asked, struct token_input *ret_input, struct fault *fault)
{
    if (!asked && !isatty(STDIN_FILENO)) {
        return fault_set(fault, TKR_INVALID, "token-stdin",
                         "where is the token? Give it on standard input, with --token-stdin");
    }
    void *memory = NULL;
    TRY(secret_alloc(CLI_INPUT_BYTES_MAX, &memory));
    struct token_input input CLEANUP(token_input_release) = {.text = memory};
    size_t length = 0;
    tkr_error_t error = isatty(STDIN_FILENO) ? read_hidden(input.text, &length)
                                             : read_input(input.text, false, &length);
    if (error != TKR_OK) {
        return fault_set(fault, error, "token", "standard input: %s", strerror(errno));
    }
    TRY(trim(&input, length, fault));
    *ret_input = input;
    input.text = NULL;
    return TKR_OK;
}
