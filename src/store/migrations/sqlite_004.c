/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the authority does by itself: jobs, notifications, watching tokens, rotation by schedule.
 */
#include "store/migrations/migrations.h"

const char *const migration_sqlite_004[] = {
    NULL,
};
