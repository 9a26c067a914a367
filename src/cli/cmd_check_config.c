/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "daemon/channels_file.h"
#include "daemon/targets_file.h"

static void complain(void *context, const struct fault *fault)
{
    (void)context;
    (void)cli_fail(CLI_USAGE, "%s", fault->detail);
}

/* Also the files that the configuration names: each has errors of its own. */
static bool check_channels(const struct cli *cli)
{
    struct channels *channels CLEANUP(channels_free_p) = NULL;
    return channels_read(cli->config->channels_file, complain, NULL, &channels, NULL) == TKR_OK;
}

static bool check_targets(const struct cli *cli)
{
    struct targets *targets CLEANUP(targets_free_p) = NULL;
    return targets_read(cli->config->rotation_targets_file, complain, NULL, &targets, NULL) ==
           TKR_OK;
}

enum cli_exit cmd_check_config(struct cli *cli)
{
    struct arguments *arguments = &cli->arguments;
    if (arguments_has(arguments, "example")) {
        config_print_example(stdout);
        return CLI_DONE;
    }
    if (arguments->operand_count > 0) { /* FILE is --config FILE */
        if (arguments_has(arguments, "config")) {
            return cli_usage(cli->command, "FILE and --config exclude each other");
        }
        arguments->options[arguments->option_count++] = (struct argument){
            cli_option_find(cli->command, "config", sizeof("config") - 1), arguments->operands[0]};
    }
    if (!cli_configure(cli, true) || !check_channels(cli) || !check_targets(cli)) {
        fputs(cli_json(cli) ? "{\"valid\":false}\n" : "", stdout);
        return CLI_USAGE;
    }
    if (arguments_has(arguments, "print")) {
        config_print(cli->config, stdout);
    } else if (!cli_json(cli)) {
        const char *path = cli_config_file(cli);
        printf("%s %s good.\n", path != NULL ? path : "There is no file; defaults and environment",
               path != NULL ? "is" : "are");
    } else {
        puts("{\"valid\":true}");
    }
    return CLI_DONE;
}
