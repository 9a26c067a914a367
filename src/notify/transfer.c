/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/secret.h"
#include "notify/address.h"

/* --- what curl calls ---------------------------------------------------------------------- */

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t room = transfer->answer.bytes_max - transfer->answer.length, length = size * count;
    buffer_add(&transfer->answer, bytes, length < room ? length : room);
    transfer->too_large |= length > room || transfer->answer.overflowed;
    return transfer->too_large ? 0 : length;
}

/* curl keeps each line of a header, and counts none of those behind a body. */
static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count;
    transfer->too_large |= length > OUTSIDE_HEADER_BYTES_MAX - transfer->header_bytes;
    transfer->header_bytes += transfer->too_large ? 0 : length;
    return transfer->too_large ? 0 : length;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = context;
    if (!transfer->allow_private && !address_is_public(&address->addr)) {
        transfer->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* --- building and ending ------------------------------------------------------------------ */

static void set_up(struct transfer *transfer, const struct transfer_options *options)
{
    CURL *curl = transfer->handle;
    curl_easy_setopt(curl, CURLOPT_URL, options->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, options->protocols);
    curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(options->timeout_ms / 2 + 1));
    /* Without this the end of a transfer waits for a resolver that does not answer, and with it
     * everybody else on this thread. */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
    if (options->ca_file[0] != '\0') {
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
    }
}

tkr_error_t transfer_new(const struct transfer_options *options, struct transfer **ret_transfer)
{
    ENSURE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, TKR_MEMORY);
    struct transfer *transfer CLEANUP(transfer_free_p) = calloc(1, sizeof(*transfer));
    ENSURE(transfer != NULL, TKR_MEMORY);
    buffer_init(&transfer->answer, options->answer_bytes_max);
    transfer->allow_private = options->allow_private;
    transfer->handle = curl_easy_init();
    ENSURE(transfer->handle != NULL, TKR_MEMORY);
    set_up(transfer, options);
    if (options->resolve != NULL) {
        transfer->resolve = curl_slist_append(NULL, options->resolve);
        ENSURE(transfer->resolve != NULL, TKR_MEMORY);
        curl_easy_setopt(transfer->handle, CURLOPT_RESOLVE, transfer->resolve);
    }
    *ret_transfer = transfer;
    transfer = NULL;
    return TKR_OK;
}

/* curl keeps copies of its own of what it is given, which are wiped with the list. */
static void free_secrets(struct curl_slist *list)
{
    for (struct curl_slist *item = list; item != NULL; item = item->next) {
        secret_wipe(item->data, strlen(item->data));
    }
    curl_slist_free_all(list);
}

void transfer_free(struct transfer *transfer)
{
    if (transfer == NULL) {
        return;
    }
    curl_easy_cleanup(transfer->handle);
    free_secrets(transfer->headers);
    curl_slist_free_all(transfer->recipients);
    curl_slist_free_all(transfer->resolve);
    buffer_deinit(&transfer->answer);
    free(transfer);
}

void transfer_free_p(struct transfer **transfer)
{
    transfer_free(*transfer);
}

static void free_line(struct buffer *line)
{
    buffer_deinit(line);
}

tkr_error_t transfer_add_header(struct transfer *transfer, const char *name, const char *value)
{
    struct buffer line CLEANUP(free_line);
    buffer_init_secret(&line, strlen(name) + strlen(value) + 8);
    buffer_print(&line, "%s:%s%s", name, value[0] != '\0' ? " " : "", value);
    TRY(buffer_status(&line));
    struct curl_slist *longer = curl_slist_append(transfer->headers, line.data);
    ENSURE(longer != NULL, TKR_MEMORY);
    transfer->headers = longer;
    return TKR_OK;
}

/* What the server of a mail said last is of use to people; it is no status of HTTP. */
static tkr_error_t failed(const struct transfer *transfer, CURLcode code, long status,
                          struct fault *fault)
{
    tkr_error_t error = code == CURLE_OPERATION_TIMEDOUT ? TKR_TIMEOUT : TKR_UNAVAILABLE;
    if (transfer->refused) {
        return fault_set(fault, TKR_FORBIDDEN, "",
                         "its name resolves to an address that is not public, which must be "
                         "allowed (allow_private)");
    }
    if (transfer->is_mail && status != 0) {
        return fault_set(fault, error, "", "%s (%ld)", curl_easy_strerror(code), status);
    }
    return fault_set(fault, error, "", "%s", curl_easy_strerror(code));
}

tkr_error_t transfer_end(struct transfer *transfer, CURLcode code,
                         struct transfer_result *ret_result, struct fault *fault)
{
    curl_off_t retry_after_s = 0;
    long status = 0, sent_bytes = 0;
    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->handle, CURLINFO_RETRY_AFTER, &retry_after_s);
    curl_easy_getinfo(transfer->handle, CURLINFO_REQUEST_SIZE, &sent_bytes);
    *ret_result = (struct transfer_result){transfer->is_mail ? 0 : status, retry_after_s,
                                           sent_bytes > 0 || transfer->is_mail};
    if (code == CURLE_OK) {
        return TKR_OK;
    }
    if (transfer->too_large) {
        return fault_set(fault, TKR_TOO_LARGE, "",
                         "it answered more than %zu bytes, or %d of headers",
                         transfer->answer.bytes_max, OUTSIDE_HEADER_BYTES_MAX);
    }
    return failed(transfer, code, status, fault);
}
