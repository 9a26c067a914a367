/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/http_send.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "notify/transfer.h"

/* --- URLs --------------------------------------------------------------------------------- */

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_part(char **part)
{
    curl_free(*part);
}

static tkr_error_t take_apart(const char *text, char **ret_scheme, char **ret_host)
{
    CLEANUP(free_url) CURLU *url = curl_url();
    CLEANUP(free_part) char *user = NULL;
    ENSURE(url != NULL, TKR_MEMORY);
    ENSURE(curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK, TKR_INVALID);
    ENSURE(curl_url_get(url, CURLUPART_SCHEME, ret_scheme, 0) == CURLUE_OK, TKR_INVALID);
    ENSURE(curl_url_get(url, CURLUPART_HOST, ret_host, 0) == CURLUE_OK, TKR_INVALID);
    ENSURE(curl_url_get(url, CURLUPART_USER, &user, 0) != CURLUE_OK, TKR_INVALID);
    return TKR_OK;
}

tkr_error_t http_send_check_url(const char *url, bool allow_private,
                                char ret_host[HTTP_SEND_HOST_SIZE], struct fault *fault)
{
    CLEANUP(free_part) char *scheme = NULL;
    CLEANUP(free_part) char *host = NULL;
    tkr_error_t error =
        text_is_visible_ascii(url, strlen(url)) ? take_apart(url, &scheme, &host) : TKR_INVALID;
    bool clear = error == TKR_OK && strcmp(scheme, "http") == 0;
    if (error != TKR_OK || (!clear && strcmp(scheme, "https") != 0)) {
        return fault_set(fault, TKR_INVALID, "url", "must be https://HOST/PATH without a user");
    }
    if (clear && !allow_private) {
        return fault_set(fault, TKR_INVALID, "url",
                         "must be https: http is for receivers nearby (allow_private)");
    }
    if (ret_host != NULL) {
        snprintf(ret_host, HTTP_SEND_HOST_SIZE, "%s", host);
    }
    return TKR_OK;
}

/* --- requests ----------------------------------------------------------------------------- */

/* RFC 9110 §5.5: a line feed in a value would begin a header of somebody else. */
static tkr_error_t check_headers(const struct http_send_request *request, struct fault *fault)
{
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_send_header *header = &request->headers[i];
        bool fine = header->name[0] != '\0' &&
                    text_is_visible_ascii(header->name, strlen(header->name)) &&
                    strchr(header->name, ':') == NULL;
        for (const unsigned char *c = (const unsigned char *)header->value; *c != '\0'; c++) {
            fine &= *c >= 0x20 && *c != 0x7f;
        }
        if (!fine) {
            return fault_set(fault, TKR_INVALID, "headers", "a header has a control character");
        }
    }
    return TKR_OK;
}

static tkr_error_t set_headers(struct transfer *transfer, const struct http_send_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        TRY(transfer_add_header(transfer, request->headers[i].name, request->headers[i].value));
    }
    TRY(transfer_add_header(transfer, "Expect", "")); /* nobody waits for a 100 */
    curl_easy_setopt(transfer->handle, CURLOPT_HTTPHEADER, transfer->headers);
    return TKR_OK;
}

tkr_error_t http_transfer_new(const struct http_send_request *request,
                              struct transfer **ret_transfer, struct fault *fault)
{
    const struct transfer_options options = {
        .url = request->url,
        .protocols = request->allow_private ? "http,https" : "https",
        .ca_file = request->ca_file,
        .allow_private = request->allow_private,
        .timeout_ms = request->timeout_ms,
        .answer_bytes_max = request->answer_bytes_max,
        .resolve = request->resolve,
    };
    TRY(http_send_check_url(request->url, request->allow_private, NULL, fault));
    TRY(check_headers(request, fault));
    struct transfer *transfer CLEANUP(transfer_free_p) = NULL;
    TRY(transfer_new(&options, &transfer));
    CURL *curl = transfer->handle;
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "tokenry/" TOKENRY_VERSION);
    if (strcmp(request->method, "GET") == 0) {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    } else {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body_length > 0 ? request->body : "");
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    }
    TRY(set_headers(transfer, request));
    *ret_transfer = transfer;
    transfer = NULL;
    return TKR_OK;
}

void http_send_answer_deinit(struct http_send_answer *answer)
{
    buffer_deinit(&answer->body);
}

tkr_error_t http_send(const struct http_send_request *request, struct http_send_answer *ret_answer,
                      struct fault *fault)
{
    struct transfer *transfer CLEANUP(transfer_free_p) = NULL;
    struct transfer_result result;
    *ret_answer = (struct http_send_answer){0};
    TRY(http_transfer_new(request, &transfer, fault));
    tkr_error_t error = transfer_end(transfer, curl_easy_perform(transfer->handle), &result, fault);
    ret_answer->status = result.status;
    ret_answer->retry_after_s = result.retry_after_s;
    ret_answer->sent = result.sent;
    ret_answer->body = transfer->answer;
    transfer->answer = (struct buffer){0};
    return error;
}
