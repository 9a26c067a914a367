/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the table, in the languages of shells and of manual pages: nothing of it is
 * ever taken for their own. tests/integration asks the shells and the formatter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/completion.h"
#include "daemon/roff.h"

#define ODD "it's \\ [odd]: `x` $(y). The rest"

static void assert_escaped(const char *special, const char *quote, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    completion_escape(out, ODD, special, quote);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void test_a_shell_gets_the_first_sentence_and_nothing_to_run(void **state)
{
    assert_escaped("", "'\\''", "it'\\''s \\ [odd]: `x` $(y)");              /* bash */
    assert_escaped("[]:\\", "'\\''", "it'\\''s \\\\ \\[odd\\]\\: `x` $(y)"); /* zsh */
    assert_escaped("\\", "\\'", "it\\'s \\\\ [odd]: `x` $(y)");              /* fish */
}

static void test_a_line_of_a_page_is_no_request_of_the_formatter(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    roff_sentences(out, ".so /etc/passwd. 'br. a-b ~ \\n.");
    fclose(out);
    assert_string_equal(text, "\\&.so /etc/passwd.\n\\&'br.\na\\-b \\(ti \\en.\n");
    free(text);
}

static void test_each_first_word_comes_once_and_leads_to_its_second_ones(void **state)
{
    size_t length = 0, tiers = 0, first = 0;
    for (size_t i = 0; i < cli_command_count; i++) {
        if (completion_second_word(i, "tier", 4) != NULL) {
            tiers++;
            first += completion_opens_family(i, &length);
        }
        assert_null(completion_second_word(i, "tie", 3));
    }
    assert_true(tiers >= 2);
    assert_int_equal(first, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_shell_gets_the_first_sentence_and_nothing_to_run),
        cmocka_unit_test(test_a_line_of_a_page_is_no_request_of_the_formatter),
        cmocka_unit_test(test_each_first_word_comes_once_and_leads_to_its_second_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
