/* SPDX-License-Identifier: Apache-2.0 */
#include "store_suite.h"

#include <stdlib.h>
#include <string.h>

const struct backend *current_backend;

static void open_store(struct fixture *fixture)
{
    assert_int_equal(
        fixture->backend->open(fixture->directory.path, &fixture->time.clock, &fixture->port),
        TKR_OK);
    fixture->store = fixture->port.store;
}

void reopen_store(struct fixture *fixture)
{
    fixture->backend->close(&fixture->port);
    open_store(fixture);
}

int suite_set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->backend = current_backend;
    temp_directory_make(&fixture->directory);
    virtual_clock_init(&fixture->time, SAMPLE_NOW);
    assert_int_equal(arena_new(16 * 1024 * 1024, &fixture->arena), TKR_OK);
    open_store(fixture);
    *state = fixture;
    return 0;
}

int suite_tear_down(void **state)
{
    struct fixture *fixture = *state;
    fixture->backend->close(&fixture->port);
    temp_directory_remove(&fixture->directory);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

void begin(struct fixture *fixture)
{
    assert_int_equal(fixture->port.begin(fixture->store), TKR_OK);
}

uint64_t commit(struct fixture *fixture)
{
    uint64_t seq = 0;
    assert_int_equal(fixture->port.commit(fixture->store, &seq), TKR_OK);
    return seq;
}

struct store_identity identity(struct fixture *fixture)
{
    struct store_identity identity;
    assert_int_equal(fixture->port.identity(fixture->store, &identity), TKR_OK);
    return identity;
}

struct token get(struct fixture *fixture, const char *token_id)
{
    struct token token;
    assert_int_equal(fixture->port.get_token(fixture->store, token_id, fixture->arena, &token),
                     TKR_OK);
    return token;
}

void assert_no_token(struct fixture *fixture, const char *token_id)
{
    struct token token;
    assert_int_equal(fixture->port.get_token(fixture->store, token_id, fixture->arena, &token),
                     TKR_NOT_FOUND);
}

tkr_error_t update(struct fixture *fixture, struct token *token)
{
    struct store_event event = sample_event("token.update", token);
    return fixture->port.update_token(fixture->store, token, &event);
}

tkr_error_t update_alone(struct fixture *fixture, struct token *token)
{
    begin(fixture);
    tkr_error_t error = update(fixture, token);
    commit(fixture);
    return error;
}

struct store_user ensure_user(struct fixture *fixture, const char *org, const char *id,
                              bool want_line, bool expect_created)
{
    struct store_user user;
    bool created = !expect_created;
    assert_int_equal(fixture->port.ensure_user(fixture->store, org, id, want_line, SAMPLE_NOW,
                                               fixture->arena, &user, &created),
                     TKR_OK);
    assert_int_equal(created, expect_created);
    assert_string_equal(user.org_id, org);
    assert_string_equal(user.id, id);
    return user;
}

struct token_page list(struct fixture *fixture, struct token_filter filter)
{
    struct token_page page;
    filter.now_ms = filter.now_ms != 0 ? filter.now_ms : SAMPLE_NOW;
    filter.limit = filter.limit != 0 ? filter.limit : 100;
    assert_int_equal(fixture->port.list_tokens(fixture->store, &filter, fixture->arena, &page),
                     TKR_OK);
    return page;
}

void flush(struct fixture *fixture, uint32_t line, uint64_t total, int64_t last_used_ms)
{
    struct segment_usage segment = {
        .line = line, .total = total, .last_used_ms = last_used_ms, .bytes = 64};
    struct store_usage usage = {&segment, last_used_ms - last_used_ms % 60000};
    memset(segment.image, (int)(total & 0xff), sizeof(segment.image));
    begin(fixture);
    assert_int_equal(fixture->port.flush_usage(fixture->store, &usage, 1, last_used_ms), TKR_OK);
    commit(fixture);
}

struct token full_token(void)
{
    static const struct cidr networks[] = {
        {{4, {10}}, 8},
        {{6, {0x20, 0x01, 0x0d, 0xb8}}, 32},
    };
    struct token token = sample_token(9);
    token.name = "na\"me ünïcode";
    token.kind = TOKEN_KIND_SERVICE;
    token.env = TOKEN_ENV_TEST;
    token.tier = "pro";
    token.scopes = "api:read api:write";
    token.overrides = (struct limits){.set = 5, .limit = {7, 0, LIMIT_NONE}};
    token.allowed_ips = networks;
    token.allowed_ip_count = 2;
    token.metadata = "{\"team\":\"blue\"}";
    token.not_before_ms = SAMPLE_NOW + 1;
    token.expires_at_ms = SAMPLE_NOW + 2;
    token.disabled_at_ms = SAMPLE_NOW + 3;
    token.quarantined_at_ms = SAMPLE_NOW + 4;
    token.revoked_at_ms = SAMPLE_NOW + 5;
    token.revoke_reason = "lost";
    struct token other = sample_token(8);
    memcpy(token.lineage_id, other.id, sizeof(token.lineage_id));
    memcpy(token.rotated_from, other.id, sizeof(token.rotated_from));
    return token;
}

void assert_same_for_segment(const struct token *a, const struct token *b)
{
    assert_string_equal(a->id, b->id);
    assert_memory_equal(a->digest, b->digest, TOKEN_DIGEST_BYTES);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->env, b->env);
    assert_int_equal(a->line, b->line);
    assert_string_equal(a->scopes, b->scopes);
    assert_int_equal(a->overrides.set, b->overrides.set);
    for (int i = 0; i < WINDOW_COUNT; i++) {
        if ((a->overrides.set & (1U << i)) != 0) {
            assert_int_equal(a->overrides.limit[i], b->overrides.limit[i]);
        }
    }
    assert_int_equal(a->allowed_ip_count, b->allowed_ip_count);
    for (size_t i = 0; i < a->allowed_ip_count; i++) {
        assert_int_equal(a->allowed_ips[i].prefix_bits, b->allowed_ips[i].prefix_bits);
        assert_true(ip_equal(&a->allowed_ips[i].network, &b->allowed_ips[i].network));
    }
    assert_string_equal(a->metadata, b->metadata);
    assert_int_equal(a->not_before_ms, b->not_before_ms);
    assert_int_equal(a->expires_at_ms, b->expires_at_ms);
    assert_int_equal(a->disabled_at_ms, b->disabled_at_ms);
    assert_int_equal(a->quarantined_at_ms, b->quarantined_at_ms);
    assert_int_equal(a->revoked_at_ms, b->revoked_at_ms);
}

void assert_same(const struct token *a, const struct token *b)
{
    assert_same_for_segment(a, b);
    assert_string_equal(a->org_id, b->org_id);
    assert_string_equal(a->user_id, b->user_id);
    assert_string_equal(a->display_prefix, b->display_prefix);
    assert_string_equal(a->tier, b->tier);
    assert_int_equal(a->created_at_ms, b->created_at_ms);
    assert_int_equal(a->updated_at_ms, b->updated_at_ms);
    assert_string_equal(a->lineage_id, b->lineage_id);
    assert_string_equal(a->rotated_from, b->rotated_from);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->revoke_reason == NULL, b->revoke_reason == NULL);
    if (a->revoke_reason != NULL) {
        assert_string_equal(a->revoke_reason, b->revoke_reason);
    }
}
