/* batch.c - rows of several sequences that decode together: tokens a second over those of one alone. */
#include "bench/bench.h"
#include "bench/shapes.h"

#include "base/clock.h"
#include "base/memory.h"
#include "model/batch.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEQUENCES = 8, CONTEXT = 128, STEPS = 8, RUNS = 5 };

/* So many sequences, each with a context of its own. */
struct together {
    struct session session[SEQUENCES], *list[SEQUENCES];
    struct batch batch;
    size_t n;
    enum status failed;
};

static enum status together_open(struct together *t, const struct model *m, size_t n, int threads, struct error *err)
{
    int32_t ids[CONTEXT];
    *t = (struct together){.n = n};
    rates_ids(ids, CONTEXT, m);
    enum status status = batch_init(&t->batch, m, n, threads, err);
    for (size_t i = 0; i < n && status == OK; i++) {
        status = session_init(&t->session[i], m, CONTEXT + STEPS, threads, err);
        t->list[i] = &t->session[i];
        if (status == OK)
            status = session_run(&t->session[i], ids, CONTEXT, NULL, NULL, err);
    }
    return status;
}

static void together_close(struct together *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->list[i] != NULL && t->list[i]->model != NULL)
            session_free(t->list[i]);
    batch_free(&t->batch);
}

/* Seconds of one token of one sequence. */
static double token_seconds(void *context)
{
    struct together *t = context;
    const int32_t ids[SEQUENCES] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct error err;
    double started = clock_seconds();
    for (size_t step = 0; step < STEPS && t->failed == OK; step++)
        t->failed = batch_step(&t->batch, t->list, ids, t->n, &err);
    double seconds = clock_seconds() - started;
    for (size_t i = 0; i < t->n; i++)
        session_rewind(t->list[i], CONTEXT);
    return seconds / (double)(STEPS * t->n);
}

static enum status measure(struct bench *b, const char *precision, const char *shape_name, const struct model *m,
                           struct error *err)
{
    struct together several = {0}, one = {0};
    char name[64], shape[BENCH_SHAPE_TEXT];
    snprintf(name, sizeof name, "batch8.decode.%s.%s", precision, shape_name);
    bench_shape_text(shape, m, CONTEXT);
    enum status status = together_open(&several, m, SEQUENCES, b->threads, err);
    if (status == OK)
        status = together_open(&one, m, 1, b->threads, err);
    if (status == OK)
        bench_against(b, &(struct bench_pair){.name = name,
                                              .shape = shape,
                                              .once = token_seconds,
                                              .context = {&several, &one},
                                              .runs = RUNS,
                                              .limit = SEQUENCES,
                                              .limit_name = "eight, as one reading of the weights would have it",
                                              .goal = 5.0 / SEQUENCES});
    if (status == OK && (several.failed != OK || one.failed != OK))
        status = error_set(err, ERR_SYSTEM, "bench: a step of several sequences failed");
    together_close(&several);
    together_close(&one);
    return status;
}

enum status bench_batch(struct bench *b, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < BENCH_SHAPES && status == OK; i++) {
        struct model wide = {0}, narrow = {0};
        uint16_t *bytes = NULL;
        status = bench_model(&wide, i, err);
        if (status == OK)
            status = bench_model(&narrow, i, err);
        if (status == OK)
            status = bench_narrow(&narrow, &bytes, err);
        if (status == OK)
            status = measure(b, "f32", BENCH_SHAPE_NAMES[i], &wide, err);
        if (status == OK)
            status = measure(b, "bf16", BENCH_SHAPE_NAMES[i], &narrow, err);
        model_free(&wide);
        model_free(&narrow);
        free(bytes);
    }
    return status;
}
