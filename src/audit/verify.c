/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *const names[AUDIT_FINDING_KINDS] = {
    [AUDIT_CHANGED] = "changed",
    [AUDIT_MISSING] = "missing",
    [AUDIT_OUT_OF_ORDER] = "out_of_order",
    [AUDIT_CUT_OFF] = "cut_off",
    [AUDIT_ADDED] = "added",
    [AUDIT_NOT_AS_SIGNED] = "not_as_signed",
    [AUDIT_BAD_SIGNATURE] = "bad_signature",
    [AUDIT_NOT_AS_SEALED] = "not_as_sealed",
    [AUDIT_FOREIGN] = "foreign",
    [AUDIT_BROKEN] = "broken",
};

const char *audit_finding_name(enum audit_finding_kind kind)
{
    ASSERT(kind < AUDIT_FINDING_KINDS);
    return names[kind];
}

void audit_verifier_tell(struct audit_verifier *verifier, enum audit_finding_kind kind,
                         uint64_t seq, uint64_t until)
{
    const struct audit_finding finding = {kind, seq, until};
    verifier->findings++;
    verifier->found(verifier->context, &finding);
}

void audit_verifier_init(struct audit_verifier *verifier,
                         const uint8_t store_id[AUDIT_STORE_ID_BYTES], uint64_t first_seq,
                         const uint8_t base[AUDIT_DIGEST_BYTES],
                         void (*found)(void *context, const struct audit_finding *finding),
                         void *context)
{
    *verifier = (struct audit_verifier){
        .first_seq = first_seq,
        .next_seq = first_seq,
        .signed_first = UINT64_MAX,
        .linked = true,
        .found = found,
        .context = context,
    };
    memcpy(verifier->store_id, store_id, sizeof(verifier->store_id));
    memcpy(verifier->digest, base, sizeof(verifier->digest));
}

void audit_verifier_deinit(struct audit_verifier *verifier)
{
    free(verifier->expected);
    verifier->expected = NULL;
}

/* --- checkpoints ----------------------------------------------------------------------------- */

tkr_error_t audit_verifier_trust(struct audit_verifier *verifier,
                                 const uint8_t public_key[SEAL_PUBLIC_BYTES])
{
    ENSURE(verifier->trusted_count < AUDIT_KEYS_MAX, TKR_CAPACITY);
    memcpy(verifier->trusted[verifier->trusted_count++], public_key, SEAL_PUBLIC_BYTES);
    return TKR_OK;
}

static bool is_trusted(const struct audit_verifier *verifier,
                       const struct audit_checkpoint *checkpoint)
{
    bool known = false;
    for (size_t i = 0; i < verifier->trusted_count; i++) {
        known |= memcmp(verifier->trusted[i], checkpoint->public_key, SEAL_PUBLIC_BYTES) == 0;
    }
    return known && memcmp(verifier->store_id, checkpoint->store_id, AUDIT_STORE_ID_BYTES) == 0 &&
           audit_checkpoint_verify(checkpoint) == TKR_OK;
}

static tkr_error_t make_room(struct audit_verifier *verifier)
{
    if (verifier->expected_count < verifier->expected_room) {
        return TKR_OK;
    }
    size_t room = verifier->expected_room > 0 ? 2 * verifier->expected_room : 64;
    void *grown = reallocarray(verifier->expected, room, sizeof(verifier->expected[0]));
    ENSURE(grown != NULL, TKR_MEMORY);
    verifier->expected = grown;
    verifier->expected_room = room;
    return TKR_OK;
}

tkr_error_t audit_verifier_expect(struct audit_verifier *verifier,
                                  const struct audit_checkpoint *checkpoint)
{
    if (!is_trusted(verifier, checkpoint)) {
        audit_verifier_tell(verifier, AUDIT_BAD_SIGNATURE, checkpoint->seq, checkpoint->seq);
        return TKR_OK;
    }
    if (checkpoint->seq < verifier->signed_first) {
        verifier->signed_first = checkpoint->seq;
    }
    if (checkpoint->seq < verifier->first_seq) {
        verifier->early++;
        return TKR_OK; /* told at the end, once */
    }
    TRY(make_room(verifier));
    struct audit_expected *expected = &verifier->expected[verifier->expected_count++];
    expected->seq = checkpoint->seq;
    memcpy(expected->digest, checkpoint->digest, sizeof(expected->digest));
    verifier->sorted = false;
    return TKR_OK;
}

