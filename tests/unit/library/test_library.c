/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtokenry in a process of its own (probe.c), while this one plays the authority. The path
 * of the probe is the first argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <unistd.h>

#include "segment_fixture.h"

#define TOKEN "sk_live_0123456789012345678901234567890123456789"

static const char *probe_path;

struct scene {
    struct segment_fixture fixture;
    struct segment_token token;
    pid_t probe;
    FILE *to, *from;
    char line[512];
};

/* Starts the probe, with pipes to and from it. */
static void start_probe(struct scene *scene)
{
    int to[2], from[2];
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    scene->probe = fork();
    assert_true(scene->probe >= 0);
    if (scene->probe == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        execl(probe_path, probe_path, scene->fixture.directory.path, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    scene->to = fdopen(to[1], "w");
    scene->from = fdopen(from[0], "r");
    assert_non_null(fgets(scene->line, sizeof scene->line, scene->from));
}

static int stop_probe(struct scene *scene)
{
    int status;
    fclose(scene->to);
    fclose(scene->from);
    assert_int_equal(waitpid(scene->probe, &status, 0), scene->probe);
    return WEXITSTATUS(status);
}

/* The real clock, because the other process has no other. */
static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    segment_fixture_init_empty(&scene->fixture, NULL);
    scene->fixture.options.clock = clock_system();
    bool kept;
    assert_int_equal(
        segment_writer_create(&scene->fixture.options, 1, &scene->fixture.writer, &kept, NULL),
        TKR_OK);
    segment_fixture_fill(&scene->fixture);
    scene->token = segment_fixture_token(&scene->fixture, TOKEN);
    *state = scene;
    return 0;
}

static void publish(struct scene *scene)
{
    assert_int_equal(segment_writer_publish(scene->fixture.writer, 1), TKR_OK);
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    segment_fixture_deinit(&scene->fixture);
    free(scene);
    return 0;
}

static void ask(struct scene *scene, const char *request, const char *wanted)
{
    (void)segment_writer_beat(scene->fixture.writer, NULL);
    fprintf(scene->to, "%s\n", request);
    fflush(scene->to);
    assert_non_null(fgets(scene->line, sizeof scene->line, scene->from));
    scene->line[strcspn(scene->line, "\n")] = '\0';
    assert_string_equal(scene->line, wanted);
}

static void test_without_a_segment_opening_says_so(void **state)
{
    struct scene *scene = *state;
    start_probe(scene);
    assert_int_equal(strncmp(scene->line, "not_found ", 10), 0);
    assert_int_equal(stop_probe(scene), 1);
}

static void test_another_process_sees_each_change_at_its_next_call(void **state)
{
    struct scene *scene = *state;
    publish(scene);
    start_probe(scene);
    assert_string_equal(scene->line, "healthy 1\n");
    ask(scene, TOKEN, "not_found   0 0 not_found");
    segment_fixture_put(&scene->fixture, &scene->token);
    ask(scene, TOKEN, "valid alice ci 0 0 valid");
    ask(scene, TOKEN " bob", "user_mismatch alice ci 0 0 user_mismatch");
    ask(scene, TOKEN " alice a:b", "insufficient_scope alice ci 0 0 insufficient_scope");
    ask(scene, "short", "malformed   0 0 malformed");
    segment_fixture_limit(&scene->fixture, LIMITS_OF_TOKEN, 2, LIMIT_NONE, LIMIT_NONE);
    ask(scene, TOKEN, "valid alice ci 1 1 valid");
    ask(scene, TOKEN, "valid alice ci 1 0 rate_limited");
    ask(scene, TOKEN, "rate_limited alice ci 1 0 rate_limited");
    struct cidr network;
    assert_int_equal(cidr_parse("192.0.2.0/24", 12, &network), TKR_OK);
    scene->token.cidrs = &network;
    scene->token.cidr_count = 1;
    segment_fixture_put(&scene->fixture, &scene->token);
    ask(scene, TOKEN " - - 198.51.100.1", "ip_not_allowed alice ci 0 0 ip_not_allowed");
    ask(scene, TOKEN " - - 192.0.2.9", "rate_limited alice ci 1 0 rate_limited");
    scene->token.flags = SEGMENT_TOKEN_REVOKED;
    segment_fixture_put(&scene->fixture, &scene->token);
    ask(scene, TOKEN, "revoked alice ci 0 0 revoked");
    assert_int_equal(stop_probe(scene), 0);
    uint64_t total;
    int64_t last_used_ms;
    segment_writer_read_line(scene->fixture.writer, scene->token.line, &total, &last_used_ms);
    assert_int_equal(total, 3);
}

static void test_another_process_follows_a_growing_segment(void **state)
{
    struct scene *scene = *state;
    publish(scene);
    segment_fixture_put(&scene->fixture, &scene->token);
    start_probe(scene);
    for (int i = 0; i < 60000; i++) {
        char text[64];
        snprintf(text, sizeof text, "sk_live_token_of_the_table_%08d", i);
        struct segment_token token = segment_fixture_token(&scene->fixture, text);
        segment_fixture_put(&scene->fixture, &token);
        if (i % 1000 == 0) {
            ask(scene, text, "valid alice ci 0 0 valid");
            ask(scene, TOKEN, "valid alice ci 0 0 valid");
        }
    }
    struct segment_stats stats;
    segment_writer_stats(scene->fixture.writer, &stats);
    assert_true(stats.generation > 1);
    assert_int_equal(stop_probe(scene), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_segment_opening_says_so),
        TEST(test_another_process_sees_each_change_at_its_next_call),
        TEST(test_another_process_follows_a_growing_segment),
    };
    if (argc != 2) {
        return 2;
    }
    probe_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
