/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixture.h"

static struct fixture fixture;
static const char *address;
static void (*before_start)(void);

static void with_address(struct fixture *f, struct http_options *options)
{
    options->listen = address;
}

static void with_socket(struct fixture *f, struct http_options *options)
{
    options->listen = "";
    options->socket_path = f->socket_path;
    if (before_start != NULL) {
        before_start();
    }
}

static void with_both(struct fixture *f, struct http_options *options)
{
    options->socket_path = f->socket_path;
    options->socket_mode = 0640;
    options->event_threads = 2;
}

static int stop(void **state)
{
    before_start = NULL;
    if (fixture.directory[0] != '\0') {
        fixture_stop(&fixture);
        fixture.directory[0] = '\0';
    }
    return 0;
}

static void assert_hello(int fd)
{
    struct answer answer;
    assert_true(fd >= 0);
    send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "hello");
    close(fd);
}

static void test_what_is_no_address_is_refused_with_its_text(void **state)
{
    static const char *const addresses[] = {
        "127.0.0.1",    "127.0.0.1:",     "127.0.0.1:x",  "127.0.0.1:65536",
        "127.0.0.1:-1", "::1:80",         "[::1]",        "[::1:80",
        "[::1]x:80",    "example.org:80", "256.0.0.1:80", "[1.2.3.4]:x",
        "1.2.3:80",     "127.0.0.1:80:9", "[]:80x",       "nothing",
    };
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct fault fault = {0};
        address = addresses[i];
        assert_int_equal(fixture_try(&fixture, with_address, &fault), TKR_INVALID);
        assert_non_null(strstr(fault.detail, address));
        stop(NULL);
    }
}

static void test_addresses_of_each_form_are_listened_on(void **state)
{
    static const char *const addresses[] = {"127.0.0.1:0", ":0", "localhost:0"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        address = addresses[i];
        fixture_start(&fixture, with_address);
        assert_true(http_server_port(fixture.server) > 0);
        assert_hello(fixture_connect(&fixture));
        stop(NULL);
    }
}

