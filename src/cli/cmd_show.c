/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/find.h"
#include "cli/record.h"

enum cli_exit cmd_show(struct cli *cli)
{
    struct find find CLEANUP(find_release) = {0};
    enum cli_exit status = find_read(cli, &find);
    if (status != CLI_DONE) {
        return status;
    }
    struct client *client CLEANUP(client_close_p) = NULL;
    if (!client_open(cli, false, &client, &status)) {
        return status;
    }
    char path[FIND_PATH_SIZE];
    status = find_path(cli, client, &find, false, path);
    if (status != CLI_DONE) {
        return status;
    }
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = path};
    status = client_call(cli, client, &call, &answer);
    if (status == CLI_DONE) {
        record_print(cli, answer.json);
    }
    return status;
}
