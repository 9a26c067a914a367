/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer thread: batches.
 *
 * While one batch is being written, the next one queues up, so the batch grows with the load
 * and the cost of an fsync is shared by all in it. Nothing waits for a batch to fill.
 *
 * Imports stand behind all others, and their batches are large, since each row changes pages all
 * over the indexes and more rows share a page. Who comes while one is written waits for a slice
 * of it, and goes into the next batch, which then has no more than another slice.
 *
 * When there is nothing else to do, old counts are made coarser, a slice at a time.
 *
 * A failed commit is one of two kinds. When it is certain that nothing was committed (the disk
 * is full), everybody in the batch is told, and the next batch tries again. When it is not
 * (fsync failed), no further change is accepted until somebody restarts: the kernel may have
 * dropped the very pages that could not be written, and a second fsync would say that all is
 * well. Verification does not need the store and goes on.
 */
#include <string.h>

#include "engine/authority_internal.h"

/* --- the queue --------------------------------------------------------------------------- */

static void list_add(struct change_list *list, struct change *change)
{
    *list->end = change;
    list->end = &change->next;
}

tkr_error_t writer_submit(struct authority *authority, struct change *change, struct fault *fault)
{
    tkr_error_t error = TKR_OK;
    pthread_mutex_lock(&authority->queue_mutex);
    if (authority->stopping) {
        error = TKR_UNAVAILABLE;
    } else if (authority->queue_length >= WORK_QUEUE_MAX) {
        error = TKR_BUSY;
    } else {
        list_add(change->import != NULL ? &authority->imports : &authority->queue, change);
        if (authority->queue_length++ == 0) {
            pthread_cond_signal(&authority->queue_changed);
        }
    }
    pthread_mutex_unlock(&authority->queue_mutex);
    if (error != TKR_OK) {
        change_free(authority, change);
        return fault_set(fault, error, "", "%s", tkr_error_text(error));
    }
    return TKR_OK;
}

/* Moves the first change of a list to the end of another. */
static void list_move(struct change_list *from, struct change_list *to)
{
    struct change *change = from->first;
    from->first = change->next;
    from->end = from->first == NULL ? &from->first : from->end;
    change->next = NULL;
    list_add(to, change);
}

/* The oldest changes, at most STORE_BATCH_MAX; then imports, of which a slice goes with others.
 * The mutex is held. */
static struct change *take_batch(struct authority *authority)
{
    struct change_list batch = {.end = &batch.first};
    struct change_list *imports = &authority->imports;
    size_t count = 0, rows = 0;
    while (authority->queue.first != NULL && count < STORE_BATCH_MAX) {
        list_move(&authority->queue, &batch);
        count++;
    }
    size_t rows_max = count > 0 ? STORE_SLICE_ROWS : STORE_BATCH_ROWS_MAX;
    while (imports->first != NULL && rows < rows_max && count < STORE_BATCH_MAX) {
        rows += imports->first->import->count;
        list_move(imports, &batch);
        count++;
    }
    authority->queue_length -= count;
    return batch.first;
}

bool writer_is_awaited(struct authority *authority)
{
    pthread_mutex_lock(&authority->queue_mutex);
    bool awaited = authority->queue.first != NULL;
    pthread_mutex_unlock(&authority->queue_mutex);
    return awaited;
}

/* Ends a batch early, before `rest`, which comes first in the next one. Answers whether it did:
 * only when somebody waits with something else than an import. */
static bool give_way(struct authority *authority, struct change **rest)
{
    pthread_mutex_lock(&authority->queue_mutex);
    bool waited_for = authority->queue.first != NULL;
    if (waited_for) {
        struct change_list *imports = &authority->imports;
        struct change *last = *rest;
        authority->queue_length++;
        while (last->next != NULL) {
            last = last->next;
            authority->queue_length++;
        }
        last->next = imports->first;
        imports->end = imports->first == NULL ? &last->next : imports->end;
        imports->first = *rest;
        *rest = NULL;
    }
    pthread_mutex_unlock(&authority->queue_mutex);
    return waited_for;
}

