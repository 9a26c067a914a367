/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of a text that a guesser need not guess character by character. */
#include <ctype.h>
#include <string.h>

#include "base/check.h"
#include "token/strength_internal.h"

#define PIECE_MIN 3     /* repeated pieces, continuations of a sequence, names */
#define NAME_PART_MIN 4 /* `smith` of `john.smith` */
#define STRIDES 4       /* a1b2c3 goes on at stride 2 */
#define KEYS_MIN 4      /* neighbours on a keyboard */
#define FIRST_LETTER_BITS 5
#define COMMON_LETTER_BITS 1.5
#define OTHER_LETTER_BITS 3
#define COMMON_PAIR_SCORE 7   /* 2.1 bits */
#define OTHER_PAIR_SCORE (-6) /* -1.8 bits */
#define ENGLISH_SCORE_MIN 76  /* 23 bits */
#define LETTERS_MIN 4         /* of an English word */
#define NAME_BITS 4           /* which of the few names it is */
#define LEET_BITS 2           /* which letters are written as digits */
#define SEQUENCE_BITS 4       /* that one goes on; how long comes on top */
#define REPEAT_BITS 2         /* likewise; where and how long come on top */
#define KEYS_BITS 9           /* on which row, where, in which direction */
#define YEAR_BITS 7           /* 1950 to 2049 */
#define DAY_BITS 9            /* of a year, and the way it is written */

/* --- words and names --------------------------------------------------------------------- */

/* As people write a letter otherwise; 0: not one of those. */
static char leet(char c)
{
    static const char digits[] = "013457@$!", letters[] = "oieastasi";
    const char *found = strchr(digits, c);
    return found != NULL && c != '\0' ? letters[found - digits] : '\0';
}

/* The length of the word when it stands at `at`, else 0. */
static size_t stands(const struct strength_text *text, size_t at, const char *word, size_t length,
                     bool *ret_leet)
{
    *ret_leet = false;
    if (length > text->length - at) {
        return 0;
    }
    for (size_t i = 0; i < length; i++) {
        char c = text->folded[at + i];
        char wanted = (char)tolower((unsigned char)word[i]);
        if (c == wanted) {
            continue;
        }
        if (leet(c) != wanted && !(c == '1' && wanted == 'l')) {
            return 0;
        }
        *ret_leet = true;
    }
    return length;
}

void strength_index_words(struct strength_text *text)
{
    for (uint16_t number = 1; strength_words[number - 1] != NULL; number++) {
        ASSERT(number <= STRENGTH_WORDS_MAX);
        uint16_t *first = &text->word_of[(uint8_t)strength_words[number - 1][0]];
        text->word_after[number] = *first;
        *first = number;
    }
}

/* The longest of those that begin with `first`, if it is longer than *longest. */
static void match_words(const struct strength_text *text, size_t at, char first, size_t *longest,
                        uint32_t *cost)
{
    uint16_t number = text->word_of[(uint8_t)first & 127];
    for (; number != 0; number = text->word_after[number]) {
        bool in_leet;
        const char *word = strength_words[number - 1];
        size_t length = stands(text, at, word, strlen(word), &in_leet);
        if (length > *longest) {
            *longest = length;
            *cost = COST_OF_BITS(STRENGTH_WORD_BITS + (in_leet ? LEET_BITS : 0));
        }
    }
}

