/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/channels_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "daemon/channels_rows.h"
#include "daemon/channels_table.h"
#include "daemon/record_check.h"
#include "notify/http_send.h"
#include "notify/mail_send.h"
#include "notify/signature.h"

static_assert((int)NOTIFY_LOG == 0 && (int)NOTIFY_DISCORD == 5, "the table lists types so");
static_assert((int)ALERT_INFO == 0 && (int)ALERT_CRITICAL == 4, "and severities");
static_assert((int)NOTIFY_STARTTLS_REQUIRED == 0, "and starttls");

const struct config_row channels_rows[] = {
#define CHANNEL_ROW(key, type, member, least, most, fallback, unit, types, description)            \
    {"",   #key,  CONFIG_##type, offsetof(struct notify_channel, member), least, most, fallback,   \
     unit, types, description},
    CHANNELS_TABLE(CHANNEL_ROW)
#undef CHANNEL_ROW
};
#define ROWS (sizeof(channels_rows) / sizeof(channels_rows[0]))
const size_t channels_row_count = ROWS;
static const struct record_schema schema = {
    .what = "channel",
    .rows = channels_rows,
    .row_count = ROWS,
    .record_size = sizeof(struct notify_channel),
    .records_max = NOTIFY_CHANNELS_MAX,
};

struct channels {
    struct record_file *file;
    const struct notify_channel *list[NOTIFY_CHANNELS_MAX];
    struct alert_channel alerts[NOTIFY_CHANNELS_MAX];
    char *types[NOTIFY_CHANNELS_MAX]; /* cut into pieces */
    const char *patterns[NOTIFY_CHANNELS_MAX][CONFIG_LIST_MAX];
    size_t count;
};

/* One channel that is being checked. */
struct checking {
    struct record_check at;
    struct notify_channel *channel;
};

static tkr_error_t refuse(const struct checking *checking, const char *key, const char *why)
{
    return record_refuse(&checking->at, key, why);
}

/* --- lists -------------------------------------------------------------------------------- */

/* Cuts `a, b` in place. CAPACITY. */
static tkr_error_t cut(char *text, const char **ret_pieces, size_t most, size_t *ret_count)
{
    size_t count = 0;
    char *rest = text;
    for (char *piece = strsep(&rest, ","); piece != NULL; piece = strsep(&rest, ",")) {
        ENSURE(count < most, TKR_CAPACITY);
        piece += strspn(piece, " \t");
        piece[strcspn(piece, " \t")] = '\0'; /* nothing in these lists has a space within */
        ret_pieces[count++] = piece;
    }
    *ret_count = count;
    return TKR_OK;
}

static bool pattern_valid(const char *pattern)
{
    size_t length = strlen(pattern);
    size_t word = strspn(pattern, "abcdefghijklmnopqrstuvwxyz0123456789_.");
    return length > 0 && length <= ALERT_TYPE_BYTES_MAX &&
           (word == length || (word == length - 1 && pattern[word] == '*'));
}

static tkr_error_t take_types(struct channels *channels, const struct checking *checking)
{
    size_t i = checking->at.index, count = 0;
    channels->types[i] = strdup(checking->channel->types);
    ENSURE(channels->types[i] != NULL, TKR_MEMORY);
    bool fine = cut(channels->types[i], channels->patterns[i], CONFIG_LIST_MAX, &count) == TKR_OK;
    for (size_t j = 0; j < count && fine; j++) {
        fine = pattern_valid(channels->patterns[i][j]);
    }
    if (!fine) {
        return refuse(checking, "types",
                      "must be types of alerts with commas, of which one may end in *");
    }
    channels->alerts[i] = (struct alert_channel){
        .name = checking->channel->name,
        .least = (enum alert_severity)checking->channel->severity,
        .types = channels->patterns[i],
        .type_count = count,
    };
    return TKR_OK;
}

