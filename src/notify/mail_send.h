/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mail to a server (RFC 5321, over libcurl). STARTTLS is demanded unless the channel says
 * otherwise: a server that does not offer it gets nothing, neither the mail nor a password. One
 * recipient that is refused refuses the mail for all.
 */
#ifndef NOTIFY_MAIL_SEND_H
#define NOTIFY_MAIL_SEND_H

#include <stdbool.h>

#include "base/fault.h"
#include "notify/channel.h"

struct transfer;
/* `mail` must live until the transfer is freed. Errors: TKR_MEMORY. */
MUST_USE tkr_error_t mail_transfer_new(const struct notify_channel *channel, const char *mail,
                                       size_t length, struct transfer **ret_transfer);

/* Whether a mail server can be sent to: smtp://HOST:PORT or smtps://…, without a user and a path.
 * TKR_INVALID with words. ret_host: HTTP_SEND_HOST_SIZE. */
MUST_USE tkr_error_t mail_send_check_server(const char *server, char *ret_host,
                                            struct fault *fault);
/* `user@example.com`: what may stand in an envelope and a header without any quoting. */
bool mail_address_valid(const char *address);

#endif