size_t strength_match_word(const struct strength_text *text, size_t at, uint32_t *ret_cost)
{
    size_t longest = 0;
    char first = text->folded[at];
    match_words(text, at, first, &longest, ret_cost);
    if (leet(first) != '\0') {
        match_words(text, at, leet(first), &longest, ret_cost);
    }
    if (first == '1') {
        match_words(text, at, 'l', &longest, ret_cost);
    }
    return longest;
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* How far one word goes: `word`, `Word` or `WORD`. */
static size_t letters_from(const struct strength_text *text, size_t at)
{
    const char *word = text->text + at;
    size_t left = text->length - at, length = 1;
    if (left < 2 || !(is_lower(word[0]) || is_upper(word[0]))) {
        return 0;
    }
    bool lower = is_lower(word[1]);
    while (length < left && (lower ? is_lower(word[length]) : is_upper(word[length]))) {
        length++;
    }
    return length;
}

/*
 * Whether words are read into it. In English about 3 of 4 pairs of letters are common ones, among
 * random ones 1 of 6: so a common pair makes it 4.3 times as likely that these are words, another
 * one 3.4 times less. They are taken for words from 2^23 times on, and when they are half of the
 * text. That refuses one of 300 million random texts of 22 characters base64url; 2^16 times would
 * refuse 60, the share of common pairs alone 1000, and what each piece for itself looks like 75.
 */
void strength_find_english(struct strength_text *text)
{
    size_t covered = 0;
    int score = 0; /* the binary logarithm of that, times 3.3 */
    for (size_t at = 0; at < text->length;) {
        size_t length = letters_from(text, at);
        for (size_t i = at + 1; length >= LETTERS_MIN && i < at + length; i++) {
            bool common = strength_common_pair(text->folded[i - 1], text->folded[i]);
            score += common ? COMMON_PAIR_SCORE : OTHER_PAIR_SCORE;
        }
        covered += length >= LETTERS_MIN ? length : 0;
        at += length > 0 ? length : 1;
    }
    text->english = 2 * covered >= text->length && score >= ENGLISH_SCORE_MIN;
}

/* A word of six letters comes to 14 bits, and some 8000 are in use. */
size_t strength_match_letters(const struct strength_text *text, size_t at, uint32_t *ret_cost)
{
    size_t length = text->english ? letters_from(text, at) : 0;
    if (length < LETTERS_MIN) {
        return 0;
    }
    *ret_cost = COST_OF_BITS(FIRST_LETTER_BITS);
    for (size_t i = at + 1; i < at + length; i++) {
        bool common = strength_common_pair(text->folded[i - 1], text->folded[i]);
        *ret_cost += common ? COST_OF_BITS(COMMON_LETTER_BITS) : COST_OF_BITS(OTHER_LETTER_BITS);
    }
    return length;
}

/* The longest of a name as a whole and its parts between what is no letter or digit. */
static size_t name_stands(const struct strength_text *text, size_t at, const char *name)
{
    bool in_leet;
    size_t whole = strlen(name);
    size_t longest = whole >= PIECE_MIN ? stands(text, at, name, whole, &in_leet) : 0;
    while (*name != '\0') {
        size_t part = 0;
        while (isalnum((unsigned char)name[part])) {
            part++;
        }
        size_t found = part >= NAME_PART_MIN ? stands(text, at, name, part, &in_leet) : 0;
        longest = found > longest ? found : longest;
        name += part > 0 ? part : 1;
    }
    return longest;
}

size_t strength_match_name(const struct strength_text *text, size_t at, uint32_t *ret_cost)
{
    size_t longest = 0;
    for (size_t i = 0; i < text->about_count; i++) {
        size_t length = name_stands(text, at, text->about[i]);
        longest = length > longest ? length : longest;
    }
    *ret_cost = COST_OF_BITS(NAME_BITS);
    return longest;
}

/* --- repeats and sequences --------------------------------------------------------------- */

/*
 * Row by row from the end: common[j] is how far the text from j on is the same as from `at` on.
 * It may run into itself, as `aaaa` does.
 */
void strength_find_repeats(struct strength_text *text)
{
    uint16_t common[TOKEN_TEXT_BYTES_MAX + 1] = {0};
    for (size_t at = text->length; at-- > 0;) {
        uint16_t longest = 0;
        for (size_t j = 0; j < at; j++) {
            bool same = text->folded[j] == text->folded[at];
            common[j] = same ? (uint16_t)(common[j + 1] + 1) : 0;
            longest = common[j] > longest ? common[j] : longest;
        }
        text->repeats[at] = longest;
    }
}

size_t strength_match_repeat(const struct strength_text *text, size_t at, uint32_t *ret_cost)
{
    size_t length = text->repeats[at];
    if (length < PIECE_MIN) {
        return 0;
    }
    *ret_cost =
        COST_OF_BITS(REPEAT_BITS) + strength_log2((uint32_t)at) + strength_log2((uint32_t)length);
    return length;
}

/* Its place among digits and letters, so that `9` is followed by `a`; others far away. */
static int place(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : c + 1000;
}

static bool goes_on(const struct strength_text *text, size_t at, size_t stride)
{
    if (at < 2 * stride) {
        return false;
    }
    int step = place(text->folded[at - stride]) - place(text->folded[at - 2 * stride]);
    return place(text->folded[at]) - place(text->folded[at - stride]) == step;
}

/* c5e6a7d8: every second character goes on, what is between them does not. */
void strength_find_spaced(struct strength_text *text)
{
    for (size_t stride = 2; stride <= STRIDES; stride++) {
        for (size_t start = 0; start < text->length; start++) {
            size_t steps = 0;
            while (start + steps * stride < text->length &&
                   goes_on(text, start + steps * stride, stride)) {
                steps++;
            }
            for (size_t i = 0; steps >= PIECE_MIN && i < steps; i++) {
                text->spaced[start + i * stride] = true;
            }
        }
    }
}

size_t strength_match_sequence(const struct strength_text *text, size_t at, uint32_t *ret_cost)
{
    size_t longest = 0;
    for (size_t stride = 1; stride <= STRIDES; stride++) {
        size_t length = 0;
        while (at + length < text->length && goes_on(text, at + length, stride)) {
            length++;
        }
        longest = length > longest ? length : longest;
    }
    if (longest < PIECE_MIN) {
        return 0;
    }
    *ret_cost = COST_OF_BITS(SEQUENCE_BITS) + strength_log2((uint32_t)longest);
    return longest;
}

static size_t along_row(const struct strength_text *text, size_t at, const char *row, size_t key,
                        int step)
{
    size_t length = 0;
    while (at + length < text->length && text->folded[at + length] == row[key]) {
        length++;
        if (key == 0 && step < 0) {
            break;
        }
        key += (size_t)step; /* behind the last one is a NUL, which no text has */
    }
    return length;
}

size_t strength_match_keys(const struct strength_text *text, size_t at, uint32_t *ret_cost)
{
    static const char *const rows[] = {
        "1234567890-=",
        "qwertyuiop[]",
        "asdfghjkl;'",
        "zxcvbnm,./",
        "!@#$%^&*()_+",
        "qwertzuiop",
        "azertyuiop",
        "qsdfghjklm",
        "yxcvbnm",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
        "qazwsxedcrfvtgbyhnujmikolp",
    };
    size_t longest = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t key = 0; rows[i][key] != '\0'; key++) {
            if (rows[i][key] != text->folded[at]) {
                continue;
            }
            size_t right = along_row(text, at, rows[i], key, 1);
            size_t left = along_row(text, at, rows[i], key, -1);
            longest = right > longest ? right : longest;
            longest = left > longest ? left : longest;
        }
    }
    if (longest < KEYS_MIN) {
        return 0;
    }
    *ret_cost = COST_OF_BITS(KEYS_BITS) + strength_log2((uint32_t)longest);
    return longest;
}

