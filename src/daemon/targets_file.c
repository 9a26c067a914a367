/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/targets_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "daemon/record_check.h"
#include "daemon/targets_table.h"
#include "notify/http_send.h"
#include "notify/signature.h"

#define GITHUB_API "https://api.github.com"

static_assert((int)DELIVER_FILE == 0 && (int)DELIVER_GITHUB == 3, "the table lists types so");

const struct config_row targets_rows[] = {
#define TARGET_ROW(key, type, member, least, most, fallback, unit, types, description)             \
    {"",   #key,  CONFIG_##type, offsetof(struct deliver_target, member), least, most, fallback,   \
     unit, types, description},
    TARGETS_TABLE(TARGET_ROW)
#undef TARGET_ROW
};
#define ROWS (sizeof(targets_rows) / sizeof(targets_rows[0]))
const size_t targets_row_count = ROWS;
static const struct record_schema schema = {
    .what = "target",
    .rows = targets_rows,
    .row_count = ROWS,
    .record_size = sizeof(struct deliver_target),
    .records_max = ROTATION_TARGETS_MAX,
};

struct targets {
    struct record_file *file; /* NULL: there is none */
    const struct deliver_target *list[ROTATION_TARGETS_MAX];
    struct rotation_target rotation[ROTATION_TARGETS_MAX];
    char *orgs[ROTATION_TARGETS_MAX]; /* cut into pieces */
    const char *pieces[ROTATION_TARGETS_MAX][CONFIG_LIST_MAX];
    size_t count;
};

/* One target that is being checked. */
struct checking {
    struct record_check at;
    struct deliver_target *target;
};

static tkr_error_t refuse(const struct checking *checking, const char *key, const char *why)
{
    return record_refuse(&checking->at, key, why);
}

/* --- organisations -----------------------------------------------------------------------------
 */

static tkr_error_t take_orgs(struct targets *targets, const struct checking *checking)
{
    const struct deliver_target *target = checking->target;
    size_t i = checking->at.index, count = 0;
    targets->orgs[i] = strdup(target->orgs);
    ENSURE(targets->orgs[i] != NULL, TKR_MEMORY);
    char *rest = target->orgs[0] != '\0' ? targets->orgs[i] : NULL;
    for (char *piece = strsep(&rest, ","); piece != NULL; piece = strsep(&rest, ",")) {
        piece += strspn(piece, " \t");
        piece[strcspn(piece, " \t")] = '\0';
        if (piece[0] == '\0' || count == CONFIG_LIST_MAX) {
            return refuse(checking, "orgs", "must be organisations with commas, or *");
        }
        targets->pieces[i][count++] = piece;
    }
    bool keeps_one = target->type == DELIVER_FILE || target->type == DELIVER_GITHUB;
    targets->rotation[i] = (struct rotation_target){
        .name = target->name,
        .type = deliver_type_name((enum deliver_type)target->type),
        .shared = !keeps_one,
        .orgs = targets->pieces[i],
        .org_count = count,
    };
    return TKR_OK;
}

/* --- files with secrets --------------------------------------------------------------------------
 */

/* The first line of its file, behind the word that goes before it. */
static tkr_error_t take_bearer(const struct checking *checking)
{
    static const char word[] = "Bearer ";
    struct deliver_target *target = checking->target;
    struct buffer text CLEANUP(buffer_deinit);
    void *memory = NULL;
    buffer_init_secret(&text, NOTIFY_SECRET_FILE_BYTES_MAX);
    TRY(record_read_secret(&checking->at, "token_file", target->token_file, &text));
    TRY(secret_alloc(DELIVER_BEARER_BYTES_MAX + 1, &memory));
    target->bearer = memory;
    size_t length = text.data != NULL ? strcspn(text.data, "\r\n") : 0;
    bool fine = length > 0 && length <= DELIVER_BEARER_BYTES_MAX - strlen(word);
    for (size_t i = 0; i < length && fine; i++) {
        fine = text.data[i] > 0x20 && text.data[i] < 0x7f;
    }
    if (!fine) {
        return refuse(checking, "token_file", "its first line must be a token of GitHub");
    }
    memcpy(target->bearer, word, strlen(word));
    memcpy(target->bearer + strlen(word), text.data, length);
    return TKR_OK;
}

/* --- by type -----------------------------------------------------------------------------------
 */

static tkr_error_t check_file(const struct checking *checking)
{
    const char *path = checking->target->path;
    size_t length = strlen(path);
    return path[0] == '/' && path[length - 1] != '/'
               ? TKR_OK
               : refuse(checking, "path", "must be the path of a file, from / on");
}

static tkr_error_t check_command(const struct checking *checking)
{
    struct deliver_target *target = checking->target;
    size_t count = 0;
    if (target->command[0] != '/') {
        return refuse(checking, "command", "must be the path of a program, from / on");
    }
    target->words = strdup(target->command);
    ENSURE(target->words != NULL, TKR_MEMORY);
    char *rest = target->words;
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        if (word[0] != '\0' && count == DELIVER_WORDS_MAX) {
            return refuse(checking, "command", "has too many words");
        }
        if (word[0] != '\0') {
            target->argv[count++] = word;
        }
    }
    return TKR_OK;
}

