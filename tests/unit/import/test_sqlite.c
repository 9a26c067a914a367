/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

static sqlite3 *make(struct fixture *fixture, const char *sql)
{
    char path[FIXTURE_PATH_SIZE];
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(fixture_path(fixture, path), &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    return database;
}

static const char *read_sql(void **state, const char *sql)
{
    char path[FIXTURE_PATH_SIZE];
    struct fixture *fixture = *state;
    sqlite3_close(make(fixture, sql));
    return fixture_read_path(fixture, IMPORT_SQLITE, fixture_path(fixture, path));
}

static void test_what_is_no_database_is_refused(void **state)
{
    assert_non_null(strstr(fixture_read_path(*state, IMPORT_SQLITE, "/nonexistent/old.db"),
                           "error not_found: /nonexistent/old.db"));
    assert_non_null(strstr(fixture_read(*state, IMPORT_SQLITE,
                                        "something else, long enough to be "
                                        "taken for a header of SQLite"),
                           "error malformed: "));
}

static void test_a_database_without_a_known_table_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_non_null(strstr(read_sql(state, "CREATE TABLE other(token_hash)"),
                           "error not_found: there is none of the tables tokens,"));
    char path[FIXTURE_PATH_SIZE];
    fixture->options.table = "missing";
    assert_non_null(strstr(fixture_read_path(fixture, IMPORT_SQLITE, fixture_path(fixture, path)),
                           "error not_found: there is no table missing"));
}

static void test_two_known_tables_must_be_chosen_from(void **state)
{
    struct fixture *fixture = *state;
    const char *sql = "CREATE TABLE api_keys(key_hash, user_id);"
                      "CREATE TABLE divv_api_keys(key_hash, user_id);"
                      "INSERT INTO divv_api_keys VALUES('" HASH_A "', 'new')";
    assert_non_null(
        strstr(read_sql(state, sql), "there are the tables divv_api_keys and api_keys: choose"));
    char path[FIXTURE_PATH_SIZE];
    fixture->options.table = "divv_api_keys";
    assert_string_equal(fixture_read_path(fixture, IMPORT_SQLITE, fixture_path(fixture, path)),
                        "1 new/new aaaaaaaa\n");
}

static void test_the_table_of_document_001_in_wal_mode(void **state)
{
    assert_string_equal(
        read_sql(state,
                 "PRAGMA journal_mode = WAL;"
                 "CREATE TABLE tokens(id INTEGER PRIMARY KEY, token_hash TEXT UNIQUE NOT NULL,"
                 " user_id TEXT NOT NULL, name TEXT, created_at TIMESTAMP, expires_at TIMESTAMP,"
                 " is_active BOOLEAN);"
                 "INSERT INTO tokens VALUES"
                 "(1, '" HASH_A "', 'sarang', NULL, '2025-11-06 14:44:14', '2025-12-06 14:44:14',"
                 " 1), (2, '" HASH_B "', 'alice', 'x', '2025-11-06 15:30:22.5',"
                 " '2025-12-06 15:30:22', 0), (3, 'oops', 'bob', 'x', NULL, NULL, 1)"),
        "1 sarang/sarang aaaaaaaa expires=2025-12-06T14:44:14Z created=2025-11-06T14:44:14Z\n"
        "2 alice/x bbbbbbbb expires=2025-12-06T15:30:22Z created=2025-11-06T15:30:22.500Z "
        "revoked\n"
        "3 bad token_hash: it has not 64 hexadecimal digits; only SHA-256 can be kept\n");
}

static void test_the_old_service_may_go_on_writing(void **state)
{
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH_SIZE];
    sqlite3 *old =
        make(fixture, "PRAGMA journal_mode = WAL; CREATE TABLE tokens(token_hash, user_id);"
                      "INSERT INTO tokens VALUES('" HASH_A "', 'a')");
    assert_int_equal(
        sqlite3_exec(old, "BEGIN IMMEDIATE; INSERT INTO tokens VALUES('x', 'b')", NULL, NULL, NULL),
        SQLITE_OK);
    assert_string_equal(fixture_read_path(fixture, IMPORT_SQLITE, fixture_path(fixture, path)),
                        "1 a/a aaaaaaaa\n");
    assert_int_equal(sqlite3_exec(old, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(old);
}

static void test_digests_as_bytes_and_times_as_numbers(void **state)
{
    assert_string_equal(read_sql(state, "CREATE TABLE tokens(token_hash BLOB, owner, expires_at);"
                                        "INSERT INTO tokens VALUES(x'" HASH_A "', 'a', 1765032254),"
                                        "(x'" HASH_A "', 'b', 1765032254.25), (x'00', 'c', NULL)"),
                        "1 a/a aaaaaaaa expires=2025-12-06T14:44:14Z\n"
                        "2 b/b aaaaaaaa expires=2025-12-06T14:44:14.250Z\n"
                        "3 bad token_hash: it has not 64 hexadecimal digits; only SHA-256 can be "
                        "kept\n");
}

static void test_names_that_need_quotes(void **state)
{
    struct fixture *fixture = *state;
    const struct import_pair maps[] = {{"the \"hash\"", "digest"}};
    fixture->options.table = "my \"tokens\"";
    fixture->options.maps = maps;
    fixture->options.map_count = 1;
    assert_string_equal(read_sql(state,
                                 "CREATE TABLE \"my \"\"tokens\"\"\"(\"the \"\"hash\"\"\","
                                 " user);"
                                 "INSERT INTO \"my \"\"tokens\"\"\" VALUES('" HASH_A "', 'a')"),
                        "1 a/a aaaaaaaa\n");
}

static void test_the_database_is_not_changed(void **state)
{
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH_SIZE];
    read_sql(state, "CREATE TABLE tokens(token_hash, user_id)");
    fixture_path(fixture, path);
    assert_int_equal(chmod(path, 0400), 0);
    assert_string_equal(fixture_read_path(fixture, IMPORT_SQLITE, path), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_no_database_is_refused),
        TEST(test_a_database_without_a_known_table_is_refused),
        TEST(test_two_known_tables_must_be_chosen_from),
        TEST(test_the_table_of_document_001_in_wal_mode),
        TEST(test_the_old_service_may_go_on_writing),
        TEST(test_digests_as_bytes_and_times_as_numbers),
        TEST(test_names_that_need_quotes),
        TEST(test_the_database_is_not_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
