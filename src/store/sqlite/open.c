/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening: the directory, its lock, a look at the database with a connection that cannot
 * write, and only then the one that can. What is not ours stays as it was, byte for byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "store/sqlite/store.h"

static tkr_error_t errno_error(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return TKR_NOT_FOUND;
    case EROFS:
    case EACCES:
    case EPERM:
        return TKR_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
        return TKR_NO_SPACE;
    case ENOMEM:
        return TKR_MEMORY;
    default:
        return TKR_IO;
    }
}

static tkr_error_t errno_fault(struct fault *fault, const char *path)
{
    int number = errno;
    return fault_set(fault, errno_error(number), "", "%s: %s", path, strerror(number));
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* Takes it out of the reach of a cleanup. */
static int keep_fd(int *fd)
{
    int kept = *fd;
    *fd = -1;
    return kept;
}

static void free_text(char **text)
{
    free(*text);
    *text = NULL;
}

/* --- the directory and its lock ---------------------------------------------------------- */

static tkr_error_t make_directory(const char *path, struct fault *fault)
{
    struct stat status;
    if (mkdir(path, 0700) == 0) {
        return TKR_OK;
    }
    if (errno != EEXIST) {
        return errno_fault(fault, path);
    }
    if (stat(path, &status) != 0) {
        return errno_fault(fault, path);
    }
    if (!S_ISDIR(status.st_mode)) {
        return fault_set(fault, TKR_INVALID, "", "%s: this is not a directory", path);
    }
    return TKR_OK;
}

static tkr_error_t held_fault(int fd, const char *path, struct fault *fault)
{
    char text[32];
    uint64_t pid = 0;
    ssize_t length = pread(fd, text, sizeof(text), 0);
    if (length > 1 && text_parse_u64(text, (size_t)length - 1, &pid) == TKR_OK) {
        return fault_set(fault, TKR_LOCKED, "", "%s: process %llu holds this directory", path,
                         (unsigned long long)pid);
    }
    return fault_set(fault, TKR_LOCKED, "", "%s: another process holds this directory", path);
}

/* The lock ends with the process. The pid in the file is for people, and nothing relies on it,
 * so a full disk does not stop us from taking the lock. */
static tkr_error_t take_lock(const char *path, int *ret_fd, struct fault *fault)
{
    CLEANUP(close_fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return errno_fault(fault, path);
    }
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return held_fault(fd, path, fault);
        }
        if (errno != EINTR) {
            return errno_fault(fault, path);
        }
    }
    char text[32];
    int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)length, 0) != length) {
        (void)!ftruncate(fd, 0);
    }
    *ret_fd = keep_fd(&fd);
    return TKR_OK;
}

/* --- the database ------------------------------------------------------------------------ */

/* A new database is an empty file with the right mode; SQLite gives its log the same. */
static tkr_error_t make_file(const char *directory, const char *path, struct fault *fault)
{
    CLEANUP(close_fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno_fault(fault, path);
    }
    CLEANUP(close_fd) int parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0 || fsync(parent) != 0) {
        return errno_fault(fault, directory);
    }
    return TKR_OK;
}

static tkr_error_t inspect(struct store *store, const struct schema_plan *plan, struct fault *fault)
{
    CLEANUP(connection_close) struct connection connection = {0};
    TRY(connection_open(&connection, store->path, store->vfs, CONNECTION_INSPECT, fault));
    return schema_inspect(&connection, plan, store->path, fault);
}

static tkr_error_t set_up_writer(struct store *store, struct fault *fault)
{
    char sql[64];
    struct connection *writer = &store->writer;
    snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit=%d", STORE_WAL_BYTES_KEPT);
    if (connection_run(writer, "PRAGMA journal_mode=WAL") != TKR_OK ||
        connection_run(writer, sql) != TKR_OK) {
        return connection_error(writer, fault, store->path);
    }
    sqlite3_wal_hook(writer->db, meta_log_grew, store);
    return TKR_OK;
}

static tkr_error_t open_database(struct store *store, const struct store_sqlite_options *options,
                                 const struct schema_plan *plan, struct fault *fault)
{
    struct stat status;
    if (stat(store->path, &status) != 0) {
        if (errno != ENOENT) {
            return errno_fault(fault, store->path);
        }
        TRY(make_file(options->directory, store->path, fault));
    } else if (!S_ISREG(status.st_mode)) {
        return fault_set(fault, TKR_INVALID, "", "%s: this is not a file", store->path);
    } else if (status.st_size > 0) {
        TRY(inspect(store, plan, fault));
    }
    TRY(connection_open(&store->writer, store->path, store->vfs, CONNECTION_WRITE, fault));
    TRY(set_up_writer(store, fault));
    TRY(schema_migrate(&store->writer, plan, store->path, fault));
    return meta_read(store, fault);
}

