/* models.c - rows of whole models: prefill and decoding of a middle-sized shape, training and long texts of the embedded pair. */
#include "bench/bench.h"
#include "bench/shapes.h"

#include "base/clock.h"
#include "base/memory.h"
#include "lm/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 5, CONTEXT = 512 };

static double seconds_of(void *context)
{
    return 1 / rates_job_run(context); /* of one token */
}

/* The work of a row on one model. */
struct work {
    const char *name;
    enum rates_work kind;
    size_t n;
    double goal;
};

static enum status measure(struct bench *b, const struct work *w, const char *model_name, const struct model *m,
                           struct error *err)
{
    struct rates_job *job;
    char name[96], shape[BENCH_SHAPE_TEXT];
    enum status status = rates_job_open(&job, m, w->kind, w->n, b->threads, err);
    if (status != OK)
        return status;
    bool reading = w->kind == RATES_DECODE;
    static const char *const precisions[N_COMPUTE] = {"", ".bf16", ".int8"};
    snprintf(name, sizeof name, "%s.%s%s", w->name, model_name, precisions[m->compute]);
    bench_shape_text(shape, m, w->n);
    bench_measure(b, &(struct bench_row){.name = name,
                                         .shape = shape,
                                         .once = seconds_of,
                                         .context = job,
                                         .runs = RUNS,
                                         .work = 1,
                                         .cost = reading ? rates_decode_bytes(m, w->n) / 1e9 : rates_job_gflops(job, 1),
                                         .reading = reading,
                                         .compute = m->compute,
                                         .goal = w->goal});
    rates_job_close(job);
    return OK;
}

enum status bench_models_against(struct bench *b, const struct bench_models *m, struct error *err)
{
    struct rates_job *job[2] = {NULL, NULL};
    char shape[BENCH_SHAPE_TEXT];
    bench_shape_text(shape, m->model[0], m->n);
    enum status status = OK;
    for (size_t i = 0; i < 2 && status == OK; i++)
        status = rates_job_open(&job[i], m->model[i], m->work, m->n, m->threads[i], err);
    if (status == OK)
        bench_against(b, &(struct bench_pair){.name = m->name,
                                              .shape = shape,
                                              .once = seconds_of,
                                              .context = {job[0], job[1]},
                                              .runs = m->runs,
                                              .limit = m->limit,
                                              .limit_name = m->limit_name,
                                              .goal = m->goal});
    rates_job_close(job[0]);
    rates_job_close(job[1]);
    return status;
}

enum status bench_prefill(struct bench *b, struct error *err)
{
    static const struct work table[] = {{"prefill.512", RATES_PREFILL, 512, 0.75}, {"prefill.2048", RATES_PREFILL, 2048, 0.75}};
    struct model m[BENCH_SHAPES] = {0};
    enum status status = OK;
    for (size_t i = 0; i < BENCH_SHAPES && status == OK; i++) {
        status = bench_model(&m[i], i, err);
        for (size_t k = 0; k < sizeof table / sizeof *table && status == OK; k++)
            status = measure(b, &table[k], BENCH_SHAPE_NAMES[i], &m[i], err);
        m[i].compute = COMPUTE_BF16;
        for (size_t k = 0; k < sizeof table / sizeof *table && status == OK; k++)
            status = measure(b, &(struct work){table[k].name, table[k].kind, table[k].n, 0}, BENCH_SHAPE_NAMES[i], &m[i], err);
        m[i].compute = COMPUTE_F32;
    }
    if (status == OK)
        status = bench_models_against(b,
                                      &(struct bench_models){.name = "prefill.2048.diff-over-transformer",
                                                             .model = {&m[1], &m[0]},
                                                             .threads = {b->threads, b->threads},
                                                             .work = RATES_PREFILL,
                                                             .n = 2048,
                                                             .runs = RUNS,
                                                             .limit = 1,
                                                             .limit_name = "the Transformer's rate",
                                                             .goal = 0.9},
                                      err);
    for (size_t i = 0; i < BENCH_SHAPES; i++)
        model_free(&m[i]);
    return status;
}

static enum status decode_shape(struct bench *b, size_t i, struct error *err)
{
    struct model wide = {0}, narrow = {0};
    uint16_t *bytes = NULL;
    enum status status = bench_model(&wide, i, err);
    if (status == OK)
        status = bench_model(&narrow, i, err);
    if (status == OK)
        status = bench_narrow(&narrow, &bytes, err);
    if (status == OK)
        status = measure(b, &(struct work){"decode.f32", RATES_DECODE, CONTEXT, 0.8}, BENCH_SHAPE_NAMES[i], &wide, err);
    if (status == OK)
        status = measure(b, &(struct work){"decode.bf16", RATES_DECODE, CONTEXT, 0.8}, BENCH_SHAPE_NAMES[i], &narrow, err);
    if (status == OK) {
        char name[64];
        snprintf(name, sizeof name, "decode.bf16-over-f32.%s", BENCH_SHAPE_NAMES[i]);
        status = bench_models_against(b,
                                      &(struct bench_models){.name = name,
                                                             .model = {&narrow, &wide},
                                                             .threads = {b->threads, b->threads},
                                                             .work = RATES_DECODE,
                                                             .n = CONTEXT,
                                                             .runs = RUNS,
                                                             .limit = 2,
                                                             .limit_name = "twice, as half the bytes would have it"},
                                      err);
    }
    if (status == OK)
        status = measure(b, &(struct work){"prefill.512.bf16", RATES_PREFILL, CONTEXT, 0}, BENCH_SHAPE_NAMES[i], &narrow, err);
    model_free(&wide);
    model_free(&narrow);
    free(bytes);
    return status;
}

