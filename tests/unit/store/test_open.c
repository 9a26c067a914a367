/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: what is refused stays as it was, byte for byte, and is told in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faulty_vfs.h"
#include "store/sqlite/store.h"
#include "store_samples.h"
#include "temp_directory.h"
#include "virtual_clock.h"

#define CONTENT_MAX (4 * 1024 * 1024)

struct fixture {
    struct temp_directory directory;
    struct virtual_clock time;
    struct store_sqlite_options options;
    struct store_port port;
    struct fault fault;
    char path[300];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    temp_directory_make(&fixture->directory);
    virtual_clock_init(&fixture->time, SAMPLE_NOW);
    fixture->options = (struct store_sqlite_options){.directory = fixture->directory.path,
                                                     .clock = &fixture->time.clock,
                                                     .random = random_system()};
    snprintf(fixture->path, sizeof(fixture->path), "%s/tokenry.db", fixture->directory.path);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    faulty_vfs_set(FAULT_NONE);
    store_sqlite_close(&fixture->port);
    temp_directory_remove(&fixture->directory);
    free(fixture);
    return 0;
}

static tkr_error_t open_store(struct fixture *fixture)
{
    memset(&fixture->fault, 0, sizeof(fixture->fault));
    return store_sqlite_open(&fixture->options, &fixture->port, &fixture->fault);
}

static void test_a_database_that_must_be_there_is_not_made(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.must_exist = true;
    assert_int_equal(open_store(fixture), TKR_NOT_FOUND);
    assert_non_null(strstr(fixture->fault.detail, "tokenry.db"));
    assert_int_equal(rmdir(fixture->directory.path), 0); /* it is as empty as it was */
    fixture->options.must_exist = false;
    assert_int_equal(open_store(fixture), TKR_OK);
    store_sqlite_close(&fixture->port);
    fixture->options.must_exist = true;
    assert_int_equal(open_store(fixture), TKR_OK);
}

/* A store with a token in it, closed again. */
static void make_store(struct fixture *fixture)
{
    assert_int_equal(open_store(fixture), TKR_OK);
    sample_store(&fixture->port, sample_token(1));
    store_sqlite_close(&fixture->port);
}

static void write_file(const char *path, const void *bytes, size_t length, int64_t offset)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, offset), length);
    close(fd);
}

struct content {
    char bytes[CONTENT_MAX];
    size_t length;
};

static struct content *read_content(const char *path)
{
    struct content *content = calloc(1, sizeof(*content));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    content->length = fread(content->bytes, 1, sizeof(content->bytes), file);
    assert_true(content->length < sizeof(content->bytes));
    fclose(file);
    return content;
}

/* Refused with words that name the file, and the file is as it was. */
static void assert_refused_unchanged(struct fixture *fixture, tkr_error_t error, const char *words)
{
    struct content *before = read_content(fixture->path);
    assert_int_equal(open_store(fixture), error);
    assert_int_equal(fixture->fault.error, error);
    assert_non_null(strstr(fixture->fault.detail, "tokenry.db"));
    assert_non_null(strstr(fixture->fault.detail, words));
    assert_null(fixture->port.store);
    struct content *after = read_content(fixture->path);
    assert_int_equal(before->length, after->length);
    assert_memory_equal(before->bytes, after->bytes, before->length);
    free(before);
    free(after);
}

static void run_sql(struct fixture *fixture, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void test_a_file_that_is_no_database_is_refused_and_kept(void **state)
{
    struct fixture *fixture = *state;
    char garbage[5000];
    memset(garbage, 'x', sizeof(garbage));
    write_file(fixture->path, garbage, sizeof(garbage), 0);
    assert_refused_unchanged(fixture, TKR_CORRUPT, "not a database");
    assert_int_equal(truncate(fixture->path, 10), 0);
    assert_refused_unchanged(fixture, TKR_CORRUPT, "not a database");
}

static void test_a_database_of_another_program_is_refused_and_kept(void **state)
{
    struct fixture *fixture = *state;
    run_sql(fixture, "CREATE TABLE recipes (name TEXT)");
    assert_refused_unchanged(fixture, TKR_CORRUPT, "another program");
}

static void test_a_damaged_database_is_refused_and_kept(void **state)
{
    struct fixture *fixture = *state;
    char garbage[8192];
    memset(garbage, 0xa5, sizeof(garbage));
    make_store(fixture);
    write_file(fixture->path, garbage, sizeof(garbage), 4096); /* the first pages of tables */
    assert_refused_unchanged(fixture, TKR_CORRUPT, "");
}

static void test_a_cut_off_database_is_refused_and_kept(void **state)
{
    struct fixture *fixture = *state;
    make_store(fixture);
    assert_int_equal(truncate(fixture->path, 8192), 0);
    assert_refused_unchanged(fixture, TKR_CORRUPT, "");
}

static void test_a_newer_database_is_refused_and_kept(void **state)
{
    struct fixture *fixture = *state;
    make_store(fixture);
    run_sql(fixture, "INSERT INTO schema_migrations VALUES (99, 'the future', 0)");
    assert_refused_unchanged(fixture, TKR_VERSION_NEWER, "version 99");
}

static void test_a_read_only_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    make_store(fixture);
    faulty_vfs_register();
    faulty_vfs_set(FAULT_READ_ONLY);
    fixture->options.vfs = FAULTY_VFS;
    assert_refused_unchanged(fixture, TKR_READ_ONLY, "cannot be written");
}