/* --- dates --------------------------------------------------------------------------------- */

/* The value of `digits` digits at `at`; -1 when they are not there. */
static int number_at(const struct strength_text *text, size_t at, size_t digits)
{
    int value = 0;
    if (at > text->length || digits > text->length - at) {
        return -1;
    }
    for (size_t i = 0; i < digits; i++) {
        char c = text->folded[at + i];
        if (c < '0' || c > '9') {
            return -1;
        }
        value = value * 10 + (c - '0');
    }
    return value;
}

static bool is_year(int number)
{
    return number >= 1950 && number <= 2049;
}

static bool is_day_of_month(int first, int second)
{
    int least = first < second ? first : second;
    int most = first < second ? second : first;
    return least >= 1 && least <= 12 && most <= 31;
}

static bool is_gap(const struct strength_text *text, size_t at, size_t gap)
{
    return gap == 0 || (at < text->length && !isalnum((unsigned char)text->folded[at]));
}

/* 20261231, 2026-12-31, 31.12.2026, 12/31/2026: two numbers of two digits and a year. */
static size_t whole_date(const struct strength_text *text, size_t at, size_t gap)
{
    int year = number_at(text, at, 4);
    if (is_year(year) && is_gap(text, at + 4, gap) && is_gap(text, at + 6 + gap, gap) &&
        is_day_of_month(number_at(text, at + 4 + gap, 2), number_at(text, at + 6 + 2 * gap, 2))) {
        return 8 + 2 * gap;
    }
    year = number_at(text, at + 4 + 2 * gap, 4);
    if (is_year(year) && is_gap(text, at + 2, gap) && is_gap(text, at + 4 + gap, gap) &&
        is_day_of_month(number_at(text, at, 2), number_at(text, at + 2 + gap, 2))) {
        return 8 + 2 * gap;
    }
    return 0;
}

size_t strength_match_date(const struct strength_text *text, size_t at, uint32_t *ret_cost)
{
    size_t length = whole_date(text, at, 0);
    length = length > 0 ? length : whole_date(text, at, 1);
    if (length > 0) {
        *ret_cost = COST_OF_BITS(YEAR_BITS + DAY_BITS);
        return length;
    }
    *ret_cost = COST_OF_BITS(YEAR_BITS);
    return is_year(number_at(text, at, 4)) ? 4 : 0;
}
