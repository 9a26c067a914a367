/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters and histograms as plain memory: what they are called and how they are written
 * out is api/metrics.c's. Observing is one or two relaxed atomic additions; give each busy
 * thread its own and add them up when reading.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS_MAX 16

struct histogram {
    const uint64_t *bounds_ns; /* upper bounds, rising; static memory of the caller */
    size_t bound_count;        /* at most HISTOGRAM_BUCKETS_MAX */
    _Atomic uint64_t counts[HISTOGRAM_BUCKETS_MAX + 1]; /* the last one: above all bounds */
    _Atomic uint64_t sum_ns;
};

void histogram_init(struct histogram *histogram, const uint64_t *bounds_ns, size_t bound_count);
void histogram_observe(struct histogram *histogram, uint64_t ns);
/* Adds `from` to `to` (same bounds). */
void histogram_add(struct histogram *to, const struct histogram *from);

#endif
