/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/sender.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notify/retry.h"
#include "notify/sender_letter.h"
#include "token/token_text.h"

#define ARENA_BYTES (256 * 1024)
#define ORPHANS_SLICE 50
#define LOOK_MS 5000   /* the outbox is looked into at least so often, were a wake-up lost */
#define UNTOLD_MS 1000 /* what could not be settled is tried again then */
#define NS_PER_MS INT64_C(1000000)
#define TEST_TYPE "notify.test"
#define TEST_S_MAX 15
#define BY_BYTES 64

/* A test that somebody waits for. */
struct test {
    bool used, started;
    size_t channel;
    char by[BY_BYTES];
    sender_test_done done;
    void *context;
    struct notify_channel config; /* the channel's, with less time: somebody waits */
    struct letter letter;
    int64_t started_ns;
};

struct sending_channel {
    const struct notify_channel *config;
    struct letter letters[NOTIFY_IN_FLIGHT_MAX];
    int64_t look_at_ms;  /* when something may be due */
    int64_t pause_until; /* nothing is started before */
    uint32_t failures;   /* tries in a row that found nobody */
    bool failing;        /* told, until a message arrives */
};

struct sender {
    struct sender_options options;
    struct sending_channel channels[NOTIFY_CHANNELS_MAX];
    CURLM *multi;
    struct arena *arena; /* for what is read of the outbox */
    pthread_t thread;
    bool started;
    _Atomic bool woken, stopping;
    pthread_mutex_t tests_mutex; /* guards `used` and `running` */
    struct test tests[NOTIFY_TESTS_MAX];
    bool running;
    int64_t settle_at_ms; /* what could not be settled waits until then */
    bool untold;          /* told, until it works again */
};

/* --- small things -------------------------------------------------------------------------------
 */

static int64_t now_ms(const struct sender *sender)
{
    return sender->options.port.now_ms(sender->options.port.context);
}

static void report(const struct sender *sender, enum log_level level, const char *event,
                   const char *channel, const char *what)
{
    char detail[FAULT_DETAIL_BYTES];
    snprintf(detail, sizeof(detail), "channel %s: %s", channel, what);
    sender->options.port.report(sender->options.port.context, level, event, detail);
}

/* Where randomness fails there is no jitter, and messages go out all the same. */
static uint64_t draw(const struct sender *sender)
{
    uint64_t number = 0;
    return random_fill(sender->options.random, &number, sizeof(number)) == TKR_OK ? number : 0;
}

static struct letter *find_letter(struct sending_channel *channel, const char *id)
{
    struct letter *found = NULL;
    for (int64_t i = 0; i < channel->config->in_flight; i++) {
        struct letter *letter = &channel->letters[i];
        bool same = id != NULL ? letter->state != LETTER_FREE && strcmp(letter->id, id) == 0
                               : letter->state == LETTER_FREE;
        found = same && found == NULL ? letter : found;
    }
    return found;
}

static bool is_idle(const struct sender *sender)
{
    bool idle = true;
    for (size_t i = 0; i < sender->options.channel_count; i++) {
        for (size_t j = 0; j < NOTIFY_IN_FLIGHT_MAX; j++) {
            idle &= sender->channels[i].letters[j].state != LETTER_SENDING;
        }
    }
    return idle;
}

/* --- sending
 * ---------------------------------------------------------------------------------------- */

/* A letter that is open goes to curl; one that needs no curl, or could not be built, is done. */
static void dispatch(struct sender *sender, struct letter *letter,
                     const struct outbox_message *message)
{
    struct sender_port *port = &sender->options.port;
    if (letter->error == TKR_OK && letter->channel->type == NOTIFY_LOG) {
        port->log(port->context, message);
    }
    bool carried =
        letter->error == TKR_OK && letter->transfer != NULL &&
        curl_easy_setopt(letter->transfer->handle, CURLOPT_PRIVATE, letter) == CURLE_OK &&
        curl_multi_add_handle(sender->multi, letter->transfer->handle) == CURLM_OK;
    letter->state = carried ? LETTER_SENDING : LETTER_DONE;
    if (!carried && letter->transfer != NULL && letter->error == TKR_OK) {
        letter->error = TKR_MEMORY;
    }
}

static void send_message(struct sender *sender, struct sending_channel *channel,
                         struct letter *letter, const struct outbox_message *message)
{
    (void)!letter_open(letter, channel->config, message, now_ms(sender)); /* it keeps its error */
    dispatch(sender, letter, message);
}

