/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a target as texts: an example file and tokenry-targets(5). */
#include "daemon/record_check.h"
#include "daemon/targets_file.h"

void targets_print_example(FILE *out)
{
    fputs(
        "# Where Tokenry brings tokens that it rotates, see tokenry-targets(5). Whoever can write\n"
        "# this file runs programs as the daemon (chmod 640). Name it in tokenry.conf:\n"
        "#\n"
        "#   [rotation]\n"
        "#   targets_file = /etc/tokenry/targets.conf\n"
        "#\n"
        "# Each section is a target, and its name is yours. Check the file with `tokenry\n"
        "# check-config`, and give it a token with `tokenry rotation set`.\n"
        "\n"
        "#[deploy-key]\n"
        "#type = file\n"
        "#path = /etc/deploy/token\n"
        "#orgs = acme\n"
        "\n"
        "#[reload-app]\n"
        "#type = command\n"
        "#command = /usr/local/sbin/take-token --app shop\n"
        "\n"
        "#[vault]\n"
        "#type = webhook\n"
        "#url = https://vault.example.com/tokenry\n"
        "#secret_file = /etc/tokenry/vault.secret\n"
        "\n"
        "#[ci]\n"
        "#type = github\n"
        "#repository = acme/shop\n"
        "#secret = DEPLOY_TOKEN\n"
        "#token_file = /etc/tokenry/github.token\n"
        "\n"
        "# Every key of a target, with its default:\n",
        out);
    for (size_t i = 0; i < targets_row_count; i++) {
        config_print_example_row(&targets_rows[i], out);
    }
}

static const char manual_head[] =
    ".\\\" SPDX-License-Identifier: Apache-2.0\n"
    ".\\\" Made from src/daemon/targets_table.h by config-docs; edit that.\n"
    ".TH TOKENRY-TARGETS 5 2026-01-01 Tokenry \"File Formats\"\n"
    ".SH NAME\n"
    "tokenry-targets \\- where the token authority brings rotated tokens\n"
    ".SH SYNOPSIS\n"
    ".I /etc/tokenry/targets.conf\n"
    ".SH DESCRIPTION\n"
    "The file that\n"
    ".B rotation.targets_file\n"
    "in\n"
    ".BR tokenry.conf (5)\n"
    "names.\n"
    "Each\n"
    ".I [section]\n"
    "is a target, a place where a token is used; its name is 1 to 32 of a-z, 0-9, _ and -.\n"
    ".BR tokenry\\-rotation (1)\n"
    "gives a token a target, and from then on each successor is brought there.\n"
    "The file is read at the start, is refused when others than its owner and group may read it,\n"
    "and so are the files with keys and tokens that it names.\n"
    ".PP\n"
    "A delivery succeeds, fails for certain, or nobody knows.\n"
    "It fails for certain when nothing was sent, when a program ends with another status than 0,\n"
    "or when a receiver answers 300 to 499: then the rotation is rolled back and the successor\n"
    "revoked.\n"
    "Nobody knows after a time\\-out, an answer of 500 and more, one that is endless, or when the\n"
    "daemon or the program was killed: then both versions live on until the token's own end, and\n"
    "it is tried again with a new one.\n"
    ".PP\n"
    "A target of type file or github keeps one token, and so belongs to one.\n"
    "A webhook is signed as in\n"
    ".BR tokenry\\-channels (5),\n"
    "its\n"
    ".B webhook-id\n"
    "is the token's, and its body has the members type, timestamp and data, with target, org_id,\n"
    "user_id, token_id, token_name, predecessor_id, expires_at and token.\n"
    "Redirects are not followed, and no proxy is used.\n"
    ".SH KEYS\n";

static const char manual_tail[] = ".SH SEE ALSO\n"
                                  ".BR tokenry (1),\n"
                                  ".BR tokenry.conf (5),\n"
                                  ".BR tokenry\\-channels (5)\n";

void targets_print_manual(FILE *out)
{
    fputs(manual_head, out);
    record_print_manual_rows(targets_rows, targets_row_count, out);
    fputs(manual_tail, out);
}
