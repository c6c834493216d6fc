/* rates.c - see rates.h. */
#include "suite/rates.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "model/gradient.h"
#include "numeric/gemm.h"

#include <stdlib.h>

const char *const RATES_NAMES[3] = {"prefill", "decode", "train"};

double rates_flops(const struct model *m, size_t n, bool output)
{
    const struct config *c = &m->config;
    const struct attention_plan *p = &m->plan;
    double weights = (double)m->weights.n_params - (double)(c->tied ? 1 : 2) * (double)(c->vocab_size * c->d_model);
    double width = (double)attention_width(p), maps = (double)(p->n_heads * p->n_maps);
    double attention = (double)c->n_layers * maps * ((double)p->head_dim + width) * (double)n;
    return 2 * (weights + (output ? (double)(c->vocab_size * c->d_model) : 0)) + attention;
}

enum { SGEMM = 2048, RUNS = 3 };

double rates_sgemm(int threads)
{
    size_t n = (size_t)SGEMM * SGEMM;
    float *x = mem_array(3 * n, sizeof *x);
    double best = 0;
    for (int i = 0; x != NULL && i <= RUNS; i++) {
        double started = clock_seconds();
        struct matrix w = matrix_of(x + 2 * n);
        linear_forward(x, x + n, &w, SGEMM, SGEMM, SGEMM, 0, threads);
        double rate = 2.0 * (double)n * SGEMM / 1e9 / (clock_seconds() - started);
        best = i > 0 && rate > best ? rate : best; /* the first run touches the memory */
    }
    free(x);
    return best;
}

double rates_bandwidth(int threads)
{
    const size_t n = (size_t)32 << 20; /* 256 MB: more than any cache */
    uint64_t *x = mem_array(n, sizeof *x), sum = 0;
    double best = 0;
    for (size_t i = 0; x != NULL && i < n; i += 512)
        x[i] = i;
    for (int r = 0; x != NULL && r <= RUNS; r++) {
        double started = clock_seconds();
#pragma omp parallel for num_threads(threads) reduction(+ : sum) schedule(static)
        for (size_t i = 0; i < n; i++)
            sum += x[i];
        double rate = (double)(n * sizeof *x) / 1e9 / (clock_seconds() - started);
        best = rate > best ? rate : best;
    }
    free(x);
    return sum == 1 ? 0 : best; /* the sum is used, so that the loop stays */
}

struct rates_job {
    const struct model *model;
    enum rates_work work;
    size_t n;
    int32_t *ids;
    struct session session;
    struct gradient gradient;
    struct model unpacked; /* what is trained, when the model's weights are mapped */
    float *logits;
};

enum status rates_job_open(struct rates_job **job, const struct model *m, enum rates_work work, size_t n, int threads,
                           struct error *err)
{
    struct rates_job *j = calloc(1, sizeof *j);
    size_t all = n + RATES_DECODE_TOKENS + 1;
    *job = j;
    if (j == NULL)
        return error_set(err, ERR_SYSTEM, "rates: out of memory");
    *j = (struct rates_job){.model = m, .work = work, .n = n, .ids = mem_array(all, sizeof(int32_t))};
    enum status status = j->ids ? OK : error_set(err, ERR_SYSTEM, "rates: out of memory");
    for (size_t i = 0; status == OK && i < all; i++)
        j->ids[i] = (int32_t)(hash_u64(i) % m->config.vocab_size);
    j->logits = mem_array(m->config.vocab_size, sizeof *j->logits);
    if (status == OK && j->logits == NULL)
        status = error_set(err, ERR_SYSTEM, "rates: out of memory");
    if (status == OK && work == RATES_TRAIN && !weights_unpacked(&m->weights)) {
        status = model_load(&j->unpacked, m->folder, err);
        if (status == OK)
            status = model_unpack(&j->unpacked, err);
        m = &j->unpacked;
    }
    if (status == OK)
        status = work == RATES_TRAIN ? gradient_init(&j->gradient, m, n, threads, err)
                                     : session_init(&j->session, m, all, threads, err);
    if (status == OK && work == RATES_DECODE)
        status = session_run(&j->session, j->ids, n, NULL, NULL, err);
    if (status != OK) {
        rates_job_close(j);
        *job = NULL;
    }
    return status;
}

void rates_job_close(struct rates_job *j)
{
    if (j == NULL)
        return;
    if (j->session.model != NULL)
        session_free(&j->session);
    if (j->gradient.model != NULL)
        gradient_free(&j->gradient);
    if (j->unpacked.folder != NULL)
        model_free(&j->unpacked);
    free(j->logits);
    free(j->ids);
    free(j);
}

double rates_job_run(struct rates_job *j)
{
    double started = clock_seconds();
    size_t tokens = j->work == RATES_DECODE ? RATES_DECODE_TOKENS : j->n;
    if (j->work == RATES_TRAIN) {
        gradient_clear(&j->gradient);
        gradient_add(&j->gradient, j->ids, j->n + 1, 1.0f / (float)j->n);
    } else if (j->work == RATES_PREFILL) {
        session_rewind(&j->session, 0);
        session_run(&j->session, j->ids, j->n, NULL, NULL, NULL);
    } else {
        session_rewind(&j->session, j->n);
        for (size_t i = 0; i < RATES_DECODE_TOKENS; i++)
            session_run(&j->session, j->ids + j->n + i, 1, NULL, j->logits, NULL);
    }
    return (double)tokens / (clock_seconds() - started);
}

double rates_job_gflops(const struct rates_job *j, double tokens_per_second)
{
    size_t n = j->work == RATES_DECODE ? 2 * j->n : j->n; /* a decoded token looks back on all, not on half */
    double flops = rates_flops(j->model, n, j->work != RATES_PREFILL);
    return tokens_per_second * flops * (j->work == RATES_TRAIN ? 3 : 1) / 1e9;
}

double rates_decode_bytes(const struct model *m, size_t n)
{
    const struct attention_plan *p = &m->plan;
    const struct config *c = &m->config;
    double embedding = (double)dtype_bytes(m->weights.embedding.dtype, c->vocab_size * c->d_model);
    double weights = (double)m->weights.n_mapped + (double)m->weights.n_storage * sizeof(float) - (c->tied ? 0 : embedding);
    double token = (double)(c->n_layers * (p->n_k_heads * p->head_dim + p->n_v_heads * p->v_dim)) * sizeof(float);
    return weights + token * (double)n;
}