static size_t count_free(const struct sending_channel *channel)
{
    size_t count = 0;
    for (int64_t i = 0; i < channel->config->in_flight; i++) {
        count += channel->letters[i].state == LETTER_FREE;
    }
    return count;
}

/* While nobody answers, one message at a time finds out whether somebody does again. */
static size_t room_of(const struct sending_channel *channel)
{
    size_t room = count_free(channel);
    bool all_free = room == (size_t)channel->config->in_flight;
    return channel->failures == 0 ? room : all_free;
}

static void fill(struct sender *sender, struct sending_channel *channel, int64_t time_ms)
{
    struct sender_port *port = &sender->options.port;
    struct outbox_message *messages = NULL;
    size_t count = 0, room = room_of(channel);
    int64_t next_ms = INT64_MAX;
    if (room == 0 || time_ms < channel->look_at_ms || time_ms < channel->pause_until) {
        return;
    }
    arena_reset(sender->arena);
    /* Those in flight are still in the outbox, and among the first. */
    tkr_error_t error = port->due(port->context, channel->config->name, time_ms,
                                  NOTIFY_IN_FLIGHT_MAX, sender->arena, &messages, &count, &next_ms);
    if (error != TKR_OK) {
        channel->look_at_ms = time_ms + UNTOLD_MS;
        return;
    }
    channel->look_at_ms = next_ms < time_ms + LOOK_MS ? next_ms : time_ms + LOOK_MS;
    for (size_t i = 0; i < count && room > 0; i++) {
        if (find_letter(channel, messages[i].id) == NULL) {
            send_message(sender, channel, find_letter(channel, NULL), &messages[i]);
            room--;
        }
    }
}

/* --- what became of it
 * -------------------------------------------------------------------------------- */

static void note_outcome(struct sender *sender, struct sending_channel *channel,
                         const struct letter *letter, const char *error)
{
    bool sent = letter->outcome == OUTBOX_SENT;
    const char *name = channel->config->name;
    channel->failures = sent || letter->result.status != 0 ? 0 : channel->failures + 1;
    int64_t pause_ms = retry_pause_ms(channel->failures, draw(sender));
    if (!sent && letter->result.retry_after_s > 0) {
        pause_ms = letter->next_at_ms - now_ms(sender);
    }
    channel->pause_until = pause_ms > 0 ? now_ms(sender) + pause_ms : 0;
    channel->look_at_ms = 0;
    if (sent && channel->failing) {
        report(sender, LOG_INFO, "notify_recovered", name, "messages arrive again");
    } else if (!sent && !channel->failing) {
        report(sender, LOG_WARNING, "notify_failed", name, error);
    }
    channel->failing = !sent;
}

/* Decides once; settling may be tried several times. */
static void judge(struct sender *sender, struct sending_channel *channel, struct letter *letter)
{
    char error[OUTBOX_ERROR_BYTES_MAX + 1];
    int64_t time_ms = now_ms(sender);
    const struct retry_try tried = {
        .error = letter->error,
        .status = letter->result.status,
        .retry_after_s = letter->result.retry_after_s,
        .tries = letter->tries + 1,
        .age_ms = time_ms - letter->since_ms,
        .give_up_ms = channel->config->give_up_s * 1000,
    };
    letter->outcome = retry_judge(&tried);
    letter->next_at_ms = time_ms + retry_delay_ms(&tried, draw(sender));
    letter->judged = true;
    note_outcome(sender, channel, letter, letter_error(letter, error));
}

struct settling {
    struct outbox_result results[NOTIFY_CHANNELS_MAX * NOTIFY_IN_FLIGHT_MAX];
    char errors[NOTIFY_CHANNELS_MAX * NOTIFY_IN_FLIGHT_MAX][OUTBOX_ERROR_BYTES_MAX + 1];
    struct letter *letters[NOTIFY_CHANNELS_MAX * NOTIFY_IN_FLIGHT_MAX];
    size_t count;
};

static void gather(struct sender *sender, struct settling *settling)
{
    for (size_t i = 0; i < sender->options.channel_count * NOTIFY_IN_FLIGHT_MAX; i++) {
        struct sending_channel *channel = &sender->channels[i / NOTIFY_IN_FLIGHT_MAX];
        struct letter *letter = &channel->letters[i % NOTIFY_IN_FLIGHT_MAX];
        if (letter->state != LETTER_DONE) {
            continue;
        }
        if (!letter->judged) {
            judge(sender, channel, letter);
        }
        size_t at = settling->count++;
        settling->letters[at] = letter;
        settling->results[at] = (struct outbox_result){
            .id = letter->id,
            .channel = channel->config->name,
            .type = letter->type,
            .outcome = letter->outcome,
            .at_ms = now_ms(sender),
            .next_at_ms = letter->next_at_ms,
            .error = letter_error(letter, settling->errors[at]),
        };
    }
}

