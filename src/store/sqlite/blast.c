/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kin of a token, and the events that it is in, for the report on it. Every statement is served
 * by one index in its order, so that it reads no more rows than it may answer: somebody asks this
 * while something burns, and the token may have made a million others.
 */
#include <string.h>

#include "store/sqlite/row.h"
#include "store/sqlite/store.h"

/* --- kin ----------------------------------------------------------------------------------- */

static tkr_error_t visit_rows(struct connection *connection, enum store_kin kin,
                              const char *token_id, uint32_t most, struct arena *arena,
                              kin_visit visit, void *context)
{
    static const enum statement statements[KIN_COUNT] = {
        [KIN_VERSIONS] = STATEMENT_KIN_VERSIONS,
        [KIN_MADE] = STATEMENT_KIN_MADE,
        [KIN_MADE_REVOKED] = STATEMENT_KIN_MADE_REVOKED,
    };
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, statements[kin], &statement));
    bind_text(statement, 1, token_id);
    bind_integer(statement, 2, most);
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK) {
        struct store_relative relative = {0};
        int64_t number = 0;
        TRY(row_token(connection, statement, arena, &relative.token, &number));
        relative.user_suspended = sqlite3_column_int(statement, TOKEN_FULL_COLUMNS) != 0;
        TRY(visit(context, &relative));
        error = statement_row(connection, statement);
    }
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

tkr_error_t store_visit_kin(struct store *store, enum store_kin kin, const char *token_id,
                            uint32_t most, struct arena *arena, kin_visit visit, void *context)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = visit_rows(connection, kin, token_id, most, arena, visit, context);
    reader_return(store, connection);
    return error;
}

/* --- events -------------------------------------------------------------------------------- */

/* The order of EVENT_COLUMNS. */
enum column {
    COLUMN_AT,
    COLUMN_TYPE,
    COLUMN_ORG,
    COLUMN_ACTOR_USER,
    COLUMN_ACTOR_TOKEN,
    COLUMN_USER,
    COLUMN_TOKEN,
    COLUMN_TOKEN_NAME,
    COLUMN_CLIENT,
    COLUMN_USER_AGENT,
    COLUMN_REQUEST,
    COLUMN_DETAILS,
    COLUMN_VERDICT,
    COLUMN_ENDPOINT,
    COLUMN_METHOD,
    COLUMN_RAY,
};

static bool is_of_kind(const char *type, enum store_events which)
{
    bool tried = strcmp(type, EVENT_TRIED) == 0 || strcmp(type, EVENT_HONEYTOKEN_TRIED) == 0;
    bool seen = strncmp(type, "auth.", strlen("auth.")) == 0;
    switch (which) {
    case EVENTS_TRIED:
        return tried;
    case EVENTS_SEEN:
        return seen;
    case EVENTS_ABOUT:
        return !tried && !seen;
    default:
        return true;
    }
}

static bool is_asked_for(const struct event_question *question, sqlite3_stmt *statement)
{
    const char *org_id = column_text(statement, COLUMN_ORG);
    bool hidden =
        question->org_id != NULL && org_id[0] != '\0' && strcmp(org_id, question->org_id) != 0;
    return !hidden && is_of_kind(column_text(statement, COLUMN_TYPE), question->which);
}

static const char *keep(sqlite3_stmt *statement, enum column column, struct arena *arena)
{
    if (sqlite3_column_type(statement, (int)column) == SQLITE_NULL) {
        return NULL;
    }
    const char *text = column_text(statement, (int)column);
    return arena_copy(arena, text, strlen(text));
}

static void keep_event(sqlite3_stmt *statement, struct arena *arena, struct store_event *ret_event)
{
    *ret_event = (struct store_event){
        .at_ms = sqlite3_column_int64(statement, COLUMN_AT),
        .type = keep(statement, COLUMN_TYPE, arena),
        .org_id = keep(statement, COLUMN_ORG, arena),
        .actor_user = keep(statement, COLUMN_ACTOR_USER, arena),
        .actor_token = keep(statement, COLUMN_ACTOR_TOKEN, arena),
        .user_id = keep(statement, COLUMN_USER, arena),
        .token_id = keep(statement, COLUMN_TOKEN, arena),
        .token_name = keep(statement, COLUMN_TOKEN_NAME, arena),
        .client = keep(statement, COLUMN_CLIENT, arena),
        .user_agent = keep(statement, COLUMN_USER_AGENT, arena),
        .request_id = keep(statement, COLUMN_REQUEST, arena),
        .details = keep(statement, COLUMN_DETAILS, arena),
        .verdict = keep(statement, COLUMN_VERDICT, arena),
        .endpoint = keep(statement, COLUMN_ENDPOINT, arena),
        .method = keep(statement, COLUMN_METHOD, arena),
        .ray_id = keep(statement, COLUMN_RAY, arena),
    };
}

