/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that wait for their receivers, and the keys of alerts. The numbers of rows of a channel
 * stand in outbox_channels, so that a full channel costs no count; where many rows change at once
 * they are counted anew.
 */
#include <string.h>

#include "store/sqlite/store.h"

/* --- writing ------------------------------------------------------------------------------ */

static tkr_error_t forget_keys(struct store *store, int64_t now_ms)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_FORGET_ALERTS, &statement));
    bind_integer(statement, 1, now_ms - ALERT_KEY_TTL_S * INT64_C(1000));
    bind_integer(statement, 2, ALERT_KEYS_FORGOTTEN);
    return statement_run(&store->writer, statement);
}

tkr_error_t store_put_alert_key(struct store *store, const char *key, int64_t now_ms, bool *ret_new)
{
    TRY(forget_keys(store, now_ms));
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_ALERT, &statement));
    bind_text(statement, 1, key);
    bind_integer(statement, 2, now_ms);
    TRY(statement_run(&store->writer, statement));
    *ret_new = sqlite3_changes(store->writer.db) > 0;
    return TKR_OK;
}

/* Adds to the counts of a channel, which is made when it is new. */
struct tally {
    int waiting, dead, sent, failed, left_out;
    int64_t at_ms;     /* of sent and failed */
    const char *error; /* NULL: as it was */
};

static tkr_error_t add_tally(struct store *store, const char *channel, const struct tally *tally)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_ADD_OUTBOX_TALLY, &statement));
    bind_text(statement, 1, channel);
    bind_integer(statement, 2, tally->waiting);
    bind_integer(statement, 3, tally->dead);
    bind_integer(statement, 4, tally->sent);
    bind_integer(statement, 5, tally->failed);
    bind_integer(statement, 6, tally->left_out);
    bind_integer_optional(statement, 7, tally->sent > 0 ? tally->at_ms : 0);
    bind_integer_optional(statement, 8, tally->failed > 0 ? tally->at_ms : 0);
    bind_text(statement, 9, tally->error);
    return statement_run(&store->writer, statement);
}

/* What matters less leaves room for what matters more. */
static tkr_error_t is_full(struct store *store, const char *channel, enum alert_severity severity,
                           bool *ret_full)
{
    static const int64_t most[ALERT_SEVERITY_COUNT] = {
        [ALERT_INFO] = OUTBOX_WAITING_MAX / 8 * 4,   [ALERT_LOW] = OUTBOX_WAITING_MAX / 8 * 5,
        [ALERT_MEDIUM] = OUTBOX_WAITING_MAX / 8 * 6, [ALERT_HIGH] = OUTBOX_WAITING_MAX / 8 * 7,
        [ALERT_CRITICAL] = OUTBOX_WAITING_MAX,
    };
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_COUNT_OUTBOX, &statement));
    bind_text(statement, 1, channel);
    tkr_error_t error = statement_row(&store->writer, statement);
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    *ret_full = error == TKR_OK && sqlite3_column_int64(statement, 0) >= most[severity];
    return TKR_OK;
}

static tkr_error_t insert(struct store *store, const struct outbox_message *message)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_PUT_OUTBOX, &statement));
    bind_text(statement, 1, message->id);
    bind_text(statement, 2, message->channel);
    bind_integer(statement, 3, message->at_ms);
    bind_integer(statement, 4, message->severity);
    bind_text(statement, 5, message->type);
    bind_text_optional(statement, 6, message->org_id);
    bind_text_optional(statement, 7, message->user_id);
    bind_text_optional(statement, 8, message->token_id);
    bind_text_optional(statement, 9, message->token_name);
    bind_text(statement, 10, message->summary);
    bind_text(statement, 11, message->details);
    bind_integer(statement, 12, message->since_ms);
    bind_integer(statement, 13, message->next_at_ms);
    return statement_run(&store->writer, statement);
}

tkr_error_t store_put_outbox(struct store *store, const struct outbox_message *message,
                             bool *ret_stored)
{
    bool full = false;
    TRY(is_full(store, message->channel, message->severity, &full));
    if (!full) {
        TRY(insert(store, message));
    }
    *ret_stored = !full;
    return add_tally(store, message->channel, &(struct tally){.waiting = !full, .left_out = full});
}

/* Runs a statement about one waiting message; whether there was one. */
static tkr_error_t change_waiting(struct store *store, enum statement which,
                                  const struct outbox_result *result, bool *ret_changed)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, which, &statement));
    bind_text(statement, 1, result->id);
    if (which != STATEMENT_OUTBOX_SENT) {
        bind_integer(statement, 2,
                     which == STATEMENT_OUTBOX_LATER ? result->next_at_ms : result->at_ms);
        bind_text(statement, 3, result->error);
    }
    TRY(statement_run(&store->writer, statement));
    *ret_changed = sqlite3_changes(store->writer.db) > 0;
    return TKR_OK;
}

