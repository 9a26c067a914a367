/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offline but for one question: what the named tiers allow today. Everything else happens in
 * this process's memory, and nothing is written anywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/simulate.h"
#include "daemon/wire.h"

#define READ_BYTES (256 * 1024)
#define PROGRESS_BYTES (8 * 1024 * 1024)

struct source {
    int fd;
    off_t bytes; /* 0: unknown */
    bool progress;
    const char *name;
};

static void source_close(struct source *source)
{
    if (source->fd > STDERR_FILENO) {
        close(source->fd);
    }
}

/* --- the recording --------------------------------------------------------------------------- */

/* Opened before the authority is asked: on somebody's data directory root becomes that
 * somebody, who may not read it. */
static enum cli_exit open_source(const struct cli *cli, struct source *source)
{
    struct stat status;
    const char *path = cli->arguments.operand_count > 0 ? cli->arguments.operands[0] : "-";
    bool standard = strcmp(path, "-") == 0;
    source->name = standard ? "standard input" : path;
    source->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (standard && isatty(STDIN_FILENO) == 1) {
        return cli_usage(cli->command, "which recording? Name a file, or give it on standard "
                                       "input");
    }
    if (source->fd < 0 || fstat(source->fd, &status) != 0) {
        return cli_fail(CLI_USAGE, "%s: %s", path, strerror(errno));
    }
    source->bytes = S_ISREG(status.st_mode) ? status.st_size : 0;
    source->progress = source->bytes > PROGRESS_BYTES && isatty(STDERR_FILENO) == 1;
    return CLI_DONE;
}

static void keep_bad(void *context, uint64_t line, const struct fault *why)
{
    struct simulate_bad *bad = context;
    if (bad->count < SIMULATE_BAD_SHOWN_MAX) {
        bad->kept[bad->count].line = line;
        snprintf(bad->kept[bad->count].reason, sizeof(bad->kept[0].reason), "%s", why->detail);
        bad->count++;
    }
}

static void show_progress(const struct source *source, off_t done)
{
    if (source->progress && done < source->bytes) {
        fprintf(stderr, "\r%3d %%", (int)(100 * done / source->bytes));
    } else if (source->progress) {
        fputs("\r     \r", stderr);
    }
}

static enum cli_exit failed(tkr_error_t error, const struct source *source,
                            const struct fault *fault)
{
    const char *why = fault->detail[0] != '\0' ? fault->detail : tkr_error_text(error);
    enum tkr_error_category category = tkr_error_category(error);
    return cli_fail(category == TKR_CATEGORY_CALLER ? CLI_USAGE : CLI_REFUSED, "%s: %s",
                    source->name, why);
}

static enum cli_exit replay_all(const struct source *source, struct simulation *simulation)
{
    static char bytes[READ_BYTES];
    struct fault fault = {0};
    off_t done = 0, shown = 0;
    for (;;) {
        ssize_t count = read(source->fd, bytes, sizeof(bytes));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return cli_fail(CLI_USAGE, "%s: %s", source->name, strerror(errno));
        }
        tkr_error_t error = count > 0 ? simulation_feed(simulation, bytes, (size_t)count, &fault)
                                      : simulation_end(simulation, &fault);
        if (error != TKR_OK) {
            show_progress(source, source->bytes);
            return failed(error, source, &fault);
        }
        done += count;
        if (count == 0 || done - shown >= PROGRESS_BYTES) {
            show_progress(source, count == 0 ? source->bytes : done);
            shown = done;
        }
        if (count == 0) {
            return CLI_DONE;
        }
    }
}

/* --- the command ----------------------------------------------------------------------------- */

static void tell_bad(const struct simulate_bad *bad, uint64_t count)
{
    for (size_t i = 0; i < bad->count; i++) {
        fprintf(stderr, "tokenry: line %llu: %s\n", (unsigned long long)bad->kept[i].line,
                bad->kept[i].reason);
    }
    if (count > bad->count) {
        fprintf(stderr, "tokenry: and %llu more lines were left out\n",
                (unsigned long long)(count - bad->count));
    }
}

static enum cli_exit report(const struct cli *cli, const struct source *source,
                            const struct simulate_report *what)
{
    struct simulation_summary summary = simulation_summary(what->simulation);
    tell_bad(what->bad, summary.bad_lines);
    /* An empty recording says nothing about a tier, and shall not look as if it did. */
    if (summary.requests == 0) {
        return cli_fail(CLI_USAGE,
                        "%s: there is no request in it that could be replayed; --field says "
                        "what it calls its members, --subject user counts users only",
                        source->name);
    }
    tkr_error_t error = cli_json(cli) ? simulate_print_json(what) : simulate_print(what);
    if (error != TKR_OK) {
        return cli_fail(cli_exit_of(error), "%s", tkr_error_text(error));
    }
    const struct replay *replay = simulation_replay(what->simulation);
    bool limited = replay_totals(replay, 0)->refused > 0;
    return limited && arguments_has(&cli->arguments, "fail-if-limited") ? CLI_REFUSED : CLI_DONE;
}

enum cli_exit cmd_simulate(struct cli *cli)
{
    struct source source CLEANUP(source_close) = {.fd = -1};
    struct simulate_bad bad = {0};
    struct simulation *simulation CLEANUP(simulation_free_p) = NULL;
    struct simulation_options options = {.replay = {.limiter = wire_limiter()},
                                         .random = random_system(),
                                         .held_max = SIMULATE_HELD_MAX,
                                         .strict = arguments_has(&cli->arguments, "strict"),
                                         .bad = keep_bad,
                                         .context = &bad};
    struct simulate_report what = {.options = &options.replay, .bad = &bad};
    enum cli_exit status = simulate_read_form(cli, &options, &what.top);
    status = status == CLI_DONE ? open_source(cli, &source) : status;
    status = status == CLI_DONE && !cli_configure(cli, false) ? CLI_USAGE : status;
    status = status == CLI_DONE ? simulate_read_proposals(cli, &options.replay) : status;
    if (status != CLI_DONE) {
        return status;
    }
    memcpy(options.prefixes.live, cli->config->prefix_live, strlen(cli->config->prefix_live));
    memcpy(options.prefixes.test, cli->config->prefix_test, strlen(cli->config->prefix_test));
    if (simulation_new(&options, &simulation) != TKR_OK) {
        return cli_fail(CLI_REFUSED, "%s", tkr_error_text(TKR_MEMORY));
    }
    status = replay_all(&source, simulation);
    what.simulation = simulation;
    return status == CLI_DONE ? report(cli, &source, &what) : status;
}
