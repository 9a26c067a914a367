/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "audit/checkpoint.h"

static const uint8_t seed[SEAL_SEED_BYTES] = {1, 2, 3};

static struct seal_key *new_key(void)
{
    struct seal_key *key = NULL;
    assert_int_equal(seal_key_new(seed, &key), TKR_OK);
    return key;
}

static struct audit_checkpoint signed_checkpoint(int64_t at_ms)
{
    struct seal_key *key CLEANUP(seal_key_free_p) = new_key();
    struct audit_checkpoint checkpoint = {.seq = 4711, .at_ms = at_ms};
    memset(checkpoint.store_id, 0xa5, sizeof(checkpoint.store_id));
    memset(checkpoint.digest, 0x5a, sizeof(checkpoint.digest));
    assert_int_equal(audit_checkpoint_sign(key, &checkpoint), TKR_OK);
    return checkpoint;
}

static void assert_same(const struct audit_checkpoint *a, const struct audit_checkpoint *b)
{
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->at_ms, b->at_ms);
    assert_memory_equal(a->store_id, b->store_id, sizeof(a->store_id));
    assert_memory_equal(a->digest, b->digest, sizeof(a->digest));
    assert_memory_equal(a->public_key, b->public_key, sizeof(a->public_key));
    assert_memory_equal(a->signature, b->signature, sizeof(a->signature));
}

static tkr_error_t find(const char *text, struct audit_checkpoint *ret_checkpoint)
{
    return audit_checkpoint_find(text, strlen(text), ret_checkpoint);
}

/* --- what does not hold ----------------------------------------------------------------------- */

static void test_a_text_without_one_has_none(void **state)
{
    struct audit_checkpoint found;
    assert_int_equal(find("", &found), TKR_NOT_FOUND);
    assert_int_equal(find("tokenry-checkpoint-1", &found), TKR_NOT_FOUND);
    assert_int_equal(find("tokenry-checkpoint-2 a", &found), TKR_NOT_FOUND);
}

static void test_every_shorter_line_is_malformed(void **state)
{
    struct audit_checkpoint checkpoint = signed_checkpoint(1767225600123), found;
    char line[AUDIT_CHECKPOINT_SIZE];
    size_t length = strlen(audit_checkpoint_format(&checkpoint, line));
    size_t tag = strlen("tokenry-checkpoint-1 ");
    for (size_t cut = tag; cut < length; cut++) {
        assert_int_equal(audit_checkpoint_find(line, cut, &found), TKR_MALFORMED);
    }
}

static void test_every_changed_character_is_found(void **state)
{
    static const char others[] = "0fAz \"Z9-";
    struct audit_checkpoint checkpoint = signed_checkpoint(1767225600123), found;
    char line[AUDIT_CHECKPOINT_SIZE];
    size_t length = strlen(audit_checkpoint_format(&checkpoint, line));
    for (size_t i = 0; i < length; i++) {
        char was = line[i];
        for (const char *other = others; *other != '\0'; other++) {
            line[i] = *other;
            assert_true(*other == was || find(line, &found) != TKR_OK ||
                        audit_checkpoint_verify(&found) != TKR_OK);
        }
        line[i] = was;
    }
    assert_int_equal(find(line, &found), TKR_OK);
}

/* Capital digits, another zone, a number with zeros: the same in other words is not the line. */
static void test_the_same_in_other_words_is_malformed(void **state)
{
    struct audit_checkpoint checkpoint = signed_checkpoint(1767225600000), found;
    char line[AUDIT_CHECKPOINT_SIZE], other[2 * AUDIT_CHECKPOINT_SIZE];
    audit_checkpoint_format(&checkpoint, line);
    char *seq = strstr(line, " 4711 ");
    assert_non_null(seq);
    snprintf(other, sizeof(other), "%.*s 04711 %s", (int)(seq - line), line, seq + 6);
    assert_int_equal(find(other, &found), TKR_MALFORMED);
    snprintf(other, sizeof(other), "%.*s  4711 %s", (int)(seq - line), line, seq + 6);
    assert_int_equal(find(other, &found), TKR_MALFORMED);
    snprintf(other, sizeof(other), "%s", line);
    *strstr(other, "a5") = 'A';
    assert_int_equal(find(other, &found), TKR_MALFORMED);
}

