/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/channels_file.h"
#include "temp_directory.h"

#define KEY "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECRET_PATH "B0000-very-secret"

struct context {
    struct temp_directory directory;
    char key[300], password[300], file[300];
};

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));
    temp_directory_make(&context->directory);
    const char *path = context->directory.path;
    snprintf(context->key, sizeof(context->key), "%s/key", path);
    snprintf(context->password, sizeof(context->password), "%s/password", path);
    snprintf(context->file, sizeof(context->file), "%s/channels.conf", path);
    write_file(context->key, KEY "\n", 0600);
    write_file(context->password, "hunter2\n", 0640);
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    struct context *context = *state;
    temp_directory_remove(&context->directory);
    free(context);
    return 0;
}

/* `KEY` and `PASSWORD` in the text are the paths of such files. */
static tkr_error_t read_text(struct context *context, const char *text,
                             struct channels **ret_channels, struct fault *fault)
{
    char whole[4096] = "";
    for (size_t length = 0; *text != '\0'; length = strlen(whole)) {
        if (strncmp(text, "KEYFILE", 7) == 0) {
            strcat(whole, context->key);
            text += 7;
        } else if (strncmp(text, "PASSWORDFILE", 12) == 0) {
            strcat(whole, context->password);
            text += 12;
        } else {
            whole[length] = *text++;
            whole[length + 1] = '\0';
        }
    }
    return channels_read_text(whole, strlen(whole), "channels.conf", NULL, NULL, ret_channels,
                              fault);
}

static const struct notify_channel *channel_of(const struct channels *channels, size_t index)
{
    size_t count = 0;
    const struct notify_channel *const *list = channels_list(channels, &count);
    assert_true(index < count);
    return list[index];
}

/* --- what is refused ---------------------------------------------------------------------- */

