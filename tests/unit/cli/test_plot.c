/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/plot.h"

static void check_printed(struct plot *plot, const char *wanted)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_true(plot_print(plot, out));
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
    plot_release(plot);
}

static void test_nothing_prints_nothing(void **state)
{
    struct plot plot = {.columns = 40};
    check_printed(&plot, "");
}

static void test_bars_fill_the_width_in_proportion(void **state)
{
    struct plot plot = {.columns = 20};
    plot_bar(&plot, "ab", 100);
    plot_bar(&plot, "c", 50);
    plot_bar(&plot, "d", 0);
    check_printed(&plot, "ab  100  ###########\n"
                         "c    50  ######\n"
                         "d     0\n");
}

static void test_the_least_count_is_seen(void **state)
{
    struct plot plot = {.columns = 20};
    plot_bar(&plot, "a", 1000000);
    plot_bar(&plot, "b", 1);
    check_printed(&plot, "a  1000000  ##########\n"
                         "b        1  #\n");
    plot = (struct plot){.columns = 20, .blocks = true};
    plot_bar(&plot, "a", 1000000);
    plot_bar(&plot, "b", 1);
    check_printed(&plot, "a  1000000  ██████████\n"
                         "b        1  ▏\n");
}

static void test_blocks_are_an_eighth_fine(void **state)
{
    struct plot plot = {.columns = 16, .blocks = true};
    plot_bar(&plot, "a", 80);
    plot_bar(&plot, "b", 43);
    check_printed(&plot, "a  80  ██████████\n"
                         "b  43  █████▍\n");
}

static void test_all_zeros_have_no_bars(void **state)
{
    struct plot plot = {.columns = 40};
    plot_bar(&plot, "a", 0);
    check_printed(&plot, "a  0\n");
}

static void test_colour_surrounds_the_bar_only(void **state)
{
    struct plot plot = {.columns = 16, .colour = true};
    plot_bar(&plot, "a", 1);
    check_printed(&plot, "a  1  \x1b[36m##########\x1b[0m\n");
}

static void test_what_a_terminal_would_act_upon_is_replaced(void **state)
{
    struct plot plot = {.columns = 16};
    plot_bar(&plot, "a\x1b[31m", 0);
    check_printed(&plot, "a?[31m  0\n");
}

static void test_a_file_has_80_columns_and_no_blocks(void **state)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    setenv("LC_ALL", "C.UTF-8", 1);
    struct plot plot = plot_for(file);
    assert_int_equal(plot.columns, 80);
    assert_false(plot.blocks || plot.colour);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_prints_nothing),
        cmocka_unit_test(test_bars_fill_the_width_in_proportion),
        cmocka_unit_test(test_the_least_count_is_seen),
        cmocka_unit_test(test_blocks_are_an_eighth_fine),
        cmocka_unit_test(test_all_zeros_have_no_bars),
        cmocka_unit_test(test_colour_surrounds_the_bar_only),
        cmocka_unit_test(test_what_a_terminal_would_act_upon_is_replaced),
        cmocka_unit_test(test_a_file_has_80_columns_and_no_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
