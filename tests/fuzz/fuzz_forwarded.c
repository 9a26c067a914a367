/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is `peer\nnetwork network ...\nX-Forwarded-For`. What must hold: the header of a
 * peer that is not trusted changes nothing; an address of ours comes out only when every entry
 * is one of ours; and, the point of it all, nothing that is written to the left of the client
 * can change who the client is.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "policy/cidr.h"

#define TRUSTED_MAX 8
#define HEADER_BYTES_MAX 4096

struct scene {
    struct ip_address peer;
    struct cidr trusted[TRUSTED_MAX];
    size_t trusted_count;
    const char *header;
    size_t header_length;
};

static bool is_trusted(const struct scene *scene, const struct ip_address *address)
{
    for (size_t i = 0; i < scene->trusted_count; i++) {
        if (cidr_contains(&scene->trusted[i], address)) {
            return true;
        }
    }
    return false;
}

static tkr_error_t client_of(const struct scene *scene, const char *header, size_t length,
                             struct ip_address *ret_client)
{
    return forwarded_client(scene->trusted, scene->trusted_count, &scene->peer, header, length,
                            ret_client);
}

static bool read_trusted(struct scene *scene, const char *text, size_t length)
{
    for (size_t at = 0; at < length && scene->trusted_count < TRUSTED_MAX;) {
        const char *space = memchr(text + at, ' ', length - at);
        size_t end = space != NULL ? (size_t)(space - text) : length;
        if (cidr_parse(text + at, end - at, &scene->trusted[scene->trusted_count]) != TKR_OK) {
            return false;
        }
        scene->trusted_count++;
        at = end + 1;
    }
    return true;
}

static bool read_scene(const char *text, size_t length, struct scene *ret_scene)
{
    memset(ret_scene, 0, sizeof(*ret_scene));
    const char *first = length > 0 ? memchr(text, '\n', length) : NULL;
    size_t peer_length = first != NULL ? (size_t)(first - text) : length;
    if (first == NULL || ip_parse(text, peer_length, &ret_scene->peer) != TKR_OK) {
        return false;
    }
    const char *networks = first + 1;
    size_t left = length - peer_length - 1;
    const char *second = left > 0 ? memchr(networks, '\n', left) : NULL;
    if (second == NULL || !read_trusted(ret_scene, networks, (size_t)(second - networks))) {
        return false;
    }
    ret_scene->header = second + 1;
    ret_scene->header_length = left - (size_t)(second - networks) - 1;
    return true;
}

static void check_all_entries_trusted(const struct scene *scene)
{
    const char *header = scene->header;
    for (size_t at = 0; at <= scene->header_length;) {
        const char *comma = memchr(header + at, ',', scene->header_length - at);
        size_t end = comma != NULL ? (size_t)(comma - header) : scene->header_length;
        struct ip_address entry;
        ASSERT(client_of(scene, header + at, end - at, &entry) == TKR_OK);
        ASSERT(is_trusted(scene, &entry));
        at = end + 1;
    }
}

/* Whatever a client claims, in front of what the proxies appended. */
static void check_claims_change_nothing(const struct scene *scene, const struct ip_address *client)
{
    static const char *const claims[] = {"10.0.0.1,", "192.0.2.66 ,", "rubbish\1,", ",", "::1, ,"};
    char header[HEADER_BYTES_MAX + 16];
    size_t commas = 0;
    for (size_t i = 0; i < scene->header_length; i++) {
        commas += scene->header[i] == ',';
    }
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        size_t length = strlen(claims[i]);
        if (scene->header_length > HEADER_BYTES_MAX || commas + 3 > HTTP_FORWARDED_HOPS_MAX) {
            return;
        }
        memcpy(header, claims[i], length);
        memcpy(header + length, scene->header, scene->header_length);
        struct ip_address again;
        ASSERT(client_of(scene, header, length + scene->header_length, &again) == TKR_OK);
        ASSERT(ip_equal(&again, client));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scene scene;
    if (!read_scene((const char *)data, size, &scene)) {
        return 0;
    }
    struct ip_address client;
    tkr_error_t error = client_of(&scene, scene.header, scene.header_length, &client);
    if (!is_trusted(&scene, &scene.peer)) {
        ASSERT(error == TKR_OK && ip_equal(&client, &scene.peer));
        return 0;
    }
    ASSERT(error == TKR_OK || error == TKR_MALFORMED);
    if (error != TKR_OK) {
        return 0;
    }
    if (is_trusted(&scene, &client)) {
        check_all_entries_trusted(&scene); /* a blank header is one entry that says nothing */
    } else {
        check_claims_change_nothing(&scene, &client);
    }
    return 0;
}
