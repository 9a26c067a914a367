/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "api/client.h"
#include "api/query.h"
#include "unit.h"

#define NO_HEADER NULL

static struct sockaddr_in peer_of(const char *text)
{
    struct sockaddr_in peer = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, text, &peer.sin_addr), 1);
    return peer;
}

/* The client as text; "malformed", "unknown". `peer` NULL is the Unix socket. */
static const char *client_of(const char *trusted, const char *peer, const char *header)
{
    static char text[IP_TEXT_SIZE];
    struct client_trust trust;
    struct cidr proxy;
    struct ip_address client;
    size_t count = trusted != NULL ? 1 : 0;
    if (trusted != NULL) {
        assert_int_equal(cidr_parse(trusted, strlen(trusted), &proxy), TKR_OK);
    }
    assert_int_equal(client_trust_init(&trust, &proxy, count), TKR_OK);
    struct sockaddr_in address = peer_of(peer != NULL ? peer : "0.0.0.0");
    tkr_error_t error =
        client_address(&trust, peer != NULL ? (const struct sockaddr *)&address : NULL, header,
                       header != NULL ? strlen(header) : 0, &client);
    client_trust_deinit(&trust);
    if (error != TKR_OK) {
        assert_int_equal(error, TKR_MALFORMED);
        return "malformed";
    }
    return client.family == 0 ? "unknown" : ip_format(&client, text);
}

static void test_a_header_from_anybody_is_ignored(void **state)
{
    assert_string_equal(client_of(NULL, "192.0.2.1", "10.0.0.1"), "192.0.2.1");
    assert_string_equal(client_of("10.0.0.0/8", "192.0.2.1", "10.0.0.1"), "192.0.2.1");
}

static void test_a_header_from_a_trusted_proxy_that_cannot_be_read_is_refused(void **state)
{
    assert_string_equal(client_of("10.0.0.0/8", "10.0.0.1", "nonsense"), "malformed");
    assert_string_equal(client_of(NULL, NULL, "nonsense"), "malformed");
}

static void test_a_trusted_proxy_says_who_the_client_is(void **state)
{
    assert_string_equal(client_of("10.0.0.0/8", "10.0.0.1", "203.0.113.9"), "203.0.113.9");
    assert_string_equal(client_of("10.0.0.0/8", "10.0.0.1", "198.51.100.1, 203.0.113.9, 10.2.2.2"),
                        "203.0.113.9");
}

static void test_without_a_header_it_is_the_peer(void **state)
{
    assert_string_equal(client_of("10.0.0.0/8", "10.0.0.1", NO_HEADER), "10.0.0.1");
}

static void test_over_the_socket_the_nearest_hop_is_believed_and_no_further(void **state)
{
    assert_string_equal(client_of(NULL, NULL, "203.0.113.9"), "203.0.113.9");
    assert_string_equal(client_of(NULL, NULL, "198.51.100.1, 203.0.113.9"), "203.0.113.9");
    assert_string_equal(client_of(NULL, NULL, "198.51.100.1, 127.0.0.1"), "127.0.0.1");
    assert_string_equal(client_of("127.0.0.1", NULL, "198.51.100.1, 127.0.0.1"), "198.51.100.1");
}

static void test_over_the_socket_without_a_header_the_client_is_unknown(void **state)
{
    assert_string_equal(client_of("10.0.0.0/8", NULL, NO_HEADER), "unknown");
}

/* --- the query of local calls --------------------------------------------------------------- */

static tkr_error_t parse(const char *query, const struct http_argument **ret_arguments,
                         size_t *ret_count, struct arena **ret_arena)
{
    assert_int_equal(arena_new(256 * 1024, ret_arena), TKR_OK);
    return query_parse(query, *ret_arena, ret_arguments, ret_count);
}

static void test_a_query_that_cannot_be_decoded_is_malformed(void **state)
{
    static const char *const queries[] = {"a=%", "a=%4", "a=%zz", "a=%00", "%0=1", "a=%4%41"};
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        const struct http_argument *arguments;
        size_t count;
        struct arena *arena CLEANUP(arena_free_p) = NULL;
        assert_int_equal(parse(queries[i], &arguments, &count, &arena), TKR_MALFORMED);
    }
}

static void test_too_many_arguments_are_refused(void **state)
{
    char query[2 * (HTTP_QUERY_ARGUMENTS_MAX + 1) + 1];
    for (size_t i = 0; i <= HTTP_QUERY_ARGUMENTS_MAX; i++) {
        memcpy(query + 2 * i, "a&", 2);
    }
    query[2 * (HTTP_QUERY_ARGUMENTS_MAX + 1)] = '\0';
    const struct http_argument *arguments;
    size_t count;
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(parse(query, &arguments, &count, &arena), TKR_OUT_OF_RANGE);
}

static void test_a_query_is_decoded(void **state)
{
    const struct http_argument *arguments;
    size_t count;
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(parse("user_id=a%2Bb%20c&flag&empty=&&x=1=2", &arguments, &count, &arena),
                     TKR_OK);
    assert_int_equal(count, 4);
    assert_string_equal(arguments[0].value, "a+b c");
    assert_string_equal(arguments[1].name, "flag");
    assert_int_equal(arguments[1].value_length, 0);
    assert_string_equal(arguments[3].value, "1=2");
}

static void test_no_query_has_no_arguments(void **state)
{
    const struct http_argument *arguments;
    size_t count;
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    assert_int_equal(parse(NULL, &arguments, &count, &arena), TKR_OK);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_header_from_anybody_is_ignored),
        cmocka_unit_test(test_a_header_from_a_trusted_proxy_that_cannot_be_read_is_refused),
        cmocka_unit_test(test_a_trusted_proxy_says_who_the_client_is),
        cmocka_unit_test(test_without_a_header_it_is_the_peer),
        cmocka_unit_test(test_over_the_socket_the_nearest_hop_is_believed_and_no_further),
        cmocka_unit_test(test_over_the_socket_without_a_header_the_client_is_unknown),
        cmocka_unit_test(test_a_query_that_cannot_be_decoded_is_malformed),
        cmocka_unit_test(test_too_many_arguments_are_refused),
        cmocka_unit_test(test_a_query_is_decoded),
        cmocka_unit_test(test_no_query_has_no_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