static int by_seq(const void *a, const void *b)
{
    uint64_t left = ((const struct audit_expected *)a)->seq;
    uint64_t right = ((const struct audit_expected *)b)->seq;
    return left < right ? -1 : left > right;
}

static void sort(struct audit_verifier *verifier)
{
    if (!verifier->sorted && verifier->expected_count > 0) {
        qsort(verifier->expected, verifier->expected_count, sizeof(verifier->expected[0]), by_seq);
    }
    verifier->sorted = true;
}

/* Those up to this event, which has this digest; those before it have no event. */
static void meet(struct audit_verifier *verifier, uint64_t seq, const uint8_t *digest)
{
    while (verifier->expected_next < verifier->expected_count &&
           verifier->expected[verifier->expected_next].seq <= seq) {
        const struct audit_expected *expected = &verifier->expected[verifier->expected_next++];
        if (expected->seq < seq) {
            continue; /* told as missing */
        }
        if (digest != NULL && memcmp(expected->digest, digest, AUDIT_DIGEST_BYTES) == 0) {
            verifier->checkpoints++;
        } else {
            audit_verifier_tell(verifier, AUDIT_NOT_AS_SIGNED, seq, seq);
        }
    }
}

/* --- events ---------------------------------------------------------------------------------- */

static void check_digest(struct audit_verifier *verifier, const struct audit_event *event,
                         const uint8_t *digest)
{
    uint8_t expected[AUDIT_DIGEST_BYTES];
    bool known = verifier->linked && audit_chain_next(verifier->digest, event, expected) == TKR_OK;
    if (digest == NULL ||
        (verifier->linked && (!known || memcmp(expected, digest, AUDIT_DIGEST_BYTES) != 0))) {
        audit_verifier_tell(verifier, AUDIT_CHANGED, event->seq, event->seq);
    }
    verifier->linked = digest != NULL;
    if (digest != NULL) {
        memcpy(verifier->digest, digest, AUDIT_DIGEST_BYTES);
    }
}

/* The number behind `before`, which *at stands at; *at is moved behind it. */
static bool read_number(const char **at, const char *before, uint64_t *ret_number)
{
    size_t skip = strlen(before);
    if (strncmp(*at, before, skip) != 0) {
        return false;
    }
    size_t length = strspn(*at + skip, "0123456789");
    bool read = text_parse_u64(*at + skip, length, ret_number) == TKR_OK;
    *at += skip + length;
    return read;
}

/* Whether it says that the event before the first one left the log. */
static bool says_it_left(const struct audit_verifier *verifier, const char *details)
{
    uint64_t first = 0, last = 0;
    return details != NULL && read_number(&details, "{\"first\":", &first) &&
           read_number(&details, ",\"last\":", &last) && first < verifier->first_seq &&
           last >= verifier->first_seq - 1;
}

/* What is said of the log itself. */
static void look_at_type(struct audit_verifier *verifier, const struct audit_event *event)
{
    const char *type = event->fields[AUDIT_FIELD_TYPE];
    if (type == NULL || strncmp(type, "audit.", 6) != 0) {
        return;
    }
    if (strcmp(type, AUDIT_TYPE_BROKEN) == 0) {
        audit_verifier_tell(verifier, AUDIT_BROKEN, event->seq, event->seq);
    } else if (strcmp(type, AUDIT_TYPE_ARCHIVED) == 0 || strcmp(type, AUDIT_TYPE_DISCARDED) == 0) {
        verifier->left |= says_it_left(verifier, event->fields[AUDIT_FIELD_DETAILS]);
    }
}

void audit_verifier_event(struct audit_verifier *verifier, const struct audit_event *event,
                          const uint8_t *digest)
{
    sort(verifier);
    verifier->events++;
    if (event->seq < verifier->next_seq) {
        audit_verifier_tell(verifier, AUDIT_OUT_OF_ORDER, event->seq, event->seq);
        return;
    }
    if (event->seq > verifier->next_seq) {
        audit_verifier_tell(verifier, AUDIT_MISSING, verifier->next_seq, event->seq - 1);
        verifier->linked = false;
    }
    check_digest(verifier, event, digest);
    look_at_type(verifier, event);
    meet(verifier, event->seq, digest);
    verifier->next_seq = event->seq + 1;
}