/* SQLite reads a write-ahead log by an index beside it (-shm), which whoever reads may have to
 * make, or rebuild after a kill -9. */
static tkr_error_t cannot_read(struct store *store, tkr_error_t error, struct fault *fault)
{
    if (error != TKR_READ_ONLY && error != TKR_IO) {
        return error;
    }
    return fault_set(fault, error, "",
                     "%s: to be read, files beside it may have to be made: do this as the user "
                     "that owns the directory, or with a copy of all its files",
                     store->path);
}

static tkr_error_t read_version(struct store *store, int64_t *ret_version, struct fault *fault)
{
    CLEANUP(connection_close) struct connection connection = {0};
    TRY(connection_open(&connection, store->path, store->vfs, CONNECTION_READ, fault));
    tkr_error_t error =
        connection_integer(&connection, "SELECT max(version) FROM schema_migrations", ret_version);
    return error == TKR_OK ? TKR_OK : connection_error(&connection, fault, store->path);
}

/* Nothing of the database is made, locked, migrated or written. */
static tkr_error_t open_read_only(struct store *store, const struct schema_plan *plan,
                                  struct fault *fault)
{
    int64_t version = 0;
    if (access(store->path, R_OK) != 0) {
        return errno_fault(fault, store->path);
    }
    tkr_error_t error = read_version(store, &version, fault);
    if (error != TKR_OK) {
        return cannot_read(store, error, fault);
    }
    int newest = plan->migrations[plan->count - 1].version;
    if (version != newest) {
        return fault_set(fault, version > newest ? TKR_VERSION_NEWER : TKR_CONFLICT, "",
                         "%s: the database has schema version %lld, and this program reads %d",
                         store->path, (long long)version, newest);
    }
    return TKR_OK;
}

static void store_free(struct store *store)
{
    if (store == NULL) {
        return;
    }
    /* The writer last: the last to close copies the log into the database. */
    readers_deinit(&store->readers);
    connection_close(&store->writer);
    pthread_mutex_destroy(&store->meta_mutex);
    close_fd(&store->lock_fd);
    free(store->path);
    free(store->vfs);
    free(store);
}

static void store_free_p(struct store **store)
{
    store_free(*store);
}

static tkr_error_t store_new(const struct store_sqlite_options *options, struct store **ret_store)
{
    struct store *store = calloc(1, sizeof(*store));
    ENSURE(store != NULL, TKR_MEMORY);
    store->lock_fd = -1;
    pthread_mutex_init(&store->meta_mutex, NULL);
    tkr_error_t error = readers_init(&store->readers);
    if (error == TKR_OK && asprintf(&store->path, "%s/tokenry.db", options->directory) < 0) {
        store->path = NULL;
        error = TKR_MEMORY;
    }
    if (error == TKR_OK && options->vfs != NULL) {
        store->vfs = strdup(options->vfs);
        error = store->vfs != NULL ? TKR_OK : TKR_MEMORY;
    }
    if (error != TKR_OK) {
        store_free(store);
        return error;
    }
    *ret_store = store;
    return TKR_OK;
}

/* One allocator lock less for every reader: nobody asks SQLite for its memory statistics. */
static void configure_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* refused, harmlessly, when in use */
}

