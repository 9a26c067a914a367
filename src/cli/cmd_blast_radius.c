/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/blast_page.h"
#include "cli/find.h"

#define PATH_SIZE (FIND_PATH_SIZE + 16)
#define QUERY_SIZE 64

enum cli_exit cmd_blast_radius(struct cli *cli)
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
    char token_path[FIND_PATH_SIZE], path[PATH_SIZE], query[QUERY_SIZE], escaped[QUERY_SIZE / 2];
    status = find_path(cli, client, &find, false, token_path);
    if (status != CLI_DONE) {
        return status;
    }
    const char *days = arguments_value(&cli->arguments, "days");
    snprintf(path, sizeof(path), "%s/blast-radius", token_path);
    snprintf(query, sizeof(query), "days=%s",
             client_escape(days != NULL ? days : "30", escaped, sizeof(escaped)));
    struct client_answer answer CLEANUP(client_answer_release) = {0};
    struct client_call call = {.method = HTTP_GET, .path = path, .query = query};
    status = client_call(cli, client, &call, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    if (cli_json(cli)) {
        answer_print(answer.json);
        return CLI_DONE;
    }
    return blast_page_print(cli, answer.json)
               ? CLI_DONE
               : cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_MEMORY));
}
