/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who can write the database and has not the key: 10,000 edits of a real log, one at a
 * time, each of which must be found, and told at its place where there is one; and when it is taken
 * back, nothing must be. Another order is chosen by TOKENRY_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_look.h"
#include "authority_fixture.h"
#include "seeded_random.h"

#define SEED 20261126
#define EDITS 10000
#define LOOK_AGAIN 10 /* edits after which what was taken back is looked at, too */
#define TOKENS 60
#define COLUMNS 18 /* of the table events */

static const uint8_t key_seed[SEAL_SEED_BYTES] = {9, 8, 7};

struct run {
    struct authority_fixture fixture;
    struct seal_key *key;
    struct seeded_random random;
    uint64_t seed;
    sqlite3 *db;
    struct audit_look look;
    uint8_t store_id[AUDIT_STORE_ID_BYTES];
    uint64_t events; /* numbers 1 to here */
    unsigned step;
    char what[128];        /* the edit, for a failure */
    uint64_t place, until; /* where it must be told; 0: anywhere */
};

static void fail_run(struct run *run, const char *words)
{
    fail_msg("seed %llu, edit %u, %s: %s", (unsigned long long)run->seed, run->step, run->what,
             words);
}

/* --- the database ----------------------------------------------------------------------------- */

static void sql(struct run *run, const char *text)
{
    char *words = NULL;
    if (sqlite3_exec(run->db, text, NULL, NULL, &words) != SQLITE_OK) {
        fail_run(run, words);
    }
}

#define SQL(run, ...)                                                                              \
    do {                                                                                           \
        char statement[1024];                                                                      \
        snprintf(statement, sizeof(statement), __VA_ARGS__);                                       \
        sql(run, statement);                                                                       \
    } while (0)

/* What was there before the edit comes back, in one transaction. */
static void take_back(struct run *run)
{
    sql(run, "BEGIN; DELETE FROM events; INSERT INTO events SELECT * FROM kept.events;"
             "DELETE FROM checkpoints; INSERT INTO checkpoints SELECT * FROM kept.checkpoints;"
             "DELETE FROM meta; INSERT INTO meta SELECT * FROM kept.meta; COMMIT");
}

static uint64_t any_event(struct run *run)
{
    return 1 + seeded_random_below(&run->random, run->events);
}

/* --- edits ------------------------------------------------------------------------------------ */

static sqlite3_stmt *select_one(struct run *run, const char *table, const char *column,
                                uint64_t number)
{
    char text[256];
    sqlite3_stmt *statement = NULL;
    snprintf(text, sizeof(text), "SELECT %s FROM %s%s", column, table,
             number > 0 ? " WHERE number = ?1" : "");
    assert_int_equal(sqlite3_prepare_v2(run->db, text, -1, &statement, NULL), SQLITE_OK);
    if (number > 0) {
        sqlite3_bind_int64(statement, 1, (int64_t)number);
    }
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    return statement;
}

static void put_one(struct run *run, const char *table, const char *column, uint64_t number,
                    int type, const void *bytes, size_t length)
{
    char text[256];
    sqlite3_stmt *statement = NULL;
    snprintf(text, sizeof(text), "UPDATE %s SET %s = ?1%s", table, column,
             number > 0 ? " WHERE number = ?2" : "");
    assert_int_equal(sqlite3_prepare_v2(run->db, text, -1, &statement, NULL), SQLITE_OK);
    if (type == SQLITE_INTEGER) {
        sqlite3_bind_int64(statement, 1, *(const int64_t *)bytes);
    } else if (type == SQLITE_BLOB) {
        sqlite3_bind_blob(statement, 1, bytes, (int)length, SQLITE_TRANSIENT);
    } else {
        sqlite3_bind_text(statement, 1, bytes, (int)length, SQLITE_TRANSIENT);
    }
    if (number > 0) {
        sqlite3_bind_int64(statement, 2, (int64_t)number);
    }
    if (sqlite3_step(statement) != SQLITE_DONE) {
        fail_run(run, sqlite3_errmsg(run->db));
    }
    sqlite3_finalize(statement);
}