/* --- a batch ----------------------------------------------------------------------------- */

static bool fails_alone(tkr_error_t error)
{
    tkr_error_category_t category = tkr_error_category(error);
    return category == TKR_CATEGORY_CALLER || category == TKR_CATEGORY_DENIED;
}

bool writer_outcome_known(tkr_error_t error)
{
    return error == TKR_NO_SPACE || error == TKR_LOCKED || error == TKR_READ_ONLY ||
           error == TKR_UNAVAILABLE;
}

void writer_refuse_changes(struct authority *authority, tkr_error_t error)
{
    if (atomic_exchange(&authority->changes_accepted, false)) {
        authority_report(authority, LOG_ERROR, "changes_stopped",
                         "a commit failed (%s) and it is unknown what of it is on disk: changes "
                         "are refused until a restart, verification goes on",
                         tkr_error_name(error));
    }
}

static uint32_t count_user_line(uint32_t count, const struct store_user *user)
{
    return user->line != SEGMENT_NO_LINE && user->line >= count ? user->line + 1 : count;
}

static uint32_t count_lines(uint32_t count, const struct token *token)
{
    const struct {
        bool has;
        uint32_t line;
    } lines[] = {
        {true, token->line},
        {token->has_version_line, token->version_line},
        {token->has_credit_line, token->credit_line},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        count = lines[i].has && lines[i].line >= count ? lines[i].line + 1 : count;
    }
    return count;
}

static uint32_t count_imported(uint32_t count, const struct import_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->results[i].result == TOKEN_IMPORT_CREATED) {
            count = count_lines(count, &batch->rows[i].token);
            count = count_user_line(count, &batch->rows[i].user);
        }
    }
    return count;
}

/* Makes room for the lines that the batch gave out, before the commit: a line that the segment
 * cannot hold must not exist. */
static tkr_error_t reserve_lines(struct authority *authority, const struct change *changes)
{
    uint32_t count = 0;
    for (const struct change *change = changes; change != NULL; change = change->next) {
        const struct change_result *result = &change->result;
        if (result->error != TKR_OK || !change->changed || change->kind == &change_tier) {
            continue;
        }
        if (change->import != NULL) {
            count = count_imported(count, change->import);
            continue;
        }
        if (result->token.id[0] != '\0') { /* else it is a change of something else */
            count = count_lines(count, &result->token);
        }
        count = change->other != NULL ? count_lines(count, change->other) : count;
        count = change->lines_end > count ? change->lines_end : count;
        count = change->user.id != NULL ? count_user_line(count, &change->user) : count;
    }
    return count > 0 ? segment_writer_reserve_lines(authority->segment, count) : TKR_OK;
}

static tkr_error_t apply(struct authority *authority, struct change *change)
{
    change->result.error = change->kind->apply(authority, change);
    bool alone = change->result.error == TKR_OK || fails_alone(change->result.error);
    return alone ? TKR_OK : change->result.error;
}

/* Whatever its error is, others do not fail with it. */
static tkr_error_t apply_shielded(struct authority *authority, struct change *change)
{
    const struct store_port *store = authority->store;
    TRY(store->mark(store->store));
    change->result.error = change->kind->apply(authority, change);
    return store->release(store->store, change->result.error != TKR_OK);
}

/* The imports, at the end of a batch. One that breaks takes other changes with it no more; a
 * batch that has only imports needs no such care, and a mark costs a tenth of their time. */
static tkr_error_t apply_imports(struct authority *authority, struct change *imports, bool shared)
{
    size_t rows = 0;
    for (struct change *change = imports; change != NULL; change = change->next) {
        TRY(shared ? apply_shielded(authority, change) : apply(authority, change));
        rows += change->import->count;
        if (rows >= STORE_SLICE_ROWS && change->next != NULL &&
            give_way(authority, &change->next)) {
            break;
        }
    }
    return TKR_OK;
}

static tkr_error_t apply_all(struct authority *authority, struct change *changes)
{
    struct change *change = changes;
    authority->batch_wants_lines = false;
    credits_book_begin(authority);
    for (; change != NULL && change->import == NULL; change = change->next) {
        TRY(apply(authority, change));
    }
    TRY(apply_imports(authority, change, change != changes));
    return reserve_lines(authority, changes);
}

