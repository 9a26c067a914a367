/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret of a repository's GitHub Actions. The repository's public key is asked for each time
 * (GitHub changes it), the token is sealed to it, and only that leaves the machine.
 *
 *     GET  /repos/OWNER/NAME/actions/secrets/public-key   {"key_id", "key": base64 of 32 bytes}
 *     PUT  /repos/OWNER/NAME/actions/secrets/SECRET       {"encrypted_value": base64, "key_id"}
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "crypto/sealed_box.h"
#include "deliver/deliver.h"
#include "notify/http_send.h"

#define KEY_ID_BYTES_MAX 64
#define BOX_BYTES_MAX (TOKEN_TEXT_BYTES_MAX + SEALED_BOX_MORE_BYTES)

struct repository_key {
    uint8_t bytes[SEALED_BOX_KEY_BYTES];
    char id[KEY_ID_BYTES_MAX + 1];
};

static struct http_send_request request_of(const struct deliver_target *target, const char *url,
                                           const struct http_send_header *headers, size_t count)
{
    return (struct http_send_request){
        .url = url,
        .method = "GET",
        .headers = headers,
        .header_count = count,
        .ca_file = target->ca_file,
        .allow_private = target->allow_private != 0,
        .timeout_ms = target->timeout_s * 1000,
        .answer_bytes_max = DELIVER_ANSWER_BYTES_MAX,
    };
}

static void write_url(const struct deliver_target *target, const char *last,
                      char out[DELIVER_URL_SIZE])
{
    size_t length = strlen(target->url);
    while (length > 0 && target->url[length - 1] == '/') {
        length--;
    }
    snprintf(out, DELIVER_URL_SIZE, "%.*s/repos/%s/actions/secrets/%s", (int)length, target->url,
             target->repository, last);
}

/* Nothing of the answer is believed but a key of the right size and an id of digits and the like:
 * it is sent back as it is. */
static bool read_key(const struct buffer *body, struct repository_key *ret_key)
{
    json_t *answer = json_loadb(body->data != NULL ? body->data : "", body->length,
                                JSON_REJECT_DUPLICATES, NULL);
    const char *key = json_string_value(json_object_get(answer, "key"));
    const char *id = json_string_value(json_object_get(answer, "key_id"));
    size_t length = 0;
    bool fine = key != NULL && id != NULL &&
                base64_decode(key, strlen(key), ret_key->bytes, sizeof(ret_key->bytes), &length) ==
                    TKR_OK &&
                length == sizeof(ret_key->bytes) && id[0] != '\0' &&
                strlen(id) <= KEY_ID_BYTES_MAX &&
                strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-=") ==
                    strlen(id);
    if (fine) {
        memcpy(ret_key->id, id, strlen(id) + 1);
    }
    json_decref(answer);
    return fine;
}

/* The token is still here, so whatever goes wrong is certain. */
static enum delivery_outcome ask_for_key(const struct deliver_target *target,
                                         const struct http_send_header *headers, size_t count,
                                         struct repository_key *ret_key,
                                         char error[DELIVER_ERROR_SIZE])
{
    struct http_send_answer answer CLEANUP(http_send_answer_deinit) = {0};
    struct fault fault = {0};
    char url[DELIVER_URL_SIZE];
    write_url(target, "public-key", url);
    const struct http_send_request request = request_of(target, url, headers, count);
    if (http_send(&request, &answer, &fault) != TKR_OK) {
        return deliver_failed(DELIVERY_FAILED, error, "asked for its key: %s", fault.detail);
    }
    if (answer.status != 200) {
        return deliver_failed(DELIVERY_FAILED, error, "asked for its key, it answered %ld",
                              answer.status);
    }
    return read_key(&answer.body, ret_key)
               ? DELIVERY_DONE
               : deliver_failed(DELIVERY_FAILED, error, "its key cannot be read");
}

static enum delivery_outcome put_secret(const struct deliver_target *target,
                                        const struct delivery *delivery,
                                        const struct repository_key *key,
                                        const struct http_send_header *headers, size_t count,
                                        char error[DELIVER_ERROR_SIZE])
{
    uint8_t box[BOX_BYTES_MAX];
    char text[BASE64_CHARS(BOX_BYTES_MAX) + 1], url[DELIVER_URL_SIZE];
    char body[sizeof(text) + KEY_ID_BYTES_MAX + 64];
    size_t length = strlen(delivery->token);
    if (length > TOKEN_TEXT_BYTES_MAX ||
        sealed_box_make(key->bytes, delivery->token, length, box) != TKR_OK) {
        return deliver_failed(DELIVERY_FAILED, error, "nothing can be sealed with its key");
    }
    base64_encode(box, length + SEALED_BOX_MORE_BYTES, text);
    snprintf(body, sizeof(body), "{\"encrypted_value\":\"%s\",\"key_id\":\"%s\"}", text, key->id);
    write_url(target, target->secret, url);
    struct http_send_request request = request_of(target, url, headers, count);
    request.method = "PUT";
    request.body = body;
    request.body_length = strlen(body);
    return deliver_by_http(&request, error);
}

enum delivery_outcome deliver_to_github(const struct deliver_target *target,
                                        const struct delivery *delivery,
                                        char ret_error[DELIVER_ERROR_SIZE])
{
    const struct http_send_header headers[] = {
        {"Authorization", target->bearer},
        {"Accept", "application/vnd.github+json"},
        {"X-GitHub-Api-Version", "2022-11-28"},
        {"Content-Type", "application/json"},
    };
    size_t count = sizeof(headers) / sizeof(headers[0]);
    struct repository_key key;
    enum delivery_outcome outcome = ask_for_key(target, headers, count, &key, ret_error);
    return outcome == DELIVERY_DONE ? put_secret(target, delivery, &key, headers, count, ret_error)
                                    : outcome;
}