/* A bit of what stands there; of nothing a byte is made. */
static void flip(struct run *run, const char *table, const char *column, uint64_t number)
{
    uint8_t bytes[8192] = {0};
    sqlite3_stmt *statement = select_one(run, table, column, number);
    int type = sqlite3_column_type(statement, 0);
    size_t length = 0;
    if (type == SQLITE_INTEGER) {
        int64_t value = sqlite3_column_int64(statement, 0);
        memcpy(bytes, &value, sizeof(value));
        length = sizeof(value);
    } else if (type != SQLITE_NULL) {
        length = (size_t)sqlite3_column_bytes(statement, 0);
        assert_true(length < sizeof(bytes));
        memcpy(bytes, sqlite3_column_blob(statement, 0), length);
    }
    sqlite3_finalize(statement);
    if (length == 0) {
        bytes[0] = 'x';
        length = 1;
        type = SQLITE_TEXT;
    } else {
        bytes[seeded_random_below(&run->random, length)] ^=
            (uint8_t)(1 << seeded_random_below(&run->random, 8));
    }
    put_one(run, table, column, number, type, bytes, length);
    snprintf(run->what, sizeof(run->what), "flip %s.%s of %llu", table, column,
             (unsigned long long)number);
}

static void flip_event(struct run *run)
{
    static const char *const columns[COLUMNS - 1] = {
        "at",      "digest",   "type",       "org_id",  "actor_user", "actor_token",
        "user_id", "token_id", "token_name", "verdict", "client",     "user_agent",
        "method",  "endpoint", "request_id", "ray_id",  "details",
    };
    run->place = run->until = any_event(run);
    flip(run, "events", columns[seeded_random_below(&run->random, COLUMNS - 1)], run->place);
}

static void flip_meta(struct run *run)
{
    static const char *const columns[] = {"audit_first",  "audit_base", "audit_seq",
                                          "audit_digest", "audit_mac",  "store_id"};
    flip(run, "meta", columns[seeded_random_below(&run->random, 6)], 0);
}

static void flip_checkpoint(struct run *run)
{
    static const char *const columns[] = {"at", "digest", "public_key", "signature"};
    flip(run, "checkpoints", columns[seeded_random_below(&run->random, 4)], 0);
}

/* Text behind a NUL, which many a reader does not see. */
static void append_behind_nul(struct run *run)
{
    uint64_t number = any_event(run);
    SQL(run, "UPDATE events SET type = type || char(0) || 'more' WHERE number = %llu",
        (unsigned long long)number);
    run->place = run->until = number;
    snprintf(run->what, sizeof(run->what), "NUL in %llu", (unsigned long long)number);
}

static void renumber(struct run *run)
{
    uint64_t from = any_event(run);
    long long to = (long long[]){0, -1, (long long)run->events + 5,
                                 INT64_MAX}[seeded_random_below(&run->random, 4)];
    SQL(run, "UPDATE events SET number = %lld WHERE number = %llu", to, (unsigned long long)from);
    run->place = run->until = from;
    snprintf(run->what, sizeof(run->what), "renumber %llu to %lld", (unsigned long long)from, to);
}

static void delete_range(struct run *run)
{
    uint64_t first = any_event(run);
    uint64_t last = first + (seeded_random_below(&run->random, 2) == 0
                                 ? 0
                                 : seeded_random_below(&run->random, run->events - first + 1));
    SQL(run, "DELETE FROM events WHERE number BETWEEN %llu AND %llu", (unsigned long long)first,
        (unsigned long long)last);
    run->place = first;
    run->until = last;
    snprintf(run->what, sizeof(run->what), "delete %llu to %llu", (unsigned long long)first,
             (unsigned long long)last);
}

