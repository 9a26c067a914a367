/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules as people see and change them: what is asked for, what holds, and when it is time. */
#include <string.h>

#include "base/text.h"
#include "engine/authority_internal.h"
#include "engine/schedules.h"
#include "engine/task.h"

static const char *const status_names[SCHEDULE_STATUSES] = {
    [SCHEDULE_WAITS] = "waits",       [SCHEDULE_ROTATING] = "rotating",
    [SCHEDULE_BLOCKED] = "blocked",   [SCHEDULE_TOO_LATE] = "too_late",
    [SCHEDULE_NOTHING] = "never_due",
};
static const char *const outcome_names[SCHEDULE_OUTCOMES] = {
    [SCHEDULE_NEVER] = "never",
    [SCHEDULE_DELIVERED] = "delivered",
    [SCHEDULE_FAILED] = "failed",
    [SCHEDULE_UNSURE] = "unsure",
};

const char *schedule_status_name(enum schedule_status status)
{
    ASSERT((unsigned)status < SCHEDULE_STATUSES);
    return status_names[status];
}

const char *schedule_outcome_name(enum schedule_outcome outcome)
{
    ASSERT((unsigned)outcome < SCHEDULE_OUTCOMES);
    return outcome_names[outcome];
}

/* --- targets -------------------------------------------------------------------------------- */

static const struct rotation_target *find_target(const struct authority *authority,
                                                 const char *name)
{
    const struct rotation_options *options = &authority->options.rotation;
    for (size_t i = 0; i < options->target_count; i++) {
        if (strcmp(options->targets[i].name, name) == 0) {
            return &options->targets[i];
        }
    }
    return NULL;
}

/* A target is a way for tokens to leave, so an organisation has those that it was given. */
static bool may_use(const struct principal *by, const struct rotation_target *target,
                    const char *org_id)
{
    bool given = principal_is_global(by);
    for (size_t i = 0; i < target->org_count && !given; i++) {
        given = strcmp(target->orgs[i], "*") == 0 || strcmp(target->orgs[i], org_id) == 0;
    }
    return given;
}

/* --- what holds, and when ------------------------------------------------------------------- */

static int64_t overlap_of(const struct authority *authority, const struct schedule *schedule)
{
    return schedule->has_overlap ? schedule->overlap_s
                                 : authority->options.rotation_grace_ms / 1000;
}

int64_t schedule_overlap_ms(const struct authority *authority, const struct schedule *schedule)
{
    return overlap_of(authority, schedule) * 1000;
}

static void merge_defaults(const struct authority *authority, struct schedule_view *view)
{
    const struct rotation_options *options = &authority->options.rotation;
    const struct schedule *schedule = &view->schedule;
    const char *window = schedule->window != NULL ? schedule->window : options->window;
    const char *zone = schedule->time_zone != NULL ? schedule->time_zone : options->time_zone;
    view->max_age_s = schedule->has_max_age ? schedule->max_age_s : options->max_age_s;
    view->uses = schedule->has_uses ? schedule->uses : options->uses;
    view->uses_age_s = schedule->has_uses_age ? schedule->uses_age_s : options->uses_age_s;
    view->overlap_s = overlap_of(authority, schedule);
    view->window = window != NULL ? window : "";
    view->time_zone = zone != NULL ? zone : "UTC";
}

/* What only somebody can mend; "" when there is nothing. */
static const char *blocked_by(const struct authority *authority, const struct schedule_view *view)
{
    if (view->token.status != TOKEN_ACTIVE) {
        return "the token is not active";
    }
    if (view->token.honeytoken || view->token.source == TOKEN_SOURCE_ENVIRONMENT) {
        return "such a token is not rotated here";
    }
    if (find_target(authority, view->schedule.target) == NULL) {
        return "its target is not configured any more";
    }
    if (view->schedule.unsure >= ROTATION_UNSURE_MAX && !view->schedule.wished) {
        return "too many deliveries had no certain end: mend the receiver, then ask for it";
    }
    return "";
}