/* Root may write everywhere, so a child becomes nobody. */
static void test_a_directory_that_cannot_be_written_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(chmod(fixture->directory.path, 0555), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0) {
            _exit(99);
        }
        tkr_error_t error = open_store(fixture);
        bool named = strstr(fixture->fault.detail, "tokenry.lock") != NULL;
        _exit(named ? (int)error : 98);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(fixture->directory.path, 0700), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), TKR_READ_ONLY);
}

static void test_a_directory_without_a_parent_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    char path[400];
    snprintf(path, sizeof(path), "%s/none/data", fixture->directory.path);
    fixture->options.directory = path;
    assert_int_equal(open_store(fixture), TKR_NOT_FOUND);
    assert_non_null(strstr(fixture->fault.detail, path));
}

static void test_a_file_in_place_of_the_directory_is_refused(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture->path, "x", 1, 0);
    fixture->options.directory = fixture->path;
    assert_int_equal(open_store(fixture), TKR_INVALID);
}

static void test_a_directory_that_another_holds_is_locked_and_the_holder_named(void **state)
{
    struct fixture *fixture = *state;
    struct store_port second = {0};
    char pid[32];
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_int_equal(open_store(fixture), TKR_OK);
    struct fault fault = {0};
    assert_int_equal(store_sqlite_open(&fixture->options, &second, &fault), TKR_LOCKED);
    assert_non_null(strstr(fault.detail, "tokenry.lock"));
    assert_non_null(strstr(fault.detail, pid));
    assert_null(second.store);
}

static void test_a_full_disk_at_the_first_start_is_told(void **state)
{
    struct fixture *fixture = *state;
    faulty_vfs_register();
    faulty_vfs_set(FAULT_DISK_FULL);
    fixture->options.vfs = FAULTY_VFS;
    assert_int_equal(open_store(fixture), TKR_NO_SPACE);
    assert_non_null(strstr(fixture->fault.detail, "tokenry.db"));
    faulty_vfs_set(FAULT_NONE); /* and it heals */
    assert_int_equal(open_store(fixture), TKR_OK);
}

/* --- what is made
 * --------------------------------------------------------------------------------- */

static void test_a_new_store_is_for_its_owner_only(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"", "/tokenry.db", "/tokenry.lock", "/tokenry.db-wal",
                                        "/tokenry.db-shm"};
    char directory[320];
    char path[400];
    struct stat status;
    umask(0);
    snprintf(directory, sizeof(directory), "%s/data", fixture->directory.path);
    fixture->options.directory = directory;
    assert_int_equal(open_store(fixture), TKR_OK);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", directory, files[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 077, 0);
    }
}

static int64_t pragma(struct fixture *fixture, const char *sql)
{
    int64_t value = -1;
    assert_int_equal(connection_integer(&fixture->port.store->writer, sql, &value), TKR_OK);
    return value;
}