/* The oldest beyond the maximum. */
static tkr_error_t bury_oldest(struct store *store, const char *channel)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_OUTBOX_BURY, &statement));
    bind_text(statement, 1, channel);
    bind_integer(statement, 2, OUTBOX_DEAD_MAX);
    TRY(statement_run(&store->writer, statement));
    int buried = sqlite3_changes(store->writer.db);
    return buried > 0 ? add_tally(store, channel, &(struct tally){.dead = -buried}) : TKR_OK;
}

tkr_error_t store_settle_outbox(struct store *store, const struct outbox_result *result)
{
    static const enum statement statements[] = {
        [OUTBOX_SENT] = STATEMENT_OUTBOX_SENT,
        [OUTBOX_LATER] = STATEMENT_OUTBOX_LATER,
        [OUTBOX_DEAD] = STATEMENT_OUTBOX_DEAD,
    };
    bool sent = result->outcome == OUTBOX_SENT, dead = result->outcome == OUTBOX_DEAD;
    bool changed = false;
    TRY(change_waiting(store, statements[result->outcome], result, &changed));
    const struct tally tally = {
        .waiting = changed && (sent || dead) ? -1 : 0,
        .dead = changed && dead,
        .sent = sent,
        .failed = !sent,
        .at_ms = result->at_ms,
        .error = sent ? NULL : result->error,
    };
    TRY(add_tally(store, result->channel, &tally));
    return dead ? bury_oldest(store, result->channel) : TKR_OK;
}

static tkr_error_t recount(struct store *store)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, STATEMENT_RECOUNT_OUTBOX, &statement));
    return statement_run(&store->writer, statement);
}

static tkr_error_t change_dead(struct store *store, enum statement which, const char *id,
                               int64_t now_ms, uint64_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(&store->writer, which, &statement));
    bind_text(statement, 1, id);
    if (which == STATEMENT_OUTBOX_REVIVE) {
        bind_integer(statement, 2, now_ms);
    }
    TRY(statement_run(&store->writer, statement));
    *ret_count = (uint64_t)sqlite3_changes(store->writer.db);
    return recount(store);
}

tkr_error_t store_revive_outbox(struct store *store, const char *id, int64_t now_ms,
                                uint64_t *ret_count)
{
    return change_dead(store, STATEMENT_OUTBOX_REVIVE, id, now_ms, ret_count);
}

tkr_error_t store_drop_outbox(struct store *store, const char *id, uint64_t *ret_count)
{
    return change_dead(store, STATEMENT_OUTBOX_DROP, id, 0, ret_count);
}

/* --- reading ------------------------------------------------------------------------------ */

static const char *keep(struct arena *arena, sqlite3_stmt *statement, int column)
{
    const char *text = column_text(statement, column);
    return arena_copy(arena, text, strlen(text));
}

/* Of OUTBOX_COLUMNS. */
static tkr_error_t read_message(sqlite3_stmt *statement, struct arena *arena,
                                struct outbox_message *ret_message)
{
    const char *id = column_text(statement, 0);
    int64_t severity = sqlite3_column_int64(statement, 3);
    ENSURE(strlen(id) == OUTBOX_ID_CHARS && severity >= 0 && severity < ALERT_SEVERITY_COUNT,
           TKR_CORRUPT);
    struct outbox_message message = {
        .channel = keep(arena, statement, 1),
        .at_ms = sqlite3_column_int64(statement, 2),
        .severity = (enum alert_severity)severity,
        .type = keep(arena, statement, 4),
        .org_id = keep(arena, statement, 5),
        .user_id = keep(arena, statement, 6),
        .token_id = keep(arena, statement, 7),
        .token_name = keep(arena, statement, 8),
        .summary = keep(arena, statement, 9),
        .details = keep(arena, statement, 10),
        .since_ms = sqlite3_column_int64(statement, 11),
        .next_at_ms = sqlite3_column_int64(statement, 12),
        .tries = (uint32_t)sqlite3_column_int64(statement, 13),
        .dead_at_ms = sqlite3_column_int64(statement, 14),
        .error = keep(arena, statement, 15),
    };
    memcpy(message.id, id, sizeof(message.id));
    *ret_message = message;
    return arena_overflowed(arena) ? TKR_TOO_LARGE : TKR_OK;
}