static const struct store_port port_template = {
    .name = "sqlite",
    .identity = store_identity,
    .load = store_load,
    .begin = store_begin,
    .commit = store_commit,
    .rollback = store_rollback,
    .mark = store_mark,
    .release = store_release,
    .maintain = store_maintain,
    .ensure_user = store_ensure_user,
    .insert_token = store_insert_token,
    .put_leak_report = store_put_leak_report,
    .note_event = store_note_event,
    .import = {store_find_digest, store_insert_event, store_put_line},
    .update_token = store_update_token,
    .put_tier = store_put_tier,
    .give_user_lines = store_give_user_lines,
    .count_made = store_count_made,
    .list_made = store_list_made,
    .list_versions = store_list_versions,
    .list_overlapping = store_list_overlapping,
    .list_environment = store_list_environment,
    .read_digest = store_read_digest,
    .read_token = store_read_token,
    .put_epoch = store_put_epoch,
    .settle_epoch = store_settle_epoch,
    .cleanup = store_cleanup,
    .list_epochs = store_list_epochs,
    .newest_epoch = store_newest_epoch,
    .list_overlaps = store_list_overlaps,
    .count_ended = store_count_ended,
    .find_idempotency = store_find_idempotency,
    .put_idempotency = store_put_idempotency,
    .flush_usage = store_flush_usage,
    .book_metered = store_book_metered,
    .metered_number = store_metered_number,
    .sweep_usage = store_sweep_usage,
    .load_credits = store_load_credits,
    .find_credits = store_find_credits,
    .put_credits = store_put_credits,
    .drop_credits = store_drop_credits,
    .list_lineage = store_list_lineage,
    .put_charge = store_put_charge,
    .find_charge = store_find_charge,
    .find_charge_by_key = store_find_charge_by_key,
    .find_expired_charge = store_find_expired_charge,
    .finish_charge = store_finish_charge,
    .get_token = store_get_token,
    .list_tokens = store_list_tokens,
    .list_tiers = store_list_tiers,
    .count_tokens = store_count_tokens,
    .tenancy =
        {
            .insert_user = store_insert_user,
            .read_user = store_read_user,
            .update_user = store_update_user,
            .set_inherited_tier = store_set_inherited_tier,
            .scan_tokens = store_scan_tokens,
            .replace_tokens = store_replace_tokens,
            .insert_org = store_insert_org,
            .read_org = store_read_org,
            .update_org = store_update_org,
            .put_role = store_put_role,
            .read_role = store_read_role,
            .delete_role = store_delete_role,
            .count_role = store_count_role,
            .set_token_scopes = store_set_token_scopes,
            .get_user = store_get_user,
            .list_users = store_list_users,
            .get_org = store_get_org,
            .list_orgs = store_list_orgs,
            .get_role = store_get_role,
            .list_roles = store_list_roles,
        },
    .blast = {store_visit_kin, store_read_events},
    .jobs = {store_put_job, store_read_job, store_each_job},
    .audit =
        {
            .set_sealer = store_set_sealer,
            .seal_now = store_seal_now,
            .newest_seq = store_newest_seq,
            .drop_events = store_drop_events,
            .read_log = store_read_log,
            .each_event = store_each_event,
            .each_checkpoint = store_each_checkpoint,
            .list_events = store_list_events,
        },
    .outbox =
        {
            .put_key = store_put_alert_key,
            .put = store_put_outbox,
            .settle = store_settle_outbox,
            .revive = store_revive_outbox,
            .drop = store_drop_outbox,
            .list_due = store_list_due_outbox,
            .list_dead = store_list_dead_outbox,
            .list_channels = store_list_outbox_channels,
        },
    .schedules =
        {
            .read = store_read_schedule,
            .put = store_put_schedule,
            .remove = store_remove_schedule,
            .find_target = store_find_schedule_target,
            .drop_orphans = store_drop_schedules,
            .list = store_list_schedules,
            .get = store_get_schedule,
        },
    .sketches =
        {
            .put = store_put_sketch,
            .forget = store_forget_sketches,
            .find_token = store_find_line_token,
            .each = store_each_sketch,
            .list_expiring = store_list_expiring,
            .tally_expiring = store_tally_expiring,
            .count_expiring = store_count_expiring,
            .list_unused = store_list_unused,
        },
    .read_usage = store_read_usage,
    .read_versions = store_read_versions,
};

/* Takes it out of the reach of a cleanup. */
static struct store_port port_of(struct store **store)
{
    struct store_port port = port_template;
    port.store = *store;
    port.location = (*store)->path;
    *store = NULL;
    return port;
}

tkr_error_t store_open_with(const struct store_sqlite_options *options,
                            const struct migration *migrations, size_t migration_count,
                            struct store_port *ret_port, struct fault *fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);
    CLEANUP(store_free_p) struct store *store = NULL;
    CLEANUP(free_text) char *lock_path = NULL;
    struct schema_plan plan = {.migrations = migrations,
                               .count = migration_count,
                               .random = options->random,
                               .now_ms = clock_wall_ms(options->clock)};
    TRY(store_new(options, &store));
    if (options->read_only) {
        TRY(open_read_only(store, &plan, fault));
        *ret_port = port_of(&store);
        return TKR_OK;
    }
    if (asprintf(&lock_path, "%s/tokenry.lock", options->directory) < 0) {
        lock_path = NULL;
        return TKR_MEMORY;
    }
    /* Before the lock, whose file would be left behind in a directory that is not ours. */
    if (options->must_exist && access(store->path, F_OK) != 0) {
        return errno_fault(fault, store->path);
    }
    TRY(make_directory(options->directory, fault));
    TRY(take_lock(lock_path, &store->lock_fd, fault));
    TRY(open_database(store, options, &plan, fault));
    *ret_port = port_of(&store);
    return TKR_OK;
}

tkr_error_t store_sqlite_open(const struct store_sqlite_options *options,
                              struct store_port *ret_port, struct fault *fault)
{
    return store_open_with(options, migrations_sqlite, migrations_sqlite_count, ret_port, fault);
}

void store_sqlite_close(struct store_port *port)
{
    store_free(port->store);
    *port = (struct store_port){0};
}
