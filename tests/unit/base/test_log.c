/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "virtual_clock.h"

#define NOW_MS 1767323045678 /* 2026-01-02T03:04:05.678Z */

/* A log that writes into a pipe of which the test has the other end. */
struct fixture {
    struct virtual_clock time;
    struct log *log;
    int ends[2];
    char said[64 * 1024];
};

static void open_log(struct fixture *fixture, enum log_format format, enum log_level least)
{
    virtual_clock_init(&fixture->time, NOW_MS);
    assert_int_equal(pipe(fixture->ends), 0);
    assert_int_equal(log_new(fixture->ends[1], format, least, &fixture->time.clock, &fixture->log),
                     TKR_OK);
}

/* Closes the log and returns all that it said. */
static const char *close_log(struct fixture *fixture)
{
    log_free(fixture->log);
    close(fixture->ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(fixture->ends[0], fixture->said + length,
                       sizeof(fixture->said) - 1 - length)) > 0) {
        length += (size_t)got;
    }
    close(fixture->ends[0]);
    fixture->said[length] = '\0';
    return fixture->said;
}

static void test_events_below_the_least_level_are_not_written(void **state)
{
    struct fixture f;
    open_log(&f, LOG_FORMAT_JSON, LOG_WARNING);
    log_event(f.log, LOG_DEBUG, "a");
    log_event(f.log, LOG_INFO, "b", LOG_INT("n", 1));
    assert_string_equal(close_log(&f), "");
}

static void test_a_log_that_is_not_there_takes_everything(void **state)
{
    log_event(NULL, LOG_ERROR, "a", LOG_INT("n", 1));
    log_free(NULL);
}

static void test_a_reader_that_is_gone_harms_nobody(void **state)
{
    struct virtual_clock time;
    virtual_clock_init(&time, NOW_MS);
    struct log *log;
    assert_int_equal(log_new(-1, LOG_FORMAT_JSON, LOG_DEBUG, &time.clock, &log), TKR_OK);
    errno = ENOSPC;
    log_event(log, LOG_ERROR, "a");
    assert_int_equal(errno, ENOSPC);
    log_free(log);
}

static void test_a_line_of_json_is_one_object(void **state)
{
    struct fixture f;
    open_log(&f, LOG_FORMAT_JSON, LOG_DEBUG);
    log_event(f.log, LOG_INFO, "started", LOG_TEXT("path", "/x"), LOG_INT("port", -8080),
              LOG_TEXT("none", NULL));
    log_event(f.log, LOG_ERROR, "ended");
    assert_string_equal(
        close_log(&f),
        "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"event\":\"started\","
        "\"path\":\"/x\",\"port\":-8080,\"none\":\"\"}\n"
        "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"error\",\"event\":\"ended\"}\n");
}

static void test_a_value_cannot_leave_its_quotes_or_its_line(void **state)
{
    struct fixture f;
    open_log(&f, LOG_FORMAT_JSON, LOG_DEBUG);
    log_event(f.log, LOG_INFO, "e",
              LOG_TEXT("v", "\"\\\n\r\t\b\f\x01\x1b[31m\x7f\xC2\x9B\xC3\xA4/"));
    assert_non_null(strstr(close_log(&f), "\"v\":\"\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001b[31m\\u007f"
                                          "\\u009b\xC3\xA4/\"}\n"));
}

static void test_bytes_that_are_not_utf8_are_replaced(void **state)
{
    struct fixture f;
    open_log(&f, LOG_FORMAT_JSON, LOG_DEBUG);
    log_event(f.log, LOG_INFO, "e",
              LOG_TEXT("v", "a\xFF"
                            "b\xC3"));
    assert_non_null(strstr(close_log(&f), "\"v\":\"a\xEF\xBF\xBD"
                                          "b\xEF\xBF\xBD\"}\n"));
}

static void test_text_quotes_only_what_needs_it(void **state)
{
    struct fixture f;
    open_log(&f, LOG_FORMAT_TEXT, LOG_DEBUG);
    log_event(f.log, LOG_WARNING, "store_full", LOG_TEXT("path", "/x"), LOG_TEXT("a", "b c"),
              LOG_TEXT("empty", ""), LOG_TEXT("eq", "a=b"), LOG_TEXT("nl", "a\nb"),
              LOG_INT("n", INT64_MIN));
    assert_string_equal(close_log(&f),
                        "2026-01-02T03:04:05.678Z WARNING store_full path=/x a=\"b c\" empty=\"\" "
                        "eq=\"a=b\" nl=\"a\\nb\" n=-9223372036854775808\n");
}

/* Any line, however long its parts: bounded, ended, printable, and closed. */
static void check_long(enum log_format format, size_t value_bytes, const char *piece)
{
    char *value = calloc(1, value_bytes + strlen(piece) + 1);
    assert_non_null(value);
    while (strlen(value) < value_bytes) {
        strcat(value, piece);
    }
    struct fixture f;
    open_log(&f, format, LOG_DEBUG);
    log_event(f.log, LOG_INFO, "e", LOG_TEXT("a", "first"), LOG_TEXT("v", value),
              LOG_INT("after", 1));
    const char *said = close_log(&f);
    size_t length = strlen(said);
    assert_true(length <= LOG_LINE_BYTES_MAX);
    assert_ptr_equal(strchr(said, '\n'), said + length - 1);
    assert_true(text_is_printable_utf8(said, length - 1));
    bool cut = strstr(said, "after") == NULL;
    const char *end = format == LOG_FORMAT_TEXT ? " truncated=true\n" : ",\"truncated\":true}\n";
    assert_int_equal(length >= strlen(end) && strcmp(said + length - strlen(end), end) == 0, cut);
    size_t quotes = 0;
    for (size_t i = 0; i < length; i++) {
        quotes += said[i] == '"' && said[i - 1] != '\\';
    }
    assert_int_equal(quotes % 2, 0);
    free(value);
}

