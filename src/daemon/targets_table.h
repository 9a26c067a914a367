/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of a target: X(key, TYPE, member, least, most, default, unit, types, description), as
 * in daemon/channels_table.h. The parser, check-config, the example file and tokenry-targets(5)
 * come from here.
 */
#ifndef DAEMON_TARGETS_TABLE_H
#define DAEMON_TARGETS_TABLE_H

#include "base/limits.h"

/* clang-format off */
#define TARGETS_TABLE(X) \
    X(type, CHOICE, type, 0, 0, "file", "file,command,webhook,github", "", \
      "How a token is brought there. file replaces a file; command runs a program with the token " \
      "on its standard input; webhook posts JSON that is signed as the Standard Webhooks have it; " \
      "github writes a secret of a repository's Actions.") \
    X(orgs, TEXT, orgs, 0, CONFIG_VALUE_BYTES_MAX, "", "", "", \
      "The organisations whose tokens may be sent there by whoever may rotate them, with commas; " \
      "* is all. Empty: only somebody with scope * gives a token this target.") \
    X(path, TEXT, path, 0, DELIVER_PATH_BYTES_MAX, "", "", "file", \
      "The file, from / on. It has mode 0600, keeps its owner, and is replaced at once, never " \
      "written to. Its folder must be root's or the daemon's, and nobody else's to write.") \
    X(command, TEXT, command, 0, CONFIG_VALUE_BYTES_MAX, "", "", "command", \
      "The program, from / on, and its arguments with a space between; there is no shell. Status 0 " \
      "says that it took the token, another that it did not; what it prints goes nowhere. It is " \
      "told which token it is by TOKENRY_TARGET, TOKENRY_ORG_ID, TOKENRY_USER_ID, " \
      "TOKENRY_TOKEN_ID, TOKENRY_TOKEN_NAME, TOKENRY_PREDECESSOR_ID and TOKENRY_EXPIRES_AT.") \
    X(url, TEXT, url, 0, 2048, "", "", "webhook github", \
      "Where the webhook is, as https://; http:// only with allow_private. Of github: where its " \
      "API is, https://api.github.com unless given.") \
    X(secret_file, PATH, secret_file, 0, 1024, "", "", "webhook", \
      "File with the key that signs, as whsec_ and base64 of 24 to 64 bytes; up to 4 lines, all " \
      "of which sign.") \
    X(repository, TEXT, repository, 0, 140, "", "", "github", \
      "The repository, as OWNER/NAME.") \
    X(secret, TEXT, secret, 0, 255, "", "", "github", \
      "The name of the secret: letters, digits and _, not beginning with a digit or GITHUB_.") \
    X(token_file, PATH, token_file, 0, 1024, "", "", "github", \
      "File with a token of GitHub that may write secrets of the repository.") \
    X(ca_file, PATH, ca_file, 0, 1024, "", "", "webhook github", \
      "PEM file with the authorities that TLS is verified with. Empty: the system's.") \
    X(allow_private, CHOICE, allow_private, 0, 0, "no", "no,yes", "webhook github", \
      "Whether the receiver may be at an address that is not of the public internet.") \
    X(timeout, SECONDS, timeout_s, 1, 300, "30", "seconds", "command webhook github", \
      "How long one delivery may take; of github, each of its two requests.")
/* clang-format on */

#endif
