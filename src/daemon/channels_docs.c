/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a channel as texts: an example file and tokenry-channels(5). */
#include "daemon/channels_file.h"
#include "daemon/channels_rows.h"
#include "daemon/record_check.h"

void channels_print_example(FILE *out)
{
    fputs("# Notification channels of Tokenry, see tokenry-channels(5). The file has secrets: "
          "nobody\n"
          "# but its owner and group may read it (chmod 640). Name it in tokenry.conf:\n"
          "#\n"
          "#   [notify]\n"
          "#   channels_file = /etc/tokenry/channels.conf\n"
          "#\n"
          "# Each section is a channel, and its name is yours. Check the file with `tokenry\n"
          "# check-config`, and the receivers with `tokenry notify test`.\n"
          "\n"
          "[log]\n"
          "type = log\n"
          "\n"
          "#[ops]\n"
          "#type = slack\n"
          "#url = https://hooks.slack.com/services/...\n"
          "#severity = high\n"
          "\n"
          "#[mail]\n"
          "#type = email\n"
          "#server = smtp://mail.example.com:587\n"
          "#user = tokenry\n"
          "#password_file = /etc/tokenry/mail.password\n"
          "#from = tokenry@example.com\n"
          "#to = ops@example.com, oncall@example.com\n"
          "\n"
          "#[checkpoints]\n"
          "#type = webhook\n"
          "#url = https://vault.example.com/tokenry\n"
          "#secret_file = /etc/tokenry/webhook.secret\n"
          "#severity = info\n"
          "#types = audit.checkpoint\n"
          "\n"
          "# Every key of a channel, with its default:\n",
          out);
    for (size_t i = 0; i < channels_row_count; i++) {
        config_print_example_row(&channels_rows[i], out);
    }
}

static const char manual_head[] =
    ".\\\" SPDX-License-Identifier: Apache-2.0\n"
    ".\\\" Made from src/daemon/channels_table.h by config-docs; edit that.\n"
    ".TH TOKENRY-CHANNELS 5 2026-01-01 Tokenry \"File Formats\"\n"
    ".SH NAME\n"
    "tokenry-channels \\- whom the token authority tells of alerts\n"
    ".SH SYNOPSIS\n"
    ".I /etc/tokenry/channels.conf\n"
    ".SH DESCRIPTION\n"
    "The file that\n"
    ".B notify.channels_file\n"
    "in\n"
    ".BR tokenry.conf (5)\n"
    "names.\n"
    "Each\n"
    ".I [section]\n"
    "is a channel, a receiver of alerts; its name is 1 to 32 of a-z, 0-9, _ and -.\n"
    "The file has secrets, and is refused when others than its owner and group may read it.\n"
    "So are the files with keys and passwords that it names.\n"
    ".PP\n"
    "A message waits in the store until its receiver has said that it has it, also over restarts.\n"
    "So it arrives at least once; one that arrives twice has the same\n"
    ".B webhook-id\n"
    "(in mail, the same Message-ID).\n"
    "A receiver that fails is tried again, after a time at random that grows to an hour, until\n"
    ".BR give_up_after ;\n"
    "one that answers 400, 410, 413, 415 or 422 is not.\n"
    "What could not be delivered is a dead letter, see\n"
    ".BR tokenry\\-notify (1).\n"
    "Redirects are not followed, and no proxy is used.\n"
    ".PP\n"
    "A webhook is signed: the header\n"
    ".B webhook-signature\n"
    "has v1, and the base64 of the HMAC-SHA-256 of\n"
    ".IR webhook-id . webhook-timestamp . body .\n"
    "A receiver should refuse what is not signed so, and what is older than five minutes.\n"
    ".SH KEYS\n";

static const char manual_tail[] = ".SH SEE ALSO\n"
                                  ".BR tokenry (1),\n"
                                  ".BR tokenry.conf (5)\n";

void channels_print_manual(FILE *out)
{
    fputs(manual_head, out);
    record_print_manual_rows(channels_rows, channels_row_count, out);
    fputs(manual_tail, out);
}