static void count_type(sqlite3_stmt *statement, struct arena *arena, struct event_answer *answer)
{
    const char *type = column_text(statement, COLUMN_TYPE);
    size_t i = 0;
    while (i < answer->type_count && strcmp(answer->types[i].type, type) != 0) {
        i++;
    }
    if (i == EVENT_TYPES_MAX) {
        return;
    }
    if (i == answer->type_count) {
        const char *copy = keep(statement, COLUMN_TYPE, arena);
        answer->types[i].type = copy != NULL ? copy : ""; /* the arena is full, which is told */
        answer->type_count++;
    }
    answer->types[i].count++;
}

static void take_event(const struct event_question *question, sqlite3_stmt *statement,
                       struct arena *arena, struct event_answer *answer)
{
    int64_t at_ms = sqlite3_column_int64(statement, COLUMN_AT);
    answer->count++;
    answer->first_ms = answer->count == 1 || at_ms < answer->first_ms ? at_ms : answer->first_ms;
    answer->last_ms = at_ms > answer->last_ms ? at_ms : answer->last_ms;
    count_type(statement, arena, answer);
    if (answer->newest_count < question->keep) {
        keep_event(statement, arena, &answer->newest[answer->newest_count++]);
    }
}

/* One row more than may be looked at tells whether there are more; *ret_more whether older ones may
 * be asked for. Numbers go by time, but for verifications, which are stored with the flush after
 * them. */
static tkr_error_t take_rows(struct connection *connection, sqlite3_stmt *statement,
                             const struct event_question *question, struct arena *arena,
                             struct event_answer *answer, bool *ret_more)
{
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK && sqlite3_column_int64(statement, COLUMN_AT) >= question->from_ms) {
        if (answer->looked_at == question->most) {
            answer->complete = false;
            break;
        }
        answer->looked_at++;
        if (is_asked_for(question, statement)) {
            take_event(question, statement, arena, answer);
        }
        error = statement_row(connection, statement);
    }
    *ret_more = error == TKR_NOT_FOUND;
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

/* Strip by strip, from the newest. */
static tkr_error_t take_strips(struct connection *connection, sqlite3_stmt *statement,
                               const struct event_question *question, struct arena *arena,
                               struct event_answer *answer)
{
    int64_t position = INT64_MAX, strip = 0;
    bool more = true;
    for (uint32_t i = 0; more; i++) {
        tkr_error_t error = events_next_strip(connection, false, position, &strip);
        if (error == TKR_NOT_FOUND) {
            return TKR_OK;
        }
        TRY(error);
        if (i == AUDIT_SCAN_STRIPS) {
            answer->complete = false;
            return TKR_OK;
        }
        sqlite3_reset(statement);
        bind_integer(statement, 3, strip);
        TRY(take_rows(connection, statement, question, arena, answer, &more));
        TRY(events_behind_strip(connection, false, strip, &position));
    }
    return TKR_OK;
}

static tkr_error_t fetch_events(struct connection *connection,
                                const struct event_question *question, struct arena *arena,
                                struct event_answer *ret_answer)
{
    static const enum statement statements[] = {
        [EVENTS_BY] = STATEMENT_EVENTS_BY,       [EVENTS_TRIED] = STATEMENT_EVENTS_ABOUT,
        [EVENTS_SEEN] = STATEMENT_EVENTS_SEEN,   [EVENTS_ABOUT] = STATEMENT_EVENTS_ABOUT,
        [EVENTS_FIRST] = STATEMENT_EVENTS_FIRST,
    };
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    struct event_answer answer = {.complete = true};
    answer.newest = arena_alloc(arena, (question->keep + 1) * sizeof(*answer.newest));
    ENSURE(answer.newest != NULL, TKR_TOO_LARGE);
    TRY(connection_prepare(connection, statements[question->which], &statement));
    bind_text(statement, 1, question->token_id);
    bind_integer(statement, 2, (int64_t)question->most + 1);
    if (question->which == EVENTS_SEEN) {
        TRY(take_strips(connection, statement, question, arena, &answer));
    } else {
        bool more = false;
        TRY(take_rows(connection, statement, question, arena, &answer, &more));
    }
    ENSURE(!arena_overflowed(arena), TKR_TOO_LARGE);
    *ret_answer = answer;
    return TKR_OK;
}

tkr_error_t store_read_events(struct store *store, const struct event_question *question,
                              struct arena *arena, struct event_answer *ret_answer)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error = fetch_events(connection, question, arena, ret_answer);
    reader_return(store, connection);
    return error;
}
