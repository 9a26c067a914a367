/* SPDX-License-Identifier: Apache-2.0 */
/* Offline: nothing is asked of anybody. */
#include <string.h>

#include "cli/command.h"
#include "cli/token_input.h"
#include "token/token_text.h"

static const struct {
    const char *name, *text;
    enum cli_exit status;
} shapes[] = {
    [TOKEN_SHAPE_BAD] = {"bad", "this is no token: one has 20 to 512 visible ASCII characters",
                         CLI_REFUSED},
    [TOKEN_SHAPE_FOREIGN] = {"foreign",
                             "it may be a token, but not one that Tokenry made with these "
                             "prefixes: it has no checksum to check",
                             CLI_DONE},
    [TOKEN_SHAPE_OURS] = {"ours", "the checksum holds", CLI_DONE},
    [TOKEN_SHAPE_BAD_CHECKSUM] = {"bad_checksum",
                                  "the checksum does not hold: a character is wrong", CLI_REFUSED},
};

/* Not of the whole form, and begins as ours do: cut or with something behind it. */
static bool is_damaged(const struct token_prefixes *prefixes, const struct token_input *token)
{
    return strncmp(token->text, prefixes->live, strlen(prefixes->live)) == 0 ||
           strncmp(token->text, prefixes->test, strlen(prefixes->test)) == 0;
}

static enum cli_exit print_shape(const struct cli *cli, const char *display, const char *shape,
                                 const char *text, enum cli_exit status)
{
    if (cli_json(cli)) {
        printf("{\"shape\":\"%s\",\"checksum\":%s}\n", shape,
               strcmp(shape, "ours") == 0 ? "true" : "false");
    } else {
        printf("%s...: %s\n", display, text);
    }
    return status;
}

enum cli_exit cmd_check_token(struct cli *cli)
{
    struct fault fault = {0};
    bool asked = arguments_has(&cli->arguments, "token-stdin");
    struct token_input token CLEANUP(token_input_release) = {0};
    if (!cli_configure(cli, false)) {
        return CLI_USAGE;
    }
    tkr_error_t error = token_input_read(asked, &token, &fault);
    if (error == TKR_INVALID) {
        return cli_usage(cli->command, "%s", fault.detail);
    }
    if (error != TKR_OK) {
        if (cli_json(cli)) {
            puts("{\"shape\":\"bad\",\"checksum\":false}");
        }
        return cli_fail(CLI_REFUSED, "%s", fault.detail);
    }
    struct token_prefixes prefixes = {0};
    memcpy(prefixes.live, cli->config->prefix_live, strlen(cli->config->prefix_live));
    memcpy(prefixes.test, cli->config->prefix_test, strlen(cli->config->prefix_test));
    enum token_shape shape = token_shape(&prefixes, token.text, token.length);
    char display[TOKEN_DISPLAY_BYTES_MAX + 1];
    token_display_prefix(&prefixes, token.text, token.length, display);
    if (shape == TOKEN_SHAPE_FOREIGN && is_damaged(&prefixes, &token)) {
        return print_shape(cli, display, "damaged",
                           "it begins like a token of ours and has not its length: it was cut, "
                           "or has something behind it",
                           CLI_REFUSED);
    }
    return print_shape(cli, display, shapes[shape].name, shapes[shape].text, shapes[shape].status);
}