static void test_an_error_names_the_line_the_channel_and_the_key(void **state)
{
    static const struct {
        const char *text, *detail;
    } rows[] = {
        {"x = y\n", "channels.conf:1: x: a key before the first [channel]"},
        {"[ops]\n\nurl = https://x.example/\n", "channels.conf:3: ops.type: it must be given"},
        {"[Ops]\ntype = log\n", "channels.conf:2: [Ops]: the name of a channel is"},
        {"[ops]\ntype = pager\n",
         "channels.conf:2: ops.type: \"pager\" is not one of log, webhook"},
        {"[ops]\ntype = log\ntype = log\n", "channels.conf:3: ops.type: set already in line 2"},
        {"[ops]\ntype = log\nurll = x\n",
         "channels.conf:3: ops.urll: unknown key; did you mean url?"},
        {"[ops]\ntype = log\nurl = https://x.example/\n",
         "channels.conf:3: ops.url: a channel of type log has no such key"},
        {"[ops]\ntype = slack\nurl = http://x.example/\n",
         "channels.conf:3: ops.url: must be https: http is for receivers nearby"},
        {"[ops]\ntype = slack\n", "channels.conf:2: ops.url: must be https://HOST/PATH"},
        {"[ops]\ntype = slack\nurl = https://u:p@x.example/\n",
         "channels.conf:3: ops.url: must be"},
        {"[ops]\ntype = webhook\nurl = https://x.example/\n",
         "channels.conf:2: ops.secret_file: it must be given"},
        {"[ops]\ntype = webhook\nurl = https://x.example/\nsecret_file = /nowhere\n",
         "channels.conf:4: ops.secret_file: /nowhere: No such file"},
        {"[ops]\ntype = webhook\nurl = https://x.example/\nsecret_file = PASSWORDFILE\n",
         "must be 1 to 4 lines of whsec_"},
        {"[ops]\ntype = log\ntypes = token.*, a*b\n", "channels.conf:3: ops.types: must be types"},
        {"[ops]\ntype = log\ntypes = ,\n", "channels.conf:3: ops.types: must be types"},
        {"[ops]\ntype = log\nseverity = huge\n", "channels.conf:3: ops.severity: \"huge\" is not"},
        {"[m]\ntype = email\nserver = mail.example.com\n",
         "channels.conf:3: m.server: must be smtp://HOST:PORT"},
        {"[m]\ntype = email\nserver = smtp://m.example\nfrom = a\nto = a@b.c\n",
         "channels.conf:4: m.from: must be an address"},
        {"[m]\ntype = email\nserver = smtp://m.example\nfrom = a@b.c\nto = a@b.c, eve\n",
         "channels.conf:5: m.to: must be addresses"},
        {"[m]\ntype = email\nserver = smtp://m.example\nfrom = a@b.c\nto = a@b.c\nuser = u\n",
         "channels.conf:2: m.password_file: it must be given"},
        {"[m]\ntype = email\nserver = smtp://m.example\nfrom = a@b.c\nto = a@b.c\nstarttls = "
         "none\n",
         "channels.conf:6: m.starttls: none is for a relay nearby"},
        {"[m]\ntype = email\nserver = smtp://m.example\nfrom = a@b.c\nto = a@b.c\nstarttls = none\n"
         "allow_private = yes\nuser = u\npassword_file = PASSWORDFILE\n",
         "channels.conf:8: m.user: no password goes over the network in the clear"},
        {"[ops]\ntype = slack\nurl = https://x.example/\ntimeout = 61\n",
         "channels.conf:4: ops.timeout: 61 is outside 1..60"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct channels *channels = NULL;
        struct fault fault = {0};
        assert_int_not_equal(read_text(*state, rows[i].text, &channels, &fault), TKR_OK);
        assert_null(channels);
        if (strstr(fault.detail, rows[i].detail) == NULL) {
            fail_msg("%s\n is not\n%s", fault.detail, rows[i].detail);
        }
    }
}

static void count(void *context, const struct fault *fault)
{
    (*(unsigned *)context)++;
    assert_null(strstr(fault->detail, SECRET_PATH));
}

static void test_all_errors_are_heard_and_none_shows_a_secret(void **state)
{
    static const char text[] = "[a]\ntype = slack\nurl = http://hooks.example/" SECRET_PATH "\n"
                               "[b]\ntype = pager\n"
                               "[c]\ntype = discord\nurl = https://u@x/" SECRET_PATH "\n";
    unsigned heard = 0;
    struct channels *channels = NULL;
    struct fault fault = {0};
    assert_int_not_equal(
        channels_read_text(text, sizeof(text) - 1, "x", count, &heard, &channels, &fault), TKR_OK);
    assert_int_equal(heard, 1); /* what cannot be read is not checked further */
    static const char readable[] = "[a]\ntype = slack\nurl = http://hooks.example/" SECRET_PATH "\n"
                                   "[c]\ntype = discord\nurl = https://u@x/" SECRET_PATH "\n";
    heard = 0;
    assert_int_equal(
        channels_read_text(readable, sizeof(readable) - 1, "x", count, &heard, &channels, &fault),
        TKR_INVALID);
    assert_int_equal(heard, 2);
}

static void test_more_channels_than_there_may_be_are_refused(void **state)
{
    char text[64 * (NOTIFY_CHANNELS_MAX + 1)] = "";
    struct channels *channels = NULL;
    struct fault fault = {0};
    for (int i = 0; i <= NOTIFY_CHANNELS_MAX; i++) {
        snprintf(text + strlen(text), 64, "[c%d]\ntype = log\n", i);
    }
    assert_int_equal(read_text(*state, text, &channels, &fault), TKR_CAPACITY);
    *strstr(text, "[c32]") = '\0';
    assert_int_equal(read_text(*state, text, &channels, &fault), TKR_OK);
    channels_free(channels);
}

static void test_a_file_that_others_may_read_is_refused(void **state)
{
    struct context *context = *state;
    static const mode_t bad[] = {0644, 0604, 0660, 0602, 0601};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct channels *channels = NULL;
        struct fault fault = {0};
        write_file(context->file, "[log]\ntype = log\n", bad[i]);
        assert_int_equal(channels_read(context->file, NULL, NULL, &channels, &fault),
                         TKR_FORBIDDEN);
        assert_non_null(strstr(fault.detail, "chmod 640"));
        write_file(context->file, "[log]\ntype = log\n", 0640);
        assert_int_equal(channels_read(context->file, NULL, NULL, &channels, &fault), TKR_OK);
        channels_free(channels);
        write_file(context->key, KEY "\n", bad[i]);
        assert_int_equal(read_text(context,
                                   "[a]\ntype = webhook\nurl = https://x/\nsecret_file = KEYFILE\n",
                                   &channels, &fault),
                         TKR_FORBIDDEN);
    }
}