static void swap(struct run *run)
{
    unsigned long long a = any_event(run), b = any_event(run);
    while (b == a) {
        b = any_event(run);
    }
    SQL(run,
        "UPDATE events SET number = -7 WHERE number = %llu;"
        "UPDATE events SET number = %llu WHERE number = %llu;"
        "UPDATE events SET number = %llu WHERE number = -7",
        a, a, b, b);
    run->place = run->until = a < b ? a : b;
    snprintf(run->what, sizeof(run->what), "swap %llu and %llu", a, b);
}

/* The end, and what the table of checkpoints knows of it; sometimes with a head to fit. */
static void cut(struct run *run)
{
    unsigned long long last = any_event(run) - 1;
    bool head = seeded_random_below(&run->random, 2) == 0;
    SQL(run, "DELETE FROM events WHERE number > %llu; DELETE FROM checkpoints WHERE seq > %llu",
        last, last);
    if (head && last > 0) {
        SQL(run,
            "UPDATE meta SET audit_seq = %llu,"
            " audit_digest = (SELECT digest FROM events WHERE number = %llu)",
            last, last);
    } else {
        run->place = last + 1;
        run->until = run->events;
    }
    snprintf(run->what, sizeof(run->what), "cut behind %llu%s", last, head ? " and the head" : "");
}

/* --- with digests as they should be ----------------------------------------------------------- */

static void read_event(sqlite3_stmt *statement, struct audit_event *event)
{
    *event = (struct audit_event){.seq = (uint64_t)sqlite3_column_int64(statement, 0),
                                  .at_ms = sqlite3_column_int64(statement, 1)};
    for (int i = 0; i < AUDIT_FIELDS; i++) {
        event->fields[i] = (const char *)sqlite3_column_text(statement, 3 + i);
    }
}

static void digest_before(struct run *run, uint64_t number, uint8_t digest[AUDIT_DIGEST_BYTES])
{
    if (number == 1) {
        assert_int_equal(audit_chain_begin(run->store_id, sizeof(run->store_id), digest), TKR_OK);
        return;
    }
    sqlite3_stmt *statement = select_one(run, "events", "digest", number - 1);
    memcpy(digest, sqlite3_column_blob(statement, 0), AUDIT_DIGEST_BYTES);
    sqlite3_finalize(statement);
}

#define EVENT_SQL                                                                                  \
    "SELECT number, at, digest, type, org_id, actor_user, actor_token, user_id, token_id,"         \
    " token_name, verdict, client, user_agent, method, endpoint, request_id, ray_id, details"      \
    " FROM events WHERE number >= ?1 ORDER BY number"

/* The digests from a number on, and the head's, as they follow from what stands there. */
static void chain_anew(struct run *run, uint64_t number)
{
    uint8_t digest[AUDIT_DIGEST_BYTES];
    sqlite3_stmt *statement = NULL;
    digest_before(run, number, digest);
    assert_int_equal(sqlite3_prepare_v2(run->db, EVENT_SQL, -1, &statement, NULL), SQLITE_OK);
    sqlite3_bind_int64(statement, 1, (int64_t)number);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        struct audit_event event;
        read_event(statement, &event);
        assert_int_equal(audit_chain_next(digest, &event, digest), TKR_OK);
        put_one(run, "events", "digest", event.seq, SQLITE_BLOB, digest, sizeof(digest));
    }
    sqlite3_finalize(statement);
    sql(run, "UPDATE meta SET audit_seq = (SELECT max(number) FROM events),"
             " audit_digest = (SELECT digest FROM events ORDER BY number DESC LIMIT 1)");
}

static void rewrite(struct run *run)
{
    uint64_t number = any_event(run);
    SQL(run, "UPDATE events SET user_id = 'mallory' WHERE number = %llu",
        (unsigned long long)number);
    chain_anew(run, number);
    snprintf(run->what, sizeof(run->what), "rewrite from %llu", (unsigned long long)number);
}

