/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing over a table of twice the connections there can be, so
 * it never fills. A count that reaches zero is taken out by moving the rest of its run back.
 * The hash is keyed with a random number: who chooses addresses cannot choose a run.
 */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "http/internal.h"

struct entry {
    uint64_t key; /* 0: empty */
    unsigned count;
};

struct address_table {
    pthread_mutex_t lock;
    unsigned per_address_max;
    uint64_t salt;
    size_t mask;
    struct entry entries[];
};

tkr_error_t address_table_new(unsigned per_address_max, unsigned connections_max,
                              struct address_table **ret_table)
{
    size_t size = 16;
    while (size < (size_t)connections_max * 2) {
        size *= 2;
    }
    struct address_table *table = calloc(1, sizeof(*table) + size * sizeof(struct entry));
    ENSURE(table != NULL, TKR_MEMORY);
    tkr_error_t error = random_fill(random_system(), &table->salt, sizeof(table->salt));
    if (error != TKR_OK) {
        free(table);
        return error;
    }
    pthread_mutex_init(&table->lock, NULL);
    table->per_address_max = per_address_max;
    table->mask = size - 1;
    *ret_table = table;
    return TKR_OK;
}

void address_table_free(struct address_table *table)
{
    if (table != NULL) {
        pthread_mutex_destroy(&table->lock);
        free(table);
    }
}

/* An IPv4 address, or the /64 that one IPv6 customer has. 0: not counted. */
static uint64_t key_of(const struct sockaddr *address)
{
    uint64_t key = 0;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        key = (uint64_t)1 << 32 | v4.sin_addr.s_addr;
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            uint32_t v4;
            memcpy(&v4, v6.sin6_addr.s6_addr + 12, sizeof(v4));
            return (uint64_t)1 << 32 | v4;
        }
        memcpy(&key, v6.sin6_addr.s6_addr, sizeof(key));
        key = key == 0 ? UINT64_MAX : key; /* ::/64, where ::1 is */
    }
    return key;
}

static size_t home(const struct address_table *table, uint64_t key)
{
    uint64_t x = (key ^ table->salt) * 0x9E3779B97F4A7C15U;
    x ^= x >> 29;
    x = (x + table->salt) * 0xBF58476D1CE4E5B9U;
    return (size_t)(x >> 32) & table->mask;
}

static size_t find(const struct address_table *table, uint64_t key)
{
    size_t i = home(table, key);
    while (table->entries[i].key != 0 && table->entries[i].key != key) {
        i = (i + 1) & table->mask;
    }
    return i;
}

bool address_table_enter(struct address_table *table, const struct sockaddr *address)
{
    uint64_t key = table != NULL ? key_of(address) : 0;
    if (key == 0) {
        return true;
    }
    pthread_mutex_lock(&table->lock);
    struct entry *entry = &table->entries[find(table, key)];
    bool room = entry->count < table->per_address_max;
    if (room) {
        entry->key = key;
        entry->count++;
    }
    pthread_mutex_unlock(&table->lock);
    return room;
}

static void take_out(struct address_table *table, size_t hole)
{
    size_t i = hole;
    for (;;) {
        i = (i + 1) & table->mask;
        struct entry *entry = &table->entries[i];
        if (entry->key == 0) {
            break;
        }
        /* It may move back only if its home is not between the hole and itself. */
        if (((i - home(table, entry->key)) & table->mask) >= ((i - hole) & table->mask)) {
            table->entries[hole] = *entry;
            hole = i;
        }
    }
    table->entries[hole] = (struct entry){0};
}

void address_table_leave(struct address_table *table, const struct sockaddr *address)
{
    uint64_t key = table != NULL ? key_of(address) : 0;
    if (key == 0) {
        return;
    }
    pthread_mutex_lock(&table->lock);
    size_t i = find(table, key);
    if (table->entries[i].key == key && --table->entries[i].count == 0) {
        take_out(table, i);
    }
    pthread_mutex_unlock(&table->lock);
}
