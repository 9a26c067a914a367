/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request to somebody outside.
 *
 *     const struct http_send_header headers[] = {{"Authorization", bearer},
 *                                                {"Content-Type", "application/json"}};
 *     const struct http_send_request request = {
 *         .url = "https://api.example.com/things/1", .method = "PUT",
 *         .headers = headers, .header_count = 2, .body = json, .body_length = length,
 *         .ca_file = "", .timeout_ms = 10000, .answer_bytes_max = 65536,
 *     };
 *     struct http_send_answer answer CLEANUP(http_send_answer_deinit) = {0};
 *     TRY(http_send(&request, &answer, fault));
 *     ... answer.status is what it is, also 404 or 302; answer.body.data ...
 *
 * What is guaranteed: the address that the name resolves to is public, or `allow_private` says that
 * it need not be (also for plain http, which is for receivers nearby); it is judged at the moment
 * of connecting, so another answer of the resolver later is judged again. Redirects are not
 * followed, and are answers like any other. No proxy and no netrc of the environment. https is
 * verified, TLS 1.2 at least. The whole ends within `timeout_ms`; at most `answer_bytes_max` of the
 * answer are read. Headers are wiped after use, the body is not copied: the caller keeps both until
 * the return and wipes its own. Any thread; blocks the one that calls.
 */
#ifndef NOTIFY_HTTP_SEND_H
#define NOTIFY_HTTP_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/fault.h"

struct http_send_header {
    const char *name, *value; /* no control characters: TKR_INVALID */
};

struct http_send_request {
    const char *url;
    const char *method; /* "GET" sends no body */
    const struct http_send_header *headers;
    size_t header_count;
    const void *body;
    size_t body_length;
    const char *ca_file; /* PEM file to verify with; "": the system's */
    bool allow_private;
    int64_t timeout_ms;
    size_t answer_bytes_max;
    const char *resolve; /* for tests: "HOST:PORT:ADDRESS" instead of the resolver; NULL: none */
};

struct http_send_answer {
    long status;           /* 0: there was none */
    int64_t retry_after_s; /* 0: it did not say */
    bool sent;             /* some of the request was; without, nobody has seen it */
    struct buffer body;    /* whole; after TKR_TOO_LARGE its beginning */
};
void http_send_answer_deinit(struct http_send_answer *answer); /* zeros are allowed */

/*
 * TKR_OK: there is an answer, whatever its status. Errors, whose words hold nothing of the URL, the
 * headers or the body: TKR_FORBIDDEN (an address that is not public), TKR_TIMEOUT, TKR_UNAVAILABLE
 * (no connection, no verified TLS, no HTTP), TKR_TOO_LARGE (the answer; its status is there),
 * TKR_INVALID (the URL, or a header), TKR_MEMORY. *ret_answer is to be released in any case.
 */
MUST_USE tkr_error_t http_send(const struct http_send_request *request,
                               struct http_send_answer *ret_answer, struct fault *fault);

#define HTTP_SEND_HOST_SIZE 256
/*
 * Whether a URL can be sent to, for who reads it from a file: https://HOST/…, or http:// with
 * `allow_private`, without a user. TKR_INVALID, with words for people. ret_host (NULL is allowed)
 * is what may be shown of it: paths of webhooks are secrets.
 */
MUST_USE tkr_error_t http_send_check_url(const char *url, bool allow_private,
                                         char ret_host[HTTP_SEND_HOST_SIZE], struct fault *fault);

/* For notify/: the same as a transfer of libcurl. */
struct transfer;
MUST_USE tkr_error_t http_transfer_new(const struct http_send_request *request,
                                       struct transfer **ret_transfer, struct fault *fault);

#endif