static tkr_error_t check_url(const struct checking *checking)
{
    const struct deliver_target *target = checking->target;
    struct fault reason = {0};
    tkr_error_t error = http_send_check_url(target->url, target->allow_private != 0, NULL, &reason);
    return error == TKR_INVALID ? refuse(checking, "url", reason.detail) : error;
}

static tkr_error_t check_webhook(const struct checking *checking)
{
    tkr_error_t first = check_url(checking);
    tkr_error_t error = record_read_keys(&checking->at, "secret_file",
                                         checking->target->secret_file, &checking->target->keys);
    return first != TKR_OK ? first : error;
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* Both become part of a path. */
static bool repository_valid(const char *text)
{
    static const char word[] = LETTERS DIGITS "._-";
    size_t owner = strspn(text, word);
    size_t name = text[owner] == '/' ? strspn(text + owner + 1, word) : 0;
    return owner > 0 && name > 0 && text[owner + 1 + name] == '\0' && text[0] != '.' &&
           text[owner + 1] != '.';
}

static bool secret_name_valid(const char *text)
{
    return text[0] != '\0' && strspn(text, LETTERS DIGITS "_") == strlen(text) &&
           strchr(DIGITS, text[0]) == NULL && strncasecmp(text, "GITHUB_", 7) != 0;
}

static tkr_error_t check_github(const struct checking *checking)
{
    struct deliver_target *target = checking->target;
    if (target->url[0] == '\0') {
        free(target->url);
        target->url = strdup(GITHUB_API);
        ENSURE(target->url != NULL, TKR_MEMORY);
    }
    const tkr_error_t errors[] = {
        check_url(checking),
        repository_valid(target->repository) ? TKR_OK
                                             : refuse(checking, "repository", "must be OWNER/NAME"),
        secret_name_valid(target->secret)
            ? TKR_OK
            : refuse(checking, "secret", "must be the name of a secret, like DEPLOY_TOKEN"),
        take_bearer(checking),
    };
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        TRY(errors[i]);
    }
    return TKR_OK;
}

static tkr_error_t (*const checks[DELIVER_TYPE_COUNT])(const struct checking *checking) = {
    [DELIVER_FILE] = check_file,
    [DELIVER_COMMAND] = check_command,
    [DELIVER_WEBHOOK] = check_webhook,
    [DELIVER_GITHUB] = check_github,
};

/* --- the whole ---------------------------------------------------------------------------------
 */

static tkr_error_t take_all(struct targets *targets, struct fault *fault)
{
    tkr_error_t first = TKR_OK;
    targets->count = record_file_count(targets->file);
    for (size_t i = 0; i < targets->count; i++) {
        struct deliver_target *target = record_file_at(targets->file, i);
        const struct checking checking = {{targets->file, i, fault}, target};
        target->name = record_file_name(targets->file, i);
        targets->list[i] = target;
        tkr_error_t error = take_orgs(targets, &checking);
        first = first == TKR_OK ? error : first;
        error = checks[target->type](&checking);
        first = first == TKR_OK ? error : first;
    }
    return first;
}

/* Of a file that was read (NULL: none); takes it over. */
static tkr_error_t targets_new(struct record_file *file, struct targets **ret_targets,
                               struct fault *fault)
{
    struct targets *targets CLEANUP(targets_free_p) = calloc(1, sizeof(*targets));
    struct fault first = {0};
    if (targets == NULL) {
        record_file_free(file);
        return TKR_MEMORY;
    }
    targets->file = file;
    tkr_error_t error = file != NULL ? take_all(targets, &first) : TKR_OK;
    if (error != TKR_OK && fault != NULL) {
        *fault = first;
    }
    TRY(error);
    *ret_targets = targets;
    targets = NULL;
    return TKR_OK;
}

tkr_error_t targets_read_text(const char *text, size_t length, const char *name,
                              config_complaint complain, void *context,
                              struct targets **ret_targets, struct fault *fault)
{
    struct record_file *file = NULL;
    TRY(record_file_read_text(&schema, text, length, name, complain, context, &file, fault));
    return targets_new(file, ret_targets, fault);
}

tkr_error_t targets_read(const char *path, config_complaint complain, void *context,
                         struct targets **ret_targets, struct fault *fault)
{
    struct record_file *file = NULL;
    if (path[0] != '\0') {
        TRY(record_file_read(&schema, path, complain, context, &file, fault));
    }
    return targets_new(file, ret_targets, fault);
}

void targets_free(struct targets *targets)
{
    if (targets == NULL) {
        return;
    }
    for (size_t i = 0; targets->file != NULL && i < record_file_count(targets->file); i++) {
        struct deliver_target *target = record_file_at(targets->file, i);
        secret_wipe(target->url, target->url != NULL ? strlen(target->url) : 0);
        secret_free(target->keys, sizeof(*target->keys));
        secret_free(target->bearer, DELIVER_BEARER_BYTES_MAX + 1);
        free(target->words);
        free(targets->orgs[i]);
    }
    record_file_free(targets->file);
    free(targets);
}

void targets_free_p(struct targets **targets)
{
    targets_free(*targets);
}

const struct deliver_target *const *targets_list(const struct targets *targets, size_t *ret_count)
{
    *ret_count = targets->count;
    return targets->list;
}

const struct rotation_target *targets_rotation(const struct targets *targets, size_t *ret_count)
{
    *ret_count = targets->count;
    return targets->rotation;
}
