/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of token_strength share: a text prepared for matching, and the matchers. */
#ifndef TOKEN_STRENGTH_INTERNAL_H
#define TOKEN_STRENGTH_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "token/token_strength.h"

#define STRENGTH_WORDS_MAX 256

/* Costs are 256ths of a bit. */
#define COST_OF_BITS(bits) ((uint32_t)((bits)*256))
/* 256 times the binary logarithm of 1 and more. */
uint32_t strength_log2(uint32_t number);

struct strength_text {
    const char *text;
    char folded[TOKEN_TEXT_BYTES_MAX + 1]; /* in lower case; wiped by who filled it */
    size_t length;
    const char *const *about;
    size_t about_count;
    uint16_t repeats[TOKEN_TEXT_BYTES_MAX]; /* how long a piece stands here that began before */
    bool spaced[TOKEN_TEXT_BYTES_MAX];      /* continues a sequence with others in between */
    /* Words by their first character: the first one, and the next after each; 0: none, else its
     * number from 1 on. */
    uint16_t word_of[128], word_after[STRENGTH_WORDS_MAX + 1];
    bool english; /* most of it reads like words */
};

/* How many characters from `at` on can be written in one go, 0 for none, and for how much. */
typedef size_t (*strength_matcher)(const struct strength_text *text, size_t at, uint32_t *ret_cost);

size_t strength_match_word(const struct strength_text *text, size_t at, uint32_t *ret_cost);
size_t strength_match_letters(const struct strength_text *text, size_t at, uint32_t *ret_cost);
size_t strength_match_name(const struct strength_text *text, size_t at, uint32_t *ret_cost);
size_t strength_match_repeat(const struct strength_text *text, size_t at, uint32_t *ret_cost);
size_t strength_match_sequence(const struct strength_text *text, size_t at, uint32_t *ret_cost);
size_t strength_match_keys(const struct strength_text *text, size_t at, uint32_t *ret_cost);
size_t strength_match_date(const struct strength_text *text, size_t at, uint32_t *ret_cost);

/* Fill `word_of`, `repeats`, `spaced` and `english`. The last needs the first. */
void strength_index_words(struct strength_text *text);
void strength_find_repeats(struct strength_text *text);
void strength_find_spaced(struct strength_text *text);
void strength_find_english(struct strength_text *text);

/* token_known.c: what everybody knows. The lists end with NULL. */
extern const char *const strength_words[];
#define STRENGTH_WORD_BITS 8 /* of a choice among them */
/* Lower-case letters and digits only, compared with the same of a text. */
extern const char *const strength_published[];
/* Whether English has these two lower-case letters in a row often: 3 of 4 pairs in a text, 1 of 6
 * of all. */
bool strength_common_pair(char first, char second);

#endif
