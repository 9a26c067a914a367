/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: events and their chain.
 *
 * The head of the chain is a part of what goes with the transaction (struct meta), so what is
 * undone leaves no gap in it. It is written to the table meta, and the next event is chained to it
 * and not to the newest row: whoever cuts rows off does not move the head, and what comes after
 * shows the gap for ever.
 *
 * A row that stands where the next event belongs is somebody else's. It is stepped over, and stays
 * to be seen: a change must not fail for it, and it may be one of ours, when it was the head that
 * was set back.
 */
#include <string.h>

#include "store/sqlite/store.h"

/* --- writing ---------------------------------------------------------------------------------- */

/* A line of a copy (audit/line.h) has `{}` for none, so that is what it is here, too. */
static const char *details_of(const struct store_event *event)
{
    return event->details != NULL && strcmp(event->details, "{}") == 0 ? NULL : event->details;
}

static struct audit_event event_of(const struct store_event *event, uint64_t seq)
{
    return (struct audit_event){
        .seq = seq,
        .at_ms = event->at_ms,
        .fields =
            {
                [AUDIT_FIELD_TYPE] = event->type,
                [AUDIT_FIELD_ORG] = event->org_id,
                [AUDIT_FIELD_ACTOR_USER] = event->actor_user,
                [AUDIT_FIELD_ACTOR_TOKEN] = event->actor_token,
                [AUDIT_FIELD_USER] = event->user_id,
                [AUDIT_FIELD_TOKEN] = event->token_id,
                [AUDIT_FIELD_TOKEN_NAME] = event->token_name,
                [AUDIT_FIELD_VERDICT] = event->verdict,
                [AUDIT_FIELD_CLIENT] = event->client,
                [AUDIT_FIELD_USER_AGENT] = event->user_agent,
                [AUDIT_FIELD_METHOD] = event->method,
                [AUDIT_FIELD_ENDPOINT] = event->endpoint,
                [AUDIT_FIELD_REQUEST] = event->request_id,
                [AUDIT_FIELD_RAY] = event->ray_id,
                [AUDIT_FIELD_DETAILS] = details_of(event),
            },
    };
}

static tkr_error_t insert(struct store *store, const struct store_event *event)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct store_head *head = &store->current.head;
    struct audit_event next = event_of(event, head->seq + 1);
    uint8_t digest[AUDIT_DIGEST_BYTES];
    ENSURE(next.seq <= AUDIT_SEQ_MAX, TKR_NO_SPACE);
    TRY(audit_chain_next(head->digest, &next, digest));
    TRY(connection_prepare(&store->writer, STATEMENT_INSERT_EVENT, &statement));
    bind_integer(statement, 1, (int64_t)next.seq);
    bind_integer(statement, 2, next.at_ms);
    bind_bytes(statement, 3, digest, sizeof(digest));
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        bind_text_optional(statement, 4 + i, next.fields[i]);
    }
    TRY(statement_run(&store->writer, statement));
    head->seq = next.seq;
    memcpy(head->digest, digest, sizeof(digest));
    return TKR_OK;
}

/* The highest number that can be one of ours. */
static tkr_error_t newest_number(struct store *store, uint64_t *ret_seq)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_NEWEST_EVENT, &statement));
    bind_integer(statement, 1, AUDIT_SEQ_MAX);
    TRY(statement_row(&store->writer, statement));
    *ret_seq = (uint64_t)sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

/* Whether somebody else's row stands there; a trigger that refuses is none. */
static tkr_error_t step_over(struct store *store)
{
    struct store_head *head = &store->current.head;
    uint64_t newest = 0;
    TRY(newest_number(store, &newest));
    ENSURE(newest > head->seq, TKR_CONFLICT);
    head->seq = newest;
    return TKR_OK;
}

tkr_error_t store_note_event(struct store *store, const struct store_event *event)
{
    tkr_error_t error = insert(store, event);
    if (error == TKR_CONFLICT) {
        error = step_over(store);
        error = error == TKR_OK ? insert(store, event) : error;
    }
    /* A conflict is an answer to whoever asks for a change. This is not theirs. */
    return error == TKR_CONFLICT || error == TKR_TOO_LARGE ? TKR_UNAVAILABLE : error;
}

