/* SPDX-License-Identifier: Apache-2.0 */
#include "store/migrations/migrations.h"

const struct migration migrations_sqlite[] = {
    {1, "orgs, users, tokens, usage, events, tiers", migration_sqlite_001},
    {2, "rotation, epochs, roles, credits, usage by kind, cleanup", migration_sqlite_002},
    {3, "the audit log as a chain, with checkpoints", migration_sqlite_003},
    {4, "jobs, notifications, watching, rotation by schedule", migration_sqlite_004},
};
const size_t migrations_sqlite_count = sizeof(migrations_sqlite) / sizeof(migrations_sqlite[0]);