static void settle(struct sender *sender)
{
    struct sender_port *port = &sender->options.port;
    struct settling settling;
    settling.count = 0;
    if (now_ms(sender) < sender->settle_at_ms) {
        return;
    }
    gather(sender, &settling);
    if (settling.count == 0) {
        return;
    }
    tkr_error_t error = port->settle(port->context, settling.results, settling.count);
    if (error != TKR_OK) {
        sender->settle_at_ms = now_ms(sender) + UNTOLD_MS;
        if (!sender->untold) {
            port->report(port->context, LOG_WARNING, "notify_not_stored",
                         "what became of messages cannot be stored: their channels wait");
        }
        sender->untold = true;
        return;
    }
    sender->settle_at_ms = 0;
    sender->untold = false;
    for (size_t i = 0; i < settling.count; i++) {
        letter_close(settling.letters[i]);
    }
}

/* Channels that somebody took out of the configuration: what waits for them waits in vain. */
static void bury_orphans(struct sender *sender, const char *channel)
{
    struct sender_port *port = &sender->options.port;
    struct outbox_result results[ORPHANS_SLICE];
    struct outbox_message *messages = NULL;
    size_t count = ORPHANS_SLICE;
    while (count == ORPHANS_SLICE && !atomic_load(&sender->stopping)) {
        int64_t next_ms = 0;
        struct arena *arena CLEANUP(arena_free_p) = NULL;
        if (arena_new(1024 * 1024, &arena) != TKR_OK ||
            port->due(port->context, channel, INT64_MAX, ORPHANS_SLICE, arena, &messages, &count,
                      &next_ms) != TKR_OK) {
            return;
        }
        for (size_t i = 0; i < count; i++) {
            results[i] = (struct outbox_result){
                .id = messages[i].id,
                .channel = channel,
                .type = messages[i].type,
                .outcome = OUTBOX_DEAD,
                .at_ms = now_ms(sender),
                .error = "this channel is not configured any more",
            };
        }
        if (count > 0 && port->settle(port->context, results, count) != TKR_OK) {
            return; /* the next start tries again */
        }
    }
}

static bool is_configured(const struct sender *sender, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < sender->options.channel_count; i++) {
        found |= strcmp(sender->options.channels[i]->name, name) == 0;
    }
    return found;
}

static void find_orphans(struct sender *sender)
{
    struct sender_port *port = &sender->options.port;
    struct outbox_channel *channels = NULL;
    size_t count = 0;
    struct arena *arena CLEANUP(arena_free_p) = NULL;
    if (arena_new(ARENA_BYTES, &arena) != TKR_OK ||
        port->channels(port->context, arena, &channels, &count) != TKR_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (channels[i].waiting > 0 && !is_configured(sender, channels[i].name)) {
            bury_orphans(sender, channels[i].name);
        }
    }
}

/* --- tests
 * ---------------------------------------------------------------------------------------------- */

static void start_test(struct sender *sender, struct test *test)
{
    struct notify_channel *channel = &test->config;
    char summary[ALERT_SUMMARY_BYTES_MAX + 1];
    uint8_t id[TOKEN_ID_BYTES] = {0};
    int64_t time_ms = now_ms(sender);
    *channel = *sender->channels[test->channel].config;
    channel->timeout_s = channel->timeout_s < TEST_S_MAX ? channel->timeout_s : TEST_S_MAX;
    snprintf(summary, sizeof(summary), "a test of the channel %s, asked for by %s", channel->name,
             test->by);
    struct outbox_message message = {
        .channel = channel->name,
        .at_ms = time_ms,
        .severity = ALERT_INFO,
        .type = TEST_TYPE,
        .org_id = "",
        .user_id = "",
        .token_id = "",
        .token_name = "",
        .summary = summary,
        .details = "{}",
        .since_ms = time_ms,
        .error = "",
    };
    (void)!token_id_new(sender->options.random, time_ms, id); /* zeros are an id, too */
    token_id_format(id, message.id);
    memcpy(message.id, "msg_", 4);
    test->started = true;
    test->started_ns = clock_monotonic_ns(sender->options.clock);
    (void)!letter_open(&test->letter, channel, &message, time_ms);
    dispatch(sender, &test->letter, &message);
}