tkr_error_t store_insert_event(struct store *store, const struct store_event *event)
{
    TRY(store_note_event(store, event));
    store->changed = true;
    return TKR_OK;
}

/* --- the head --------------------------------------------------------------------------------- */

void store_set_sealer(struct store *store, const struct store_sealer *sealer)
{
    store->sealer = *sealer;
}

void store_seal_now(struct store *store)
{
    store->seals = true;
}

uint64_t store_newest_seq(struct store *store)
{
    return store->current.head.seq;
}

static tkr_error_t put_checkpoint(struct store *store, const struct audit_checkpoint *checkpoint)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_CHECKPOINT, &statement));
    bind_integer(statement, 1, (int64_t)checkpoint->seq);
    bind_integer(statement, 2, checkpoint->at_ms);
    bind_bytes(statement, 3, checkpoint->digest, sizeof(checkpoint->digest));
    bind_bytes(statement, 4, checkpoint->public_key, sizeof(checkpoint->public_key));
    bind_bytes(statement, 5, checkpoint->signature, sizeof(checkpoint->signature));
    return statement_run(&store->writer, statement);
}

tkr_error_t events_write_head(struct store *store)
{
    struct store_head *head = &store->current.head;
    struct store_seal seal = {0};
    bool sealed = store->sealer.seal != NULL;
    if (sealed) {
        TRY(store->sealer.seal(store->sealer.context, head, &seal));
    }
    if (seal.has_checkpoint) {
        TRY(put_checkpoint(store, &seal.checkpoint));
        head->checkpoint_seq = seal.checkpoint.seq;
        head->checkpoint_at_ms = seal.checkpoint.at_ms;
    }
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_WRITE_HEAD, &statement));
    bind_integer(statement, 1, (int64_t)head->seq);
    bind_bytes(statement, 2, head->digest, sizeof(head->digest));
    bind_bytes(statement, 3, sealed ? seal.mac : NULL, sizeof(seal.mac));
    return statement_run(&store->writer, statement);
}

/* Whether the column has as many bytes; else they are 0. */
static bool column_digest(sqlite3_stmt *statement, int column, uint8_t *ret_digest, int bytes)
{
    const void *stored = sqlite3_column_blob(statement, column);
    bool whole = stored != NULL && sqlite3_column_bytes(statement, column) == bytes;
    if (whole) {
        memcpy(ret_digest, stored, (size_t)bytes);
    } else {
        memset(ret_digest, 0, (size_t)bytes);
    }
    return whole;
}

/* --- letting go of the oldest ------------------------------------------------------------------
 */

static tkr_error_t digest_of(struct store *store, uint64_t seq,
                             uint8_t ret_digest[AUDIT_DIGEST_BYTES])
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_EVENT_DIGEST, &statement));
    bind_integer(statement, 1, (int64_t)seq);
    tkr_error_t error = statement_row(&store->writer, statement);
    ENSURE(error != TKR_NOT_FOUND, TKR_CORRUPT);
    TRY(error);
    ENSURE(column_digest(statement, 0, ret_digest, AUDIT_DIGEST_BYTES), TKR_CORRUPT);
    return TKR_OK;
}

static tkr_error_t delete_range(struct store *store, uint64_t first, uint64_t last)
{
    CLEANUP(statement_reset) sqlite3_stmt *events = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_DROP_EVENTS, &events));
    bind_integer(events, 1, (int64_t)first);
    bind_integer(events, 2, (int64_t)last);
    TRY(statement_run(&store->writer, events));
    CLEANUP(statement_reset) sqlite3_stmt *checkpoints = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_DROP_CHECKPOINTS, &checkpoints));
    bind_integer(checkpoints, 1, (int64_t)last);
    return statement_run(&store->writer, checkpoints);
}

