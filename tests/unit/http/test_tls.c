/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate is made with the openssl command, which is also the client. */
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

extern char **environ;

static struct fixture fixture;
static char folder[] = "/tmp/http-tls-XXXXXX";
static char certificate[64], key[64], other_key[64], nonsense[64], large[64];

static void run(const char *command)
{
    char *arguments[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(command), NULL};
    pid_t pid;
    int status;
    assert_int_equal(posix_spawnp(&pid, "sh", NULL, NULL, arguments, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    free(arguments[2]);
}

static void write_file(const char *path, const char *text, size_t repeat)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    for (size_t i = 0; i < repeat; i++) {
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    }
    close(fd);
}

static int make_files(void **state)
{
    char command[512];
    assert_non_null(mkdtemp(folder));
    snprintf(certificate, sizeof(certificate), "%s/cert.pem", folder);
    snprintf(key, sizeof(key), "%s/key.pem", folder);
    snprintf(other_key, sizeof(other_key), "%s/other.pem", folder);
    snprintf(nonsense, sizeof(nonsense), "%s/nonsense.pem", folder);
    snprintf(large, sizeof(large), "%s/large.pem", folder);
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
             "-subj /CN=localhost -keyout %s -out %s 2>/dev/null && "
             "openssl ecparam -name prime256v1 -genkey -noout -out %s",
             key, certificate, other_key);
    run(command);
    write_file(nonsense, "this is no key\n", 1);
    write_file(large, "-----BEGIN CERTIFICATE-----\n", HTTP_PEM_BYTES_MAX / 20);
    return 0;
}

static int remove_files(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    run(command);
    return 0;
}

static int stop(void **state)
{
    if (fixture.directory[0] != '\0') {
        fixture_stop(&fixture);
        fixture.directory[0] = '\0';
    }
    return 0;
}

static const char *use_certificate, *use_key;

static void with_tls(struct fixture *f, struct http_options *options)
{
    options->tls_certificate = use_certificate;
    options->tls_key = use_key;
    options->socket_path = f->socket_path;
    options->event_threads = 2;
}

static void assert_not_started(const char *use_this_certificate, const char *use_this_key,
                               tkr_error_t error, const char *text)
{
    struct fault fault = {0};
    use_certificate = use_this_certificate;
    use_key = use_this_key;
    assert_int_equal(fixture_try(&fixture, with_tls, &fault), error);
    if (strstr(fault.detail, text) == NULL) {
        fail_msg("`%s` does not name `%s`", fault.detail, text);
    }
    stop(NULL);
}

static void test_a_file_that_is_missing_or_no_pem_is_named(void **state)
{
    assert_not_started("/tmp/there-is-no-such.pem", key, TKR_IO, "/tmp/there-is-no-such.pem");
    assert_not_started(certificate, "/tmp/there-is-no-such.pem", TKR_IO,
                       "/tmp/there-is-no-such.pem");
    assert_not_started(certificate, nonsense, TKR_INVALID, nonsense);
    assert_not_started(nonsense, key, TKR_INVALID, nonsense);
    assert_not_started(large, key, TKR_TOO_LARGE, large);
    assert_not_started(folder, key, TKR_IO, folder);
}

static void test_a_key_of_another_certificate_is_refused(void **state)
{
    assert_not_started(certificate, other_key, TKR_INVALID, other_key);
}

static void test_a_certificate_in_the_place_of_the_key_is_refused(void **state)
{
    assert_not_started(certificate, certificate, TKR_INVALID, certificate);
}

static void test_a_certificate_without_a_key_is_refused(void **state)
{
    assert_not_started(certificate, "", TKR_INVALID, "belong together");
    assert_not_started("", key, TKR_INVALID, "belong together");
}

static void start_tls(void)
{
    use_certificate = certificate;
    use_key = key;
    fixture_start(&fixture, with_tls);
}

/* `openssl s_client` with the given text as its input; its output. */
static void through_tls(const char *options, const char *text, char *output, size_t size)
{
    char command[512];
    snprintf(command, sizeof(command),
             "printf '%s' | openssl s_client -quiet -connect 127.0.0.1:%u "
             "-CAfile %s -verify_return_error %s 2>/dev/null",
             text, http_server_port(fixture.server), certificate, options);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t length = fread(output, 1, size - 1, pipe);
    output[length] = '\0';
    (void)pclose(pipe);
}

static void test_a_request_over_tls_is_answered(void **state)
{
    static const char *const versions[] = {"-tls1_2", "-tls1_3"};
    char output[4096];
    start_tls();
    for (size_t i = 0; i < 2; i++) {
        through_tls(versions[i],
                    "GET /hello HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
                    "DELETE /items/7 HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n",
                    output, sizeof(output));
        assert_non_null(strstr(output, "\r\n\r\nhello"));
        assert_non_null(strstr(output, "\r\n\r\n3:7"));
    }
}

static void test_old_versions_of_tls_are_refused(void **state)
{
    char output[4096];
    start_tls();
    through_tls("-tls1_1 -cipher ALL:@SECLEVEL=0",
                "GET /hello HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n", output,
                sizeof(output));
    assert_null(strstr(output, "hello"));
}

static void test_a_plain_request_to_the_tls_port_is_not_answered(void **state)
{
    start_tls();
    int fd = fixture_connect(&fixture);
    char byte = 0;
    struct pollfd polled = {fd, POLLIN, 0};
    send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(poll(&polled, 1, WAIT_MS), 1);
    assert_true(recv(fd, &byte, 1, 0) <= 0 || byte != 'H'); /* at most an alert */
    close(fd);
}

static void test_a_handshake_that_never_comes_is_cut_off(void **state)
{
    start_tls();
    int fd = fixture_connect(&fixture);
    send_bytes(fd, "\x16\x03\x01", 3);
    assert_true(closes_in_time(&fixture, fd, 61000));
    close(fd);
}

static void test_the_unix_socket_stays_plain(void **state)
{
    struct answer answer;
    start_tls();
    assert_int_equal(http_server_threads(fixture.server), 4);
    int fd = fixture_connect_unix(&fixture);
    send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    read_answer(fd, &answer);
    assert_string_equal(answer.body, "hello");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_file_that_is_missing_or_no_pem_is_named, stop),
        cmocka_unit_test_teardown(test_a_key_of_another_certificate_is_refused, stop),
        cmocka_unit_test_teardown(test_a_certificate_in_the_place_of_the_key_is_refused, stop),
        cmocka_unit_test_teardown(test_a_certificate_without_a_key_is_refused, stop),
        cmocka_unit_test_teardown(test_a_request_over_tls_is_answered, stop),
        cmocka_unit_test_teardown(test_old_versions_of_tls_are_refused, stop),
        cmocka_unit_test_teardown(test_a_plain_request_to_the_tls_port_is_not_answered, stop),
        cmocka_unit_test_teardown(test_a_handshake_that_never_comes_is_cut_off, stop),
        cmocka_unit_test_teardown(test_the_unix_socket_stays_plain, stop),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
