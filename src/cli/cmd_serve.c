/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "daemon/daemon.h"

enum cli_exit cmd_serve(struct cli *cli)
{
    if (!cli_configure(cli, true)) {
        return CLI_USAGE;
    }
    struct fault fault = {0};
    struct daemon_options options = {
        .config = cli->config,
        .environment = cli->environment,
        .reset_clock = arguments_has(&cli->arguments, "reset-clock"),
    };
    tkr_error_t error = daemon_run(&options, &fault);
    if (error != TKR_OK) {
        return cli_fail(cli_exit_of(error), "%s",
                        fault.detail[0] != '\0' ? fault.detail : tkr_error_text(error));
    }
    return CLI_DONE;
}
