/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: where they begin and end, the sequence number, and checkpoints. */
#include <string.h>

#include "store/sqlite/store.h"

tkr_error_t meta_read(struct store *store, struct fault *fault)
{
    struct connection *writer = &store->writer;
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    tkr_error_t error = connection_prepare(writer, STATEMENT_READ_META, &statement);
    if (error == TKR_OK) {
        error = statement_row(writer, statement);
    }
    if (error == TKR_NOT_FOUND ||
        (error == TKR_OK && sqlite3_column_bytes(statement, 0) != SEGMENT_STORE_ID_BYTES)) {
        return fault_set(fault, TKR_CORRUPT, "", "%s: the table meta is damaged", store->path);
    }
    if (error != TKR_OK) {
        return connection_error(writer, fault, store->path);
    }
    memcpy(store->store_id, sqlite3_column_blob(statement, 0), SEGMENT_STORE_ID_BYTES);
    store->committed = (struct meta){
        .seq = (uint64_t)sqlite3_column_int64(statement, 1),
        .next_line = (uint32_t)sqlite3_column_int64(statement, 2),
        .tokens = (uint64_t)sqlite3_column_int64(statement, 3),
        .clock_ms = sqlite3_column_int64(statement, 4),
    };
    store->current = store->committed;
    TRY(events_read_head(store));
    int64_t users = 0;
    TRY(connection_integer(writer, "SELECT coalesce(max(number), 0) FROM users", &users));
    store->users_at_open = (uint64_t)users;
    store->tokens_at_open = store->committed.tokens;
    return TKR_OK;
}

tkr_error_t store_identity(struct store *store, struct store_identity *ret_identity)
{
    pthread_mutex_lock(&store->meta_mutex);
    struct meta meta = store->committed;
    pthread_mutex_unlock(&store->meta_mutex);
    *ret_identity = (struct store_identity){
        .seq = meta.seq,
        .users = store->users_at_open + meta.tokens - store->tokens_at_open,
        .tokens = meta.tokens,
        .lines = meta.next_line,
        .clock_ms = meta.clock_ms,
    };
    memcpy(ret_identity->store_id, store->store_id, sizeof(ret_identity->store_id));
    return TKR_OK;
}

static tkr_error_t run(struct store *store, enum statement which)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, which, &statement));
    return statement_run(&store->writer, statement);
}

tkr_error_t store_begin(struct store *store)
{
    store->current = store->committed; /* only this thread writes it */
    store->changed = false;
    store->touched = false;
    store_forget(store);
    store->seals = false;
    return run(store, STATEMENT_BEGIN);
}

static tkr_error_t write_meta(struct store *store)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_WRITE_META, &statement));
    bind_integer(statement, 1, (int64_t)store->current.seq);
    bind_integer(statement, 2, store->current.next_line);
    bind_integer(statement, 3, (int64_t)store->current.tokens);
    bind_integer(statement, 4, store->current.clock_ms);
    return statement_run(&store->writer, statement);
}

/* Before COMMIT is sent nothing can have been committed, whatever went wrong. */
static tkr_error_t certain(tkr_error_t error)
{
    bool says_so = error == TKR_NO_SPACE || error == TKR_LOCKED || error == TKR_READ_ONLY;
    return says_so ? error : TKR_UNAVAILABLE;
}

tkr_error_t store_commit(struct store *store, uint64_t *ret_seq)
{
    tkr_error_t error = TKR_OK;
    if (store->changed) {
        store->current.seq++;
    }
    if (store->changed || store->touched) {
        error = write_meta(store);
    }
    if (error == TKR_OK && (store->seals || store->current.head.seq != store->committed.head.seq)) {
        error = events_write_head(store);
    }
    error = error == TKR_OK ? error : certain(error);
    if (error == TKR_OK) {
        error = run(store, STATEMENT_COMMIT);
    }
    if (error != TKR_OK) {
        store_rollback(store);
        return error;
    }
    pthread_mutex_lock(&store->meta_mutex);
    store->committed = store->current;
    pthread_mutex_unlock(&store->meta_mutex);
    *ret_seq = store->current.seq;
    return TKR_OK;
}

void store_rollback(struct store *store)
{
    store->current = store->committed;
    connection_rollback(&store->writer);
}

tkr_error_t store_mark(struct store *store)
{
    store->marked = store->current;
    return run(store, STATEMENT_MARK);
}

tkr_error_t store_release(struct store *store, bool undo)
{
    if (undo) {
        store_forget(store);
        TRY(run(store, STATEMENT_UNDO));
        store->current = store->marked;
    }
    return run(store, STATEMENT_RELEASE);
}

int meta_log_grew(void *context, sqlite3 *db, const char *database, int pages)
{
    struct store *store = context;
    if (pages < store->log_pages_checkpointed) {
        store->log_pages_checkpointed = 0; /* it started over */
    }
    store->commit_pages = pages > store->log_pages ? pages - store->log_pages : pages;
    store->log_pages = pages;
    return SQLITE_OK;
}

/* Commits of an import write the same pages of an index over and over, each some thousands: a
 * checkpoint after several of them copies each page once. */
static int pages_before_checkpoint(const struct store *store)
{
    int pages = store->commit_pages < STORE_WAL_PAGES_BULK / 4 ? 4 * store->commit_pages
                                                               : STORE_WAL_PAGES_BULK;
    return pages > STORE_WAL_PAGES ? pages : STORE_WAL_PAGES;
}

/*
 * A checkpoint copies the log into the database. PASSIVE waits for nobody; what a reader still
 * needs is left for the next one, which is tried when the log has grown by as much again. Only
 * when readers have kept the log from starting over for very long are they waited for.
 */
tkr_error_t store_maintain(struct store *store)
{
    if (store->log_pages - store->log_pages_checkpointed < pages_before_checkpoint(store)) {
        return TKR_OK;
    }
    bool long_log = store->log_pages >= STORE_WAL_PAGES_WAIT;
    int code = sqlite3_wal_checkpoint_v2(
        store->writer.db, NULL, long_log ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE,
        NULL, NULL);
    store->log_pages_checkpointed = store->log_pages;
    return (code & 0xff) == SQLITE_BUSY ? TKR_OK : sqlite_error(code);
}