enum status bench_decode(struct bench *b, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < BENCH_SHAPES && status == OK; i++)
        status = decode_shape(b, i, err);
    return status;
}

enum status bench_scaling(struct bench *b, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < BENCH_SHAPES && status == OK && b->threads > 1; i++) {
        struct model m;
        char name[64], limit[32];
        snprintf(name, sizeof name, "scaling.prefill.512.%s", BENCH_SHAPE_NAMES[i]);
        snprintf(limit, sizeof limit, "%d threads over 1", b->threads);
        status = bench_model(&m, i, err);
        if (status == OK)
            status = bench_models_against(b,
                                          &(struct bench_models){.name = name,
                                                                 .model = {&m, &m},
                                                                 .threads = {b->threads, 1},
                                                                 .work = RATES_PREFILL,
                                                                 .n = 512,
                                                                 .runs = RUNS,
                                                                 .limit = b->threads,
                                                                 .limit_name = limit,
                                                                 .goal = 0.9},
                                          err);
        model_free(&m);
    }
    return status;
}

/* What the machine can do at most, as rows. */
enum status bench_limits(struct bench *b, struct error *err)
{
    static const char *const names[N_COMPUTE] = {"limit.f32", "limit.bf16", "limit.int8"};
    (void)err;
    for (enum compute c = COMPUTE_F32; c < N_COMPUTE; c++) {
        double peak = rates_peak(b->machine, c);
        if (rates_has(c))
            bench_book(b, &(struct bench_result){.name = names[c],
                                                 .shape = "multiplications and additions in registers",
                                                 .unit = c == COMPUTE_INT8 ? "GOP/s" : "GFLOP/s",
                                                 .rate = peak,
                                                 .limit = peak,
                                                 .limit_name = "itself",
                                                 .ratio = 1,
                                                 .runs = 1});
    }
    double reading = rates_read(b->machine);
    bench_book(b, &(struct bench_result){.name = "limit.read",
                                         .shape = "an array larger than the caches",
                                         .unit = "GB/s",
                                         .rate = reading,
                                         .limit = reading,
                                         .limit_name = "itself",
                                         .ratio = 1,
                                         .runs = 1});
    return OK;
}

static double product_seconds(void *context)
{
    return 1 / rates_sgemm(context); /* of one GFLOP */
}

/* The library's product of large matrices, on our own division into threads: what the others cannot be faster than. */
enum status bench_product(struct bench *b, struct error *err)
{
    (void)err;
    bench_measure(b, &(struct bench_row){.name = "product.2048",
                                         .shape = "2048 x 2048 x 2048",
                                         .once = product_seconds,
                                         .context = b->machine,
                                         .runs = RUNS,
                                         .work = 1,
                                         .cost = 1,
                                         .unit = "GFLOP/s",
                                         .goal = 0.9});
    return OK;
}

enum status bench_train(struct bench *b, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < BENCH_SHAPES && status == OK; i++) {
        struct model m = {0};
        status = bench_embedded(&m, i, err);
        if (status == OK)
            status = measure(b, &(struct work){"train", RATES_TRAIN, CONTEXT, 0.5}, BENCH_SHAPE_NAMES[i], &m, err);
        model_free(&m);
    }
    return status;
}

/* Losses of a long text, once, against what its FLOPs take at the peak. */
static enum status long_text(struct bench *b, const char *name, const struct model *m, struct error *err)
{
    enum { LENGTH = 1 << 14, PROBES = 3 };
    struct session s;
    int32_t *ids = mem_array(LENGTH, sizeof *ids);
    double *nll = mem_array(LENGTH, sizeof *nll);
    enum status status = session_init(&s, m, LENGTH, b->threads, err);
    if (status == OK && (ids == NULL || nll == NULL))
        status = error_set(err, ERR_SYSTEM, "bench: out of memory");
    if (status == OK)
        rates_ids(ids, LENGTH, m);
    double peak = 0, started;
    bench_begin(name);
    for (int i = 0; i < PROBES; i++)
        peak = fmax(peak, rates_peak(b->machine, m->compute));
    started = clock_seconds();
    if (status == OK)
        status = score_tokens(&s, ids, LENGTH, nll, err);
    double seconds = clock_seconds() - started;
    for (int i = 0; i < PROBES; i++) /* what the machine does meanwhile falls on before or after */
        peak = fmax(peak, rates_peak(b->machine, m->compute));
    if (status == OK) {
        char shape[BENCH_SHAPE_TEXT];
        bench_shape_text(shape, m, LENGTH);
        double limit = 1e9 * peak / rates_flops(m, LENGTH, true);
        bench_book(b, &(struct bench_result){.name = name,
                                             .shape = shape,
                                             .unit = "tokens/s",
                                             .rate = LENGTH / seconds,
                                             .limit = limit,
                                             .limit_name = "peak",
                                             .ratio = LENGTH / seconds / limit,
                                             .runs = 1});
    }
    session_free(&s);
    free(ids);
    free(nll);
    return status;
}

enum status bench_long(struct bench *b, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < BENCH_SHAPES && status == OK; i++) {
        struct model m = {0};
        char name[64];
        snprintf(name, sizeof name, "perplexity.16384.%s", BENCH_SHAPE_NAMES[i]);
        status = bench_embedded(&m, i, err);
        if (status == OK)
            status = long_text(b, name, &m, err);
        model_free(&m);
    }
    return status;
}
