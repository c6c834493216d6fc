/* bench.c - difftf-bench: rates of prefill, decode and training of the embedded pair, as shares of the machine's own matrix
 * product measured in the same run. */
#include "suite/experiment.h"
#include "suite/rates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RUNS = 5 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of RUNS runs after one that is not counted. */
static enum status add_row(cJSON *rows, const char *name, const struct model *m, enum rates_work work, size_t n, double limit,
                           int threads, struct error *err)
{
    struct rates_job *job;
    double rate[RUNS];
    enum status status = rates_job_open(&job, m, work, n, threads, err);
    if (status != OK)
        return status;
    rates_job_run(job);
    for (int i = 0; i < RUNS; i++)
        rate[i] = rates_job_run(job);
    qsort(rate, RUNS, sizeof *rate, ascending);
    double middle = rate[RUNS / 2], gflops = rates_job_gflops(job, middle);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", name);
    cJSON_AddStringToObject(row, "unit", "tokens/s");
    json_add_number(row, "rate", middle);
    json_add_number(row, "gflops", gflops);
    json_add_number(row, "limit", limit);
    cJSON_AddStringToObject(row, "limit_name", "sgemm GFLOP/s");
    json_add_number(row, "ratio", gflops / limit);
    json_add_number(row, "spread", (rate[RUNS - 1] - rate[0]) / middle);
    json_add_number(row, "runs", RUNS);
    cJSON_AddItemToArray(rows, row);
    fprintf(stderr, "%-36s %10.0f tokens/s %7.1f GFLOP/s  %4.0f %% of sgemm\n", name, middle, gflops, 100 * gflops / limit);
    rates_job_close(job);
    return OK;
}

static enum status bench_model(cJSON *rows, const char *name, double limit, int threads, struct error *err)
{
    static const struct {
        const char *row;
        enum rates_work work;
        size_t n;
    } table[] = {{"prefill.1024", RATES_PREFILL, 1024}, {"decode.f32", RATES_DECODE, 1024}, {"train", RATES_TRAIN, 512}};
    struct model m;
    char text[64];
    snprintf(text, sizeof text, "models/%s", name);
    char *folder = embedded_path(text);
    enum status status = folder ? model_load(&m, folder, err) : error_set(err, ERR_SYSTEM, "bench: out of memory");
    free(folder);
    if (status != OK)
        return status;
    for (size_t i = 0; i < sizeof table / sizeof *table && status == OK; i++) {
        snprintf(text, sizeof text, "%s.%s", table[i].row, name);
        status = add_row(rows, text, &m, table[i].work, table[i].n, limit, threads, err);
    }
    model_free(&m);
    return status;
}

static enum status bench(const char *out, struct error *err)
{
    static const char *const names[] = {"transformer", "diff-transformer"};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int threads = processors > 0 ? (int)processors : 1;
    double limit = rates_sgemm(threads), bandwidth = rates_bandwidth(threads);
    if (limit == 0 || bandwidth == 0)
        return error_set(err, ERR_SYSTEM, "bench: out of memory");
    fprintf(stderr, "sgemm 2048 x 2048 x 2048 on %d threads: %.1f GFLOP/s; reading memory: %.1f GB/s\n", threads, limit,
            bandwidth);
    cJSON *root = cJSON_CreateObject(), *machine = cJSON_AddObjectToObject(root, "machine"),
          *rows = cJSON_AddArrayToObject(root, "rows");
    json_add_number(machine, "threads", threads);
    json_add_number(machine, "sgemm_gflops", limit);
    json_add_number(machine, "read_gigabytes", bandwidth);
    enum status status = OK;
    for (size_t i = 0; i < 2 && status == OK; i++)
        status = bench_model(rows, names[i], limit, threads, err);
    if (status == OK && out != NULL)
        status = json_write(out, root, err);
    cJSON_Delete(root);
    return status;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    bool json = argc == 3 && strcmp(argv[1], "--json") == 0;
    if (argc != 1 && !json) {
        fprintf(stderr, "usage: difftf-bench [--json FILE]\n");
        return argc == 2 && strcmp(argv[1], "--help") == 0 ? OK : ERR_USAGE;
    }
    enum status status = bench(json ? argv[2] : NULL, &err);
    if (status != OK)
        fprintf(stderr, "difftf-bench: %s\n", err.message);
    return (int)status;
}
