/* SPDX-License-Identifier: Apache-2.0 */
#include "token/token_strength.h"

#include <ctype.h>
#include <string.h>

#include "base/check.h"
#include "base/secret.h"
#include "token/strength_internal.h"

#define VISIBLE_CHARACTERS 94
#define UUID_CHARS 36

#define UUID_DIGITS 32
#define SPACED_BITS 1 /* of a character that goes on with a sequence */

static const struct {
    strength_matcher match;
    enum token_weakness weakness;
} matchers[] = {
    {strength_match_word, TOKEN_WEAK_WORDS},         {strength_match_letters, TOKEN_WEAK_WORDS},
    {strength_match_name, TOKEN_WEAK_NAMES},         {strength_match_repeat, TOKEN_WEAK_REPEATS},
    {strength_match_sequence, TOKEN_WEAK_SEQUENCES}, {strength_match_keys, TOKEN_WEAK_SEQUENCES},
    {strength_match_date, TOKEN_WEAK_DATES},
};

static const char *const weakness_texts[TOKEN_WEAKNESS_COUNT] = {
    [TOKEN_STRONG] = "is strong enough",
    [TOKEN_WEAK_SHORT] = "is too short for the kind of characters it is made of",
    [TOKEN_WEAK_UNVARIED] = "has too few different characters",
    [TOKEN_WEAK_WORDS] = "is made of words that are easily guessed",
    [TOKEN_WEAK_NAMES] = "has the user or the name of the token in it, and too little else",
    [TOKEN_WEAK_REPEATS] = "repeats itself",
    [TOKEN_WEAK_SEQUENCES] = "has sequences as abcd, 4321 or neighbouring keys",
    [TOKEN_WEAK_DATES] = "is made of dates",
    [TOKEN_WEAK_UUID] = "is a UUID made of a clock or a name; only version 4 is random",
    [TOKEN_WEAK_PUBLISHED] = "was printed in a document for all to read",
};

const char *token_weakness_text(enum token_weakness weakness)
{
    ASSERT((unsigned)weakness < TOKEN_WEAKNESS_COUNT);
    return weakness_texts[weakness];
}

uint32_t strength_log2(uint32_t number)
{
    ASSERT(number > 0);
    uint32_t whole = 31 - (uint32_t)__builtin_clz(number);
    uint64_t rest = (uint64_t)number << (31 - whole); /* 1.31 */
    uint32_t result = whole;
    for (int i = 0; i < 8; i++) { /* each squaring gives the next binary digit */
        rest = rest * rest >> 31;
        uint32_t digit = rest >> 32 != 0;
        rest >>= digit;
        result = result << 1 | digit;
    }
    return result;
}

/* --- what a character costs by itself ------------------------------------------------------ */

/* Hexadecimal letters apart from the others, so that they are not counted for more; what base64
 * adds apart from other signs. */
enum sort { DIGIT, LOWER_HEX, LOWER, UPPER_HEX, UPPER, URL_SIGN, SIGN64, SIGN, SORT_COUNT };
static const uint8_t sort_sizes[SORT_COUNT] = {10, 6, 20, 6, 20, 2, 3, 27};

static enum sort sort_of(char c)
{
    if (c >= '0' && c <= '9') {
        return DIGIT;
    }
    if (c >= 'a' && c <= 'z') {
        return c <= 'f' ? LOWER_HEX : LOWER;
    }
    if (c >= 'A' && c <= 'Z') {
        return c <= 'F' ? UPPER_HEX : UPPER;
    }
    if (c == '-' || c == '_') {
        return URL_SIGN;
    }
    return c == '+' || c == '/' || c == '=' ? SIGN64 : SIGN;
}

/* Which sort, by how often it is used here, and which of the sort. Returns the sum. */
static uint32_t cost_by_sort(const char *text, size_t length, uint32_t ret_costs[])
{
    uint32_t counts[SORT_COUNT] = {0};
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        counts[sort_of(text[i])]++;
    }
    for (size_t i = 0; i < length; i++) {
        enum sort sort = sort_of(text[i]);
        ret_costs[i] = strength_log2((uint32_t)length) - strength_log2(counts[sort]) +
                       strength_log2(sort_sizes[sort]);
        sum += ret_costs[i];
    }
    return sum;
}

/* --- the cheapest way to write it ------------------------------------------------------------ */

struct step {
    uint32_t cost;   /* of everything up to here, the cheapest way */
    uint16_t length; /* of the last piece of that way */
    uint8_t weakness;
};

static void offer(struct step *step, uint32_t cost, size_t length, enum token_weakness weakness)
{
    if (cost < step->cost) {
        *step = (struct step){cost, (uint16_t)length, (uint8_t)weakness};
    }
}

static void find_way(const struct strength_text *prepared, const uint32_t costs[],
                     struct step way[])
{
    for (size_t i = 0; i <= prepared->length; i++) {
        way[i] = (struct step){i == 0 ? 0 : UINT32_MAX, 0, TOKEN_STRONG};
    }
    for (size_t i = 0; i < prepared->length; i++) {
        uint32_t before = way[i].cost;
        offer(&way[i + 1], before + costs[i], 1, TOKEN_STRONG);
        if (prepared->spaced[i]) {
            offer(&way[i + 1], before + COST_OF_BITS(SPACED_BITS), 1, TOKEN_WEAK_SEQUENCES);
        }
        for (size_t j = 0; j < sizeof(matchers) / sizeof(matchers[0]); j++) {
            uint32_t cost = 0;
            size_t length = matchers[j].match(prepared, i, &cost);
            if (length > 0) {
                offer(&way[i + length], before + cost, length, matchers[j].weakness);
            }
        }
    }
}

