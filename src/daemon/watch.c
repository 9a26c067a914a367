/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/environment.h"
#include "daemon/service_notify.h"

#define STATE_SIZE 256

struct dog {
    int64_t every_ms; /* 0: nobody watches */
    uint64_t beats;   /* at the last look */
    bool withheld;
};

void watch_notify(char *const *environment, const char *state)
{
    service_notify(environment_value(environment, "NOTIFY_SOCKET"), state);
}

/* --- signals ---------------------------------------------------------------------------------- */

static sigset_t signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

void watch_take_signals(void)
{
    sigset_t set = signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* ignored by who started us, it would hide how programs end */
}

/* Somebody at a terminal who presses Ctrl-C twice does not want to wait. */
static void let_second_interrupt_kill(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* --- the log ---------------------------------------------------------------------------------- */

static void tell_reloading(const struct watch *watch)
{
    struct timespec now;
    char state[STATE_SIZE];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    watch_notify(watch->environment, state);
}

static void hang_up(const struct watch *watch)
{
    struct fault fault = {0};
    if (watch->log_file->path[0] == '\0') {
        log_event(watch->log, LOG_INFO, "hangup_ignored",
                  LOG_TEXT("detail", "there is no log.file to open anew, and the configuration is "
                                     "read at start only; restart"));
        return;
    }
    tell_reloading(watch);
    if (log_file_reopen(watch->log_file, &fault) == TKR_OK) {
        log_event(watch->log, LOG_INFO, "log_reopened",
                  LOG_TEXT("detail", "the configuration is read at start only"));
    } else {
        log_event(watch->log, LOG_ERROR, "log_not_reopened", LOG_TEXT("detail", fault.detail));
    }
    watch_notify(watch->environment, "READY=1");
}

/* --- the watchdog ----------------------------------------------------------------------------- */

/* A third of the time, so that one that comes late is not the last; but not so soon that the beat
 * thread could not have moved in between. */
static int64_t read_interval(char *const *environment)
{
    const char *usec = environment_value(environment, "WATCHDOG_USEC");
    const char *pid = environment_value(environment, "WATCHDOG_PID");
    uint64_t time_us = 0, whose = (uint64_t)getpid();
    if (usec == NULL || text_parse_u64(usec, strlen(usec), &time_us) != TKR_OK || time_us == 0) {
        return 0;
    }
    if (pid != NULL &&
        (text_parse_u64(pid, strlen(pid), &whose) != TKR_OK || whose != (uint64_t)getpid())) {
        return 0;
    }
    int64_t every_ms = (int64_t)(time_us < INT64_MAX ? time_us : INT64_MAX) / 3000;
    return every_ms > WATCHDOG_MS_LEAST ? every_ms : WATCHDOG_MS_LEAST;
}

static void feed(const struct watch *watch, struct dog *dog)
{
    uint64_t beats = authority_beats(watch->authority);
    bool beating = beats != dog->beats;
    bool serving = http_server_pulse(watch->server);
    dog->beats = beats;
    if (beating && serving) {
        watch_notify(watch->environment, dog->withheld ? "WATCHDOG=1\nSTATUS=" : "WATCHDOG=1");
        dog->withheld = false;
    } else if (!dog->withheld) {
        dog->withheld = true;
        const char *why = beating ? "an HTTP thread stands still" : "the beat thread stands still";
        char state[STATE_SIZE];
        snprintf(state, sizeof(state), "STATUS=%s", why);
        watch_notify(watch->environment, state);
        log_event(watch->log, LOG_ERROR, "watchdog_withheld", LOG_TEXT("detail", why));
    }
}

/* --- until somebody says stop ----------------------------------------------------------------- */

static void tell_ready(const struct watch *watch)
{
    struct authority_status status;
    char state[STATE_SIZE];
    authority_status(watch->authority, &status);
    snprintf(state, sizeof(state), "READY=1\nSTATUS=serving %llu tokens",
             (unsigned long long)status.segment.tokens);
    watch_notify(watch->environment, state);
}

static int64_t now_ms(void)
{
    struct timespec now; /* the service manager's time, whatever a test's clock says */
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The next signal, or 0 after so long at the most. 0: for ever. */
static int wait_for_signal(int64_t most_ms)
{
    sigset_t set = signals();
    const struct timespec wait = {most_ms / 1000, most_ms % 1000 * 1000000};
    int number = most_ms > 0 ? sigtimedwait(&set, NULL, &wait) : sigwaitinfo(&set, NULL);
    return number > 0 ? number : 0;
}

const char *watch_until_stop(const struct watch *watch)
{
    struct dog dog = {.every_ms = read_interval(watch->environment), .beats = UINT64_MAX};
    int64_t fed_ms = now_ms();
    tell_ready(watch);
    for (;;) {
        int64_t left_ms = fed_ms + dog.every_ms - now_ms();
        if (dog.every_ms > 0 && left_ms <= 0) { /* also when signals come without end */
            feed(watch, &dog);
            fed_ms = now_ms();
            left_ms = dog.every_ms;
        }
        int number = wait_for_signal(dog.every_ms > 0 ? left_ms : 0);
        if (number == SIGHUP) {
            hang_up(watch);
        } else if (number != 0) {
            let_second_interrupt_kill();
            return number == SIGINT ? "SIGINT" : "SIGTERM";
        }
    }
}