static void test_an_ipv4_client_of_a_socket_for_both_is_an_ipv4_peer(void **state)
{
    struct answer answer;
    address = ":0";
    fixture_start(&fixture, with_address);
    ask(&fixture, "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    assert_string_equal(answer.body, "127.0.0.1");
}

static void test_a_port_in_use_is_reported_as_locked(void **state)
{
    struct fixture other;
    struct fault fault = {0};
    char text[32];
    fixture_start(&other, NULL);
    snprintf(text, sizeof(text), "127.0.0.1:%u", http_server_port(other.server));
    address = text;
    assert_int_equal(fixture_try(&fixture, with_address, &fault), TKR_LOCKED);
    assert_non_null(strstr(fault.detail, text));
    assert_hello(fixture_connect(&other));
    fixture_stop(&other);
}

static void test_nothing_to_listen_on_is_refused(void **state)
{
    struct fault fault = {0};
    address = "";
    assert_int_equal(fixture_try(&fixture, with_address, &fault), TKR_INVALID);
    assert_true(fault.detail[0] != '\0');
}

static void test_the_peer_of_a_unix_socket_has_credentials(void **state)
{
    struct answer answer;
    char expected[64];
    fixture_start(&fixture, with_socket);
    int fd = fixture_connect_unix(&fixture);
    for (int i = 0; i < 2; i++) {
        send_text(fd, "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n");
        read_answer(fd, &answer);
        snprintf(expected, sizeof(expected), "%u %u %d local", getuid(), getgid(), (int)getpid());
        assert_string_equal(answer.body, expected);
    }
    close(fd);
}

static void test_a_tcp_peer_has_none(void **state)
{
    struct answer answer;
    fixture_start(&fixture, with_both);
    ask(&fixture, "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    assert_string_equal(answer.body, "127.0.0.1");
}

static void test_both_sockets_have_threads_of_their_own(void **state)
{
    struct answer answer;
    fixture_start(&fixture, with_both);
    assert_int_equal(http_server_threads(fixture.server), 4);
    ask(&fixture, "GET /thread HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
    assert_true(answer.body[0] == '0' || answer.body[0] == '1');
    int fd = fixture_connect_unix(&fixture);
    send_text(fd, "GET /thread HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer(fd, &answer);
    assert_true(answer.body[0] == '2' || answer.body[0] == '3');
    close(fd);
}

static void test_the_unix_socket_has_the_given_mode(void **state)
{
    struct stat status;
    mode_t umask_before = umask(0077);
    fixture_start(&fixture, with_both);
    umask(umask_before);
    assert_int_equal(stat(fixture.socket_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
}

static void test_the_unix_socket_is_removed_at_the_end(void **state)
{
    fixture_start(&fixture, with_socket);
    assert_int_equal(access(fixture.socket_path, F_OK), 0);
    http_server_free(fixture.server);
    fixture.server = NULL;
    assert_int_equal(access(fixture.socket_path, F_OK), -1);
}

/* What a killed process leaves: a node that nobody listens on. */
static void leave_stale(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, fixture.socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    close(fd);
}

static void test_a_stale_unix_socket_is_replaced(void **state)
{
    before_start = leave_stale;
    fixture_start(&fixture, with_socket);
    assert_hello(fixture_connect_unix(&fixture));
}

static int live = -1;

static void leave_live(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, fixture.socket_path);
    live = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(live, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(live, 1), 0);
}

static void test_a_live_unix_socket_is_left_alone(void **state)
{
    struct fault fault = {0};
    before_start = leave_live;
    assert_int_equal(fixture_try(&fixture, with_socket, &fault), TKR_LOCKED);
    assert_non_null(strstr(fault.detail, fixture.socket_path));
    assert_int_equal(access(fixture.socket_path, F_OK), 0);
    close(live);
}

static void leave_file(void)
{
    int fd = open(fixture.socket_path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "mine", 4), 4);
    close(fd);
}

static void test_a_file_in_the_place_of_the_socket_is_left_alone(void **state)
{
    struct fault fault = {0};
    struct stat status;
    before_start = leave_file;
    assert_int_equal(fixture_try(&fixture, with_socket, &fault), TKR_INVALID);
    assert_int_equal(stat(fixture.socket_path, &status), 0);
    assert_int_equal(status.st_size, 4);
}

static void replaced_path(struct fixture *f, struct http_options *options)
{
    options->listen = "";
    options->socket_path = "/tmp/there-is-no-such-folder-for-tokenry/s.sock";
}

static void test_a_socket_in_a_missing_folder_names_its_path(void **state)
{
    struct fault fault = {0};
    assert_int_equal(fixture_try(&fixture, replaced_path, &fault), TKR_IO);
    assert_non_null(strstr(fault.detail, "/tmp/there-is-no-such-folder-for-tokenry/s.sock"));
}

static void long_path(struct fixture *f, struct http_options *options)
{
    options->listen = "";
    options->socket_path =
        "/tmp/01234567890123456789012345678901234567890123456789012345678901234567"
        "8901234567890123456789012345678901234567890123456789";
}

static void test_a_path_too_long_for_a_socket_is_refused(void **state)
{
    struct fault fault = {0};
    assert_int_equal(fixture_try(&fixture, long_path, &fault), TKR_INVALID);
    assert_non_null(strstr(fault.detail, "longer"));
}

static void test_a_socket_that_was_replaced_is_not_removed(void **state)
{
    fixture_start(&fixture, with_socket);
    assert_int_equal(unlink(fixture.socket_path), 0);
    leave_file();
    http_server_free(fixture.server);
    fixture.server = NULL;
    assert_int_equal(access(fixture.socket_path, F_OK), 0);
}

static void too_many_threads(struct fixture *f, struct http_options *options)
{
    options->event_threads = HTTP_EVENT_THREADS_MAX + 1;
}

static void test_too_many_threads_are_refused(void **state)
{
    struct fault fault = {0};
    assert_int_equal(fixture_try(&fixture, too_many_threads, &fault), TKR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_what_is_no_address_is_refused_with_its_text, stop),
        cmocka_unit_test_teardown(test_addresses_of_each_form_are_listened_on, stop),
        cmocka_unit_test_teardown(test_an_ipv4_client_of_a_socket_for_both_is_an_ipv4_peer, stop),
        cmocka_unit_test_teardown(test_a_port_in_use_is_reported_as_locked, stop),
        cmocka_unit_test_teardown(test_nothing_to_listen_on_is_refused, stop),
        cmocka_unit_test_teardown(test_the_peer_of_a_unix_socket_has_credentials, stop),
        cmocka_unit_test_teardown(test_a_tcp_peer_has_none, stop),
        cmocka_unit_test_teardown(test_both_sockets_have_threads_of_their_own, stop),
        cmocka_unit_test_teardown(test_the_unix_socket_has_the_given_mode, stop),
        cmocka_unit_test_teardown(test_the_unix_socket_is_removed_at_the_end, stop),
        cmocka_unit_test_teardown(test_a_stale_unix_socket_is_replaced, stop),
        cmocka_unit_test_teardown(test_a_live_unix_socket_is_left_alone, stop),
        cmocka_unit_test_teardown(test_a_file_in_the_place_of_the_socket_is_left_alone, stop),
        cmocka_unit_test_teardown(test_a_socket_in_a_missing_folder_names_its_path, stop),
        cmocka_unit_test_teardown(test_a_path_too_long_for_a_socket_is_refused, stop),
        cmocka_unit_test_teardown(test_a_socket_that_was_replaced_is_not_removed, stop),
        cmocka_unit_test_teardown(test_too_many_threads_are_refused, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
