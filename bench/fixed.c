/* fixed.c - small work that is the same every time, on one thread: what an instruction counter counts. */
#include "bench/bench.h"
#include "bench/shapes.h"

#include "numeric/kernels.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>

/* Counters are told to count in here alone. */
__attribute__((noinline)) void bench_fixed_work(struct rates_job *job)
{
    rates_job_run(job);
}

enum status bench_fixed(const char *model, const char *work, size_t n, struct error *err)
{
    struct model m = {0};
    struct rates_job *job = NULL;
    size_t shape = 0, kind = 0;
    while (shape < BENCH_SHAPES && strcmp(BENCH_SHAPE_NAMES[shape], model) != 0)
        shape++;
    while (kind < 3 && strcmp(RATES_NAMES[kind], work) != 0)
        kind++;
    if (shape == BENCH_SHAPES || kind == 3 || n == 0)
        return error_set(err, ERR_USAGE, "fixed %s %s: expected transformer or diff, prefill, decode or train, and a length",
                         model, work);
    enum status status = bench_embedded(&m, shape, err);
    if (status == OK)
        status = rates_job_open(&job, &m, (enum rates_work)kind, n, 1, err);
    if (status == OK) {
        bench_fixed_work(job);
        printf("kernels %s, %s on %s, peak %.0f KB\n", kernels_get()->name, openblas_get_config(), openblas_get_corename(),
               bench_peak_kilobytes());
    }
    rates_job_close(job);
    model_free(&m);
    return status;
}
