/* bench.c - difftf-bench: rates of prefill, decode and training of the embedded pair, as shares of the machine's own matrix
 * product measured in the same run. */
#include "base/clock.h"
#include "model/gradient.h"
#include "model/session.h"
#include "numeric/gemm.h"
#include "suite/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RUNS = 5, SGEMM = 2048 };

struct rates {
    double middle, lowest, highest; /* per second */
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of RUNS runs after one that is not counted; `amount` of work a run. */
static struct rates measure(void (*work)(void *), void *context, double amount)
{
    double rate[RUNS];
    work(context);
    for (int i = 0; i < RUNS; i++) {
        double started = clock_seconds();
        work(context);
        rate[i] = amount / (clock_seconds() - started);
    }
    qsort(rate, RUNS, sizeof *rate, ascending);
    return (struct rates){rate[RUNS / 2], rate[0], rate[RUNS - 1]};
}

struct sgemm {
    float *a, *b, *c;
    int threads;
};

static void run_sgemm(void *context)
{
    struct sgemm *s = context;
    linear_forward(s->c, s->a, s->b, SGEMM, SGEMM, SGEMM, 0, s->threads);
}

struct job {
    struct session session;
    struct gradient gradient;
    int32_t *ids;
    size_t n, prompt;
};

static void run_prefill(void *context)
{
    struct job *j = context;
    struct error err;
    session_rewind(&j->session, 0);
    session_run(&j->session, j->ids, j->n, NULL, NULL, &err);
}

static void run_decode(void *context)
{
    struct job *j = context;
    struct error err;
    session_rewind(&j->session, j->prompt);
    for (size_t i = 0; i < j->n; i++)
        session_run(&j->session, j->ids + i, 1, NULL, NULL, &err);
}

static void run_training(void *context)
{
    struct job *j = context;
    gradient_clear(&j->gradient);
    gradient_add(&j->gradient, j->ids, j->n + 1, 1.0f / (float)j->n);
}

/* FLOPs of one token forward: two a weight (the embedding only as output), and causal attention over half the length. */
static double forward_flops(const struct model *m, size_t n, bool output)
{
    const struct config *c = &m->config;
    const struct attention_plan *p = &m->plan;
    double weights = (double)m->weights.n_params - (double)(c->tied ? 1 : 2) * (double)(c->vocab_size * c->d_model);
    double width = (double)attention_width(p), maps = (double)(p->n_heads * p->n_maps);
    double attention = (double)c->n_layers * maps * ((double)p->head_dim + width) * (double)n;
    return 2 * (weights + (output ? (double)(c->vocab_size * c->d_model) : 0)) + attention;
}

static void add_row(cJSON *rows, const char *name, const char *unit, struct rates r, double flops, double limit)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", name);
    cJSON_AddStringToObject(row, "unit", unit);
    json_add_number(row, "rate", r.middle);
    json_add_number(row, "gflops", r.middle * flops / 1e9);
    json_add_number(row, "limit", limit);
    cJSON_AddStringToObject(row, "limit_name", "sgemm GFLOP/s");
    json_add_number(row, "ratio", r.middle * flops / 1e9 / limit);
    json_add_number(row, "spread", (r.highest - r.lowest) / r.middle);
    json_add_number(row, "runs", RUNS);
    cJSON_AddItemToArray(rows, row);
    fprintf(stderr, "%-36s %10.0f %-9s %7.1f GFLOP/s  %4.0f %% of sgemm\n", name, r.middle, unit, r.middle * flops / 1e9,
            100 * r.middle * flops / 1e9 / limit);
}

static enum status bench_model(cJSON *rows, const char *name, double limit, int threads, struct error *err)
{
    enum { LENGTH = 1024, TRAIN = 512, DECODE = 64 };
    struct model m;
    struct job job = {.ids = mem_array(LENGTH + 1, sizeof(int32_t)), .prompt = LENGTH - DECODE};
    char relative[64], row[64];
    snprintf(relative, sizeof relative, "models/%s", name);
    char *folder = embedded_path(relative);
    enum status status = folder && job.ids ? model_load(&m, folder, err) : error_set(err, ERR_SYSTEM, "bench: out of memory");
    free(folder);
    if (status != OK) {
        free(job.ids);
        return status;
    }
    for (size_t i = 0; i <= LENGTH; i++)
        job.ids[i] = (int32_t)(hash_u64(i) % m.config.vocab_size);
    status = session_init(&job.session, &m, LENGTH, threads, err);
    if (status == OK)
        status = gradient_init(&job.gradient, &m, TRAIN, threads, err);
    if (status == OK) {
        job.n = LENGTH;
        snprintf(row, sizeof row, "prefill.%d.%s", LENGTH, name);
        add_row(rows, row, "tokens/s", measure(run_prefill, &job, LENGTH), forward_flops(&m, LENGTH, false), limit);
        job.n = DECODE;
        snprintf(row, sizeof row, "decode.f32.%s", name);
        add_row(rows, row, "tokens/s", measure(run_decode, &job, DECODE), forward_flops(&m, 2 * LENGTH, false), limit);
        job.n = TRAIN;
        snprintf(row, sizeof row, "train.%s", name);
        add_row(rows, row, "tokens/s", measure(run_training, &job, TRAIN), 3 * forward_flops(&m, TRAIN, true), limit);
    }
    session_free(&job.session);
    if (job.gradient.model != NULL)
        gradient_free(&job.gradient);
    free(job.ids);
    model_free(&m);
    return status;
}

static enum status bench(const char *out, struct error *err)
{
    static const char *const names[] = {"transformer", "diff-transformer"};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int threads = processors > 0 ? (int)processors : 1;
    struct sgemm s = {mem_array(SGEMM * SGEMM, 4), mem_array(SGEMM * SGEMM, 4), mem_array(SGEMM * SGEMM, 4), threads};
    if (s.a == NULL || s.b == NULL || s.c == NULL)
        return error_set(err, ERR_SYSTEM, "bench: out of memory");
    double limit = measure(run_sgemm, &s, 2.0 * SGEMM * SGEMM * SGEMM / 1e9).middle;
    free(s.a);
    free(s.b);
    free(s.c);
    fprintf(stderr, "sgemm %d x %d x %d on %d threads: %.1f GFLOP/s\n", SGEMM, SGEMM, SGEMM, threads, limit);
    cJSON *root = cJSON_CreateObject(), *machine = cJSON_AddObjectToObject(root, "machine"),
          *rows = cJSON_AddArrayToObject(root, "rows");
    json_add_number(machine, "threads", threads);
    json_add_number(machine, "sgemm_gflops", limit);
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
