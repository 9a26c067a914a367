/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/mail_send.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "notify/http_send.h"
#include "notify/transfer.h"

#define ADDRESS_BYTES_MAX 254 /* RFC 5321 §4.5.3.1.3, without the angle brackets */

/* --- what is configured ------------------------------------------------------------------- */

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_part(char **part)
{
    curl_free(*part);
}

static tkr_error_t take_apart(const char *text, char **ret_scheme, char **ret_host, char **ret_path)
{
    CLEANUP(free_url) CURLU *url = curl_url();
    CLEANUP(free_part) char *user = NULL;
    ENSURE(url != NULL, TKR_MEMORY);
    ENSURE(curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK, TKR_INVALID);
    ENSURE(curl_url_get(url, CURLUPART_SCHEME, ret_scheme, 0) == CURLUE_OK, TKR_INVALID);
    ENSURE(curl_url_get(url, CURLUPART_HOST, ret_host, 0) == CURLUE_OK, TKR_INVALID);
    ENSURE(curl_url_get(url, CURLUPART_PATH, ret_path, 0) == CURLUE_OK, TKR_INVALID);
    ENSURE(curl_url_get(url, CURLUPART_USER, &user, 0) != CURLUE_OK, TKR_INVALID);
    return TKR_OK;
}

tkr_error_t mail_send_check_server(const char *server, char *ret_host, struct fault *fault)
{
    CLEANUP(free_part) char *scheme = NULL;
    CLEANUP(free_part) char *host = NULL;
    CLEANUP(free_part) char *path = NULL;
    bool fine = text_is_visible_ascii(server, strlen(server)) &&
                take_apart(server, &scheme, &host, &path) == TKR_OK &&
                (strcmp(scheme, "smtp") == 0 || strcmp(scheme, "smtps") == 0) &&
                strcmp(path, "/") == 0;
    if (!fine) {
        return fault_set(fault, TKR_INVALID, "server",
                         "must be smtp://HOST:PORT or smtps://HOST:PORT");
    }
    snprintf(ret_host, HTTP_SEND_HOST_SIZE, "%s", host);
    return TKR_OK;
}

bool mail_address_valid(const char *address)
{
    const char *at = strchr(address, '@');
    size_t length = strlen(address);
    bool fine = at != NULL && at > address && at[1] != '\0' && strchr(at + 1, '@') == NULL &&
                length <= ADDRESS_BYTES_MAX;
    for (size_t i = 0; i < length; i++) {
        fine &= isalnum((unsigned char)address[i]) || strchr("@.-_+=!#$%&'*/?^`{|}~", address[i]);
    }
    return fine;
}

/* --- sending ------------------------------------------------------------------------------ */

static size_t give(char *out, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t room = size * count;
    size_t length = transfer->upload_left < room ? transfer->upload_left : room;
    memcpy(out, transfer->upload, length);
    transfer->upload += length;
    transfer->upload_left -= length;
    return length;
}

static tkr_error_t set_recipients(struct transfer *transfer, const struct notify_channel *channel)
{
    for (size_t i = 0; i < channel->recipient_count; i++) {
        struct curl_slist *longer = curl_slist_append(transfer->recipients, channel->recipients[i]);
        ENSURE(longer != NULL, TKR_MEMORY);
        transfer->recipients = longer;
    }
    curl_easy_setopt(transfer->handle, CURLOPT_MAIL_RCPT, transfer->recipients);
    return TKR_OK;
}

tkr_error_t mail_transfer_new(const struct notify_channel *channel, const char *mail, size_t length,
                              struct transfer **ret_transfer)
{
    const struct transfer_options options = {
        .url = channel->server,
        .protocols = "smtp,smtps",
        .ca_file = channel->ca_file,
        .allow_private = channel->allow_private != 0,
        .timeout_ms = channel->timeout_s * 1000,
        .answer_bytes_max = NOTIFY_ANSWER_BYTES_MAX,
    };
    struct transfer *transfer CLEANUP(transfer_free_p) = NULL;
    TRY(transfer_new(&options, &transfer));
    CURL *curl = transfer->handle;
    transfer->is_mail = true;
    transfer->upload = mail;
    transfer->upload_left = length;
    curl_easy_setopt(curl, CURLOPT_USE_SSL,
                     channel->starttls == NOTIFY_STARTTLS_REQUIRED ? (long)CURLUSESSL_ALL
                                                                   : (long)CURLUSESSL_NONE);
    if (channel->user[0] != '\0') {
        curl_easy_setopt(curl, CURLOPT_USERNAME, channel->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, channel->password);
    }
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, channel->from);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)length);
    TRY(set_recipients(transfer, channel));
    *ret_transfer = transfer;
    transfer = NULL;
    return TKR_OK;
}
