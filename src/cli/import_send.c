/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/import_send.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/json_emit.h"

#define PATH_IMPORT "/api/v1/auth/tokens/import"
/* Calls at a time: as many as share a transaction. */
#define LANES_MAX (STORE_BATCH_ROWS_MAX / IMPORT_CHANGE_ROWS_MAX)
#define CALL_BYTES (1024 * 1024)        /* a call with more is sent, however few rows it has */
#define CALL_BYTES_MAX (4 * CALL_BYTES) /* one row has far less than the difference */
#define TRIES 6                         /* while the authority is busy, or cannot be reached */

struct sent {
    uint64_t number;
    char source_id[IMPORT_COLUMN_BYTES_MAX + 1];
};

/* A lane is filled by the sender's user, then its thread's until it is done, then read and filled
 * again. `state` is guarded by the mutex, and hands over the rest. */
enum lane_state { LANE_FILLED_BY_US, LANE_UNDER_WAY, LANE_DONE, LANE_STOP };

struct lane {
    struct import_sender *sender;
    struct client *client;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum lane_state state;
    struct buffer body;
    struct emitter emitter;
    struct sent sent[IMPORT_CHANGE_ROWS_MAX];
    size_t count;
    enum cli_exit status;
    struct client_answer answer;
};

struct import_sender {
    struct cli *cli;
    struct import_report *report;
    bool dry_run;
    struct lane lanes[LANES_MAX];
    size_t lane_count, next; /* the one that is filled */
    enum cli_exit status;    /* of the first call that failed */
};

/* --- a row ----------------------------------------------------------------------------------- */

static void emit_if(struct emitter *emitter, const char *name, const char *text)
{
    if (text != NULL) {
        emit_text(emitter, name, text);
    }
}

static void emit_time_if(struct emitter *emitter, const char *name, int64_t unix_ms)
{
    if (unix_ms != 0) {
        emit_time(emitter, name, unix_ms);
    }
}

static void emit_lists(struct emitter *emitter, const struct import_row *row)
{
    if (row->scopes[0] != '\0') {
        emit_words(emitter, "scopes", row->scopes, strlen(row->scopes));
    }
    if (row->limits.set != 0) {
        emit_open(emitter, "limits", '{');
        for (int i = 0; i < WINDOW_COUNT; i++) {
            const char *name = window_name((enum window)i);
            if ((row->limits.set & 1U << i) != 0 && row->limits.limit[i] == LIMIT_NONE) {
                emit_text(emitter, name, "unlimited");
            } else if ((row->limits.set & 1U << i) != 0) {
                emit_count(emitter, name, row->limits.limit[i]);
            }
        }
        emit_close(emitter, '}');
    }
    if (row->allowed_ip_count > 0) {
        emit_open(emitter, "allowed_ips", '[');
        for (size_t i = 0; i < row->allowed_ip_count; i++) {
            char text[CIDR_TEXT_SIZE];
            emit_text(emitter, NULL, cidr_format(&row->allowed_ips[i], text));
        }
        emit_close(emitter, ']');
    }
}

static void emit_state(struct emitter *emitter, const struct import_row *row)
{
    const struct {
        const char *name;
        bool set;
    } states[] = {
        {"disabled", row->disabled}, {"quarantined", row->quarantined}, {"revoked", row->revoked}};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (states[i].set) {
            emit_bool(emitter, states[i].name, true);
        }
    }
    emit_time_if(emitter, "not_before", row->not_before_ms);
    emit_time_if(emitter, "expires_at", row->expires_at_ms);
    emit_time_if(emitter, "created_at", row->created_at_ms);
    emit_time_if(emitter, "last_used_at", row->last_used_at_ms);
    emit_time_if(emitter, "revoked_at", row->revoked_at_ms);
    emit_if(emitter, "revoke_reason", row->revoke_reason);
    if (row->request_count > 0) {
        emit_count(emitter, "request_count", row->request_count);
    }
}

