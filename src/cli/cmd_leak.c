/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scanner needs to find tokens of this authority where they do not belong. Offline: the
 * configuration says what the prefixes are.
 *
 * Nothing is asked of what stands before a token: in `"\nsk_live_..."` it is a letter, and in
 * `KEY_sk_live_...` an underscore, so a boundary there would miss both. Behind it there must be
 * one, or any long text with the prefix would do. The expressions mean the same to RE2
 * (gitleaks), PCRE, Hyperscan (GitHub), Python and GNU grep -E. None of them can check a
 * checksum: check-token does.
 */
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "api/json_emit.h"
#include "cli/command.h"
#include "token/token_text.h"

/* Shannon's, in bits a character, over the whole token as gitleaks counts it: 300,000 of ours had
 * 4.5 or more; `sk_live_xxxx...` in an example has less than 1. */
#define ENTROPY "3.5"

#define BODY_CHARS (TOKEN_BODY_CHARS + TOKEN_CHECKSUM_CHARS)
#define EXPRESSION_SIZE (2 * (2 * TOKEN_PREFIX_BYTES_MAX) + 64)

struct rule {
    const char *env, *prefix;
    char expression[EXPRESSION_SIZE]; /* without the boundary */
};

/* Prefixes are made of [a-z0-9_], where nothing means more than itself. Should that be widened one
 * day, an expression must not become one that finds everything. */
static const char *escaped(const char *prefix, char out[2 * TOKEN_PREFIX_BYTES_MAX + 1])
{
    size_t length = 0;
    for (; *prefix != '\0'; prefix++) {
        if (!isalnum((unsigned char)*prefix) && *prefix != '_') {
            out[length++] = '\\';
        }
        out[length++] = *prefix;
    }
    out[length] = '\0';
    return out;
}

static void make_rules(const struct config *config, struct rule ret_rules[2])
{
    ret_rules[0] = (struct rule){.env = "live", .prefix = config->prefix_live};
    ret_rules[1] = (struct rule){.env = "test", .prefix = config->prefix_test};
    for (size_t i = 0; i < 2; i++) {
        char prefix[2 * TOKEN_PREFIX_BYTES_MAX + 1];
        snprintf(ret_rules[i].expression, sizeof(ret_rules[i].expression), "%s[0-9A-Za-z]{%d}",
                 escaped(ret_rules[i].prefix, prefix), BODY_CHARS);
    }
}

static void print_gitleaks(const struct rule rules[2])
{
    puts("# Finds API tokens of this authority. For gitleaks: --config, or [extend] path.\n"
         "title = \"Tokenry\"\n"
         "\n"
         "[extend]\n"
         "useDefault = true");
    for (size_t i = 0; i < 2; i++) {
        printf("\n"
               "[[rules]]\n"
               "id = \"tokenry-%s-token\"\n"
               "description = \"API token (%s) of this authority. Whether its checksum holds: "
               "tokenry check-token --token-stdin. To end it: tokenry revoke --token-stdin\"\n"
               "regex = '''%s\\b'''\n"
               "entropy = %s\n"
               "keywords = [\"%s\"]\n",
               rules[i].env, rules[i].env, rules[i].expression, ENTROPY, rules[i].prefix);
    }
}

static void print_regex(const struct rule rules[2])
{
    char live[2 * TOKEN_PREFIX_BYTES_MAX + 1], test[2 * TOKEN_PREFIX_BYTES_MAX + 1];
    printf("(%s|%s)[0-9A-Za-z]{%d}\\b\n", escaped(rules[0].prefix, live),
           escaped(rules[1].prefix, test), BODY_CHARS);
}

/* The fields of a custom pattern in GitHub's settings; those of the boundaries are its defaults. */
static void print_github(const struct rule rules[2])
{
    for (size_t i = 0; i < 2; i++) {
        printf("%sPattern name:   Tokenry %s token\n"
               "Secret format:  %s\n"
               "Before secret:  \\A|[^0-9A-Za-z]\n"
               "After secret:   \\z|[^0-9A-Za-z]\n",
               i > 0 ? "\n" : "", rules[i].env, rules[i].expression);
    }
}

static void print_json(const struct rule rules[2])
{
    struct buffer text CLEANUP(buffer_deinit);
    struct emitter emitter;
    buffer_init(&text, CLI_INPUT_BYTES_MAX);
    emit_begin(&emitter, &text);
    emit_open(&emitter, NULL, '{');
    emit_open(&emitter, "rules", '[');
    for (size_t i = 0; i < 2; i++) {
        char bounded[EXPRESSION_SIZE + 2];
        snprintf(bounded, sizeof(bounded), "%s\\b", rules[i].expression);
        emit_open(&emitter, NULL, '{');
        emit_text(&emitter, "env", rules[i].env);
        emit_text(&emitter, "prefix", rules[i].prefix);
        emit_text(&emitter, "regex", bounded);
        emit_close(&emitter, '}');
    }
    emit_close(&emitter, ']');
    emit_close(&emitter, '}');
    ASSERT(buffer_status(&text) == TKR_OK);
    puts(text.data);
}

enum cli_exit cmd_leak_rules(struct cli *cli)
{
    static const struct {
        const char *name;
        void (*print)(const struct rule rules[2]);
    } formats[] = {{"gitleaks", print_gitleaks}, {"regex", print_regex}, {"github", print_github}};
    const char *format = arguments_value(&cli->arguments, "format");
    struct rule rules[2];
    size_t chosen = 0;
    while (format != NULL && chosen < 3 && strcmp(formats[chosen].name, format) != 0) {
        chosen++;
    }
    if (chosen == 3) {
        return cli_usage(cli->command, "--format is gitleaks, regex or github");
    }
    if (!cli_configure(cli, false)) {
        return CLI_USAGE;
    }
    make_rules(cli->config, rules);
    if (cli_json(cli)) {
        print_json(rules);
    } else {
        formats[chosen].print(rules);
    }
    return CLI_DONE;
}
