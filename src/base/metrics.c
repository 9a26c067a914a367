/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include "base/check.h"

void histogram_init(struct histogram *histogram, const uint64_t *bounds_ns, size_t bound_count)
{
    ASSERT(bound_count <= HISTOGRAM_BUCKETS_MAX);
    for (size_t i = 1; i < bound_count; i++) {
        ASSERT(bounds_ns[i - 1] < bounds_ns[i]);
    }
    histogram->bounds_ns = bounds_ns;
    histogram->bound_count = bound_count;
    for (size_t i = 0; i <= HISTOGRAM_BUCKETS_MAX; i++) {
        atomic_init(&histogram->counts[i], 0);
    }
    atomic_init(&histogram->sum_ns, 0);
}

void histogram_observe(struct histogram *histogram, uint64_t ns)
{
    size_t bucket = 0;
    while (bucket < histogram->bound_count && ns > histogram->bounds_ns[bucket]) {
        bucket++;
    }
    atomic_fetch_add_explicit(&histogram->counts[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_ns, ns, memory_order_relaxed);
}

void histogram_add(struct histogram *to, const struct histogram *from)
{
    ASSERT(to->bound_count == from->bound_count);
    for (size_t i = 0; i <= to->bound_count; i++) {
        uint64_t count = atomic_load_explicit(&from->counts[i], memory_order_relaxed);
        atomic_fetch_add_explicit(&to->counts[i], count, memory_order_relaxed);
    }
    uint64_t sum_ns = atomic_load_explicit(&from->sum_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&to->sum_ns, sum_ns, memory_order_relaxed);
}