/* --- what is read ------------------------------------------------------------------------- */

static void test_without_a_file_there_is_the_log(void **state)
{
    struct channels *channels = NULL;
    struct fault fault = {0};
    size_t count_of = 0;
    assert_int_equal(channels_read("", NULL, NULL, &channels, &fault), TKR_OK);
    const struct alert_channel *alerts = channels_alerts(channels, &count_of);
    assert_int_equal(count_of, 1);
    assert_string_equal(alerts[0].name, "log");
    assert_true(alert_channel_wants(&alerts[0], ALERT_LOW, "token.expiring"));
    assert_false(alert_channel_wants(&alerts[0], ALERT_INFO, "audit.checkpoint"));
    assert_int_equal(channel_of(channels, 0)->type, NOTIFY_LOG);
    channels_free(channels);
}

static void test_a_channel_has_what_it_was_given_and_defaults(void **state)
{
    static const char text[] =
        "[hook]\ntype = webhook\nurl = https://hooks.example.com:8443/" SECRET_PATH "\n"
        "secret_file = KEYFILE\nseverity = critical\ntypes = token.*,job.failed\n"
        "[mail]\ntype = email\nserver = smtp://mail.example.com:587\nuser = tokenry\n"
        "password_file = PASSWORDFILE\nfrom = tokenry@example.com\n"
        "to = ops@example.com, oncall@example.com\ngive_up_after = 1h\n";
    struct channels *channels = NULL;
    struct fault fault = {0};
    size_t count_of = 0;
    assert_int_equal(read_text(*state, text, &channels, &fault), TKR_OK);
    const struct notify_channel *hook = channel_of(channels, 0), *mail = channel_of(channels, 1);
    assert_string_equal(hook->name, "hook");
    assert_string_equal(hook->where, "hooks.example.com");
    assert_int_equal(hook->keys->count, 1);
    assert_int_equal(hook->timeout_s, 10);
    assert_int_equal(hook->give_up_s, 86400);
    assert_int_equal(hook->allow_private, 0);
    assert_string_equal(mail->where, "mail.example.com");
    assert_string_equal(mail->password, "hunter2");
    assert_int_equal(mail->recipient_count, 2);
    assert_string_equal(mail->recipients[1], "oncall@example.com");
    assert_int_equal(mail->starttls, NOTIFY_STARTTLS_REQUIRED);
    assert_int_equal(mail->give_up_s, 3600);
    const struct alert_channel *alerts = channels_alerts(channels, &count_of);
    assert_true(alert_channel_wants(&alerts[0], ALERT_CRITICAL, "token.unused"));
    assert_true(alert_channel_wants(&alerts[0], ALERT_CRITICAL, "job.failed"));
    assert_false(alert_channel_wants(&alerts[0], ALERT_CRITICAL, "job.hangs"));
    assert_false(alert_channel_wants(&alerts[0], ALERT_HIGH, "token.unused"));
    channels_free(channels);
}

static void test_the_example_is_good(void **state)
{
    char *text = NULL;
    size_t size = 0;
    struct channels *channels = NULL;
    struct fault fault = {0};
    FILE *out = open_memstream(&text, &size);
    channels_print_example(out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(channels_read_text(text, size, "example", NULL, NULL, &channels, &fault),
                     TKR_OK);
    channels_free(channels);
    free(text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_error_names_the_line_the_channel_and_the_key),
        TEST(test_all_errors_are_heard_and_none_shows_a_secret),
        TEST(test_more_channels_than_there_may_be_are_refused),
        TEST(test_a_file_that_others_may_read_is_refused),
        TEST(test_without_a_file_there_is_the_log),
        TEST(test_a_channel_has_what_it_was_given_and_defaults),
        TEST(test_the_example_is_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