tkr_error_t store_drop_events(struct store *store, uint64_t until_seq, uint32_t most,
                              uint64_t *ret_first_seq)
{
    struct store_head *head = &store->current.head;
    uint8_t base[AUDIT_DIGEST_BYTES];
    ENSURE(until_seq >= head->first_seq && until_seq <= head->seq && most > 0, TKR_OUT_OF_RANGE);
    uint64_t last = until_seq - head->first_seq < most ? until_seq : head->first_seq + most - 1;
    TRY(digest_of(store, last, base));
    TRY(delete_range(store, head->first_seq, last));
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_MOVE_BEGINNING, &statement));
    bind_integer(statement, 1, (int64_t)last + 1);
    bind_bytes(statement, 2, base, sizeof(base));
    TRY(statement_run(&store->writer, statement));
    head->first_seq = last + 1;
    memcpy(head->base, base, sizeof(base));
    if (head->checkpoint_seq <= last) {
        head->checkpoint_seq = 0;
    }
    store->seals = true;
    *ret_first_seq = head->first_seq;
    return TKR_OK;
}

/* --- at the beginning --------------------------------------------------------------------------
 */

/* The first event of the chain will be the one after those that are there. */
static tkr_error_t begin_chain(struct store *store)
{
    uint64_t newest = 0;
    uint8_t base[AUDIT_DIGEST_BYTES];
    TRY(newest_number(store, &newest));
    TRY(audit_chain_begin(store->store_id, sizeof(store->store_id), base));
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_BEGIN_CHAIN, &statement));
    bind_integer(statement, 1, (int64_t)newest);
    bind_bytes(statement, 2, base, sizeof(base));
    return statement_run(&store->writer, statement);
}

static tkr_error_t read_log_on(struct connection *connection, struct store_log *ret_log)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct store_log log = {0};
    TRY(connection_prepare(connection, STATEMENT_READ_LOG, &statement));
    TRY(statement_row(connection, statement));
    ENSURE(column_digest(statement, 0, log.store_id, sizeof(log.store_id)), TKR_CORRUPT);
    ENSURE(sqlite3_column_type(statement, 1) != SQLITE_NULL, TKR_NOT_FOUND);
    column_digest(statement, 2, log.head.base, sizeof(log.head.base));
    column_digest(statement, 4, log.head.digest, sizeof(log.head.digest));
    log.head.first_seq = (uint64_t)sqlite3_column_int64(statement, 1);
    log.head.seq = (uint64_t)sqlite3_column_int64(statement, 3);
    log.has_mac = column_digest(statement, 5, log.mac, sizeof(log.mac));
    log.head.checkpoint_seq = (uint64_t)sqlite3_column_int64(statement, 6);
    log.head.checkpoint_at_ms = sqlite3_column_int64(statement, 7);
    log.oldest = sqlite3_column_int64(statement, 8);
    log.newest = sqlite3_column_int64(statement, 9);
    *ret_log = log;
    return TKR_OK;
}

tkr_error_t events_read_head(struct store *store)
{
    struct store_log log;
    tkr_error_t error = read_log_on(&store->writer, &log);
    if (error == TKR_NOT_FOUND) {
        TRY(begin_chain(store));
        error = read_log_on(&store->writer, &log);
    }
    TRY(error);
    if (log.head.seq > AUDIT_SEQ_MAX) { /* somebody's: the engine will tell */
        TRY(newest_number(store, &log.head.seq));
    }
    store->committed.head = log.head;
    store->current.head = log.head;
    return TKR_OK;
}

tkr_error_t store_read_log(struct store *store, struct store_log *ret_log)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = read_log_on(connection, ret_log);
    reader_return(store, connection);
    return error;
}

/* --- reading ---------------------------------------------------------------------------------- */

static tkr_error_t next_number(struct connection *connection, bool oldest_first, int64_t position,
                               int64_t *ret_number)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(
        connection, oldest_first ? STATEMENT_EVENT_AFTER : STATEMENT_EVENT_BEFORE, &statement));
    bind_integer(statement, 1, position);
    TRY(statement_row(connection, statement));
    ENSURE(sqlite3_column_type(statement, 0) != SQLITE_NULL, TKR_NOT_FOUND);
    *ret_number = sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

#define STRIP_BITS 13

tkr_error_t events_next_strip(struct connection *connection, bool oldest_first, int64_t position,
                              int64_t *ret_strip)
{
    int64_t number = 0;
    TRY(next_number(connection, oldest_first, position, &number));
    *ret_strip = number >> STRIP_BITS;
    return TKR_OK;
}