static void find_moment(struct authority *authority, int64_t now_ms, struct schedule_view *view)
{
    struct calendar calendar;
    struct rotation_rule rule = {.max_age_s = view->max_age_s,
                                 .uses = view->uses,
                                 .uses_age_s = view->uses_age_s,
                                 .overlap_s = view->overlap_s};
    const struct rotation_subject subject = {
        .created_at_ms = view->token.created_at_ms,
        .expires_at_ms = view->token.expires_at_ms,
        .uses =
            view->token.has_version_line ? view->token.version_count : view->token.request_count,
        .not_before_ms = view->schedule.next_at_ms,
        .unfinished = view->schedule.unsure > 0,
        .wished = view->schedule.wished,
    };
    if (view->window[0] != '\0') {
        if (calendar_parse(view->window, strlen(view->window), &calendar, NULL) != TKR_OK ||
            zones_find(authority, view->time_zone, &rule.zone) != TKR_OK) {
            view->status = SCHEDULE_BLOCKED;
            view->blocked = "its window or its time zone cannot be read here";
            return;
        }
        rule.window = &calendar;
    }
    view->moment = rotation_when(&rule, &subject, now_ms);
    view->overdue = view->moment.reason != ROTATION_NONE && view->moment.due_ms < now_ms;
    view->status = view->moment.reason == ROTATION_NONE ? SCHEDULE_NOTHING
                   : view->moment.too_late              ? SCHEDULE_TOO_LATE
                                                        : SCHEDULE_WAITS;
}

static struct schedule_view describe(struct authority *authority, const struct epochs_noted *noted,
                                     const struct scheduled_token *scheduled)
{
    struct schedule_view view = {
        .schedule = scheduled->schedule, .token = scheduled->token, .blocked = ""};
    int64_t now_ms = segment_writer_now_ms(authority->segment);
    token_overlay(authority, noted, &view.token, now_ms);
    merge_defaults(authority, &view);
    find_moment(authority, now_ms, &view);
    if (view.schedule.rotating_id[0] != '\0') {
        view.status = SCHEDULE_ROTATING;
    } else if (view.status != SCHEDULE_BLOCKED) {
        view.blocked = blocked_by(authority, &view);
        view.status = view.blocked[0] != '\0' ? SCHEDULE_BLOCKED : view.status;
    }
    return view;
}

/* --- reading -------------------------------------------------------------------------------- */

static tkr_error_t read_view(struct authority *authority, const char *lineage_id,
                             struct arena *arena, struct schedule_view *ret_view)
{
    const struct store_port *store = authority->store;
    struct scheduled_token scheduled;
    struct epochs_noted noted;
    epochs_note(authority, &noted);
    TRY(store->schedules.get(store->store, lineage_id, arena, &scheduled));
    *ret_view = describe(authority, &noted, &scheduled);
    return TKR_OK;
}

tkr_error_t authority_get_schedule(struct authority *authority, const struct principal *by,
                                   const char *token_id, struct arena *arena,
                                   struct schedule_view *ret_view, struct fault *fault)
{
    struct token token;
    TRY(authority_get_token(authority, by, token_id, arena, &token));
    tkr_error_t error = read_view(authority, token.lineage_id, arena, ret_view);
    return error == TKR_NOT_FOUND
               ? fault_set(fault, error, "", "the token has no schedule of rotation")
               : error;
}

tkr_error_t authority_list_schedules(struct authority *authority, const struct principal *by,
                                     const struct schedule_page_of *of, struct arena *arena,
                                     struct schedule_view **ret_views, size_t *ret_count,
                                     struct fault *fault)
{
    const struct store_port *store = authority->store;
    struct schedule_page_of own = *of;
    struct scheduled_token *tokens = NULL;
    size_t count = 0;
    struct epochs_noted noted;
    TRY(check_list_org(by, of->org_id, &own.org_id, fault));
    TRY(check_page(&(struct page_of){.limit = own.limit}, fault));
    epochs_note(authority, &noted);
    TRY(store->schedules.list(store->store, &own, arena, &tokens, &count));
    struct schedule_view *views = arena_alloc(arena, (count + 1) * sizeof(*views));
    ENSURE(views != NULL, TKR_TOO_LARGE);
    for (size_t i = 0; i < count; i++) {
        views[i] = describe(authority, &noted, &tokens[i]);
    }
    *ret_views = views;
    *ret_count = count;
    return TKR_OK;
}