/* What a token is when nothing is said of it needs not be said: half of a row would be that. */
static void add_row(struct lane *lane, const struct import_row *row)
{
    struct emitter *emitter = &lane->emitter;
    char digest[2 * TOKEN_DIGEST_BYTES + 1];
    struct sent *sent = &lane->sent[lane->count++];
    sent->number = row->number;
    snprintf(sent->source_id, sizeof(sent->source_id), "%s",
             row->source_id != NULL ? row->source_id : "");
    text_hex(row->digest, sizeof(row->digest), digest);
    emit_open(emitter, NULL, '{');
    emit_text(emitter, "digest", digest);
    emit_text(emitter, "user_id", row->user_id);
    emit_text(emitter, "name", row->name);
    emit_if(emitter, "org_id", row->org_id);
    if (row->kind != TOKEN_KIND_USER) {
        emit_text(emitter, "kind", token_kind_name(row->kind));
    }
    if (row->env != TOKEN_ENV_LIVE) {
        emit_text(emitter, "env", token_env_name(row->env));
    }
    emit_if(emitter, "display_prefix", row->display_prefix);
    emit_if(emitter, "tier", row->tier);
    emit_lists(emitter, row);
    if (strcmp(row->metadata, "{}") != 0) {
        emit_json(emitter, "metadata", row->metadata, strlen(row->metadata));
    }
    emit_state(emitter, row);
    emit_close(emitter, '}');
}

/* --- a lane's thread ------------------------------------------------------------------------- */

/* A second, two, four...: an authority that is restarted is back by then. */
static void wait_before(unsigned try)
{
    struct timespec pause = {.tv_sec = 1 << try};
    nanosleep(&pause, NULL);
}

static void call(struct lane *lane)
{
    struct client_call call = {.method = HTTP_POST, .path = PATH_IMPORT, .text = lane->body.data};
    lane->status = CLI_UNREACHABLE;
    for (unsigned try = 0; try < TRIES && lane->status == CLI_UNREACHABLE; try++) {
        if (try > 0) {
            wait_before(try - 1);
        }
        client_answer_release(&lane->answer);
        lane->status = client_call(lane->sender->cli, lane->client, &call, &lane->answer);
    }
}

static void set_state(struct lane *lane, enum lane_state state)
{
    pthread_mutex_lock(&lane->mutex);
    lane->state = state;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->mutex);
}

static void *run_lane(void *context)
{
    struct lane *lane = context;
    for (;;) {
        pthread_mutex_lock(&lane->mutex);
        while (lane->state != LANE_UNDER_WAY && lane->state != LANE_STOP) {
            pthread_cond_wait(&lane->changed, &lane->mutex);
        }
        enum lane_state state = lane->state;
        pthread_mutex_unlock(&lane->mutex);
        if (state == LANE_STOP) {
            return NULL;
        }
        call(lane);
        set_state(lane, LANE_DONE);
    }
}

/* --- the sender's user ----------------------------------------------------------------------- */

static void begin_body(struct lane *lane)
{
    buffer_clear(&lane->body);
    lane->count = 0;
    emit_begin(&lane->emitter, &lane->body);
    emit_open(&lane->emitter, NULL, '{');
    emit_bool(&lane->emitter, "dry_run", lane->sender->dry_run);
    emit_open(&lane->emitter, "tokens", '[');
}

/* Every result belongs to a row that was sent, in that order. */
static enum cli_exit note_results(struct lane *lane)
{
    const json_t *results = json_object_get(lane->answer.json, "results");
    if (lane->status != CLI_DONE) {
        return lane->status;
    }
    if (json_array_size(results) != lane->count) {
        return cli_fail(CLI_REFUSED, "what answers is no Tokenry: there are not as many results "
                                     "as tokens");
    }
    for (size_t i = 0; i < lane->count; i++) {
        const struct sent *sent = &lane->sent[i];
        import_report_result(lane->sender->report, sent->number, sent->source_id,
                             json_array_get(results, i));
    }
    return CLI_DONE;
}

/* Waits until the lane is ours; tells its results. */
static enum cli_exit take_lane(struct lane *lane)
{
    struct import_sender *sender = lane->sender;
    pthread_mutex_lock(&lane->mutex);
    while (lane->state == LANE_UNDER_WAY) {
        pthread_cond_wait(&lane->changed, &lane->mutex);
    }
    bool done = lane->state == LANE_DONE;
    lane->state = LANE_FILLED_BY_US;
    pthread_mutex_unlock(&lane->mutex);
    if (done) {
        enum cli_exit status = note_results(lane);
        client_answer_release(&lane->answer);
        begin_body(lane);
        sender->status = sender->status == CLI_DONE ? status : sender->status;
    }
    return sender->status;
}

