/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/table.h"

static const char *const headings[] = {"ID", "NAME", "STATUS"};

static char *printed(struct table *table)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_true(table_print(table, out));
    fclose(out);
    return text;
}

static void add_row(struct table *table, const char *a, const char *b, const char *c)
{
    table_cell(table, a, TABLE_PLAIN);
    table_cell(table, b, TABLE_PLAIN);
    table_cell(table, c, TABLE_GOOD);
}

static void check_printed(struct table *table, const char *wanted)
{
    char *text = printed(table);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_an_empty_table_prints_nothing(void **state)
{
    struct table table;
    table_init(&table, headings, 3, false);
    check_printed(&table, "");
    table_release(&table);
}

static void test_what_a_terminal_would_act_upon_is_replaced(void **state)
{
    struct table table;
    table_init(&table, headings, 3, false);
    add_row(&table, "a\x1b[31m", "b\xff\xc2\x9b", "c\n");
    check_printed(&table, "ID      NAME  STATUS\na?[31m  b??   c?\n");
    table_release(&table);
}

static void test_columns_are_aligned_and_nothing_trails(void **state)
{
    struct table table;
    table_init(&table, headings, 3, false);
    add_row(&table, "1", "a long name", "active");
    add_row(&table, "22", "", NULL);
    check_printed(&table, "ID  NAME         STATUS\n1   a long name  active\n22  -            -\n");
    table_release(&table);
}

static void test_width_counts_columns_and_not_bytes(void **state)
{
    assert_int_equal(table_text_width(""), 0);
    assert_int_equal(table_text_width("Gr\xc3\xbc\xc3\x9f"
                                      "e"),
                     5);
    assert_int_equal(table_text_width("\xe6\xbc\xa2\xe5\xad\x97"), 4); /* two wide characters */
    assert_int_equal(table_text_width("\xff\xfe"), 2);
}

static void test_a_cell_that_is_too_wide_is_cut(void **state)
{
    struct table table;
    table_init(&table, headings, 3, false);
    table.cell_columns_max = 5;
    add_row(&table, "12345", "123456", "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2");
    check_printed(&table, "ID     NAME   STATUS\n"
                          "12345  1234\xe2\x80\xa6  \xe6\xbc\xa2\xe6\xbc\xa2\xe2\x80\xa6\n");
    table_release(&table);
}

static void test_the_next_page_keeps_the_widths_and_has_no_headings(void **state)
{
    struct table table;
    table_init(&table, headings, 3, false);
    add_row(&table, "1", "a long name", "x");
    free(printed(&table));
    add_row(&table, "2", "b", "y");
    check_printed(&table, "2   b            y\n");
    table_release(&table);
}

static void test_colour_is_put_around_the_text_and_not_its_padding(void **state)
{
    struct table table;
    table_init(&table, headings, 3, true);
    table.headings_printed = true;
    table_cell(&table, "1", TABLE_BAD);
    table_cell(&table, "n", TABLE_PLAIN);
    table_cell(&table, "s", TABLE_PLAIN);
    check_printed(&table, "\x1b[31m1\x1b[0m   n     s\n");
    table_release(&table);
}

static void test_colour_is_for_terminals_only(void **state)
{
    FILE *file = tmpfile();
    assert_false(terminal_colour(file));
    fclose(file);
}

static int set_locale(void **state)
{
    return setlocale(LC_CTYPE, "C.UTF-8") != NULL ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_table_prints_nothing),
        cmocka_unit_test(test_what_a_terminal_would_act_upon_is_replaced),
        cmocka_unit_test(test_columns_are_aligned_and_nothing_trails),
        cmocka_unit_test(test_width_counts_columns_and_not_bytes),
        cmocka_unit_test(test_a_cell_that_is_too_wide_is_cut),
        cmocka_unit_test(test_the_next_page_keeps_the_widths_and_has_no_headings),
        cmocka_unit_test(test_colour_is_put_around_the_text_and_not_its_padding),
        cmocka_unit_test(test_colour_is_for_terminals_only),
    };
    return cmocka_run_group_tests(tests, set_locale, NULL);
}
