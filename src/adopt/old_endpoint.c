/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/old_endpoint.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/secret.h"
#include "base/text.h"

#define HEADER_SIZE (2 * CREDENTIAL_NAME_BYTES_MAX + TOKEN_TEXT_BYTES_MAX + 8)

struct old_endpoint {
    struct old_endpoint_options options;
    pthread_mutex_t lock;
    CURL *handles[ADOPT_IN_FLIGHT_MAX]; /* with their open connections; NULL: lent */
    unsigned handle_count;
};

/* One question. */
struct question {
    struct buffer body;
    size_t header_bytes;
    bool (*cancelled)(void *context);
    void *context;
};

/* --- statuses and addresses ------------------------------------------------------------------ */

tkr_error_t adopt_statuses_parse(const char *text, struct adopt_statuses *ret_statuses)
{
    struct adopt_statuses statuses = {0};
    for (bool more = true; more;) {
        size_t length = strcspn(text, ",");
        size_t digits = length;
        uint64_t status = 0;
        for (; digits > 0 && *text == ' '; text++, length--, digits--) {
        }
        while (digits > 0 && text[digits - 1] == ' ') {
            digits--;
        }
        ENSURE(text_parse_u64(text, digits, &status) == TKR_OK, TKR_MALFORMED);
        ENSURE(status >= 200 && status <= 599 && statuses.count < ADOPT_STATUSES_MAX,
               TKR_OUT_OF_RANGE);
        statuses.statuses[statuses.count++] = (unsigned)status;
        more = text[length] == ',';
        text += length + more;
    }
    *ret_statuses = statuses;
    return TKR_OK;
}

static bool holds(const struct adopt_statuses *statuses, long status)
{
    bool found = false;
    for (size_t i = 0; i < statuses->count; i++) {
        found = found || statuses->statuses[i] == (unsigned)status;
    }
    return found;
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_part(char **part)
{
    curl_free(*part);
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    bool is_v4 = inet_pton(AF_INET, host, &v4) == 1;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (is_v4 && (ntohl(v4.s_addr) >> 24) == 127);
}

static tkr_error_t look_at(const char *address, bool *ret_exposes)
{
    CLEANUP(free_url) CURLU *url = curl_url();
    CLEANUP(free_part) char *scheme = NULL;
    CLEANUP(free_part) char *host = NULL;
    CLEANUP(free_part) char *user = NULL;
    ENSURE(url != NULL, TKR_MEMORY);
    ENSURE(curl_url_set(url, CURLUPART_URL, address, 0) == CURLUE_OK, TKR_INVALID);
    ENSURE(curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK, TKR_INVALID);
    ENSURE(curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK, TKR_INVALID);
    ENSURE(curl_url_get(url, CURLUPART_USER, &user, 0) != CURLUE_OK, TKR_INVALID);
    bool clear = strcmp(scheme, "http") == 0;
    ENSURE(clear || strcmp(scheme, "https") == 0, TKR_INVALID);
    *ret_exposes = clear && !is_loopback(host);
    return TKR_OK;
}

bool old_endpoint_exposes(const char *url)
{
    bool exposes = true;
    return look_at(url, &exposes) != TKR_OK || exposes;
}

/* --- handles --------------------------------------------------------------------------------- */

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct question *question = context;
    buffer_add(&question->body, bytes, size * count);
    return question->body.overflowed ? 0 : size * count;
}

/* curl keeps each line of a header, and counts none of those behind a body. */
static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct question *question = context;
    size_t length = size * count;
    if (length > OUTSIDE_HEADER_BYTES_MAX - question->header_bytes) {
        return 0;
    }
    question->header_bytes += length;
    return length;
}

static int look_up(void *context, curl_off_t total, curl_off_t now, curl_off_t upload_total,
                   curl_off_t upload_now)
{
    const struct question *question = context;
    return question->cancelled != NULL && question->cancelled(question->context);
}

static CURL *new_handle(const struct old_endpoint_options *options)
{
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        return NULL;
    }
    curl_easy_setopt(curl, CURLOPT_URL, options->url);
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "tokenry/" TOKENRY_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (options->ca_file[0] != '\0') {
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
    }
    return curl;
}

static CURL *borrow(struct old_endpoint *endpoint)
{
    CURL *curl = NULL;
    pthread_mutex_lock(&endpoint->lock);
    for (unsigned i = 0; i < endpoint->handle_count && curl == NULL; i++) {
        curl = endpoint->handles[i];
        endpoint->handles[i] = NULL;
    }
    pthread_mutex_unlock(&endpoint->lock);
    return curl;
}

static void give_back(struct old_endpoint *endpoint, CURL *curl)
{
    unsigned i = 0;
    pthread_mutex_lock(&endpoint->lock);
    while (endpoint->handles[i] != NULL) {
        i++; /* there is room: it was taken from here */
    }
    endpoint->handles[i] = curl;
    pthread_mutex_unlock(&endpoint->lock);
}