static tkr_error_t list_due_on(struct connection *connection, const char *channel, int64_t now_ms,
                               uint32_t limit, struct arena *arena, struct outbox_message *messages,
                               size_t *ret_count, int64_t *ret_next_ms)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    size_t count = 0;
    TRY(connection_prepare(connection, STATEMENT_OUTBOX_DUE, &statement));
    bind_text(statement, 1, channel);
    bind_integer(statement, 2, (int64_t)limit + 1);
    *ret_next_ms = INT64_MAX;
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK) {
        int64_t next_ms = sqlite3_column_int64(statement, 12);
        if (count == limit || next_ms > now_ms) {
            *ret_next_ms = next_ms;
            break;
        }
        TRY(read_message(statement, arena, &messages[count]));
        count++;
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    *ret_count = count;
    return TKR_OK;
}

tkr_error_t store_list_due_outbox(struct store *store, const char *channel, int64_t now_ms,
                                  uint32_t limit, struct arena *arena,
                                  struct outbox_message **ret_messages, size_t *ret_count,
                                  int64_t *ret_next_ms)
{
    struct connection *connection = NULL;
    struct outbox_message *messages = arena_alloc(arena, limit * sizeof(*messages));
    ENSURE(messages != NULL, TKR_TOO_LARGE);
    TRY(reader_take(store, &connection));
    tkr_error_t error =
        list_due_on(connection, channel, now_ms, limit, arena, messages, ret_count, ret_next_ms);
    reader_return(store, connection);
    *ret_messages = messages;
    return error;
}

static tkr_error_t list_dead_on(struct connection *connection, const struct outbox_page_of *of,
                                int64_t before, struct arena *arena, struct outbox_page *ret_page)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct outbox_page page = {.messages = arena_alloc(arena, of->limit * sizeof(*page.messages))};
    int64_t last = 0;
    ENSURE(page.messages != NULL, TKR_TOO_LARGE);
    TRY(connection_prepare(connection, STATEMENT_LIST_DEAD_OUTBOX, &statement));
    bind_text(statement, 1, of->channel);
    bind_integer(statement, 2, before);
    bind_integer(statement, 3, (int64_t)of->limit + 1);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK && page.count < of->limit) {
        TRY(read_message(statement, arena, &page.messages[page.count]));
        last = sqlite3_column_int64(statement, 16);
        page.count++;
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    if (error == TKR_OK) {
        TRY(page_cursor(arena, last, &page.next_cursor));
    }
    *ret_page = page;
    return TKR_OK;
}

tkr_error_t store_list_dead_outbox(struct store *store, const struct outbox_page_of *of,
                                   struct arena *arena, struct outbox_page *ret_page)
{
    const struct page_of position = {of->limit, of->cursor};
    struct connection *connection = NULL;
    int64_t before = 0;
    TRY(page_before(&position, &before));
    TRY(reader_take(store, &connection));
    tkr_error_t error = list_dead_on(connection, of, before, arena, ret_page);
    reader_return(store, connection);
    return error;
}

static tkr_error_t list_channels_on(struct connection *connection, struct arena *arena,
                                    struct outbox_channel *channels, size_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    size_t count = 0;
    TRY(connection_prepare(connection, STATEMENT_LIST_OUTBOX_CHANNELS, &statement));
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK && count < OUTBOX_CHANNELS_MAX) {
        channels[count++] = (struct outbox_channel){
            .name = keep(arena, statement, 0),
            .waiting = (uint64_t)sqlite3_column_int64(statement, 1),
            .dead = (uint64_t)sqlite3_column_int64(statement, 2),
            .sent = (uint64_t)sqlite3_column_int64(statement, 3),
            .failed = (uint64_t)sqlite3_column_int64(statement, 4),
            .left_out = (uint64_t)sqlite3_column_int64(statement, 5),
            .sent_at_ms = sqlite3_column_int64(statement, 6),
            .failed_at_ms = sqlite3_column_int64(statement, 7),
            .error = keep(arena, statement, 8),
        };
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    *ret_count = count;
    return arena_overflowed(arena) ? TKR_TOO_LARGE : TKR_OK;
}

tkr_error_t store_list_outbox_channels(struct store *store, struct arena *arena,
                                       struct outbox_channel **ret_channels, size_t *ret_count)
{
    struct connection *connection = NULL;
    struct outbox_channel *channels = arena_alloc(arena, OUTBOX_CHANNELS_MAX * sizeof(*channels));
    ENSURE(channels != NULL, TKR_TOO_LARGE);
    TRY(reader_take(store, &connection));
    tkr_error_t error = list_channels_on(connection, arena, channels, ret_count);
    reader_return(store, connection);
    *ret_channels = channels;
    return error;
}
