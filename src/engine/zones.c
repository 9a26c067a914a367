/* SPDX-License-Identifier: Apache-2.0 */
/* Zones that were asked for, kept: there are some hundred, and a list of schedules asks for the
 * same few again and again. What changes in their files counts from the next start on. */
#include <stdlib.h>
#include <string.h>

#include "engine/authority_internal.h"

void zones_free(struct zones *zones)
{
    for (size_t i = 0; i < zones->count; i++) {
        zone_free(zones->entries[i].zone);
    }
    zones->count = 0;
}

/* With the mutex held. */
static tkr_error_t find_or_load(struct authority *authority, const char *name,
                                const struct zone **ret_zone)
{
    const struct zone_source *source = &authority->options.rotation.zones;
    struct zones *zones = &authority->zones;
    for (size_t i = 0; i < zones->count; i++) {
        if (strcmp(zones->entries[i].name, name) == 0) {
            *ret_zone = zones->entries[i].zone;
            return TKR_OK;
        }
    }
    struct zone *zone = NULL;
    ENSURE(source->load != NULL, TKR_NOT_FOUND);
    ENSURE(zones->count < ZONES_KEPT_MAX, TKR_CAPACITY);
    TRY(source->load(source->context, name, &zone));
    struct known_zone *entry = &zones->entries[zones->count++];
    memcpy(entry->name, name, strlen(name) + 1);
    entry->zone = zone;
    *ret_zone = zone;
    return TKR_OK;
}

tkr_error_t zones_find(struct authority *authority, const char *name, const struct zone **ret_zone)
{
    if (name == NULL || strcmp(name, "UTC") == 0) {
        *ret_zone = zone_utc();
        return TKR_OK;
    }
    ENSURE(zone_name_valid(name, strlen(name)), TKR_NOT_FOUND);
    pthread_mutex_lock(&authority->zones.mutex);
    tkr_error_t error = find_or_load(authority, name, ret_zone);
    pthread_mutex_unlock(&authority->zones.mutex);
    return error;
}