tkr_error_t old_endpoint_new(const struct old_endpoint_options *options,
                             struct old_endpoint **ret_endpoint, struct fault *fault)
{
    bool exposes = false;
    ASSERT(options->in_flight >= 1 && options->in_flight <= ADOPT_IN_FLIGHT_MAX);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return TKR_MEMORY;
    }
    if (look_at(options->url, &exposes) != TKR_OK) {
        return fault_set(
            fault, TKR_INVALID, "adopt.url",
            "adopt.url: must be http://HOST/PATH or https://HOST/PATH, without a user");
    }
    struct old_endpoint *endpoint = calloc(1, sizeof(*endpoint));
    ENSURE(endpoint != NULL, TKR_MEMORY);
    endpoint->options = *options;
    pthread_mutex_init(&endpoint->lock, NULL);
    while (endpoint->handle_count < options->in_flight) {
        CURL *curl = new_handle(options);
        if (curl == NULL) {
            old_endpoint_free(endpoint);
            return TKR_MEMORY;
        }
        endpoint->handles[endpoint->handle_count++] = curl;
    }
    *ret_endpoint = endpoint;
    return TKR_OK;
}

void old_endpoint_free(struct old_endpoint *endpoint)
{
    if (endpoint == NULL) {
        return;
    }
    for (unsigned i = 0; i < endpoint->handle_count; i++) {
        curl_easy_cleanup(endpoint->handles[i]);
    }
    pthread_mutex_destroy(&endpoint->lock);
    free(endpoint);
}

/* --- asking ---------------------------------------------------------------------------------- */

/* curl keeps a copy of its own, which is wiped with the list. */
static struct curl_slist *header_line(const struct old_endpoint_options *options, const char *token,
                                      size_t length)
{
    char line[HEADER_SIZE];
    bool bare = options->scheme[0] == '\0';
    snprintf(line, sizeof(line), "%s: %s%s%.*s", options->header, options->scheme, bare ? "" : " ",
             (int)length, token);
    struct curl_slist *list = curl_slist_append(NULL, line);
    secret_wipe(line, sizeof(line));
    return list;
}

static void free_header(struct curl_slist *list)
{
    for (struct curl_slist *item = list; item != NULL; item = item->next) {
        secret_wipe(item->data, strlen(item->data));
    }
    curl_slist_free_all(list);
}

static tkr_error_t failed(const struct question *question, CURLcode code, struct fault *fault)
{
    if (question->body.overflowed) {
        return fault_set(fault, TKR_TOO_LARGE, "", "it answered more than %d bytes",
                         ADOPT_ANSWER_BYTES_MAX);
    }
    tkr_error_t error = code == CURLE_OPERATION_TIMEDOUT ? TKR_TIMEOUT : TKR_UNAVAILABLE;
    return fault_set(fault, error, "", "%s", curl_easy_strerror(code));
}

static tkr_error_t judge(const struct old_endpoint *endpoint, CURL *curl,
                         const struct question *question, struct adopt_answer *ret_answer,
                         struct fault *fault)
{
    long status = 0;
    const char *body = question->body.data != NULL ? question->body.data : "";
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (holds(&endpoint->options.refused, status)) {
        return TKR_NOT_FOUND;
    }
    if (!holds(&endpoint->options.accepted, status)) {
        return fault_set(fault, TKR_UNAVAILABLE, "", "it answered with status %ld", status);
    }
    if (question->body.length == 0) { /* the status is all that it says */
        *ret_answer = (struct adopt_answer){0};
        return TKR_OK;
    }
    return adopt_answer_read(body, question->body.length, &endpoint->options.members, ret_answer,
                             fault);
}

tkr_error_t old_endpoint_ask(struct old_endpoint *endpoint, const char *token, size_t length,
                             int64_t timeout_ms, bool (*cancelled)(void *context), void *context,
                             struct adopt_answer *ret_answer, struct fault *fault)
{
    struct question question = {.cancelled = cancelled, .context = context};
    CURL *curl = borrow(endpoint);
    ENSURE(curl != NULL, TKR_BUSY);
    struct curl_slist *header = header_line(&endpoint->options, token, length);
    tkr_error_t error = header != NULL ? TKR_OK : TKR_MEMORY;
    buffer_init(&question.body, ADOPT_ANSWER_BYTES_MAX);
    if (error == TKR_OK) {
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, header);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &question);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, &question);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &question);
        CURLcode code = curl_easy_perform(curl);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
        error = code == CURLE_OK ? judge(endpoint, curl, &question, ret_answer, fault)
                                 : failed(&question, code, fault);
    }
    free_header(header);
    buffer_deinit(&question.body);
    give_back(endpoint, curl);
    return error;
}