/* --- what is asked for ---------------------------------------------------------------------- */

static tkr_error_t check_numbers(const struct schedule_asked *asked, struct fault *fault)
{
    const struct {
        const char *member;
        bool has;
        int64_t value, most;
    } rows[] = {
        {"max_age_s", asked->has_max_age, asked->max_age_s, LIFETIME_S_MAX},
        {"uses_age_s", asked->has_uses_age, asked->uses_age_s, LIFETIME_S_MAX},
        {"overlap_s", asked->has_overlap, asked->overlap_s, ROTATION_GRACE_S_MAX},
        {"uses", asked->has_uses, (int64_t)asked->uses, INT64_MAX - 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].has && (rows[i].value < 0 || rows[i].value > rows[i].most)) {
            return fault_set(fault, TKR_OUT_OF_RANGE, rows[i].member, "must be 0 to %lld",
                             (long long)rows[i].most);
        }
    }
    return TKR_OK;
}

/* A window that has no beginning from now on is somebody's mistake. */
static tkr_error_t check_window(struct authority *authority, const struct schedule_asked *asked,
                                struct fault *fault)
{
    const struct zone *zone = zone_utc();
    struct calendar calendar;
    int64_t start_s = 0;
    int64_t now_s = segment_writer_now_ms(authority->segment) / 1000;
    if (asked->time_zone != NULL && zones_find(authority, asked->time_zone, &zone) != TKR_OK) {
        return fault_set(fault, TKR_INVALID, "time_zone",
                         "there is no such zone here: it is a name like Europe/Berlin");
    }
    if (asked->window == NULL || asked->window[0] == '\0') {
        return TKR_OK;
    }
    TRY(calendar_parse(asked->window, strlen(asked->window), &calendar, fault));
    if (calendar_next(&calendar, zone, now_s, &start_s) != TKR_OK) {
        return fault_set(fault, TKR_OUT_OF_RANGE, "window", "there is no such day");
    }
    return TKR_OK;
}

tkr_error_t rotation_check_options(struct authority *authority, struct fault *fault)
{
    const struct rotation_options *options = &authority->options.rotation;
    const struct schedule_asked asked = {.window = options->window,
                                         .time_zone = options->time_zone};
    return check_window(authority, &asked, fault);
}

/* --- changes, on the writer thread ------------------------------------------------------------ */

struct edit {
    struct authority *authority;
    const struct principal *by;
    const char *token_id;
    const struct schedule_asked *asked; /* of put */
    uint64_t if_version;
    struct arena *arena;
    struct fault *fault;
    /* What was found. */
    struct token token;
    struct schedule schedule;
    bool exists;
    struct details details;
};

/* The token that is meant and the schedule of its lineage; whether `by` may change them. */
static tkr_error_t find_both(const struct store_port *store, struct edit *edit)
{
    TRY(store->read_token(store->store, edit->token_id, edit->arena, &edit->token));
    ENSURE(principal_sees(edit->by, &edit->token), TKR_NOT_FOUND);
    epochs_overlay(edit->authority, &edit->token);
    bool covered = principal_covers(edit->by, edit->token.scopes) &&
                   (edit->token.kind != TOKEN_KIND_ADMIN || principal_is_global(edit->by));
    if (!covered) {
        return fault_set(edit->fault, TKR_FORBIDDEN, "",
                         "nobody can change a token that has more scope than they have");
    }
    tkr_error_t error =
        store->schedules.read(store->store, edit->token.lineage_id, edit->arena, &edit->schedule);
    ENSURE(error == TKR_OK || error == TKR_NOT_FOUND, error);
    edit->exists = error == TKR_OK;
    if (edit->if_version != 0 && (!edit->exists || edit->if_version != edit->schedule.version)) {
        return fault_set(edit->fault, TKR_PRECONDITION, "If-Match", "the schedule is another one");
    }
    return TKR_OK;
}

static tkr_error_t require(const struct edit *edit)
{
    return edit->exists
               ? TKR_OK
               : fault_set(edit->fault, TKR_NOT_FOUND, "", "the token has no schedule of rotation");
}

