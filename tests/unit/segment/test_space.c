/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A full tmpfs is an error, never a SIGBUS, and heals. The small tmpfs is mounted in a mount
 * namespace of the test's own, which needs root or user namespaces; where neither is to be had
 * the test says SKIPPED and why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "segment_fixture.h"

struct scene {
    struct segment_fixture fixture;
    bool mounted;
};

static bool own_mounts(void)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        return false;
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void mount_small(struct scene *scene, const char *size)
{
    segment_fixture_init_empty(&scene->fixture, NULL);
    char options[64];
    snprintf(options, sizeof options, "mode=0700,size=%s", size);
    scene->mounted =
        mount("none", scene->fixture.directory.path, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
    assert_true(scene->mounted);
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    segment_writer_close(scene->fixture.writer);
    scene->fixture.writer = NULL;
    if (scene->mounted) {
        (void)umount2(scene->fixture.directory.path, MNT_DETACH);
    }
    segment_fixture_deinit(&scene->fixture);
    free(scene);
    return 0;
}

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct scene));
    return 0;
}

static const char *text_of(int number, char text[64])
{
    snprintf(text, 64, "sk_live_token_of_the_table_%08d", number);
    return text;
}

/* Fills what the tmpfs has left, so that nothing more can be had. */
static int fill_up(struct scene *scene)
{
    char path[300];
    snprintf(path, sizeof path, "%s/ballast", scene->fixture.directory.path);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    static char zeros[4096];
    while (write(fd, zeros, sizeof zeros) > 0) {
    }
    assert_int_equal(errno, ENOSPC);
    return fd;
}

static void test_no_segment_is_made_where_there_is_no_room(void **state)
{
    struct scene *scene = *state;
    mount_small(scene, "64k");
    bool kept;
    struct fault fault;
    assert_int_equal(
        segment_writer_create(&scene->fixture.options, 1, &scene->fixture.writer, &kept, &fault),
        TKR_NO_SPACE);
    assert_null(scene->fixture.writer);
}

static tkr_error_t put_numbered(struct scene *scene, int number)
{
    char text[64];
    struct segment_token token = segment_fixture_token(&scene->fixture, text_of(number, text));
    return segment_writer_put_token(scene->fixture.writer, &token);
}

static void test_a_full_tmpfs_refuses_tokens_and_keeps_the_old_ones(void **state)
{
    struct scene *scene = *state;
    mount_small(scene, "8m");
    bool kept;
    assert_int_equal(
        segment_writer_create(&scene->fixture.options, 1, &scene->fixture.writer, &kept, NULL),
        TKR_OK);
    segment_fixture_fill(&scene->fixture);
    assert_int_equal(segment_writer_publish(scene->fixture.writer, 1), TKR_OK);
    assert_int_equal(segment_writer_reserve_lines(scene->fixture.writer, 20000), TKR_OK);
    assert_int_equal(put_numbered(scene, 0), TKR_OK);
    int ballast = fill_up(scene);
    int stored = 1;
    tkr_error_t error = TKR_OK;
    while (error == TKR_OK && stored < 20000) {
        error = put_numbered(scene, stored);
        stored += error == TKR_OK;
    }
    assert_int_equal(error, TKR_NO_SPACE);
    assert_true(stored > 100); /* what was claimed before was used up first */
    struct verifier *verifier = segment_fixture_verifier(&scene->fixture);
    struct verify_result result;
    char text[64];
    for (int i = 0; i < stored; i++) {
        assert_int_equal(segment_fixture_verify(verifier, text_of(i, text), &result),
                         TKR_VERDICT_VALID);
    }
    assert_int_equal(segment_fixture_verify(verifier, text_of(stored, text), &result),
                     TKR_VERDICT_NOT_FOUND);
    assert_int_equal(ftruncate(ballast, 0), 0); /* somebody made room */
    close(ballast);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(put_numbered(scene, stored + i), TKR_OK);
    }
    verifier_free(verifier);
}

static void test_a_full_tmpfs_refuses_lines(void **state)
{
    struct scene *scene = *state;
    mount_small(scene, "8m");
    bool kept;
    assert_int_equal(
        segment_writer_create(&scene->fixture.options, 1, &scene->fixture.writer, &kept, NULL),
        TKR_OK);
    assert_int_equal(segment_writer_reserve_lines(scene->fixture.writer, 1000000), TKR_NO_SPACE);
    assert_int_equal(segment_writer_reserve_lines(scene->fixture.writer, 100), TKR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    if (!own_mounts()) {
        printf("SKIPPED 3 tests: no mount namespace can be made (%s)\n", strerror(errno));
        return 77;
    }
    const struct CMUnitTest tests[] = {
        TEST(test_no_segment_is_made_where_there_is_no_room),
        TEST(test_a_full_tmpfs_refuses_tokens_and_keeps_the_old_ones),
        TEST(test_a_full_tmpfs_refuses_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