/* The newest strip grows: who follows the log goes on behind its last event, not behind it. */
tkr_error_t events_behind_strip(struct connection *connection, bool oldest_first, int64_t strip,
                                int64_t *ret_position)
{
    if (oldest_first) {
        return next_number(connection, false, (strip + 1) << STRIP_BITS, ret_position);
    }
    *ret_position = strip << STRIP_BITS;
    return TKR_OK;
}

void events_read(sqlite3_stmt *statement, struct store_log_event *ret_event)
{
    struct store_log_event event = {
        .event.seq = (uint64_t)sqlite3_column_int64(statement, 0),
        .event.at_ms = sqlite3_column_int64(statement, 1),
    };
    event.has_digest = column_digest(statement, 2, event.digest, sizeof(event.digest));
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        event.event.fields[i] = column_text(statement, 3 + i);
        /* We write no NUL: what stands behind one would be neither shown nor hashed. */
        event.has_digest &=
            (size_t)sqlite3_column_bytes(statement, 3 + i) == strlen(event.event.fields[i]);
    }
    *ret_event = event;
}

/* One slice; *ret_next is behind its last event, 0 at the end. Its texts live until `visit`
 * returns. */
static tkr_error_t visit_slice(struct store *store, uint64_t from_seq, uint64_t until_seq,
                               tkr_error_t (*visit)(void *, const struct store_log_event *),
                               void *context, uint64_t *ret_next)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    sqlite3_stmt *statement = NULL;
    struct store_log_event event;
    uint64_t next = from_seq, count = 0;
    tkr_error_t error = connection_prepare(connection, STATEMENT_EACH_EVENT, &statement);
    if (error == TKR_OK) {
        bind_integer(statement, 1, (int64_t)from_seq);
        bind_integer(statement, 2, (int64_t)until_seq);
        bind_integer(statement, 3, AUDIT_SLICE_EVENTS);
        error = statement_row(connection, statement);
    }
    while (error == TKR_OK) {
        events_read(statement, &event);
        next = event.event.seq + 1;
        count++;
        error = visit(context, &event);
        if (error == TKR_OK) {
            error = statement_row(connection, statement);
        }
    }
    statement_reset(&statement);
    reader_return(store, connection);
    *ret_next = count == AUDIT_SLICE_EVENTS && next <= until_seq ? next : 0;
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

tkr_error_t store_each_event(struct store *store, uint64_t from_seq, uint64_t until_seq,
                             tkr_error_t (*visit)(void *context,
                                                  const struct store_log_event *event),
                             void *context)
{
    while (from_seq != 0) {
        TRY(visit_slice(store, from_seq, until_seq, visit, context, &from_seq));
    }
    return TKR_OK;
}

/* What is not of the right size is 0, and so no signature of anybody. */
static struct audit_checkpoint read_checkpoint(sqlite3_stmt *statement)
{
    struct audit_checkpoint checkpoint = {
        .seq = (uint64_t)sqlite3_column_int64(statement, 0),
        .at_ms = sqlite3_column_int64(statement, 1),
    };
    column_digest(statement, 5, checkpoint.store_id, sizeof(checkpoint.store_id));
    column_digest(statement, 2, checkpoint.digest, sizeof(checkpoint.digest));
    column_digest(statement, 3, checkpoint.public_key, sizeof(checkpoint.public_key));
    column_digest(statement, 4, checkpoint.signature, sizeof(checkpoint.signature));
    return checkpoint;
}

tkr_error_t store_each_checkpoint(struct store *store, uint64_t from_seq,
                                  tkr_error_t (*visit)(void *context,
                                                       const struct audit_checkpoint *checkpoint),
                                  void *context)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    sqlite3_stmt *statement = NULL;
    tkr_error_t error = connection_prepare(connection, STATEMENT_EACH_CHECKPOINT, &statement);
    if (error == TKR_OK) {
        bind_integer(statement, 1, (int64_t)from_seq);
        error = statement_row(connection, statement);
    }
    while (error == TKR_OK) {
        struct audit_checkpoint checkpoint = read_checkpoint(statement);
        error = visit(context, &checkpoint);
        if (error == TKR_OK) {
            error = statement_row(connection, statement);
        }
    }
    statement_reset(&statement);
    reader_return(store, connection);
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}