static tkr_error_t commit(struct authority *authority, uint64_t *ret_seq)
{
    int64_t before_ns = clock_monotonic_ns(authority->options.clock);
    tkr_error_t error = audit_commit(authority, ret_seq);
    histogram_observe(&authority->commit_latency,
                      (uint64_t)(clock_monotonic_ns(authority->options.clock) - before_ns));
    if (error != TKR_OK && !writer_outcome_known(error)) {
        writer_refuse_changes(authority, error);
        return TKR_UNAVAILABLE;
    }
    return error;
}

static tkr_error_t write_batch(struct authority *authority, struct change *changes,
                               uint64_t *ret_seq)
{
    const struct store_port *store = authority->store;
    ENSURE(atomic_load(&authority->changes_accepted), TKR_UNAVAILABLE);
    TRY(store->begin(store->store));
    tkr_error_t error = apply_all(authority, changes);
    if (error != TKR_OK) {
        store->rollback(store->store);
        return error;
    }
    return commit(authority, ret_seq);
}

/* Each state is told once: that commits fail, and that they work again. */
static void note_outcome(struct authority *authority, tkr_error_t error)
{
    int before = atomic_exchange(&authority->last_commit, error);
    if (error == TKR_OK) {
        atomic_fetch_add(&authority->commits, 1);
    } else {
        atomic_fetch_add(&authority->commit_failures, 1);
    }
    if (error != TKR_OK && before != (int)error) {
        authority_report(authority, LOG_ERROR, "commit_failed",
                         "%s: %s: %s; changes are refused until it works again, verification "
                         "goes on",
                         authority->store->location, tkr_error_name(error), tkr_error_text(error));
    } else if (error == TKR_OK && before != TKR_OK) {
        authority_report(authority, LOG_INFO, "commit_recovered", "changes are stored again");
    }
}

static void fill_fault(struct change_result *result)
{
    if (result->error != TKR_OK && result->fault.error != result->error) {
        fault_set(&result->fault, result->error, "", "%s", tkr_error_text(result->error));
    }
}

static void answer(struct authority *authority, struct change *changes, tkr_error_t error)
{
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    while (changes != NULL) {
        struct change *change = changes;
        struct change_result *result = &change->result;
        changes = change->next;
        if (result->error == TKR_OK) {
            result->error = error;
        }
        if (result->error == TKR_OK) {
            atomic_fetch_add(&authority->changes, 1);
            result->token.status = token_status_at(&result->token, now_ms);
            result->token.credits = credits_of_token(authority, &result->token);
        } else {
            result->plaintext = NULL;
        }
        fill_fault(result);
        change->done(change->context, result);
        change_free(authority, change);
    }
}

static void run_batch(struct authority *authority, struct change *changes)
{
    uint64_t seq = 0;
    tkr_error_t error = write_batch(authority, changes, &seq);
    note_outcome(authority, error);
    if (error == TKR_OK) {
        writer_show_batch(authority, changes, seq);
    } else if (atomic_load(&authority->changes_accepted)) {
        credits_book_undo(authority); /* else it may be stored: what is held stays held */
    }
    answer(authority, changes, error);
}

/* --- the thread -------------------------------------------------------------------------- */

struct orders {
    struct change *batch;
    bool flush, auth, stop;
};

/* `busy`: there is something to do already. */
static struct orders wait_for_orders(struct authority *authority, bool busy, bool flushing)
{
    struct orders orders = {0};
    pthread_mutex_lock(&authority->queue_mutex);
    while (!busy && authority->queue_length == 0 && !authority->flush_due && !authority->auth_due &&
           !authority->stopping) {
        pthread_cond_wait(&authority->queue_changed, &authority->queue_mutex);
    }
    orders.batch = take_batch(authority);
    orders.stop = authority->stopping && orders.batch == NULL;
    orders.flush = !flushing && authority->flush_due;
    if (orders.flush) {
        authority->flush_due = false;
    }
    orders.auth = authority->auth_due;
    authority->auth_due = false;
    pthread_mutex_unlock(&authority->queue_mutex);
    return orders;
}

