/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of `tokenry simulate`: what it was given (simulate_options.c), and what it says when
 * all was replayed (simulate_print.c), tables and a plot for people, or JSON.
 */
#ifndef CLI_SIMULATE_H
#define CLI_SIMULATE_H

#include "cli/command.h"
#include "simulate/simulation.h"

/* --field, --format and --top. An error was printed. */
MUST_USE enum cli_exit simulate_read_form(const struct cli *cli, struct simulation_options *options,
                                          size_t *ret_top);
/* What is proposed and what it is compared with; asks an authority for the tiers that are named,
 * and nobody when none is. `cli` is configured. An error was printed. */
MUST_USE enum cli_exit simulate_read_proposals(struct cli *cli, struct replay_options *options);

/* Lines that were left out, the first of them one by one. */
struct simulate_bad {
    size_t count; /* of those kept here */
    struct {
        uint64_t line;
        char reason[FAULT_DETAIL_BYTES];
    } kept[SIMULATE_BAD_SHOWN_MAX];
};

struct simulate_report {
    const struct simulation *simulation;
    const struct replay_options *options;
    const struct simulate_bad *bad;
    size_t top; /* subjects listed of each proposal */
};

/* Errors: TKR_MEMORY. */
MUST_USE tkr_error_t simulate_print(const struct simulate_report *report);
MUST_USE tkr_error_t simulate_print_json(const struct simulate_report *report);

#endif