/* One event is taken out, and all later ones move up. */
static void rewrite_without(struct run *run)
{
    unsigned long long number = any_event(run);
    SQL(run,
        "DELETE FROM events WHERE number = %llu;"
        "UPDATE events SET number = -number WHERE number > %llu;"
        "UPDATE events SET number = -number - 1 WHERE number < 0;"
        "DELETE FROM checkpoints WHERE seq >= %llu",
        number, number, number);
    if (number < run->events) {
        chain_anew(run, number);
    }
    snprintf(run->what, sizeof(run->what), "rewrite without %llu", number);
}

/* Behind the head, with the digest that it would have. */
static void forge(struct run *run)
{
    bool head = seeded_random_below(&run->random, 2) == 0;
    SQL(run,
        "INSERT INTO events (number, at, type, user_id) VALUES (%llu, 1767225600000,"
        " 'token.create', 'mallory')",
        (unsigned long long)run->events + 1);
    chain_anew(run, run->events + 1);
    if (!head) {
        sql(run, "UPDATE meta SET audit_seq = (SELECT audit_seq FROM kept.meta),"
                 " audit_digest = (SELECT audit_digest FROM kept.meta)");
        run->place = run->until = run->events + 1;
    }
    snprintf(run->what, sizeof(run->what), "forge%s", head ? " and the head" : "");
}

/* The log says that it begins later, and what was before is gone. */
static void cut_beginning(struct run *run)
{
    unsigned long long first = any_event(run) + 1;
    SQL(run,
        "UPDATE meta SET audit_first = %llu, audit_base ="
        " (SELECT digest FROM events WHERE number = %llu - 1);"
        "DELETE FROM events WHERE number < %llu; DELETE FROM checkpoints WHERE seq < %llu",
        first, first, first, first);
    snprintf(run->what, sizeof(run->what), "begin at %llu", first);
}

static void take_away(struct run *run)
{
    static const char *const what[] = {
        "UPDATE meta SET audit_mac = NULL",
        "UPDATE meta SET audit_first = NULL",
        "UPDATE meta SET audit_digest = NULL",
        "UPDATE meta SET audit_mac = NULL, audit_first = NULL;"
        "UPDATE events SET digest = NULL; DELETE FROM checkpoints",
        "DELETE FROM events",
        "DELETE FROM checkpoints WHERE seq = (SELECT max(seq) FROM checkpoints)",
    };
    const char *chosen = what[seeded_random_below(&run->random, sizeof(what) / sizeof(what[0]))];
    sql(run, chosen);
    snprintf(run->what, sizeof(run->what), "%.100s", chosen);
}

static const struct {
    void (*edit)(struct run *run);
    unsigned weight;
} edits[] = {
    {flip_event, 40},
    {flip_meta, 8},
    {flip_checkpoint, 4},
    {append_behind_nul, 4},
    {renumber, 4},
    {delete_range, 12},
    {swap, 8},
    {cut, 8},
    {rewrite, 2},
    {rewrite_without, 2},
    {forge, 3},
    {cut_beginning, 3},
    {take_away, 2},
};

static void any_edit(struct run *run)
{
    uint64_t dice = seeded_random_below(&run->random, 100);
    size_t i = 0;
    while (dice >= edits[i].weight) {
        dice -= edits[i++].weight;
    }
    run->place = run->until = 0;
    sql(run, "BEGIN");
    edits[i].edit(run);
    sql(run, "COMMIT");
}

/* --- the run ---------------------------------------------------------------------------------- */

/* Whether a finding is about the place, or about what begins directly behind it (an event whose own
 * digest was changed too). */
static bool told_there(const struct run *run)
{
    const struct audit_look *look = &run->look;
    for (size_t i = 0; i < look->finding_count; i++) {
        const struct audit_finding *finding = &look->findings[i];
        if (finding->seq <= run->until && finding->until >= run->place) {
            return true;
        }
    }
    return false;
}