static void test_a_line_that_is_too_long_is_cut_at_a_character_and_says_so(void **state)
{
    static const char *const pieces[] = {"x", "\xC3\xA4", "\xE2\x82\xAC", "\x01", "a b", "\xFF"};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        check_long(LOG_FORMAT_JSON, 20000, pieces[i]);
        check_long(LOG_FORMAT_TEXT, 20000, pieces[i]);
        for (size_t bytes = LOG_LINE_BYTES_MAX - 160; bytes < LOG_LINE_BYTES_MAX; bytes++) {
            check_long(LOG_FORMAT_JSON, bytes, pieces[i]);
            check_long(LOG_FORMAT_TEXT, bytes, pieces[i]);
        }
    }
}

static void test_many_fields_that_do_not_fit_leave_a_whole_line(void **state)
{
    struct log_field fields[1001];
    for (size_t i = 0; i < 1000; i++) {
        fields[i] = LOG_INT("a_field_name", i);
    }
    fields[1000] = (struct log_field){0};
    struct fixture f;
    open_log(&f, LOG_FORMAT_JSON, LOG_DEBUG);
    log_fields(f.log, LOG_INFO, "e", fields);
    const char *said = close_log(&f);
    static const char end[] = ",\"truncated\":true}\n";
    assert_true(strlen(said) <= LOG_LINE_BYTES_MAX);
    assert_string_equal(said + strlen(said) - strlen(end), end);
}

static void said_on_terminal(char *said, size_t size)
{
    int controller;
    int terminal;
    assert_int_equal(openpty(&controller, &terminal, NULL, NULL, NULL), 0);
    struct virtual_clock time;
    virtual_clock_init(&time, NOW_MS);
    struct log *log;
    assert_int_equal(log_new(terminal, LOG_FORMAT_TEXT, LOG_DEBUG, &time.clock, &log), TKR_OK);
    log_event(log, LOG_ERROR, "e");
    log_free(log);
    ssize_t length = read(controller, said, size - 1);
    assert_true(length > 0);
    said[length] = '\0';
    close(terminal);
    close(controller);
}

static void test_colour_is_for_terminals_that_did_not_refuse_it(void **state)
{
    char said[512];
    setenv("NO_COLOR", "1", 1);
    said_on_terminal(said, sizeof(said));
    assert_null(strchr(said, '\x1b'));
    setenv("NO_COLOR", "", 1);
    said_on_terminal(said, sizeof(said));
    assert_non_null(strstr(said, "\x1b[31mERROR  \x1b[0m e"));
    unsetenv("NO_COLOR");
    said_on_terminal(said, sizeof(said));
    assert_non_null(strchr(said, '\x1b'));
}

static void *write_many(void *log)
{
    char value[1000];
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < 200; i++) {
        log_event(log, LOG_INFO, "e", LOG_TEXT("v", value));
    }
    return NULL;
}

static void test_lines_of_several_threads_do_not_mix(void **state)
{
    char path[] = "/tmp/tokenry-log-XXXXXX";
    int fd = mkostemp(path, O_APPEND);
    assert_true(fd >= 0);
    unlink(path);
    struct virtual_clock time;
    virtual_clock_init(&time, NOW_MS);
    struct log *log;
    assert_int_equal(log_new(fd, LOG_FORMAT_JSON, LOG_DEBUG, &time.clock, &log), TKR_OK);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, log), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    log_free(log);
    FILE *file = fdopen(fd, "r");
    assert_non_null(file);
    rewind(file);
    char line[LOG_LINE_BYTES_MAX + 1];
    size_t lines = 0;
    size_t length = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        length = lines == 0 ? strlen(line) : length;
        assert_int_equal(strlen(line), length);
        assert_memory_equal(line, "{\"time\":", 8);
        lines++;
    }
    assert_int_equal(lines, 800);
    fclose(file);
}

static void test_levels_have_names(void **state)
{
    assert_string_equal(log_level_name(LOG_DEBUG), "debug");
    assert_string_equal(log_level_name(LOG_ERROR), "error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_below_the_least_level_are_not_written),
        cmocka_unit_test(test_a_log_that_is_not_there_takes_everything),
        cmocka_unit_test(test_a_reader_that_is_gone_harms_nobody),
        cmocka_unit_test(test_a_line_of_json_is_one_object),
        cmocka_unit_test(test_a_value_cannot_leave_its_quotes_or_its_line),
        cmocka_unit_test(test_bytes_that_are_not_utf8_are_replaced),
        cmocka_unit_test(test_text_quotes_only_what_needs_it),
        cmocka_unit_test(test_a_line_that_is_too_long_is_cut_at_a_character_and_says_so),
        cmocka_unit_test(test_many_fields_that_do_not_fit_leave_a_whole_line),
        cmocka_unit_test(test_colour_is_for_terminals_that_did_not_refuse_it),
        cmocka_unit_test(test_lines_of_several_threads_do_not_mix),
        cmocka_unit_test(test_levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