/* `why` NULL: what came of the letter. */
static void end_test(struct sender *sender, struct test *test, const char *why)
{
    char error[OUTBOX_ERROR_BYTES_MAX + 1], answer[NOTIFY_SAID_BYTES_MAX + 1];
    const struct letter *letter = &test->letter;
    const struct retry_try tried = {.error = letter->error, .status = letter->result.status};
    bool delivered = why == NULL && retry_judge(&tried) == OUTBOX_SENT;
    int64_t taken_ns = clock_monotonic_ns(sender->options.clock) - test->started_ns;
    const struct sender_test_result result = {
        .delivered = delivered,
        .status = letter->result.status,
        .error = delivered     ? ""
                 : why != NULL ? why
                               : letter_error(letter, error),
        .answer = letter_answer(letter, answer),
        .duration_ms = test->started ? taken_ns / NS_PER_MS : 0,
    };
    test->done(test->context, &result);
    letter_close(&test->letter);
    pthread_mutex_lock(&sender->tests_mutex);
    test->used = false;
    test->started = false;
    pthread_mutex_unlock(&sender->tests_mutex);
}

static bool is_used(struct sender *sender, const struct test *test)
{
    pthread_mutex_lock(&sender->tests_mutex);
    bool used = test->used;
    pthread_mutex_unlock(&sender->tests_mutex);
    return used;
}

static void run_tests(struct sender *sender)
{
    for (size_t i = 0; i < NOTIFY_TESTS_MAX; i++) {
        struct test *test = &sender->tests[i];
        if (!is_used(sender, test)) {
            continue;
        }
        if (!test->started) {
            start_test(sender, test);
        }
        if (test->letter.state == LETTER_DONE) {
            end_test(sender, test, NULL);
        }
    }
}

tkr_error_t sender_test(struct sender *sender, const char *channel, const char *by,
                        sender_test_done done, void *context)
{
    size_t number = 0;
    tkr_error_t error = TKR_BUSY;
    while (number < sender->options.channel_count &&
           strcmp(sender->options.channels[number]->name, channel) != 0) {
        number++;
    }
    ENSURE(number < sender->options.channel_count, TKR_NOT_FOUND);
    pthread_mutex_lock(&sender->tests_mutex);
    for (size_t i = 0; i < NOTIFY_TESTS_MAX && error == TKR_BUSY && sender->running; i++) {
        struct test *test = &sender->tests[i];
        if (!test->used) {
            *test =
                (struct test){.used = true, .channel = number, .done = done, .context = context};
            snprintf(test->by, sizeof(test->by), "%s", by);
            error = TKR_OK;
        }
    }
    error = sender->running ? error : TKR_UNAVAILABLE;
    pthread_mutex_unlock(&sender->tests_mutex);
    TRY(error);
    curl_multi_wakeup(sender->multi);
    return TKR_OK;
}

/* --- the thread
 * -------------------------------------------------------------------------------------------- */

static void collect(struct sender *sender)
{
    int running = 0, left = 0;
    CURLMsg *message;
    curl_multi_perform(sender->multi, &running);
    while ((message = curl_multi_info_read(sender->multi, &left)) != NULL) {
        struct letter *letter = NULL;
        CURLcode code = message->data.result;
        CURL *handle = message->easy_handle;
        if (message->msg == CURLMSG_DONE) {
            curl_easy_getinfo(handle, CURLINFO_PRIVATE, (char **)&letter);
            curl_multi_remove_handle(sender->multi, handle);
            letter_end(letter, code);
        }
    }
}

/* Until something may be due; what curl waits for ends it earlier. */
static int wait_ms(const struct sender *sender)
{
    int64_t time_ms = now_ms(sender), least_ms = LOOK_MS;
    for (size_t i = 0; i < sender->options.channel_count; i++) {
        const struct sending_channel *channel = &sender->channels[i];
        int64_t at_ms =
            channel->look_at_ms > channel->pause_until ? channel->look_at_ms : channel->pause_until;
        if (room_of(channel) > 0 && at_ms - time_ms < least_ms) {
            least_ms = at_ms - time_ms;
        }
    }
    int64_t settle_ms = sender->settle_at_ms - time_ms;
    least_ms = sender->settle_at_ms > 0 && settle_ms < least_ms ? settle_ms : least_ms;
    return least_ms > 0 ? (int)least_ms : 0;
}

