/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An SQLite VFS that passes everything on to the default one, and fails when it is told to:
 * a full disk, an fsync that fails, a file that cannot be written.
 *
 *     faulty_vfs_register();
 *     options.vfs = FAULTY_VFS;
 *     faulty_vfs_set(FAULT_DISK_FULL);
 */
#ifndef SUPPORT_FAULTY_VFS_H
#define SUPPORT_FAULTY_VFS_H

#include <stdint.h>

#define FAULTY_VFS "faulty"

enum faulty_vfs_mode {
    FAULT_NONE,
    FAULT_DISK_FULL, /* every write answers SQLITE_FULL */
    FAULT_SYNC,      /* every fsync answers SQLITE_IOERR_FSYNC */
    FAULT_WRITE,     /* every write answers SQLITE_IOERR_WRITE */
    FAULT_READ_ONLY, /* databases open read-only, as files that may not be written do */
};

void faulty_vfs_register(void);
void faulty_vfs_set(enum faulty_vfs_mode mode);
/* fsyncs so far. */
uint64_t faulty_vfs_syncs(void);

#endif
