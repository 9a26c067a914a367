/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a token that somebody chose can be guessed. Pure: no state, no I/O.
 *
 *     const char *about[] = {"alice", "laptop"};
 *     struct token_strength strength = token_strength(text, length, about, 2);
 *     if (strength.weakness != TOKEN_STRONG) {
 *         puts(token_weakness_text(strength.weakness));
 *     }
 *
 * Only the SHA-256 of a token is kept, without salt and stretching: that is right for 128 random
 * bits, and whoever got hold of a copy of the store could try thousands of millions of guesses a
 * second. So a chosen token needs TOKEN_STRENGTH_BITS_MIN of what a guesser does not know.
 *
 * How it is estimated, in bits; the least of two counts:
 *
 *   1. The cheapest way to write the text down, as a guesser would: character by character, or
 *      by known words, the names in `about`, pieces that stood in it before, sequences (abcd,
 *      4321, a1b2c3), rows of a keyboard, and dates, each at a price that depends on how many
 *      such things there are. A character costs the bits of its sort (hexadecimal letters are a
 *      sort of their own) and of where the sorts stand. Where most reads like words, letters
 *      that follow each other as in English cost about 2.3 bits.
 *   2. Its length times the bits that its different characters need, and those for naming them.
 *
 * There is no dictionary in it: of four rare words it thinks better than they deserve.
 *
 * A known word makes no token weak by itself: `prod_` before 32 random bytes is as good as they
 * are. What makes it weak is that too little is left without it. Texts that were printed
 * somewhere (documents, examples, test vectors) and UUIDs that are made of a clock or a name
 * (RFC 9562 §5, every version but 4) are weak whatever they look like.
 *
 * What the usual makers make is far from the threshold: the least estimates were 226 bits of
 * 25,000 texts of `openssl rand -hex 32`, 96 of a million UUIDs of version 4, 91 of a million of
 * 22 characters base64url (16 bytes), and 266 of 25,000 tokens of ours.
 */
#ifndef TOKEN_TOKEN_STRENGTH_H
#define TOKEN_TOKEN_STRENGTH_H

#include <stddef.h>

#define TOKEN_STRENGTH_BITS_MIN 80

enum token_weakness {
    TOKEN_STRONG,
    TOKEN_WEAK_SHORT,     /* the same characters at random would be too few */
    TOKEN_WEAK_UNVARIED,  /* too few different characters */
    TOKEN_WEAK_WORDS,     /* words and English letters */
    TOKEN_WEAK_NAMES,     /* what is known of the token */
    TOKEN_WEAK_REPEATS,   /* pieces that repeat */
    TOKEN_WEAK_SEQUENCES, /* abcd, 4321, keys that are neighbours */
    TOKEN_WEAK_DATES,
    TOKEN_WEAK_UUID,      /* made of a clock or a name */
    TOKEN_WEAK_PUBLISHED, /* printed somewhere for all to read */
    TOKEN_WEAKNESS_COUNT
};

struct token_strength {
    enum token_weakness weakness;
    unsigned bits; /* the estimate; 0 of what was published */
};

/* `text` is acceptable (token_acceptable). `about` are texts that a guesser may know: the user,
 * the name of the token. Tens of microseconds, a few milliseconds for the longest. */
struct token_strength token_strength(const char *text, size_t length, const char *const *about,
                                     size_t about_count);
/* What is wrong with it, for people, to follow `it `: "has too many words". Says nothing of the
 * text itself. */
const char *token_weakness_text(enum token_weakness weakness);

#endif