static enum cli_exit send_lane(struct import_sender *sender)
{
    struct lane *lane = &sender->lanes[sender->next];
    emit_close(&lane->emitter, ']');
    emit_close(&lane->emitter, '}');
    if (buffer_status(&lane->body) != TKR_OK) {
        return cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_TOO_LARGE));
    }
    set_state(lane, LANE_UNDER_WAY);
    sender->next = (sender->next + 1) % sender->lane_count;
    return take_lane(&sender->lanes[sender->next]);
}

enum cli_exit import_sender_add(struct import_sender *sender, const struct import_row *row,
                                bool *ret_sent)
{
    struct lane *lane = &sender->lanes[sender->next];
    add_row(lane, row);
    *ret_sent = lane->count == IMPORT_CHANGE_ROWS_MAX || lane->body.length > CALL_BYTES;
    return *ret_sent ? send_lane(sender) : CLI_DONE;
}

enum cli_exit import_sender_finish(struct import_sender *sender)
{
    enum cli_exit status = CLI_DONE;
    if (sender->status == CLI_DONE && sender->lanes[sender->next].count > 0) {
        status = send_lane(sender);
    }
    for (size_t i = 0; i < sender->lane_count; i++) { /* the oldest first */
        (void)take_lane(&sender->lanes[(sender->next + i) % sender->lane_count]);
    }
    return sender->status != CLI_DONE ? sender->status : status;
}

/* --- making, and ending ---------------------------------------------------------------------- */

static bool start_lane(struct import_sender *sender, struct client *client)
{
    struct lane *lane = &sender->lanes[sender->lane_count++];
    lane->sender = sender;
    lane->client = client;
    buffer_init(&lane->body, CALL_BYTES_MAX);
    begin_body(lane);
    lane->started = pthread_create(&lane->thread, NULL, run_lane, lane) == 0;
    return lane->started;
}

static void init_lanes(struct import_sender *sender)
{
    for (size_t i = 0; i < LANES_MAX; i++) {
        pthread_mutex_init(&sender->lanes[i].mutex, NULL);
        pthread_cond_init(&sender->lanes[i].changed, NULL);
    }
}

enum cli_exit import_sender_open(struct cli *cli, struct client *client,
                                 struct import_report *report, bool dry_run,
                                 struct import_sender **ret_sender)
{
    struct import_sender *sender CLEANUP(import_sender_free_p) = calloc(1, sizeof(*sender));
    if (sender == NULL) {
        client_close(client);
        return cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_MEMORY));
    }
    sender->cli = cli;
    sender->report = report;
    sender->dry_run = dry_run;
    init_lanes(sender);
    bool started = start_lane(sender, client);
    struct client *another = NULL;
    while (started && sender->lane_count < LANES_MAX &&
           client_open_another(cli, client, &another)) {
        started = start_lane(sender, another);
    }
    if (!started) {
        return cli_fail(CLI_REFUSED, "no thread could be made");
    }
    *ret_sender = sender;
    sender = NULL;
    return CLI_DONE;
}

/* What is under way is not broken off: its answer is near. */
static void stop_lane(struct lane *lane)
{
    if (lane->started) {
        (void)take_lane(lane);
        set_state(lane, LANE_STOP);
        pthread_join(lane->thread, NULL);
    }
}

/* The first one last: the others may use what it has. */
void import_sender_free_p(struct import_sender **sender)
{
    for (size_t i = 0; *sender != NULL && i < LANES_MAX; i++) {
        stop_lane(&(*sender)->lanes[i]);
    }
    for (size_t i = LANES_MAX; *sender != NULL && i-- > 0;) {
        struct lane *lane = &(*sender)->lanes[i];
        client_close(lane->client);
        buffer_deinit(&lane->body);
        pthread_cond_destroy(&lane->changed);
        pthread_mutex_destroy(&lane->mutex);
    }
    free(*sender);
}