static struct store_event event_of(struct edit *edit, const char *type)
{
    return (struct store_event){
        .at_ms = segment_writer_now_ms(edit->authority->segment),
        .type = type,
        .actor_user = edit->by->user_id,
        .actor_token = edit->by->token_id,
        .org_id = edit->token.org_id,
        .user_id = edit->token.user_id,
        .token_id = edit->token.id,
        .token_name = edit->token.name,
        .client = edit->by->client,
        .user_agent = edit->by->user_agent,
        .request_id = edit->by->request_id,
        .details = details_finish(&edit->details),
    };
}

static tkr_error_t check_target(const struct store_port *store, struct edit *edit)
{
    const struct rotation_target *target = find_target(edit->authority, edit->asked->target);
    char other[TOKEN_ID_CHARS + 1];
    if (target == NULL || !may_use(edit->by, target, edit->token.org_id)) {
        return fault_set(edit->fault, TKR_NOT_FOUND, "target",
                         "there is no such target for tokens of %s", edit->token.org_id);
    }
    ENSURE(!target->shared, TKR_OK);
    tkr_error_t error =
        store->schedules.find_target(store->store, target->name, edit->token.lineage_id, other);
    if (error == TKR_OK) {
        return fault_set(edit->fault, TKR_CONFLICT, "target",
                         "it keeps one token, and is another's already");
    }
    return error == TKR_NOT_FOUND ? TKR_OK : error;
}

static void tell(struct edit *edit)
{
    const struct schedule *schedule = &edit->schedule;
    details_text(&edit->details, "target", schedule->target);
    const struct {
        const char *name;
        bool has;
        uint64_t value;
    } rows[] = {
        {"max_age_s", schedule->has_max_age, (uint64_t)schedule->max_age_s},
        {"uses", schedule->has_uses, schedule->uses},
        {"uses_age_s", schedule->has_uses_age, (uint64_t)schedule->uses_age_s},
        {"overlap_s", schedule->has_overlap, (uint64_t)schedule->overlap_s},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].has) {
            details_count(&edit->details, rows[i].name, rows[i].value);
        }
    }
    if (schedule->window != NULL) {
        details_text(&edit->details, "window", schedule->window);
    }
    if (schedule->time_zone != NULL) {
        details_text(&edit->details, "time_zone", schedule->time_zone);
    }
}

/* What was asked for takes the place of what was; how it goes stays, but the next try is free. */
static void merge_asked(struct edit *edit)
{
    const struct schedule_asked *asked = edit->asked;
    struct schedule *schedule = &edit->schedule;
    int64_t now_ms = segment_writer_now_ms(edit->authority->segment);
    if (!edit->exists) {
        *schedule = (struct schedule){.created_at_ms = now_ms, .error = ""};
        memcpy(schedule->lineage_id, edit->token.lineage_id, sizeof(schedule->lineage_id));
    } else {
        details_text(&edit->details, "target_was", schedule->target);
    }
    schedule->target = asked->target;
    schedule->has_max_age = asked->has_max_age;
    schedule->has_uses = asked->has_uses;
    schedule->has_uses_age = asked->has_uses_age;
    schedule->has_overlap = asked->has_overlap;
    schedule->max_age_s = asked->max_age_s;
    schedule->uses = asked->uses;
    schedule->uses_age_s = asked->uses_age_s;
    schedule->overlap_s = asked->overlap_s;
    schedule->window = asked->window;
    schedule->time_zone = asked->time_zone;
    schedule->updated_at_ms = now_ms;
    schedule->next_at_ms = 0;
    schedule->version++;
}

static tkr_error_t apply_put(const struct store_port *store, void *context)
{
    struct edit *edit = context;
    TRY(find_both(store, edit));
    if (edit->asked->must_be_new && edit->exists) {
        return fault_set(edit->fault, TKR_PRECONDITION, "If-None-Match", "there is a schedule");
    }
    if (edit->token.revoked_at_ms != 0) {
        return fault_set(edit->fault, TKR_CONFLICT, "", "the token is revoked");
    }
    if (edit->token.honeytoken || edit->token.source == TOKEN_SOURCE_ENVIRONMENT) {
        return fault_set(edit->fault, TKR_CONFLICT, "", "such a token is not rotated here");
    }
    bool on_its_way = edit->exists && edit->schedule.rotating_id[0] != '\0';
    if (on_its_way && strcmp(edit->schedule.target, edit->asked->target) != 0) {
        return fault_set(edit->fault, TKR_CONFLICT, "target",
                         "a successor is on its way to the one that it has");
    }
    TRY(check_target(store, edit));
    merge_asked(edit);
    tell(edit);
    const struct store_event event = event_of(edit, "rotation.schedule");
    return store->schedules.put(store->store, &edit->schedule, &event);
}

