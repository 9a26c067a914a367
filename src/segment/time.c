/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The logical clock. Between beats it is a line (base, slope) that every process computes from
 * the monotonic clock; a beat moves the base along that line, so nobody sees it go back, and
 * forward from there to the wall clock when that is ahead. When the wall clock is behind, the
 * slope is 99 % until they meet.
 */
#include "segment/clock_line.h"
#include "segment/writer.h"

static void write_line(struct segment_clock_line *line, int64_t base_ns, int64_t monotonic_ns,
                       bool slow)
{
    uint32_t seq = atomic_load_explicit(&line->seq, memory_order_relaxed) | 1;
    atomic_store_explicit(&line->seq, seq, memory_order_relaxed);
    atomic_store_explicit(&line->base_ns, base_ns, memory_order_release);
    atomic_store_explicit(&line->base_monotonic_ns, monotonic_ns, memory_order_release);
    atomic_store_explicit(&line->slow, slow, memory_order_release);
    atomic_store_explicit(&line->beat_monotonic_ns, monotonic_ns, memory_order_release);
    atomic_store_explicit(&line->seq, seq + 1, memory_order_release);
}

void segment_clock_start(struct segment_clock_line *line, const struct clock *clock,
                         int64_t floor_ms)
{
    int64_t wall_ms = clock_wall_ms(clock);
    int64_t now_ms = wall_ms > floor_ms ? wall_ms : floor_ms;
    write_line(line, now_ms * SEGMENT_NS_PER_MS, clock_monotonic_ns(clock), now_ms > wall_ms);
}

void segment_clock_copy(struct segment_clock_line *to, struct segment_clock_line *from)
{
    write_line(to, atomic_load(&from->base_ns), atomic_load(&from->base_monotonic_ns),
               atomic_load(&from->slow) != 0);
    atomic_store(&to->beat_monotonic_ns, atomic_load(&from->beat_monotonic_ns));
}

int64_t segment_writer_beat(struct segment_writer *writer, int64_t *ret_behind_ms)
{
    pthread_mutex_lock(&writer->keys_lock);
    struct segment_clock_line *line = &writer->header->clock;
    int64_t monotonic_ns = clock_monotonic_ns(writer->clock);
    int64_t wall_ms = clock_wall_ms(writer->clock);
    int64_t now_ns =
        segment_clock_at(atomic_load(&line->base_ns), atomic_load(&line->base_monotonic_ns),
                         atomic_load(&line->slow) != 0, monotonic_ns);
    int64_t behind_ms = now_ns / SEGMENT_NS_PER_MS - wall_ms;
    if (behind_ms < 0) {
        now_ns = wall_ms * SEGMENT_NS_PER_MS;
        behind_ms = 0;
    }
    write_line(line, now_ns, monotonic_ns, behind_ms > 0);
    pthread_mutex_unlock(&writer->keys_lock);
    if (ret_behind_ms != NULL) {
        *ret_behind_ms = behind_ms;
    }
    return now_ns / SEGMENT_NS_PER_MS;
}

int64_t segment_writer_now_ms(struct segment_writer *writer)
{
    pthread_mutex_lock(&writer->keys_lock);
    struct segment_clock_line *line = &writer->header->clock;
    int64_t now_ns =
        segment_clock_at(atomic_load(&line->base_ns), atomic_load(&line->base_monotonic_ns),
                         atomic_load(&line->slow) != 0, clock_monotonic_coarse_ns(writer->clock));
    pthread_mutex_unlock(&writer->keys_lock);
    return now_ns / SEGMENT_NS_PER_MS;
}
