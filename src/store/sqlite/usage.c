/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of usage. All of it reads by the primary keys, which begin with the line. */
#include <string.h>

#include "store/sqlite/store.h"

#define FIRST_ROOM 64

struct read {
    struct connection *connection;
    const struct usage_question *question;
    struct arena *arena;
    int64_t line; /* of a token, or of an org */
};

static tkr_error_t find_subject(struct read *read)
{
    const struct usage_question *question = read->question;
    read->line = question->line;
    if (question->of == USAGE_OF_TOKEN) {
        return TKR_OK;
    }
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    bool is_user = question->of == USAGE_OF_USER;
    TRY(connection_prepare(read->connection, is_user ? STATEMENT_USER_EXISTS : STATEMENT_FIND_ORG,
                           &statement));
    bind_text(statement, 1, question->org_id);
    if (is_user) {
        bind_text(statement, 2, question->user_id);
    }
    TRY(statement_row(read->connection, statement));
    read->line = is_user ? 0 : -2 - sqlite3_column_int64(statement, 0);
    return TKR_OK;
}

/* ?1 to ?2, ?3; then the line, or the user in its org. */
static void bind_question(const struct read *read, sqlite3_stmt *statement, int64_t third)
{
    const struct usage_question *question = read->question;
    bind_integer(statement, 1, question->from_ms);
    bind_integer(statement, 2, question->until_ms);
    bind_integer(statement, 3, third);
    if (question->of == USAGE_OF_USER) {
        bind_text(statement, 4, question->org_id);
        bind_text(statement, 5, question->user_id);
    } else {
        bind_integer(statement, 4, read->line);
    }
}

/* A place for one more, with room that doubles. NULL: no memory. */
static void *one_more(struct arena *arena, void **items, size_t count, size_t size)
{
    if (count == 0 || (count >= FIRST_ROOM && (count & (count - 1)) == 0)) {
        void *more = arena_alloc(arena, (count == 0 ? FIRST_ROOM : 2 * count) * size);
        if (more == NULL) {
            return NULL;
        }
        if (count > 0) {
            memcpy(more, *items, count * size);
        }
        *items = more;
    }
    return (char *)*items + count * size;
}

static uint64_t column_count(sqlite3_stmt *statement, int column)
{
    int64_t value = sqlite3_column_int64(statement, column);
    return value > 0 ? (uint64_t)value : 0;
}

static tkr_error_t read_points(struct read *read, struct usage_answer *answer)
{
    static const enum statement statements[] = {
        [USAGE_OF_TOKEN] = STATEMENT_USAGE_OF_TOKEN,
        [USAGE_OF_USER] = STATEMENT_USAGE_OF_USER,
        [USAGE_OF_ORG] = STATEMENT_USAGE_OF_ORG,
    };
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(read->connection, statements[read->question->of], &statement));
    bind_question(read, statement, read->question->step_ms);
    tkr_error_t error = statement_row(read->connection, statement);
    void *points = NULL;
    while (error == TKR_OK) {
        struct usage_point *point =
            one_more(read->arena, &points, answer->point_count, sizeof(*point));
        ENSURE(point != NULL, TKR_TOO_LARGE);
        *point =
            (struct usage_point){sqlite3_column_int64(statement, 0), column_count(statement, 1)};
        answer->point_count++;
        error = statement_row(read->connection, statement);
    }
    answer->points = points;
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

static tkr_error_t read_shares(struct read *read, enum usage_dimension dimension,
                               struct usage_answer *answer)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    bool is_user = read->question->of == USAGE_OF_USER;
    TRY(connection_prepare(read->connection,
                           is_user ? STATEMENT_SHARES_OF_USER : STATEMENT_SHARES_OF_LINE,
                           &statement));
    bind_question(read, statement, dimension);
    bind_integer(statement, 6, USAGE_SHARES_MAX);
    tkr_error_t error = statement_row(read->connection, statement);
    void *shares = NULL;
    size_t count = 0;
    while (error == TKR_OK) {
        struct usage_share *share = one_more(read->arena, &shares, count, sizeof(*share));
        const char *label = column_text(statement, 0);
        ENSURE(share != NULL, TKR_TOO_LARGE);
        *share = (struct usage_share){arena_copy(read->arena, label, strlen(label)),
                                      column_count(statement, 1)};
        ENSURE(share->label != NULL, TKR_TOO_LARGE);
        count++;
        error = statement_row(read->connection, statement);
    }
    answer->shares[dimension] = shares;
    answer->share_counts[dimension] = count;
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

static tkr_error_t read_all(struct read *read, struct usage_answer *ret_answer)
{
    struct usage_answer answer = {0};
    TRY(find_subject(read));
    TRY(read_points(read, &answer));
    for (int i = 0; i < USAGE_DIMENSIONS; i++) {
        TRY(read_shares(read, (enum usage_dimension)i, &answer));
    }
    *ret_answer = answer;
    return TKR_OK;
}

tkr_error_t store_read_usage(struct store *store, const struct usage_question *question,
                             struct arena *arena, struct usage_answer *ret_answer)
{
    struct read read = {.question = question, .arena = arena};
    TRY(reader_take(store, &read.connection));
    tkr_error_t error = read_all(&read, ret_answer);
    reader_return(store, read.connection);
    return error;
}

static tkr_error_t fetch_versions(struct connection *connection, const char *lineage_id,
                                  int64_t from_ms, int64_t until_ms, struct arena *arena,
                                  struct usage_version **ret_versions, size_t *ret_count)
{
    CLEANUP(statement_reset) sqlite3_stmt *statement = NULL;
    TRY(connection_prepare(connection, STATEMENT_VERSIONS, &statement));
    bind_text(statement, 1, lineage_id);
    bind_integer(statement, 2, from_ms);
    bind_integer(statement, 3, until_ms);
    bind_integer(statement, 4, USAGE_VERSIONS_MAX);
    void *versions = NULL;
    size_t count = 0;
    tkr_error_t error = statement_row(connection, statement);
    while (error == TKR_OK) {
        struct usage_version *version = one_more(arena, &versions, count, sizeof(*version));
        ENSURE(version != NULL, TKR_TOO_LARGE);
        *version = (struct usage_version){
            .current = sqlite3_column_int64(statement, 1) != 0,
            .created_at_ms = sqlite3_column_int64(statement, 2),
            .last_used_at_ms = sqlite3_column_int64(statement, 3),
            .count = column_count(statement, 4),
        };
        strncpy(version->token_id, column_text(statement, 0), TOKEN_ID_CHARS);
        count++;
        error = statement_row(connection, statement);
    }
    ENSURE(error == TKR_NOT_FOUND, error);
    *ret_versions = versions;
    *ret_count = count;
    return TKR_OK;
}

tkr_error_t store_read_versions(struct store *store, const char *lineage_id, int64_t from_ms,
                                int64_t until_ms, struct arena *arena,
                                struct usage_version **ret_versions, size_t *ret_count)
{
    struct connection *connection = NULL;
    TRY(reader_take(store, &connection));
    tkr_error_t error =
        fetch_versions(connection, lineage_id, from_ms, until_ms, arena, ret_versions, ret_count);
    reader_return(store, connection);
    return error;
}