/* What made it cheaper the most. */
static enum token_weakness blame(const struct step way[], const uint32_t costs[], size_t length)
{
    uint32_t saved[TOKEN_WEAKNESS_COUNT] = {0};
    enum token_weakness most = TOKEN_WEAK_WORDS;
    for (size_t at = length; at > 0; at -= way[at].length) {
        uint32_t plain = 0;
        size_t start = at - way[at].length;
        for (size_t i = start; i < at; i++) {
            plain += costs[i];
        }
        uint32_t paid = way[at].cost - way[start].cost;
        saved[way[at].weakness] += plain > paid ? plain - paid : 0;
    }
    for (size_t i = TOKEN_WEAK_SHORT; i < TOKEN_WEAKNESS_COUNT; i++) {
        most = saved[i] > saved[most] ? (enum token_weakness)i : most;
    }
    return most;
}

/* --- the other counts ------------------------------------------------------------------------ */

static uint32_t cost_by_variety(const char *text, size_t length)
{
    bool seen[256] = {false};
    uint32_t different = 0;
    uint32_t naming = 0; /* which ones, of all that are visible */
    for (size_t i = 0; i < length; i++) {
        different += !seen[(uint8_t)text[i]];
        seen[(uint8_t)text[i]] = true;
    }
    for (uint32_t i = 0; i < different; i++) {
        uint32_t left = strength_log2(VISIBLE_CHARACTERS - i), of = strength_log2(i + 1);
        naming = naming + left > of ? naming + left - of : 0;
    }
    return naming + (uint32_t)length * strength_log2(different);
}

static bool was_published(const struct strength_text *prepared)
{
    char plain[TOKEN_TEXT_BYTES_MAX + 1]; /* without what people put in between */
    size_t length = 0;
    bool found = false;
    for (size_t i = 0; i < prepared->length; i++) {
        if (isalnum((unsigned char)prepared->folded[i])) {
            plain[length++] = prepared->folded[i];
        }
    }
    plain[length] = '\0';
    for (const char *const *known = strength_published; *known != NULL && !found; known++) {
        const char *at = strstr(plain, *known);
        /* With a lot around it, that counts and not the known piece. */
        found = at != NULL && length - strlen(*known) < TOKEN_TEXT_BYTES_MIN;
    }
    secret_wipe(plain, sizeof(plain));
    return found;
}

/* RFC 9562 §4. Writes its digits without the dashes. */
static bool is_uuid(const char *text, size_t length, char ret_digits[UUID_DIGITS])
{
    if (length != UUID_CHARS) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    static const uint8_t groups[] = {0, 8, 9, 4, 14, 4, 19, 4, 24, 12};
    for (size_t i = 0; i < sizeof(groups); i += 2) {
        memcpy(ret_digits, text + groups[i], groups[i + 1]);
        ret_digits += groups[i + 1];
    }
    return true;
}

/* §4.1 and §4.2: the variant of the standard, and another version than the random one. */
static bool is_made(const char digits[UUID_DIGITS])
{
    return strchr("89abAB", digits[16]) != NULL && digits[12] != '4';
}

static enum token_weakness judge(uint32_t plain, uint32_t variety, uint32_t cheapest)
{
    uint32_t needed = COST_OF_BITS(TOKEN_STRENGTH_BITS_MIN);
    if (variety >= needed && cheapest >= needed) {
        return TOKEN_STRONG;
    }
    if (plain < needed) {
        return TOKEN_WEAK_SHORT;
    }
    return cheapest >= needed ? TOKEN_WEAK_UNVARIED : TOKEN_WEAKNESS_COUNT;
}

static struct token_strength estimate(const struct strength_text *prepared)
{
    size_t length = prepared->length;
    uint32_t costs[TOKEN_TEXT_BYTES_MAX];
    struct step way[TOKEN_TEXT_BYTES_MAX + 1];
    uint32_t plain = cost_by_sort(prepared->text, length, costs);
    uint32_t variety = cost_by_variety(prepared->text, length);
    find_way(prepared, costs, way);
    uint32_t cheapest = way[length].cost;
    uint32_t least = cheapest < variety ? cheapest : variety;
    struct token_strength strength = {judge(plain, variety, cheapest), least / COST_OF_BITS(1)};
    if (strength.weakness == TOKEN_WEAKNESS_COUNT) {
        strength.weakness = blame(way, costs, length);
    }
    secret_wipe(costs, sizeof(costs)); /* both tell something of the text */
    secret_wipe(way, sizeof(way));
    return strength;
}

struct token_strength token_strength(const char *text, size_t length, const char *const *about,
                                     size_t about_count)
{
    ASSERT(length > 0 && length <= TOKEN_TEXT_BYTES_MAX);
    char digits[UUID_DIGITS];
    bool uuid = is_uuid(text, length, digits);
    bool made = uuid && is_made(digits);
    const char *judged = uuid ? digits : text; /* its dashes are nothing to guess */
    struct strength_text prepared = {.text = judged,
                                     .length = uuid ? UUID_DIGITS : length,
                                     .about = about,
                                     .about_count = about_count};
    for (size_t i = 0; i < prepared.length; i++) {
        prepared.folded[i] = (char)tolower((unsigned char)judged[i]);
    }
    strength_index_words(&prepared);
    strength_find_repeats(&prepared);
    strength_find_spaced(&prepared);
    strength_find_english(&prepared);
    struct token_strength strength = estimate(&prepared);
    if (was_published(&prepared)) {
        strength = (struct token_strength){TOKEN_WEAK_PUBLISHED, 0};
    } else if (made) {
        strength.weakness = TOKEN_WEAK_UUID;
    }
    secret_wipe(&prepared, sizeof(prepared));
    secret_wipe(digits, sizeof(digits));
    return strength;
}
