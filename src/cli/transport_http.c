/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/transport.h"
#include "policy/cidr.h"

#define HEADER_BYTES_MAX (TOKEN_TEXT_BYTES_MAX + 64)

struct http_client {
    CURL *curl;
    char *url;
    struct curl_slist *headers;
};

static void url_cleanup(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void curl_text_free(char **text)
{
    curl_free(*text);
}

/* RFC 8252 §7.3 and the hosts file: `localhost`, 127.0.0.0/8 and ::1. */
static bool is_loopback(const char *host)
{
    struct ip_address address;
    size_t length = strlen(host);
    if (length > 2 && host[0] == '[') {
        host++;
        length -= 2;
    }
    if (ip_parse(host, length, &address) != TKR_OK) {
        return length == 9 && strncasecmp(host, "localhost", 9) == 0;
    }
    static const uint8_t one[16] = {[15] = 1};
    return address.family == 4 ? address.bytes[0] == 127
                               : memcmp(address.bytes, one, sizeof(one)) == 0;
}

tkr_error_t transport_url_private(const char *text, bool *ret_private, struct fault *fault)
{
    CURLU *url CLEANUP(url_cleanup) = curl_url();
    char *scheme CLEANUP(curl_text_free) = NULL, *host CLEANUP(curl_text_free) = NULL;
    char *user CLEANUP(curl_text_free) = NULL, *password CLEANUP(curl_text_free) = NULL;
    ENSURE(url != NULL, TKR_MEMORY);
    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        return fault_set(fault, TKR_INVALID, "TOKENRY_URL",
                         "TOKENRY_URL is no URL like https://tokens.example:8443");
    }
    if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK ||
        curl_url_get(url, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK) {
        return fault_set(fault, TKR_INVALID, "TOKENRY_URL",
                         "TOKENRY_URL has a user or password; use TOKENRY_TOKEN");
    }
    *ret_private = strcmp(scheme, "https") == 0 || is_loopback(host);
    return TKR_OK;
}

/* --- one call ------------------------------------------------------------------------------ */

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct buffer *body = context;
    buffer_add(body, bytes, size * count);
    return body->overflowed ? 0 : size * count;
}

static void headers_free(struct curl_slist **headers)
{
    curl_slist_free_all(*headers);
}

static tkr_error_t append(struct curl_slist **headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*headers, line);
    ENSURE(longer != NULL, TKR_MEMORY);
    *headers = longer;
    return TKR_OK;
}

static tkr_error_t call_headers(const struct http_client *client, const struct transport_call *call,
                                struct curl_slist **headers)
{
    for (const struct curl_slist *item = client->headers; item != NULL; item = item->next) {
        TRY(append(headers, item->data));
    }
    if (call->idempotency_key != NULL) {
        char line[IDEMPOTENCY_KEY_BYTES_MAX + 32];
        snprintf(line, sizeof(line), "Idempotency-Key: %s", call->idempotency_key);
        TRY(append(headers, line));
    }
    return append(headers, "Expect:"); /* no 100-continue: bodies are small */
}

static tkr_error_t failure(const struct http_client *client, CURLcode code,
                           const struct buffer *body, struct fault *fault)
{
    if (body->overflowed) {
        return fault_set(fault, TKR_TOO_LARGE, "", "the answer has more than %d bytes",
                         CLI_ANSWER_BYTES_MAX);
    }
    return fault_set(fault, TKR_UNAVAILABLE, "", "cannot reach %s: %s", client->url,
                     curl_easy_strerror(code));
}

static tkr_error_t http_call(void *context, const struct transport_call *call, unsigned *ret_status,
                             struct buffer *ret_body, struct fault *fault)
{
    struct http_client *client = context;
    struct curl_slist *headers CLEANUP(headers_free) = NULL;
    struct buffer url CLEANUP(buffer_deinit);
    buffer_init(&url, 16384);
    buffer_print(&url, "%s%s%s%s", client->url, call->path, call->query != NULL ? "?" : "",
                 call->query != NULL ? call->query : "");
    TRY(buffer_status(&url));
    TRY(call_headers(client, call, &headers));
    if (call->body != NULL) {
        TRY(append(&headers, "Content-Type: application/json"));
    }
    CURL *curl = client->curl;
    curl_easy_setopt(curl, CURLOPT_URL, url.data);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, http_method_name(call->method));
    curl_easy_setopt(curl, CURLOPT_POST, call->body != NULL ? 1L : 0L);
    if (call->body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(call->body));
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret_body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT,
                     call->answer_s > 0 ? (long)call->answer_s : CLI_ANSWER_S);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    if (code != CURLE_OK) {
        return failure(client, code, ret_body, fault);
    }
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    *ret_status = (unsigned)status;
    return TKR_OK;
}

/* --- opening ------------------------------------------------------------------------------- */

static void http_close(void *context)
{
    struct http_client *client = context;
    if (client == NULL) {
        return;
    }
    for (struct curl_slist *item = client->headers; item != NULL; item = item->next) {
        secret_wipe(item->data, strlen(item->data));
    }
    curl_slist_free_all(client->headers);
    if (client->curl != NULL) {
        curl_easy_cleanup(client->curl);
    }
    free(client->url);
    free(client);
}

static void http_close_p(struct http_client **client)
{
    http_close(*client);
}

static tkr_error_t add_token(struct http_client *client, const char *token)
{
    char line[HEADER_BYTES_MAX];
    /* A line break in it would begin a header of its own. */
    ENSURE(strlen(token) <= TOKEN_TEXT_BYTES_MAX, TKR_OUT_OF_RANGE);
    ENSURE(text_is_visible_ascii(token, strlen(token)), TKR_OUT_OF_RANGE);
    snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
    tkr_error_t error = append(&client->headers, line);
    secret_wipe(line, sizeof(line));
    return error;
}

/* No redirects (they could lead the token astray), no .netrc, no proxy to ourselves. */
static void set_options(CURL *curl, const char *socket_path, bool local)
{
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CLI_CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "tokenry/" TOKENRY_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    if (local) {
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    if (socket_path != NULL) {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    }
}

tkr_error_t transport_http(const char *url, const char *socket_path, const char *token,
                           bool insecure, struct transport *ret_transport, struct fault *fault)
{
    bool private = false;
    TRY(transport_url_private(url, &private, fault));
    if (token != NULL && socket_path == NULL && !private && !insecure) {
        return fault_set(fault, TKR_FORBIDDEN, "TOKENRY_URL",
                         "TOKENRY_TOKEN is not sent over plain HTTP to another host, where "
                         "whoever sees the network sees it: use https, or --insecure-http");
    }
    struct http_client *client CLEANUP(http_close_p) = calloc(1, sizeof(*client));
    ENSURE(client != NULL, TKR_MEMORY);
    client->url = strdup(url);
    client->curl = curl_easy_init();
    ENSURE(client->url != NULL && client->curl != NULL, TKR_MEMORY);
    for (size_t n = strlen(url); n > 0 && client->url[n - 1] == '/'; n--) {
        client->url[n - 1] = '\0';
    }
    if (token != NULL && add_token(client, token) != TKR_OK) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "TOKENRY_TOKEN",
                         "TOKENRY_TOKEN is no token: one has at most %d visible ASCII "
                         "characters",
                         TOKEN_TEXT_BYTES_MAX);
    }
    if (socket_path != NULL) { /* who runs this command is who asks */
        TRY(append(&client->headers, "Connection: " API_PEER_OPTION));
    }
    set_options(client->curl, socket_path, private || socket_path != NULL);
    *ret_transport = (struct transport){http_call, http_close, client, false};
    client = NULL;
    return TKR_OK;
}