/* Events of many kinds, with what makes each column something. */
static void fill_log(struct run *run)
{
    char name[32], id[TOKEN_ID_CHARS + 1] = "";
    for (int i = 0; i < TOKENS; i++) {
        snprintf(name, sizeof(name), "token %d", i);
        struct token_create asked = fixture_token(name);
        struct answer made = fixture_create(&run->fixture, &fixture_alice, &asked);
        made = made.error == TKR_OK ? made : fixture_create(&run->fixture, &fixture_admin, &asked);
        assert_int_equal(made.error, TKR_OK);
        memcpy(id, made.id, sizeof(id));
        struct token_rotate rotate = {0};
        if (i % 3 == 0) {
            (void)fixture_rotate(&run->fixture, &fixture_admin, id, &rotate);
        }
        (void)fixture_hold(&run->fixture, &fixture_admin, id, HOLD_DISABLE, "why");
        (void)fixture_revoke(&run->fixture, &fixture_admin, id, "over");
        virtual_clock_advance(&run->fixture.time, 1500);
    }
}

static void set_up(struct run *run)
{
    const char *seed = getenv("TOKENRY_SEED");
    struct fault fault = {0};
    char path[512];
    run->seed = seed != NULL ? strtoull(seed, NULL, 10) : SEED;
    seeded_random_init(&run->random, run->seed);
    assert_int_equal(seal_key_new(key_seed, &run->key), TKR_OK);
    authority_fixture_init(&run->fixture);
    run->fixture.options.audit_key = run->key;
    run->fixture.options.audit_key_is_new = true;
    assert_int_equal(authority_fixture_start(&run->fixture, &fault), TKR_OK);
    fill_log(run);
    authority_fixture_stop(&run->fixture);
    snprintf(path, sizeof(path), "%s/tokenry.db", run->fixture.data.path);
    assert_int_equal(sqlite3_open(path, &run->db), SQLITE_OK);
    sql(run, "PRAGMA synchronous = OFF; ATTACH ':memory:' AS kept;"
             "CREATE TABLE kept.events AS SELECT * FROM events;"
             "CREATE TABLE kept.checkpoints AS SELECT * FROM checkpoints;"
             "CREATE TABLE kept.meta AS SELECT * FROM meta");
    sqlite3_stmt *statement = select_one(run, "meta", "audit_seq, store_id", 0);
    run->events = (uint64_t)sqlite3_column_int64(statement, 0);
    memcpy(run->store_id, sqlite3_column_blob(statement, 1), sizeof(run->store_id));
    sqlite3_finalize(statement);
    run->look = (struct audit_look){.data = run->fixture.data.path, .seed = key_seed};
}

static void tear_down(struct run *run)
{
    sqlite3_close(run->db);
    seal_key_free(run->key);
    authority_fixture_close(&run->fixture);
}

static void test_every_edit_is_found_where_it_is(void **state)
{
    static struct run run;
    set_up(&run);
    assert_true(run.events > 150);
    audit_look(&run.look);
    assert_false(audit_look_alarms(&run.look));
    assert_true(run.look.result.checkpoints > 1);
    for (run.step = 0; run.step < EDITS; run.step++) {
        any_edit(&run);
        audit_look(&run.look);
        if (!audit_look_alarms(&run.look)) {
            fail_run(&run, "not found");
        }
        if (run.place != 0 && !told_there(&run)) {
            fail_run(&run, "not told where it is");
        }
        take_back(&run);
        if (run.step % LOOK_AGAIN == 0) {
            audit_look(&run.look);
            if (audit_look_alarms(&run.look)) {
                fail_run(&run, "taken back, and still told");
            }
        }
    }
    printf("%d edits of a log of %llu events, all found\n", EDITS, (unsigned long long)run.events);
    tear_down(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_edit_is_found_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
