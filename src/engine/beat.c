/* SPDX-License-Identifier: Apache-2.0 */
/* The beat thread. It waits for nothing but time: were it late, verifiers would have to take
 * the segment for abandoned. */
#include <time.h>

#include "engine/authority_internal.h"

#define CLOCK_BEHIND_MS 1000 /* the wall clock was set back, and it is worth telling */

static void note_clock(struct authority *authority, int64_t behind_ms)
{
    int64_t before = atomic_exchange(&authority->clock_behind_ms, behind_ms);
    if (behind_ms >= CLOCK_BEHIND_MS && before < CLOCK_BEHIND_MS) {
        authority_report(authority, LOG_WARNING, "clock_behind",
                         "the wall clock is %lld ms behind the time that was; time goes on from "
                         "there until they meet",
                         (long long)behind_ms);
    }
}

static void ask_for_flush(struct authority *authority)
{
    pthread_mutex_lock(&authority->queue_mutex);
    authority->flush_due = true;
    pthread_cond_signal(&authority->queue_changed);
    pthread_mutex_unlock(&authority->queue_mutex);
}

static struct timespec later(struct timespec time, long ms)
{
    time.tv_nsec += ms * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static void *run_beat(void *context)
{
    struct authority *authority = context;
    int64_t since_flush_ms = 0;
    struct timespec next;
    pthread_setname_np(pthread_self(), "beat");
    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&authority->beat_mutex);
    while (!authority->beat_stop) {
        pthread_mutex_unlock(&authority->beat_mutex);
        int64_t behind_ms = 0;
        segment_writer_beat(authority->segment, &behind_ms);
        atomic_fetch_add_explicit(&authority->beats, 1, memory_order_relaxed);
        note_clock(authority, behind_ms);
        since_flush_ms += BEAT_MS;
        if (since_flush_ms >= authority->options.usage_flush_ms) {
            since_flush_ms = 0;
            ask_for_flush(authority);
        }
        next = later(next, BEAT_MS);
        pthread_mutex_lock(&authority->beat_mutex);
        while (!authority->beat_stop &&
               pthread_cond_timedwait(&authority->beat_stop_changed, &authority->beat_mutex,
                                      &next) == 0) {
        }
    }
    pthread_mutex_unlock(&authority->beat_mutex);
    return NULL;
}

uint64_t authority_beats(const struct authority *authority)
{
    return atomic_load(&authority->beats);
}

tkr_error_t beat_start(struct authority *authority)
{
    ENSURE(pthread_create(&authority->beat_thread, NULL, run_beat, authority) == 0, TKR_MEMORY);
    authority->beat_started = true;
    return TKR_OK;
}

void beat_stop(struct authority *authority)
{
    if (!authority->beat_started) {
        return;
    }
    pthread_mutex_lock(&authority->beat_mutex);
    authority->beat_stop = true;
    pthread_cond_signal(&authority->beat_stop_changed);
    pthread_mutex_unlock(&authority->beat_mutex);
    pthread_join(authority->beat_thread, NULL);
    authority->beat_started = false;
}
