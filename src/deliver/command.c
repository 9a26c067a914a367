/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that gets the token on its standard input, and says by its exit status whether it took
 * it: 0 that it did, another that it did not. One that is killed, by us after its time or by
 * somebody else, leaves that open.
 *
 * The token fits a pipe, so it is written before the program begins and nothing waits for it to
 * read. The program has an environment of its own, no descriptor of the daemon's, and a process
 * group that dies with it. What it prints goes nowhere: it may well print the token.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "deliver/deliver.h"

#define VARIABLE_BYTES 600

/* --- what it is told ----------------------------------------------------------------------------
 */

struct environment {
    char texts[7][VARIABLE_BYTES];
    char *list[9];
};

static void make_environment(const struct delivery *delivery, struct environment *environment)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char expires[TEXT_TIME_SIZE] = "never";
    if (delivery->expires_at_ms != 0) {
        text_format_time(delivery->expires_at_ms, expires);
    }
    const struct {
        const char *name, *value;
    } rows[] = {
        {"TARGET", delivery->target},
        {"ORG_ID", delivery->org_id},
        {"USER_ID", delivery->user_id},
        {"TOKEN_ID", delivery->token_id},
        {"TOKEN_NAME", delivery->token_name},
        {"PREDECESSOR_ID", delivery->predecessor_id},
        {"EXPIRES_AT", expires},
    };
    size_t count = sizeof(rows) / sizeof(rows[0]);
    for (size_t i = 0; i < count; i++) {
        snprintf(environment->texts[i], VARIABLE_BYTES, "TOKENRY_%s=%s", rows[i].name,
                 rows[i].value);
        environment->list[i] = environment->texts[i];
    }
    environment->list[count] = path;
    environment->list[count + 1] = NULL;
}

/* The reading end of a pipe that holds the token and a line feed, and then its end; -1. */
static int fill_pipe(const char *token)
{
    int ends[2];
    size_t length = strlen(token);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    /* Less than PIPE_BUF: all at once, without waiting. */
    bool written = length < PIPE_BUF && write(ends[1], token, length) == (ssize_t)length &&
                   write(ends[1], "\n", 1) == 1;
    (void)close(ends[1]);
    if (!written) {
        (void)close(ends[0]);
        return -1;
    }
    return ends[0];
}

/* --- beginning ----------------------------------------------------------------------------------
 */

/* Whoever can write the program is given the token. */
static bool is_trusted(const char *program, char error[DELIVER_ERROR_SIZE])
{
    struct stat status;
    if (stat(program, &status) != 0) {
        deliver_failed(DELIVERY_FAILED, error, "the program: %s", strerror(errno));
        return false;
    }
    bool ours = status.st_uid == 0 || status.st_uid == geteuid();
    bool fine = S_ISREG(status.st_mode) && ours && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    if (!fine) {
        deliver_failed(DELIVERY_FAILED, error, "the program can be written by others");
    }
    return fine;
}

static int set_actions(posix_spawn_file_actions_t *actions, int input)
{
    int failed = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);
    failed |= posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    failed |= posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    failed |= posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return failed | posix_spawn_file_actions_addchdir_np(actions, "/");
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawnattr_setpgroup(attributes, 0);
    failed |= posix_spawnattr_setsigmask(attributes, &none);
    failed |= posix_spawnattr_setsigdefault(attributes, &all);
    return failed |
           posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF);
}

/* An errno, or 0. */
static int begin(const struct deliver_target *target, const struct delivery *delivery, int input,
                 pid_t *ret_child)
{
    struct environment environment;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    make_environment(delivery, &environment);
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return ENOMEM;
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    int failed = set_actions(&actions, input) | set_attributes(&attributes);
    failed = failed != 0 ? ENOMEM
                         : posix_spawn(ret_child, target->argv[0], &actions, &attributes,
                                       target->argv, environment.list);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* --- ending -------------------------------------------------------------------------------------
 */

/* False: its time is over. */
static bool wait_for(pid_t child, int64_t timeout_ms)
{
    int descriptor = pidfd_open(child, 0);
    struct pollfd poller = {.fd = descriptor, .events = POLLIN};
    if (descriptor < 0) {
        return false;
    }
    int ready = 0;
    do {
        ready = poll(&poller, 1, (int)timeout_ms);
    } while (ready < 0 && errno == EINTR);
    (void)close(descriptor);
    return ready > 0;
}

/* The group goes before its leader is reaped: until then nobody else has its number. */
static enum delivery_outcome end(pid_t child, bool in_time, int64_t timeout_s,
                                 char error[DELIVER_ERROR_SIZE])
{
    int status = 0;
    (void)kill(-child, SIGKILL);
    pid_t reaped = 0;
    do {
        reaped = waitpid(child, &status, 0);
    } while (reaped < 0 && errno == EINTR);
    if (!in_time) {
        return deliver_failed(DELIVERY_UNSURE, error, "the program took longer than %d s",
                              (int)timeout_s);
    }
    if (reaped != child) { /* SIGCHLD is ignored, so the system kept no status */
        return deliver_failed(DELIVERY_UNSURE, error, "how the program ended is not known");
    }
    if (!WIFEXITED(status)) {
        return deliver_failed(DELIVERY_UNSURE, error, "the program was killed by signal %d",
                              WTERMSIG(status));
    }
    return WEXITSTATUS(status) == 0
               ? DELIVERY_DONE
               : deliver_failed(DELIVERY_FAILED, error, "the program ended with status %d",
                                WEXITSTATUS(status));
}

enum delivery_outcome deliver_to_command(const struct deliver_target *target,
                                         const struct delivery *delivery,
                                         char ret_error[DELIVER_ERROR_SIZE])
{
    pid_t child = 0;
    if (!is_trusted(target->argv[0], ret_error)) {
        return DELIVERY_FAILED;
    }
    int input = fill_pipe(delivery->token);
    if (input < 0) {
        return deliver_failed(DELIVERY_FAILED, ret_error, "a pipe: %s", strerror(errno));
    }
    int failed = begin(target, delivery, input, &child);
    (void)close(input);
    if (failed != 0) {
        return deliver_failed(DELIVERY_FAILED, ret_error, "the program: %s", strerror(failed));
    }
    return end(child, wait_for(child, target->timeout_s * 1000), target->timeout_s, ret_error);
}
