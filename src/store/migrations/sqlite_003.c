/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: a chain of digests over the events (audit/chain.h), its head with every commit,
 * and checkpoints. Events of before have no digest and are not in the chain, which begins with the
 * first event after this step; meta says with which.
 */
#include "store/migrations/migrations.h"

const char *const migration_sqlite_003[] = {
    "ALTER TABLE events ADD COLUMN verdict TEXT",
    "ALTER TABLE events ADD COLUMN method TEXT",
    "ALTER TABLE events ADD COLUMN endpoint TEXT",
    "ALTER TABLE events ADD COLUMN ray_id TEXT",
    "ALTER TABLE events ADD COLUMN digest BLOB",

    /* The chain has the events from audit_first on; audit_base is the digest before that one. */
    "ALTER TABLE meta ADD COLUMN audit_first INTEGER",
    "ALTER TABLE meta ADD COLUMN audit_base BLOB",
    "ALTER TABLE meta ADD COLUMN audit_seq INTEGER",
    "ALTER TABLE meta ADD COLUMN audit_digest BLOB",
    "ALTER TABLE meta ADD COLUMN audit_mac BLOB",

    "CREATE INDEX events_org ON events (org_id) WHERE org_id IS NOT NULL",

    "CREATE TABLE checkpoints ("
    " seq INTEGER PRIMARY KEY," /* of the event */
    " at INTEGER NOT NULL,"
    " digest BLOB NOT NULL CHECK (length(digest) = 32),"
    " public_key BLOB NOT NULL CHECK (length(public_key) = 32),"
    " signature BLOB NOT NULL CHECK (length(signature) = 64)"
    ") STRICT",
    NULL,
};