static tkr_error_t apply_remove(const struct store_port *store, void *context)
{
    struct edit *edit = context;
    TRY(find_both(store, edit));
    TRY(require(edit));
    if (edit->schedule.rotating_id[0] != '\0') {
        return fault_set(edit->fault, TKR_CONFLICT, "", "a successor is on its way to its target");
    }
    details_text(&edit->details, "target_was", edit->schedule.target);
    const struct store_event event = event_of(edit, "rotation.unschedule");
    return store->schedules.remove(store->store, edit->schedule.lineage_id, &event);
}

static tkr_error_t apply_wish(const struct store_port *store, void *context)
{
    struct edit *edit = context;
    TRY(find_both(store, edit));
    TRY(require(edit));
    edit->schedule.wished = true;
    details_text(&edit->details, "target", edit->schedule.target);
    const struct store_event event = event_of(edit, "rotation.wish");
    return store->schedules.put(store->store, &edit->schedule, &event);
}

static tkr_error_t run_edit(struct edit *edit,
                            tkr_error_t (*apply)(const struct store_port *store, void *context))
{
    uint8_t id[TOKEN_ID_BYTES];
    ENSURE(token_id_parse(edit->token_id, strlen(edit->token_id), id) == TKR_OK, TKR_NOT_FOUND);
    details_init(&edit->details);
    tkr_error_t error = authority_run(edit->authority, apply, edit);
    details_deinit(&edit->details);
    return error;
}

tkr_error_t authority_put_schedule(struct authority *authority, const struct principal *by,
                                   const char *token_id, const struct schedule_asked *asked,
                                   struct arena *arena, struct schedule_view *ret_view,
                                   bool *ret_created, struct fault *fault)
{
    struct edit edit = {.authority = authority,
                        .by = by,
                        .token_id = token_id,
                        .asked = asked,
                        .if_version = asked->if_version,
                        .arena = arena,
                        .fault = fault};
    TRY(check_numbers(asked, fault));
    TRY(check_window(authority, asked, fault));
    TRY(run_edit(&edit, apply_put));
    *ret_created = !edit.exists;
    return read_view(authority, edit.token.lineage_id, arena, ret_view);
}

tkr_error_t authority_remove_schedule(struct authority *authority, const struct principal *by,
                                      const char *token_id, uint64_t if_version,
                                      struct fault *fault)
{
    CLEANUP(arena_free_p) struct arena *arena = NULL;
    TRY(arena_new(CHANGE_BYTES_MAX, &arena));
    struct edit edit = {.authority = authority,
                        .by = by,
                        .token_id = token_id,
                        .if_version = if_version,
                        .arena = arena,
                        .fault = fault};
    return run_edit(&edit, apply_remove);
}

tkr_error_t authority_wish_rotation(struct authority *authority, const struct principal *by,
                                    const char *token_id, struct arena *arena,
                                    struct schedule_view *ret_view, struct fault *fault)
{
    struct edit edit = {
        .authority = authority, .by = by, .token_id = token_id, .arena = arena, .fault = fault};
    struct schedule_view view = {.schedule.target = "", .token.id = ""};
    TRY(authority_get_schedule(authority, by, token_id, arena, &view, fault));
    view.schedule.wished = true; /* which is what some of it waits for */
    const char *blocked = blocked_by(authority, &view);
    if (blocked[0] != '\0') {
        return fault_set(fault, TKR_CONFLICT, "", "%s", blocked);
    }
    TRY(run_edit(&edit, apply_wish));
    return read_view(authority, edit.token.lineage_id, arena, ret_view);
}
