/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

int fixture_make(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    temp_directory_make(&fixture->directory);
    fixture->options.prefixes = token_prefixes_default;
    *state = fixture;
    return 0;
}

int fixture_remove(void **state)
{
    struct fixture *fixture = *state;
    temp_directory_remove(&fixture->directory);
    free(fixture);
    return 0;
}

const char *fixture_path(struct fixture *fixture, char out[FIXTURE_PATH_SIZE])
{
    snprintf(out, FIXTURE_PATH_SIZE, "%s/old", fixture->directory.path);
    return out;
}

static void print_time(struct buffer *out, const char *name, int64_t unix_ms)
{
    char text[TEXT_TIME_SIZE];
    if (unix_ms != 0) {
        buffer_print(out, " %s=%s", name, text_format_time(unix_ms, text));
    }
}

static void print_text(struct buffer *out, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0' && strcmp(text, "{}") != 0) {
        buffer_print(out, " %s=%s", name, text);
    }
}

static void print_networks(struct buffer *out, const struct import_row *row)
{
    for (size_t i = 0; i < row->allowed_ip_count; i++) {
        char text[CIDR_TEXT_SIZE];
        print_text(out, "network", cidr_format(&row->allowed_ips[i], text));
    }
}

static void print_row(struct buffer *out, const struct import_row *row)
{
    char digest[9], limits[LIMITS_TEXT_SIZE];
    text_hex(row->digest, 4, digest);
    buffer_print(out, "%llu %s/%s %s", (unsigned long long)row->number, row->user_id, row->name,
                 digest);
    print_text(out, "org", row->org_id);
    print_text(out, "kind", row->kind != TOKEN_KIND_USER ? token_kind_name(row->kind) : NULL);
    print_text(out, "env", row->env != TOKEN_ENV_LIVE ? token_env_name(row->env) : NULL);
    print_text(out, "tier", row->tier);
    print_text(out, "scopes", row->scopes);
    print_text(out, "limits", limits_format(&row->limits, limits));
    print_text(out, "shown", row->display_prefix);
    print_text(out, "metadata", row->metadata);
    print_networks(out, row);
    print_time(out, "begins", row->not_before_ms);
    print_time(out, "expires", row->expires_at_ms);
    print_time(out, "created", row->created_at_ms);
    print_time(out, "used", row->last_used_at_ms);
    if (row->request_count > 0) {
        buffer_print(out, " requests=%llu", (unsigned long long)row->request_count);
    }
    buffer_add_text(out, row->disabled ? " disabled" : "");
    buffer_add_text(out, row->quarantined ? " quarantined" : "");
    buffer_add_text(out, row->revoked ? " revoked" : "");
    print_time(out, "since", row->revoked_at_ms);
    print_text(out, "because", row->revoke_reason);
    buffer_add_char(out, '\n');
}

static tkr_error_t read_all(enum import_kind kind, const char *path,
                            const struct import_options *options, struct buffer *out,
                            struct fault *fault)
{
    struct import_source *source CLEANUP(import_close_p) = NULL;
    TRY(import_open(kind, path, options, &source, fault));
    for (;;) {
        struct import_row row;
        enum import_outcome outcome = IMPORT_END;
        TRY(import_next(source, &row, &outcome, fault));
        if (outcome == IMPORT_END) {
            return TKR_OK;
        }
        if (outcome == IMPORT_ROW) {
            print_row(out, &row);
        } else {
            buffer_print(out, "%llu bad %s\n", (unsigned long long)row.number, fault->detail);
        }
    }
}

const char *fixture_read_path(struct fixture *fixture, enum import_kind kind, const char *path)
{
    struct buffer out;
    struct fault fault = {0};
    buffer_init(&out, FIXTURE_TEXT_BYTES_MAX - 1);
    buffer_add_text(&out, "");
    tkr_error_t error = read_all(kind, path, &fixture->options, &out, &fault);
    if (error != TKR_OK) {
        buffer_print(&out, "error %s: %s\n", tkr_error_name(error), fault.detail);
    }
    assert_int_equal(buffer_status(&out), TKR_OK);
    snprintf(fixture->text, sizeof(fixture->text), "%s", out.data);
    buffer_deinit(&out);
    return fixture->text;
}

const char *fixture_read_bytes(struct fixture *fixture, enum import_kind kind, const char *content,
                               size_t length)
{
    char path[FIXTURE_PATH_SIZE];
    FILE *file = fopen(fixture_path(fixture, path), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return fixture_read_path(fixture, kind, path);
}

const char *fixture_read(struct fixture *fixture, enum import_kind kind, const char *content)
{
    return fixture_read_bytes(fixture, kind, content, strlen(content));
}