static void test_it_is_of_one_store_and_one_event(void **state)
{
    struct audit_checkpoint checkpoint = signed_checkpoint(1767225600000);
    checkpoint.store_id[0] ^= 1;
    assert_int_equal(audit_checkpoint_verify(&checkpoint), TKR_FORBIDDEN);
    checkpoint.store_id[0] ^= 1;
    checkpoint.seq++;
    assert_int_equal(audit_checkpoint_verify(&checkpoint), TKR_FORBIDDEN);
    checkpoint.seq--;
    checkpoint.at_ms++;
    assert_int_equal(audit_checkpoint_verify(&checkpoint), TKR_FORBIDDEN);
    checkpoint.at_ms--;
    checkpoint.digest[31] ^= 0x80;
    assert_int_equal(audit_checkpoint_verify(&checkpoint), TKR_FORBIDDEN);
    checkpoint.digest[31] ^= 0x80;
    assert_int_equal(audit_checkpoint_verify(&checkpoint), TKR_OK);
}

/* --- what does -------------------------------------------------------------------------------- */

static void test_it_is_found_in_a_line_of_a_log(void **state)
{
    static const char *const around[] = {
        "%s",
        "%s\n",
        "2026-01-01T00:00:00.000Z INFO    audit_checkpoint %s\r\n",
        "{\"time\":\"2026\",\"event\":\"audit_checkpoint\",\"detail\":\"%s\"}\n",
        "{\"detail\":\"%s\",\"event\":\"audit_checkpoint\"}",
        "host tokenry[1]: %s (and more)",
    };
    static const int64_t times[] = {0, 1767225600000, 1767225600123};
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        for (size_t j = 0; j < sizeof(times) / sizeof(times[0]); j++) {
            struct audit_checkpoint checkpoint = signed_checkpoint(times[j]), found;
            char line[AUDIT_CHECKPOINT_SIZE], text[2 * AUDIT_CHECKPOINT_SIZE];
            audit_checkpoint_format(&checkpoint, line);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(text, sizeof(text), around[i], line);
#pragma GCC diagnostic pop
            assert_int_equal(find(text, &found), TKR_OK);
            assert_same(&found, &checkpoint);
            assert_int_equal(audit_checkpoint_verify(&found), TKR_OK);
        }
    }
}

static void test_the_longest_line_fits(void **state)
{
    struct audit_checkpoint checkpoint = signed_checkpoint(INT64_MAX);
    char line[AUDIT_CHECKPOINT_SIZE];
    checkpoint.seq = UINT64_MAX;
    assert_true(strlen(audit_checkpoint_format(&checkpoint, line)) < sizeof(line));
}

/* --- the head --------------------------------------------------------------------------------- */

static void test_every_part_of_a_head_is_sealed(void **state)
{
    struct seal_key *key CLEANUP(seal_key_free_p) = new_key();
    uint8_t id[AUDIT_STORE_ID_BYTES] = {1}, base[AUDIT_DIGEST_BYTES] = {2};
    uint8_t digest[AUDIT_DIGEST_BYTES] = {3}, other[AUDIT_DIGEST_BYTES] = {4};
    const struct audit_head head = {.store_id = id,
                                    .first_seq = 1,
                                    .seq = 9,
                                    .checkpoint_seq = 5,
                                    .base = base,
                                    .digest = digest};
    struct audit_head heads[7];
    uint8_t macs[7][SEAL_MAC_BYTES];
    for (size_t i = 0; i < 7; i++) {
        heads[i] = head;
    }
    heads[1].store_id = other;
    heads[2].first_seq = 2;
    heads[3].seq = 10;
    heads[4].checkpoint_seq = 6;
    heads[5].base = other;
    heads[6].digest = other;
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(audit_head_mac(key, &heads[i], macs[i]), TKR_OK);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(macs[i], macs[j], SEAL_MAC_BYTES);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_text_without_one_has_none),
        cmocka_unit_test(test_every_shorter_line_is_malformed),
        cmocka_unit_test(test_every_changed_character_is_found),
        cmocka_unit_test(test_the_same_in_other_words_is_malformed),
        cmocka_unit_test(test_it_is_of_one_store_and_one_event),
        cmocka_unit_test(test_it_is_found_in_a_line_of_a_log),
        cmocka_unit_test(test_the_longest_line_fits),
        cmocka_unit_test(test_every_part_of_a_head_is_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
