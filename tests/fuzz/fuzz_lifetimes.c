/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is what an organisation says about lifetimes, as it stands in the store and in
 * requests. What must hold: what was read is in range, and written it reads the same; nothing
 * that is unsaid has a value; and the sentence for people says the maximum.
 */
#include "fuzz.h"

#include <string.h>

#include "base/limits.h"
#include "policy/lifetimes.h"

static const struct lifetime_policy server = {
    .default_s = 90 * 86400, .max_s = 365 * 86400, .on_exceed = ON_EXCEED_CLAMP};

static bool in_range(int64_t seconds)
{
    return seconds >= 0 && seconds <= LIFETIME_S_MAX;
}

static void check_rule(const struct lifetimes *lifetimes, size_t kind)
{
    const struct lifetime_rule *rule = &lifetimes->of[kind];
    struct lifetime_policy effective = lifetimes_effective(lifetimes, kind, &server);
    bool says_default = (rule->set & LIFETIME_DEFAULT) != 0;
    bool says_max = (rule->set & LIFETIME_MAX) != 0;
    bool says_exceed = (rule->set & LIFETIME_ON_EXCEED) != 0;
    ASSERT(in_range(rule->policy.default_s) && in_range(rule->policy.max_s));
    ASSERT(says_default || rule->policy.default_s == 0);
    ASSERT(says_max || rule->policy.max_s == 0);
    ASSERT(on_exceed_name(rule->policy.on_exceed)[0] != '\0');
    ASSERT(effective.default_s == (says_default ? rule->policy.default_s : server.default_s));
    ASSERT(effective.max_s == (says_max ? rule->policy.max_s : server.max_s));
    ASSERT(effective.on_exceed == (says_exceed ? rule->policy.on_exceed : server.on_exceed));
}

static void check_lifetimes(const char *text, size_t size)
{
    struct lifetimes lifetimes, again;
    if (lifetimes_parse(text, size, &lifetimes) != TKR_OK) {
        return;
    }
    for (size_t i = 0; i < LIFETIME_KINDS; i++) {
        check_rule(&lifetimes, i);
    }
    char written[LIFETIMES_TEXT_SIZE], rewritten[LIFETIMES_TEXT_SIZE];
    lifetimes_format(&lifetimes, written);
    ASSERT((written[0] == '\0') == (size == 0));
    ASSERT(lifetimes_parse(written, strlen(written), &again) == TKR_OK);
    ASSERT(memcmp(&again, &lifetimes, sizeof(lifetimes)) == 0);
    ASSERT(strcmp(lifetimes_format(&again, rewritten), written) == 0);
    struct fault fault = {0};
    tkr_error_t error = lifetimes_check(&lifetimes, &fault);
    ASSERT(error == TKR_OK || (error == TKR_OUT_OF_RANGE && fault.field[0] != '\0'));
}

static void check_lifetime(const char *text, size_t size)
{
    int64_t seconds, again;
    if (lifetime_parse(text, size, &seconds) != TKR_OK) {
        return;
    }
    char written[LIFETIME_TEXT_SIZE], sentence[LIFETIME_SENTENCE_SIZE];
    ASSERT(in_range(seconds));
    lifetime_format(seconds, written);
    ASSERT(lifetime_parse(written, strlen(written), &again) == TKR_OK && again == seconds);
    if (seconds > 0) { /* there is no cutting to "never" */
        lifetime_clamp_sentence(seconds, 0, sentence);
        ASSERT(strlen(sentence) < sizeof(sentence) - 1 && strstr(sentence, "of never.") != NULL);
        lifetime_clamp_sentence(seconds, LIFETIME_S_MAX, sentence);
        ASSERT(strlen(sentence) < sizeof(sentence) - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_lifetimes((const char *)data, size);
    check_lifetime((const char *)data, size);
    return 0;
}