static tkr_error_t take_recipients(const struct checking *checking)
{
    struct notify_channel *channel = checking->channel;
    const char *pieces[NOTIFY_RECIPIENTS_MAX];
    char *text = strdup(channel->to);
    ENSURE(text != NULL, TKR_MEMORY);
    size_t count = 0;
    bool fine = cut(text, pieces, NOTIFY_RECIPIENTS_MAX, &count) == TKR_OK;
    for (size_t i = 0; i < count && fine; i++) {
        fine = mail_address_valid(pieces[i]);
        channel->recipients[i] = fine ? strdup(pieces[i]) : NULL;
        channel->recipient_count += fine;
    }
    free(text);
    return fine ? TKR_OK : refuse(checking, "to", "must be addresses like ops@example.com");
}

/* --- files with secrets ------------------------------------------------------------------- */

/* Its first line. */
static tkr_error_t take_password(const struct checking *checking)
{
    struct notify_channel *channel = checking->channel;
    struct buffer text CLEANUP(buffer_deinit);
    void *memory = NULL;
    buffer_init_secret(&text, NOTIFY_SECRET_FILE_BYTES_MAX);
    TRY(secret_alloc(NOTIFY_PASSWORD_BYTES_MAX + 1, &memory));
    channel->password = memory;
    if (channel->user[0] == '\0' && channel->password_file[0] == '\0') {
        return TKR_OK;
    }
    if (channel->user[0] == '\0') {
        return refuse(checking, "user", "it must be given beside a password");
    }
    TRY(record_read_secret(&checking->at, "password_file", channel->password_file, &text));
    size_t length = text.data != NULL ? strcspn(text.data, "\r\n") : 0;
    if (length == 0 || length > NOTIFY_PASSWORD_BYTES_MAX) {
        return refuse(checking, "password_file", "its first line must be a password");
    }
    memcpy(channel->password, text.data, length);
    return TKR_OK;
}

/* --- by type ------------------------------------------------------------------------------ */

static tkr_error_t take_host(const struct checking *checking, const char *key, tkr_error_t error,
                             const struct fault *reason, const char *host)
{
    if (error == TKR_INVALID) {
        return refuse(checking, key, reason->detail);
    }
    TRY(error);
    checking->channel->where = strdup(host);
    return checking->channel->where != NULL ? TKR_OK : TKR_MEMORY;
}

static tkr_error_t check_url(const struct checking *checking)
{
    char host[HTTP_SEND_HOST_SIZE];
    struct fault reason = {0};
    tkr_error_t error = http_send_check_url(checking->channel->url,
                                            checking->channel->allow_private != 0, host, &reason);
    return take_host(checking, "url", error, &reason, host);
}

static tkr_error_t check_webhook(const struct checking *checking)
{
    tkr_error_t first = check_url(checking);
    tkr_error_t error = record_read_keys(&checking->at, "secret_file",
                                         checking->channel->secret_file, &checking->channel->keys);
    return first != TKR_OK ? first : error;
}

/* What goes over the wire in the clear stays nearby, and holds no password. */
static tkr_error_t check_clear(const struct checking *checking)
{
    const struct notify_channel *channel = checking->channel;
    bool clear =
        channel->starttls == NOTIFY_STARTTLS_NONE && strncasecmp(channel->server, "smtps:", 6) != 0;
    if (clear && channel->allow_private == 0) {
        return refuse(checking, "starttls", "none is for a relay nearby (allow_private)");
    }
    return clear && channel->user[0] != '\0'
               ? refuse(checking, "user", "no password goes over the network in the clear")
               : TKR_OK;
}

static tkr_error_t check_email(const struct checking *checking)
{
    const struct notify_channel *channel = checking->channel;
    char host[HTTP_SEND_HOST_SIZE];
    struct fault reason = {0};
    tkr_error_t error = mail_send_check_server(channel->server, host, &reason);
    const tkr_error_t errors[] = {
        take_host(checking, "server", error, &reason, host),
        mail_address_valid(channel->from) ? TKR_OK
                                          : refuse(checking, "from",
                                                   "must be an address like "
                                                   "tokenry@example.com"),
        take_recipients(checking),
        take_password(checking),
        check_clear(checking),
    };
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        TRY(errors[i]);
    }
    return TKR_OK;
}

