/* bench.c - difftf-bench: rates of prefill, decoding, attention and training, as shares of what this machine does in the same
 * run: its matrix product, or its reading of memory. */
#include "bench/bench.h"

#include "suite/rates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_row(struct bench *b, const char *name, double (*once)(void *context), void *context, int runs, double work,
               const char *unit, double cost, bool memory)
{
    enum { MOST = 15 };
    double seconds[MOST];
    runs = runs < MOST ? runs : MOST;
    once(context);
    for (int i = 0; i < runs; i++)
        seconds[i] = once(context);
    qsort(seconds, (size_t)runs, sizeof *seconds, ascending);
    double middle = seconds[runs / 2], limit = memory ? b->bandwidth : b->sgemm;
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", name);
    json_add_number(row, "rate", work / middle);
    cJSON_AddStringToObject(row, "unit", unit);
    json_add_number(row, memory ? "gigabytes_per_second" : "gflops", cost / middle);
    json_add_number(row, "limit", limit);
    cJSON_AddStringToObject(row, "limit_name", memory ? "read GB/s" : "sgemm GFLOP/s");
    json_add_number(row, "ratio", cost / middle / limit);
    json_add_number(row, "spread", (seconds[runs - 1] - seconds[0]) / middle);
    json_add_number(row, "runs", runs);
    cJSON_AddItemToArray(b->rows, row);
    printf("%-38s %10.1f %-9s %7.1f %-8s %4.0f %% of %s, spread %.0f %%\n", name, work / middle, unit, cost / middle,
           memory ? "GB/s" : "GFLOP/s", 100 * cost / middle / limit, memory ? "reading" : "sgemm",
           100 * (seconds[runs - 1] - seconds[0]) / middle);
    fflush(stdout);
}

static const struct {
    const char *name;
    enum status (*run)(struct bench *b, struct error *err);
} PARTS[] = {{"prefill", bench_prefill}, {"decode", bench_decode}, {"attention", bench_attention}, {"train", bench_train}};
enum { N_PARTS = sizeof PARTS / sizeof *PARTS };

static enum status bench(const char *part, const char *out, int threads, struct error *err)
{
    cJSON *root = cJSON_CreateObject(), *machine = cJSON_AddObjectToObject(root, "machine");
    struct bench b = {.threads = threads,
                      .sgemm = rates_sgemm(threads),
                      .bandwidth = rates_bandwidth(threads),
                      .rows = cJSON_AddArrayToObject(root, "rows")};
    enum status status = b.sgemm > 0 && b.bandwidth > 0 ? OK : error_set(err, ERR_SYSTEM, "bench: out of memory");
    printf("this machine, %d threads: sgemm 2048 x 2048 x 2048 %.1f GFLOP/s, reading memory %.1f GB/s\n", threads, b.sgemm,
           b.bandwidth);
    json_add_number(machine, "threads", threads);
    json_add_number(machine, "sgemm_gflops", b.sgemm);
    json_add_number(machine, "read_gigabytes", b.bandwidth);
    for (size_t i = 0; i < N_PARTS && status == OK; i++)
        if (strcmp(part, "all") == 0 || strcmp(part, PARTS[i].name) == 0)
            status = PARTS[i].run(&b, err);
    if (status == OK && out != NULL)
        status = json_write(out, root, err);
    cJSON_Delete(root);
    return status;
}

static int usage(FILE *stream, int code)
{
    fputs("usage: difftf-bench [all|prefill|decode|attention|train] [--json FILE] [--threads N]\n"
          "Rates as shares of this machine's own matrix product and reading of memory, measured in the same run.\n",
          stream);
    return code;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    const char *part = "all", *out = NULL;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int threads = processors > 0 ? (int)processors : 1;
    bool known = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout, OK);
        if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            out = argv[++i];
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0)
            threads = atoi(argv[++i]);
        else if (argv[i][0] != '-')
            part = argv[i];
        else
            return usage(stderr, ERR_USAGE);
    }
    for (size_t i = 0; i < N_PARTS; i++)
        known = known || strcmp(part, PARTS[i].name) == 0 || strcmp(part, "all") == 0;
    if (!known)
        return usage(stderr, ERR_USAGE);
    enum status status = bench(part, out, threads, &err);
    if (status != OK)
        fprintf(stderr, "difftf-bench: %s\n", err.message);
    return (int)status;
}
