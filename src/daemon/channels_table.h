/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of a channel: X(key, TYPE, member, least, most, default, unit, types, description), as
 * in daemon/config_table.h; `types` are those that have the key, "" for all. The parser,
 * check-config, the example file and tokenry-channels(5) come from here.
 */
#ifndef DAEMON_CHANNELS_TABLE_H
#define DAEMON_CHANNELS_TABLE_H

#include "base/limits.h"

/* clang-format off */
#define CHANNELS_TABLE(X) \
    X(type, CHOICE, type, 0, 0, "log", "log,webhook,email,slack,teams,discord", "", \
      "What the receiver is. log writes lines to the daemon's own log; webhook posts JSON that is " \
      "signed as the Standard Webhooks have it; email speaks SMTP; slack, teams and discord post " \
      "what an incoming webhook of theirs takes (of Teams, one made with Workflows).") \
    X(severity, CHOICE, severity, 0, 0, "low", "info,low,medium,high,critical", "", \
      "The least severity of the alerts that it gets. info is for machines: the signed " \
      "checkpoints of the audit log have it.") \
    X(types, TEXT, types, 1, 1024, "*", "", "", \
      "The types of alerts that it gets, with commas: token.expiring, or token.* for all that " \
      "begin so. An alert of a type is the event alert.TYPE of the audit log; there are token., " \
      "rotation., job., audit. and notify. ones.") \
    X(url, TEXT, url, 0, 2048, "", "", "webhook slack teams discord", \
      "Where messages are posted, as https://; http:// only with allow_private. The path is a " \
      "secret, and never shown.") \
    X(secret_file, PATH, secret_file, 0, 1024, "", "", "webhook", \
      "File with the key that signs, as whsec_ and base64 of 24 to 64 bytes; up to 4 lines, all " \
      "of which sign, so that a receiver can change its key.") \
    X(server, TEXT, server, 0, 1024, "", "", "email", \
      "The mail server, as smtp://HOST:PORT, or smtps://HOST:PORT for TLS from the first byte.") \
    X(starttls, CHOICE, starttls, 0, 0, "required", "required,none", "email", \
      "Whether smtp:// must become TLS before anything is sent. none is for a relay nearby, needs " \
      "allow_private, and takes no password.") \
    X(user, TEXT, user, 0, 255, "", "", "email", \
      "Who logs in to the mail server. Empty: nobody does.") \
    X(password_file, PATH, password_file, 0, 1024, "", "", "email", \
      "File with the password of that user.") \
    X(from, TEXT, from, 0, 254, "", "", "email", \
      "The address that mail comes from.") \
    X(to, TEXT, to, 0, CONFIG_VALUE_BYTES_MAX, "", "", "email", \
      "The addresses that it goes to, with commas.") \
    X(ca_file, PATH, ca_file, 0, 1024, "", "", "webhook email slack teams discord", \
      "PEM file with the authorities that TLS is verified with. Empty: the system's.") \
    X(allow_private, CHOICE, allow_private, 0, 0, "no", "no,yes", \
      "webhook email slack teams discord", \
      "Whether the receiver may be at an address that is not of the public internet: loopback, " \
      "private, link-local. Without it a name that resolves to one is refused at each try.") \
    X(timeout, SECONDS, timeout_s, 1, 60, "10", "seconds", "webhook email slack teams discord", \
      "How long one try may take.") \
    X(give_up_after, SECONDS, give_up_s, 60, 30 * 86400, "86400", "seconds", \
      "webhook email slack teams discord", \
      "A message that could not be delivered for so long is a dead letter.") \
    X(in_flight, INTEGER, in_flight, 1, NOTIFY_IN_FLIGHT_MAX, "2", "messages", \
      "webhook email slack teams discord", \
      "How many messages are sent at once.")
/* clang-format on */

#endif