static void look(struct sender *sender)
{
    int64_t time_ms = now_ms(sender);
    bool woken = atomic_exchange(&sender->woken, false);
    for (size_t i = 0; i < sender->options.channel_count; i++) {
        struct sending_channel *channel = &sender->channels[i];
        channel->look_at_ms = woken ? 0 : channel->look_at_ms;
        fill(sender, channel, time_ms);
    }
}

/* What is in flight may end, and be told. */
static void wind_up(struct sender *sender)
{
    int64_t until_ns = clock_monotonic_ns(sender->options.clock) + NOTIFY_STOP_MS * NS_PER_MS;
    while (!is_idle(sender) && clock_monotonic_ns(sender->options.clock) < until_ns) {
        curl_multi_poll(sender->multi, NULL, 0, 50, NULL);
        collect(sender);
    }
    sender->settle_at_ms = 0;
    settle(sender);
    pthread_mutex_lock(&sender->tests_mutex);
    sender->running = false;
    pthread_mutex_unlock(&sender->tests_mutex);
    for (size_t i = 0; i < NOTIFY_TESTS_MAX; i++) {
        struct test *test = &sender->tests[i];
        if (test->used) {
            bool done = test->letter.state == LETTER_DONE;
            if (!done && test->letter.transfer != NULL) {
                curl_multi_remove_handle(sender->multi, test->letter.transfer->handle);
            }
            end_test(sender, test, done ? NULL : "the daemon stops");
        }
    }
}

static void *run(void *context)
{
    struct sender *sender = context;
    find_orphans(sender);
    while (!atomic_load(&sender->stopping)) {
        look(sender);
        run_tests(sender);
        collect(sender);
        settle(sender);
        run_tests(sender);
        if (!atomic_load(&sender->woken) && !atomic_load(&sender->stopping)) {
            curl_multi_poll(sender->multi, NULL, 0, wait_ms(sender), NULL);
        }
    }
    wind_up(sender);
    return NULL;
}

/* --- the whole
 * ------------------------------------------------------------------------------------------------
 */

tkr_error_t sender_new(const struct sender_options *options, struct sender **ret_sender)
{
    ENSURE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, TKR_MEMORY);
    struct sender *sender = calloc(1, sizeof(*sender));
    ENSURE(sender != NULL, TKR_MEMORY);
    ASSERT(options->channel_count <= NOTIFY_CHANNELS_MAX);
    sender->options = *options;
    pthread_mutex_init(&sender->tests_mutex, NULL);
    for (size_t i = 0; i < options->channel_count; i++) {
        sender->channels[i].config = options->channels[i];
        ASSERT(options->channels[i]->in_flight >= 1 &&
               options->channels[i]->in_flight <= NOTIFY_IN_FLIGHT_MAX);
    }
    sender->multi = curl_multi_init();
    if (sender->multi == NULL || arena_new(ARENA_BYTES, &sender->arena) != TKR_OK) {
        sender_free(sender);
        return TKR_MEMORY;
    }
    *ret_sender = sender;
    return TKR_OK;
}

tkr_error_t sender_start(struct sender *sender)
{
    sigset_t all, before;
    pthread_mutex_lock(&sender->tests_mutex);
    sender->running = true;
    pthread_mutex_unlock(&sender->tests_mutex);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    sender->started = pthread_create(&sender->thread, NULL, run, sender) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return sender->started ? TKR_OK : TKR_MEMORY;
}

void sender_wake(struct sender *sender)
{
    atomic_store(&sender->woken, true);
    curl_multi_wakeup(sender->multi);
}

void sender_stop(struct sender *sender)
{
    if (!sender->started) {
        return;
    }
    atomic_store(&sender->stopping, true);
    curl_multi_wakeup(sender->multi);
    pthread_join(sender->thread, NULL);
    sender->started = false;
}

static void free_letters(struct sender *sender)
{
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX * NOTIFY_IN_FLIGHT_MAX; i++) {
        struct letter *letter =
            &sender->channels[i / NOTIFY_IN_FLIGHT_MAX].letters[i % NOTIFY_IN_FLIGHT_MAX];
        if (letter->state == LETTER_SENDING && letter->transfer != NULL) {
            curl_multi_remove_handle(sender->multi, letter->transfer->handle);
        }
        letter_close(letter);
    }
}

void sender_free(struct sender *sender)
{
    if (sender == NULL) {
        return;
    }
    sender_stop(sender);
    free_letters(sender);
    curl_multi_cleanup(sender->multi);
    arena_free(sender->arena);
    pthread_mutex_destroy(&sender->tests_mutex);
    free(sender);
}
