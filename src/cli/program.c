/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a command: finding it, reading its options, its configuration, its errors. */
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/token_input.h"

enum cli_exit cli_fail(enum cli_exit status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("tokenry: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return status;
}

enum cli_exit cli_usage(const struct cli_command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "tokenry%s%s: ", command != NULL ? " " : "",
            command != NULL ? command->name : "");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nSee `tokenry help%s%s`.\n", command != NULL ? " " : "",
            command != NULL ? command->name : "");
    va_end(arguments);
    return CLI_USAGE;
}

enum cli_exit cli_exit_of(tkr_error_t error)
{
    switch (tkr_error_category(error)) {
    case TKR_CATEGORY_NONE:
        return CLI_DONE;
    case TKR_CATEGORY_RETRYABLE:
        return CLI_UNREACHABLE;
    case TKR_CATEGORY_CALLER:
        return error == TKR_NOT_FOUND || error == TKR_CONFLICT || error == TKR_CAPACITY
                   ? CLI_REFUSED
                   : CLI_USAGE;
    default:
        return CLI_REFUSED;
    }
}

bool cli_json(const struct cli *cli)
{
    return arguments_has(&cli->arguments, "json");
}

/* --- configuration ------------------------------------------------------------------------- */

static void print_complaint(void *context, const struct fault *fault)
{
    fprintf(stderr, "tokenry: %s\n", fault->detail);
}

const char *cli_config_file(const struct cli *cli)
{
    const char *path = arguments_value(&cli->arguments, "config");
    const char *named = getenv("TOKENRY_CONFIG");
    if (path == NULL && named != NULL && named[0] != '\0') {
        path = named;
    }
    if (path != NULL) {
        return path;
    }
    /* Its owner may have closed it to a user who has TOKENRY_URL and needs nothing of it. */
    bool there = access(CONFIG_FILE_DEFAULT, cli->command->talks ? R_OK : F_OK) == 0;
    return there ? CONFIG_FILE_DEFAULT : NULL;
}

static tkr_error_t read_file(struct cli *cli)
{
    const char *path = cli_config_file(cli);
    return path != NULL ? config_read_file(cli->config, path, NULL) : TKR_OK;
}

/* --set SECTION.KEY=VALUE, beside the flags that have a key of their own. */
static tkr_error_t read_setting(struct config *config, const char *setting)
{
    char name[FAULT_FIELD_BYTES];
    const char *equals = strchr(setting, '=');
    if (equals == NULL || (size_t)(equals - setting) >= sizeof(name)) {
        fprintf(stderr, "tokenry: --set: not of the form section.key=value\n");
        return TKR_MALFORMED;
    }
    memcpy(name, setting, (size_t)(equals - setting));
    name[equals - setting] = '\0';
    return config_set(config, name, equals + 1, "--set", NULL);
}

static tkr_error_t read_flags(struct cli *cli)
{
    tkr_error_t first = TKR_OK;
    for (size_t i = 0; i < cli->arguments.option_count; i++) {
        const struct argument *argument = &cli->arguments.options[i];
        const struct cli_option *option = argument->option;
        tkr_error_t error = TKR_OK;
        if (option->key != NULL) {
            char origin[FAULT_FIELD_BYTES];
            snprintf(origin, sizeof(origin), "--%s", option->name);
            error = config_set(cli->config, option->key, argument->value, origin, NULL);
        } else if (strcmp(option->name, "set") == 0) {
            error = read_setting(cli->config, argument->value);
        }
        first = first == TKR_OK ? error : first;
    }
    return first;
}

bool cli_configure(struct cli *cli, bool serving)
{
    if (cli->config != NULL) {
        return true;
    }
    if (config_new(&cli->config) != TKR_OK) {
        cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_MEMORY));
        return false;
    }
    config_on_complaint(cli->config, print_complaint, NULL);
    tkr_error_t file = read_file(cli);
    tkr_error_t environment = config_read_environment(cli->config, cli->environment, NULL);
    tkr_error_t flags = read_flags(cli);
    if (file != TKR_OK || environment != TKR_OK || flags != TKR_OK) {
        return false;
    }
    bool whole = config_check(cli->config, NULL) == TKR_OK;
    if (serving) {
        whole = config_check_serve(cli->config, NULL) == TKR_OK && whole;
    }
    return whole && config_resolve(cli->config, cli->environment, NULL) == TKR_OK;
}

/* --- running ------------------------------------------------------------------------------- */

enum cli_exit cli_unknown_command(const char *word, const char *nearest)
{
    char shown[TOKEN_INPUT_SHOWN_SIZE];
    if (token_input_suspicious(word)) {
        return cli_usage(NULL, "this looks like a token; a token is never an argument, because "
                               "other users of this machine can see it there");
    }
    token_input_shown(word, shown);
    size_t length = strlen(word);
    if (nearest != NULL && strncmp(nearest, word, length) == 0 && nearest[length] == ' ') {
        return cli_usage(NULL, "%s has no such command; did you mean %s?", shown, nearest);
    }
    if (nearest != NULL) {
        return cli_usage(NULL, "no command %s; did you mean %s?", shown, nearest);
    }
    for (size_t i = 0; i < cli_command_count; i++) { /* the first half of a command? */
        const char *name = cli_commands[i].name;
        if (strncmp(name, word, length) == 0 && name[length] == ' ') {
            return cli_usage(NULL, "%s needs a second word, as in tokenry %s", shown, name);
        }
    }
    return cli_usage(NULL, "no command %s", shown);
}

static void release(struct cli *cli)
{
    config_free(cli->config);
}

static enum cli_exit run(const struct cli_command *command, size_t count, char *const *words,
                         char *const *environment)
{
    struct cli cli CLEANUP(release) = {.command = command, .environment = environment};
    struct fault fault = {0};
    if (arguments_parse(command, words, count, &cli.arguments, &fault) != TKR_OK) {
        return cli_usage(command, "%s", fault.detail);
    }
    if (arguments_has(&cli.arguments, "help")) {
        help_command(command, stdout);
        return CLI_DONE;
    }
    enum cli_exit status = command->run(&cli);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail(CLI_REFUSED, "standard output: writing failed");
    }
    return status;
}

int cli_main(int count, char *const *words, char *const *environment)
{
    setlocale(LC_CTYPE, "C.UTF-8"); /* for the widths of characters in tables */
    static const char *const shorthands[][2] = {
        {"--help", "help"}, {"-h", "help"}, {"--version", "version"}, {"-V", "version"}};
    if (count < 2) {
        help_overview(stderr);
        return CLI_USAGE;
    }
    const char *first[] = {words[1], count > 2 ? words[2] : NULL};
    char name[16];
    for (size_t i = 0; i < sizeof(shorthands) / sizeof(shorthands[0]); i++) {
        if (strcmp(words[1], shorthands[i][0]) == 0) {
            snprintf(name, sizeof(name), "%s", shorthands[i][1]);
            first[0] = name;
        }
    }
    size_t taken = 0;
    const char *nearest = NULL;
    const struct cli_command *command =
        cli_command_find(first, count > 2 ? 2 : 1, &taken, &nearest);
    bool asks = count == 3 && (strcmp(words[2], "--help") == 0 || strcmp(words[2], "-h") == 0);
    if (command == NULL && asks && help_family(words[1], stdout)) {
        return CLI_DONE;
    }
    if (command == NULL) {
        return cli_unknown_command(words[1], nearest);
    }
    return run(command, (size_t)count - 1 - taken, words + 1 + taken, environment);
}
