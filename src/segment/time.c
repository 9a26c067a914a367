/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The logical clock. Between beats it is a line (base, slope) that every process computes from
 * the monotonic clock; a beat moves the base along that line, so nobody sees it go back, and
 * forward from there to the wall clock when that is ahead. When the wall clock is behind, the
 * slope is 99 % until they meet.
 */
#include "segment/clock_line.h"
#include "segment/writer.h"

static void write_copy(struct segment_clock_copy *copy, const struct segment_clock_point *point)
{
    atomic_store_explicit(&copy->base_ns, point->base_ns, memory_order_release);
    atomic_store_explicit(&copy->monotonic_ns_slow, point->monotonic_ns * 2 + point->slow,
                          memory_order_release);
}

static void write_point(struct segment_clock_line *line, const struct segment_clock_point *point)
{
    uint32_t seq = atomic_load_explicit(&line->seq, memory_order_relaxed);
    if ((seq & 1) == 0) {
        /* A writer that died here may have left the second copy half written. */
        struct segment_clock_point former;
        if (segment_clock_point(line, &former)) {
            write_copy(&line->copies[1], &former);
        }
        atomic_store_explicit(&line->seq, ++seq, memory_order_release);
    }
    write_copy(&line->copies[0], point);
    atomic_store_explicit(&line->seq, seq + 1, memory_order_release);
    write_copy(&line->copies[1], point);
}

void segment_clock_start(struct segment_clock_line *line, const struct clock *clock,
                         int64_t floor_ms)
{
    int64_t wall_ms = clock_wall_ms(clock);
    int64_t now_ms = wall_ms > floor_ms ? wall_ms : floor_ms;
    struct segment_clock_point point = {now_ms * SEGMENT_NS_PER_MS, clock_monotonic_ns(clock),
                                        now_ms > wall_ms};
    write_point(line, &point);
}

void segment_clock_copy(struct segment_clock_line *to, const struct segment_clock_line *from)
{
    struct segment_clock_point point;
    ASSERT(segment_clock_point(from, &point)); /* the caller keeps beats away */
    write_point(to, &point);
}

int64_t segment_clock_left_ms(const struct segment_clock_line *line, const struct clock *clock)
{
    struct segment_clock_point point;
    if (!segment_clock_point(line, &point)) {
        return 0;
    }
    int64_t monotonic_ns = clock_monotonic_ns(clock);
    return (monotonic_ns > point.monotonic_ns ? segment_clock_at(&point, monotonic_ns)
                                              : point.base_ns) /
           SEGMENT_NS_PER_MS;
}

int64_t segment_writer_beat(struct segment_writer *writer, int64_t *ret_behind_ms)
{
    pthread_mutex_lock(&writer->keys_lock);
    struct segment_clock_line *line = &writer->header->clock;
    struct segment_clock_point point = {0};
    (void)segment_clock_point(line, &point); /* nobody else writes it */
    int64_t monotonic_ns = clock_monotonic_ns(writer->clock);
    int64_t wall_ms = clock_wall_ms(writer->clock);
    int64_t now_ns = segment_clock_at(&point, monotonic_ns);
    int64_t behind_ms = now_ns / SEGMENT_NS_PER_MS - wall_ms;
    if (behind_ms < 0) {
        now_ns = wall_ms * SEGMENT_NS_PER_MS;
        behind_ms = 0;
    }
    point = (struct segment_clock_point){now_ns, monotonic_ns, behind_ms > 0};
    write_point(line, &point);
    pthread_mutex_unlock(&writer->keys_lock);
    if (ret_behind_ms != NULL) {
        *ret_behind_ms = behind_ms;
    }
    return now_ns / SEGMENT_NS_PER_MS;
}

int64_t segment_writer_now_ms(struct segment_writer *writer)
{
    struct segment_clock_point point = {0};
    pthread_mutex_lock(&writer->keys_lock);
    (void)segment_clock_point(&writer->header->clock, &point);
    pthread_mutex_unlock(&writer->keys_lock);
    return segment_clock_at(&point, clock_monotonic_coarse_ns(writer->clock)) / SEGMENT_NS_PER_MS;
}