/* --- of a copy ------------------------------------------------------------------------------- */

/* What is missing before `seq` is told, and the chain goes on there behind `digest`. */
static void skip_to(struct audit_verifier *verifier, uint64_t seq, const uint8_t *digest)
{
    audit_verifier_tell(verifier, AUDIT_MISSING, verifier->next_seq, seq - 1);
    verifier->next_seq = seq;
    verifier->linked = true;
    memcpy(verifier->digest, digest, AUDIT_DIGEST_BYTES);
}

void audit_verifier_checkpoint(struct audit_verifier *verifier,
                               const struct audit_checkpoint *checkpoint)
{
    uint64_t seq = checkpoint->seq;
    if (!is_trusted(verifier, checkpoint)) {
        audit_verifier_tell(verifier, AUDIT_BAD_SIGNATURE, seq, seq);
    } else if (seq >= verifier->next_seq) {
        skip_to(verifier, seq + 1, checkpoint->digest);
    } else if (seq + 1 < verifier->next_seq) {
        audit_verifier_tell(verifier, AUDIT_OUT_OF_ORDER, seq, seq);
    } else if (memcmp(checkpoint->digest, verifier->digest, AUDIT_DIGEST_BYTES) != 0) {
        audit_verifier_tell(verifier, AUDIT_NOT_AS_SIGNED, seq, seq);
    } else {
        verifier->checkpoints++;
    }
}

void audit_verifier_damaged(struct audit_verifier *verifier)
{
    audit_verifier_tell(verifier, AUDIT_CHANGED, verifier->next_seq, verifier->next_seq);
    verifier->next_seq++;
    verifier->linked = false;
}

void audit_verifier_go_on(struct audit_verifier *verifier,
                          const uint8_t store_id[AUDIT_STORE_ID_BYTES], uint64_t first_seq,
                          const uint8_t base[AUDIT_DIGEST_BYTES])
{
    if (memcmp(store_id, verifier->store_id, AUDIT_STORE_ID_BYTES) != 0) {
        audit_verifier_tell(verifier, AUDIT_FOREIGN, first_seq, first_seq);
    } else if (first_seq > verifier->next_seq) {
        skip_to(verifier, first_seq, base);
    } else if (first_seq < verifier->next_seq) {
        audit_verifier_tell(verifier, AUDIT_OUT_OF_ORDER, first_seq, first_seq);
    } else if (verifier->linked && memcmp(base, verifier->digest, AUDIT_DIGEST_BYTES) != 0) {
        audit_verifier_tell(verifier, AUDIT_CHANGED, first_seq, first_seq);
    }
}

/* --- the end --------------------------------------------------------------------------------- */

void audit_verifier_end(struct audit_verifier *verifier, uint64_t head_seq,
                        const uint8_t *head_digest)
{
    sort(verifier);
    if (verifier->signed_first < verifier->first_seq && !verifier->left) {
        audit_verifier_tell(verifier, AUDIT_MISSING, verifier->signed_first,
                            verifier->first_seq - 1);
    }
    uint64_t last = verifier->next_seq - 1;
    uint64_t known = head_digest != NULL && head_seq > last ? head_seq : last;
    if (verifier->expected_next < verifier->expected_count) {
        uint64_t signed_seq = verifier->expected[verifier->expected_count - 1].seq;
        known = signed_seq > known ? signed_seq : known;
    }
    if (known > last) {
        audit_verifier_tell(verifier, AUDIT_CUT_OFF, last + 1, known);
    }
    if (head_digest == NULL) {
        return;
    }
    if (head_seq < last) {
        audit_verifier_tell(verifier, AUDIT_ADDED, head_seq + 1, last);
    } else if (head_seq == last && memcmp(head_digest, verifier->digest, AUDIT_DIGEST_BYTES) != 0) {
        audit_verifier_tell(verifier, AUDIT_NOT_AS_SEALED, last, last);
    }
}