static void flush_ended(struct authority *authority, uint64_t asked)
{
    pthread_mutex_lock(&authority->queue_mutex);
    if (authority->flushes_done != asked) {
        authority->flushes_done = asked;
        pthread_cond_broadcast(&authority->flush_done);
    }
    pthread_mutex_unlock(&authority->queue_mutex);
}

static uint64_t flushes_asked(struct authority *authority)
{
    pthread_mutex_lock(&authority->queue_mutex);
    uint64_t asked = authority->flushes_asked;
    pthread_mutex_unlock(&authority->queue_mutex);
    return asked;
}

static void maintain(struct authority *authority)
{
    if (!atomic_load(&authority->changes_accepted)) {
        return;
    }
    tkr_error_t error = authority->store->maintain(authority->store->store);
    if (error != TKR_OK && !authority->maintain_failed) {
        authority_report(authority, LOG_WARNING, "maintain_failed", "%s: %s", tkr_error_name(error),
                         tkr_error_text(error));
    }
    authority->maintain_failed = error != TKR_OK;
}

static void *run_writer(void *context)
{
    struct authority *authority = context;
    bool flushing = false, noting = false;
    bool settling = epochs_pending(authority);
    uint64_t asked = 0;
    for (;;) {
        bool busy = flushing || noting || settling || authority->sweeping;
        struct orders orders = wait_for_orders(authority, busy, flushing);
        if (orders.stop) {
            break;
        }
        if (orders.batch != NULL) {
            run_batch(authority, orders.batch);
            settling = epochs_pending(authority);
        }
        if (orders.flush) {
            asked = flushes_asked(authority);
            writer_show_again(authority);
            reservations_expire(authority);
            flushing = usage_flush_begin(authority);
            settling = epochs_pending(authority); /* also one that failed before */
            rotation_end_quiet(authority);
            usage_sweep_start(authority);
        }
        if (orders.flush || orders.auth) {
            noting = auth_flush_begin(authority, orders.flush, false);
        }
        if (noting) {
            noting = auth_flush_slice(authority);
        }
        if (orders.flush) {
            monitor_flush(authority, false);
            audit_flush(authority, false);
        }
        if (flushing) {
            flushing = usage_flush_slice(authority);
        }
        if (settling) {
            settling = epochs_settle_slice(authority);
        }
        if (!flushing && !noting) {
            flush_ended(authority, asked);
        }
        if (authority->sweeping && !flushing && !noting && !settling) {
            usage_sweep_slice(authority);
        }
        maintain(authority);
    }
    usage_flush_all(authority);
    noting = auth_flush_begin(authority, true, true);
    while (noting) {
        noting = auth_flush_slice(authority);
    }
    monitor_flush(authority, true);
    audit_flush(authority, true);
    flush_ended(authority, UINT64_MAX);
    return NULL;
}

tkr_error_t writer_start(struct authority *authority)
{
    ENSURE(pthread_create(&authority->writer_thread, NULL, run_writer, authority) == 0, TKR_MEMORY);
    authority->writer_started = true;
    return TKR_OK;
}

void writer_stop(struct authority *authority)
{
    if (!authority->writer_started) {
        return;
    }
    pthread_mutex_lock(&authority->queue_mutex);
    authority->stopping = true;
    pthread_cond_signal(&authority->queue_changed);
    pthread_mutex_unlock(&authority->queue_mutex);
    pthread_join(authority->writer_thread, NULL);
    authority->writer_started = false;
}

void authority_flush(struct authority *authority)
{
    pthread_mutex_lock(&authority->queue_mutex);
    uint64_t mine = ++authority->flushes_asked;
    authority->flush_due = true;
    pthread_cond_signal(&authority->queue_changed);
    while (authority->flushes_done < mine) {
        pthread_cond_wait(&authority->flush_done, &authority->queue_mutex);
    }
    pthread_mutex_unlock(&authority->queue_mutex);
}
