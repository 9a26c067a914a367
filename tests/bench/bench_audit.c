/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of the audit log: events a second through the store, chained, sealed and durable, and how
 * long a log takes to verify. Prints lines `name value unit`.
 *
 *     bench_audit [EVENTS]         1,000,000 unless given
 *
 * Events are those of a change of a token (about 300 bytes), in groups as the writer makes them
 * under load: each group is a transaction with one fsync and one seal. What the bench makes beside
 * the program is removed at the end.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "daemon/audit_log.h"
#include "engine/store_port.h"
#include "store/sqlite/store_sqlite.h"

#define NOW 1767225600000LL
#define GROUP 1000

static const uint8_t seed[SEAL_SEED_BYTES] = {1};

struct bench {
    char directory[4096];
    struct store_port port;
    struct seal_key *key;
    uint8_t store_id[AUDIT_STORE_ID_BYTES];
    uint64_t checkpoint_seq;
    uint64_t findings;
};

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "bench_audit: %s failed\n", what);
        exit(1);
    }
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

static double now_s(void)
{
    return (double)clock_monotonic_ns(clock_system()) / 1e9;
}

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* As the engine does. */
static tkr_error_t seal(void *context, const struct store_head *head, struct store_seal *ret_seal)
{
    struct bench *bench = context;
    memset(ret_seal, 0, sizeof(*ret_seal));
    if (head->seq - bench->checkpoint_seq >= AUDIT_CHECKPOINT_EVENTS) {
        struct audit_checkpoint *checkpoint = &ret_seal->checkpoint;
        ret_seal->has_checkpoint = true;
        bench->checkpoint_seq = checkpoint->seq = head->seq;
        checkpoint->at_ms = NOW;
        memcpy(checkpoint->store_id, bench->store_id, sizeof(bench->store_id));
        memcpy(checkpoint->digest, head->digest, sizeof(head->digest));
        TRY(audit_checkpoint_sign(bench->key, checkpoint));
    }
    const struct audit_head sealed = {
        .store_id = bench->store_id,
        .first_seq = head->first_seq,
        .base = head->base,
        .seq = head->seq,
        .digest = head->digest,
        .checkpoint_seq = bench->checkpoint_seq,
    };
    return audit_head_mac(bench->key, &sealed, ret_seal->mac);
}

static void open_store(struct bench *bench)
{
    struct fault fault = {0};
    struct store_log log;
    struct store_sqlite_options options = {
        .directory = bench->directory, .clock = clock_system(), .random = random_system()};
    const struct store_sealer sealer = {seal, bench};
    must(store_sqlite_open(&options, &bench->port, &fault) == TKR_OK, "opening the store");
    must(bench->port.audit.read_log(bench->port.store, &log) == TKR_OK, "reading the log");
    memcpy(bench->store_id, log.store_id, sizeof(bench->store_id));
    bench->port.audit.set_sealer(bench->port.store, &sealer);
}

static void add_group(struct bench *bench, uint64_t number, unsigned count)
{
    struct store *store = bench->port.store;
    uint64_t seq = 0;
    char token[64];
    must(bench->port.begin(store) == TKR_OK, "begin");
    for (unsigned i = 0; i < count; i++) {
        snprintf(token, sizeof(token), "tok_%026llu", (unsigned long long)(number + i) / 3);
        const struct store_event event = {
            .at_ms = NOW + (int64_t)number,
            .type = "token.update",
            .org_id = "acme",
            .actor_user = "root",
            .actor_token = "tok_00000000000000000000000001",
            .user_id = "alice@example.org",
            .token_id = token,
            .token_name = "a laptop",
            .client = "192.0.2.17",
            .user_agent = "tokenry/0.1.0",
            .request_id = "0123456789abcdef0123456789abcdef",
            .details = "{\"tier\":\"pro\",\"tier_was\":\"free\",\"scopes\":\"api:read api:write\"}",
        };
        must(bench->port.note_event(store, &event) == TKR_OK, "an event");
    }
    must(bench->port.commit(store, &seq) == TKR_OK, "commit");
    must(bench->port.maintain(store) == TKR_OK, "maintain");
}

static void write_events(struct bench *bench, uint64_t events)
{
    double began = now_s(), cpu = cpu_s();
    for (uint64_t i = 0; i < events; i += GROUP) {
        add_group(bench, i, GROUP);
    }
    double wall = now_s() - began;
    cpu = cpu_s() - cpu;
    printf("audit_events_per_s %.0f /s\n", (double)events / wall);
    printf("audit_event_cpu_us %.2f us\n", cpu / (double)events * 1e6);
}

static void write_key(const struct bench *bench, char *path, size_t size)
{
    char hex[2 * SEAL_SEED_BYTES + 1];
    snprintf(path, size, "%s/audit.key", bench->directory);
    FILE *file = fopen(path, "we");
    text_hex(seed, sizeof(seed), hex);
    must(file != NULL && fprintf(file, "tokenry-audit-key-1 %s\n", hex) > 0 && fclose(file) == 0 &&
             chmod(path, 0600) == 0,
         "writing the key");
}

static void found(void *context, const struct audit_finding *finding, const char *place)
{
    struct bench *bench = context;
    bench->findings++;
}

static void verify(struct bench *bench, uint64_t events)
{
    char path[4200];
    struct fault fault = {0};
    struct audit_log_result result;
    write_key(bench, path, sizeof(path));
    const struct audit_log_check check = {
        .data = bench->directory, .key_file = path, .found = found, .context = bench};
    double began = now_s(), cpu = cpu_s();
    must(audit_log_verify(&check, &result, &fault) == TKR_OK, "verifying");
    double wall = now_s() - began;
    cpu = cpu_s() - cpu;
    must(result.events == events && bench->findings == 0, "an intact log");
    printf("audit_verify_events_per_s %.0f /s\n", (double)events / wall);
    printf("audit_verify_event_cpu_us %.2f us\n", cpu / (double)events * 1e6);
    printf("audit_verify_10m_s %.1f s\n", wall * 1e7 / (double)events);
}

int main(int count, char **arguments)
{
    static struct bench bench;
    uint64_t events = count > 1 ? strtoull(arguments[1], NULL, 10) : 1000000;
    events -= events % GROUP;
    must(events > 0, "at least 1,000 events");
    must(readlink("/proc/self/exe", bench.directory, sizeof(bench.directory) - 32) > 0, "a place");
    strcat(bench.directory, ".XXXXXX");
    must(mkdtemp(bench.directory) != NULL, "a directory");
    must(seal_key_new(seed, &bench.key) == TKR_OK, "a key");
    open_store(&bench);
    write_events(&bench, events);
    verify(&bench, events);
    store_sqlite_close(&bench.port);
    seal_key_free(bench.key);
    nftw(bench.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
