/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that has nothing but libtokenry: plain C11, the installed headers, the shared
 * library.
 *
 *     probe DIRECTORY
 *
 * Reads requests from standard input, one a line: `TOKEN [USER|-] [SCOPE|-] [ADDRESS]`.
 * Answers one line each: `VERDICT USER NAME LIMITS REMAINING BATCH-VERDICT`, the last from a
 * dry run in a batch of three.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tokenry/tokenry.h>

static void answer(tkr_verifier_t *verifier, char *line)
{
    char *fields[4] = {NULL, NULL, NULL, NULL};
    for (int i = 0; i < 4 && (fields[i] = strtok(i == 0 ? line : NULL, " \n")) != NULL; i++) {
    }
    if (fields[0] == NULL) {
        exit(2);
    }
    tkr_request_t request = {.token = fields[0], .token_length = strlen(fields[0]), .cost = 1};
    tkr_text_t scope = {NULL, 0};
    if (fields[1] != NULL && strcmp(fields[1], "-") != 0) {
        request.user = fields[1];
        request.user_length = strlen(fields[1]);
    }
    if (fields[2] != NULL && strcmp(fields[2], "-") != 0) {
        scope = (tkr_text_t){fields[2], strlen(fields[2])};
        request.scopes = &scope;
        request.scope_count = 1;
    }
    if (fields[3] != NULL &&
        tkr_address_parse(fields[3], strlen(fields[3]), &request.client) != TKR_OK) {
        exit(2);
    }
    tkr_result_t result, many[3];
    tkr_verdict_t verdict = tkr_verify(verifier, &request, &result);
    printf("%s %.*s %.*s %u %u ", tkr_verdict_name(verdict), (int)result.user.length,
           result.user.text, (int)result.name.length, result.name.text,
           (unsigned)result.limit_count,
           result.limit_count == 0 ? 0U : (unsigned)result.limits[0].remaining);
    request.dry_run = true;
    tkr_request_t three[3] = {request, {0}, request};
    three[2].reserved[0] = 1; /* of a version that this one does not know */
    tkr_verify_batch(verifier, three, 3, many);
    if (many[1].verdict != TKR_VERDICT_MALFORMED || many[2].verdict != TKR_VERDICT_UNAVAILABLE) {
        exit(3);
    }
    printf("%s\n", tkr_verdict_name(many[0].verdict));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 2 || strlen(tkr_version()) == 0) {
        return 2;
    }
    tkr_verifier_t *verifier = NULL;
    char reason[256];
    tkr_options_t options = {.directory = argv[1]};
    tkr_error_t error = tkr_verifier_open(&options, &verifier, reason, sizeof reason);
    if (error != TKR_OK) {
        printf("%s %s\n", tkr_error_name(error), reason);
        return 1;
    }
    printf("healthy %d\n", tkr_verifier_healthy(verifier));
    fflush(stdout);
    char line[1024];
    while (fgets(line, sizeof line, stdin) != NULL) {
        answer(verifier, line);
    }
    tkr_verifier_close(verifier);
    return 0;
}