static tkr_error_t check_log(const struct checking *checking)
{
    checking->channel->where = strdup("");
    return checking->channel->where != NULL ? TKR_OK : TKR_MEMORY;
}

static tkr_error_t (*const checks[NOTIFY_TYPE_COUNT])(const struct checking *checking) = {
    [NOTIFY_LOG] = check_log,   [NOTIFY_WEBHOOK] = check_webhook, [NOTIFY_EMAIL] = check_email,
    [NOTIFY_SLACK] = check_url, [NOTIFY_TEAMS] = check_url,       [NOTIFY_DISCORD] = check_url,
};

/* --- the whole ---------------------------------------------------------------------------- */

static tkr_error_t take_all(struct channels *channels, struct fault *fault)
{
    tkr_error_t first = TKR_OK;
    channels->count = record_file_count(channels->file);
    for (size_t i = 0; i < channels->count; i++) {
        struct notify_channel *channel = record_file_at(channels->file, i);
        const struct checking checking = {{channels->file, i, fault}, channel};
        channel->name = record_file_name(channels->file, i);
        channels->list[i] = channel;
        tkr_error_t error = take_types(channels, &checking);
        first = first == TKR_OK ? error : first;
        error = checks[channel->type](&checking);
        first = first == TKR_OK ? error : first;
    }
    return first;
}

static const char no_file[] = "[log]\ntype = log\n";

/* Of a file that was read; takes it over. */
static tkr_error_t channels_new(struct record_file *file, struct channels **ret_channels,
                                struct fault *fault)
{
    struct channels *channels CLEANUP(channels_free_p) = calloc(1, sizeof(*channels));
    struct fault first = {0};
    if (channels == NULL) {
        record_file_free(file);
        return TKR_MEMORY;
    }
    channels->file = file;
    tkr_error_t error = take_all(channels, &first);
    if (error != TKR_OK && fault != NULL) {
        *fault = first;
    }
    TRY(error);
    *ret_channels = channels;
    channels = NULL;
    return TKR_OK;
}

tkr_error_t channels_read_text(const char *text, size_t length, const char *name,
                               config_complaint complain, void *context,
                               struct channels **ret_channels, struct fault *fault)
{
    struct record_file *file = NULL;
    TRY(record_file_read_text(&schema, text, length, name, complain, context, &file, fault));
    return channels_new(file, ret_channels, fault);
}

tkr_error_t channels_read(const char *path, config_complaint complain, void *context,
                          struct channels **ret_channels, struct fault *fault)
{
    struct record_file *file = NULL;
    if (path[0] == '\0') {
        return channels_read_text(no_file, sizeof(no_file) - 1, "", complain, context, ret_channels,
                                  fault);
    }
    TRY(record_file_read(&schema, path, complain, context, &file, fault));
    return channels_new(file, ret_channels, fault);
}

static void free_made(struct notify_channel *channel)
{
    secret_free(channel->keys, sizeof(*channel->keys));
    secret_free(channel->password, NOTIFY_PASSWORD_BYTES_MAX + 1);
    free(channel->where);
    for (size_t i = 0; i < channel->recipient_count; i++) {
        free(channel->recipients[i]);
    }
}

void channels_free(struct channels *channels)
{
    if (channels == NULL) {
        return;
    }
    for (size_t i = 0; channels->file != NULL && i < record_file_count(channels->file); i++) {
        struct notify_channel *channel = record_file_at(channels->file, i);
        secret_wipe(channel->url, channel->url != NULL ? strlen(channel->url) : 0);
        free_made(channel);
        free(channels->types[i]);
    }
    record_file_free(channels->file);
    free(channels);
}

void channels_free_p(struct channels **channels)
{
    channels_free(*channels);
}

const struct notify_channel *const *channels_list(const struct channels *channels,
                                                  size_t *ret_count)
{
    *ret_count = channels->count;
    return channels->list;
}

const struct alert_channel *channels_alerts(const struct channels *channels, size_t *ret_count)
{
    *ret_count = channels->count;
    return channels->alerts;
}