static void test_the_writer_is_as_durable_as_promised(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(open_store(fixture), TKR_OK);
    assert_int_equal(pragma(fixture, "PRAGMA synchronous"), 2); /* FULL */
    assert_int_equal(pragma(fixture, "PRAGMA foreign_keys"), 1);
    assert_int_equal(pragma(fixture, "PRAGMA mmap_size"), 0);
    assert_int_equal(pragma(fixture, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
    assert_int_equal(
        pragma(fixture, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
}

static void test_each_commit_is_synced_before_it_is_answered(void **state)
{
    struct fixture *fixture = *state;
    faulty_vfs_register();
    fixture->options.vfs = FAULTY_VFS;
    assert_int_equal(open_store(fixture), TKR_OK);
    for (unsigned i = 1; i <= 5; i++) {
        uint64_t before = faulty_vfs_syncs();
        sample_store(&fixture->port, sample_token(i));
        assert_true(faulty_vfs_syncs() > before);
    }
}

/* --- migrations
 * ----------------------------------------------------------------------------------- */

static const char *const second_step[] = {
    "ALTER TABLE tokens ADD COLUMN color TEXT",
    "UPDATE tokens SET color = 'blue'",
    NULL,
};
static const char *const broken_step[] = {
    "ALTER TABLE tokens ADD COLUMN taste TEXT",
    "UPDATE no_such_table SET x = 1",
    NULL,
};

static tkr_error_t open_with_steps(struct fixture *fixture, const char *const *const *steps,
                                   size_t count)
{
    struct migration migrations[16];
    size_t shipped = migrations_sqlite_count;
    assert_in_range(shipped + count, 1, 16);
    memcpy(migrations, migrations_sqlite, shipped * sizeof(migrations[0]));
    for (size_t i = 0; i < count; i++) {
        migrations[shipped + i] = (struct migration){(int)(1 + shipped + i), "test", steps[i]};
    }
    memset(&fixture->fault, 0, sizeof(fixture->fault));
    return store_open_with(&fixture->options, migrations, shipped + count, &fixture->port,
                           &fixture->fault);
}

static void test_an_older_database_is_migrated_with_what_is_in_it(void **state)
{
    struct fixture *fixture = *state;
    const char *const *const steps[] = {second_step};
    make_store(fixture);
    assert_int_equal(open_with_steps(fixture, steps, 1), TKR_OK);
    assert_int_equal(pragma(fixture, "SELECT max(version) FROM schema_migrations"),
                     migrations_sqlite_count + 1);
    assert_int_equal(pragma(fixture, "SELECT count(*) FROM tokens WHERE color = 'blue'"), 1);
    store_sqlite_close(&fixture->port);
    char version[32];
    snprintf(version, sizeof(version), "version %zu", migrations_sqlite_count + 1);
    assert_refused_unchanged(fixture, TKR_VERSION_NEWER, version);
}

static void test_a_step_that_fails_leaves_the_version_before_it(void **state)
{
    struct fixture *fixture = *state;
    const char *const *const steps[] = {second_step, broken_step};
    make_store(fixture);
    assert_int_equal(open_with_steps(fixture, steps, 2), TKR_INTERNAL);
    assert_non_null(strstr(fixture->fault.detail, "no_such_table"));
    assert_int_equal(open_with_steps(fixture, steps, 1), TKR_OK);
    assert_int_equal(pragma(fixture, "SELECT max(version) FROM schema_migrations"),
                     migrations_sqlite_count + 1);
    assert_int_equal(
        pragma(fixture, "SELECT count(*) FROM pragma_table_info('tokens') WHERE name = 'taste'"),
        0);
}

static void test_opening_again_migrates_nothing(void **state)
{
    struct fixture *fixture = *state;
    make_store(fixture);
    virtual_clock_advance(&fixture->time, 5000);
    assert_int_equal(open_store(fixture), TKR_OK);
    assert_int_equal(pragma(fixture, "SELECT count(*) FROM schema_migrations"),
                     migrations_sqlite_count);
    assert_int_equal(pragma(fixture, "SELECT max(applied_at) FROM schema_migrations"), SAMPLE_NOW);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_database_that_must_be_there_is_not_made),
        TEST(test_a_file_that_is_no_database_is_refused_and_kept),
        TEST(test_a_database_of_another_program_is_refused_and_kept),
        TEST(test_a_damaged_database_is_refused_and_kept),
        TEST(test_a_cut_off_database_is_refused_and_kept),
        TEST(test_a_newer_database_is_refused_and_kept),
        TEST(test_a_read_only_file_is_refused),
        TEST(test_a_directory_that_cannot_be_written_is_refused),
        TEST(test_a_directory_without_a_parent_is_not_found),
        TEST(test_a_file_in_place_of_the_directory_is_refused),
        TEST(test_a_directory_that_another_holds_is_locked_and_the_holder_named),
        TEST(test_a_full_disk_at_the_first_start_is_told),
        TEST(test_a_new_store_is_for_its_owner_only),
        TEST(test_the_writer_is_as_durable_as_promised),
        TEST(test_each_commit_is_synced_before_it_is_answered),
        TEST(test_an_older_database_is_migrated_with_what_is_in_it),
        TEST(test_a_step_that_fails_leaves_the_version_before_it),
        TEST(test_opening_again_migrates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
