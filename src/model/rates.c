/* rates.c - see rates.h. */
#include "model/rates.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "model/gradient.h"
#include "numeric/gemm.h"
#include "numeric/kernels.h"

#include <stdlib.h>

const char *const RATES_NAMES[N_RATES + 1] = {"prefill", "decode", "train", NULL};

double rates_flops(const struct model *m, size_t n, bool output)
{
    const struct config *c = &m->config;
    const struct attention_plan *p = &m->plan;
    double weights = (double)m->weights.n_params - (double)(c->tied ? 1 : 2) * (double)(c->vocab_size * c->d_model);
    double width = (double)attention_width(p), maps = (double)(p->n_heads * p->n_maps);
    double attention = (double)c->n_layers * maps * ((double)p->head_dim + width) * (double)n;
    return 2 * (weights + (output ? (double)(c->vocab_size * c->d_model) : 0)) + attention;
}

enum {
    SGEMM = 2048,
    RUNS = 3,
    READ = 32 << 20, /* of 8 bytes: more than any cache holds */
    LINE = 8,        /* of 8 bytes: a line of the cache */
    AHEAD = 512,     /* of 8 bytes: what is asked for early, as the kernels do it */
};

struct rates_machine {
    int threads;
    float *matrices; /* three of SGEMM x SGEMM */
    uint64_t *array;
    uint64_t sum; /* of all that was read, so that no loop is left out */
};

struct rates_machine *rates_machine_open(int threads)
{
    struct rates_machine *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->threads = threads;
    m->matrices = mem_array((size_t)3 * SGEMM * SGEMM, sizeof *m->matrices);
    m->array = mem_array(READ, sizeof *m->array);
    if (m->matrices == NULL || m->array == NULL) {
        rates_machine_close(m);
        return NULL;
    }
    for (size_t i = 0; i < READ; i += 512) /* every page is there */
        m->array[i] = i;
    rates_sgemm(m);
    return m;
}

void rates_machine_close(struct rates_machine *m)
{
    if (m == NULL)
        return;
    free(m->matrices);
    free(m->array);
    free(m);
}

typedef double busy_loop(size_t rounds);

static busy_loop *busy_of(enum compute compute)
{
    const struct kernels *k = kernels_get();
    busy_loop *const loops[N_COMPUTE] = {k->busy, k->panel ? k->panel->busy_bf16 : k->busy,
                                         k->panel ? k->panel->busy_int8 : k->busy};
    return loops[compute];
}

bool rates_has(enum compute compute)
{
    return compute == COMPUTE_F32 || busy_of(compute) != kernels_get()->busy;
}

double rates_peak(struct rates_machine *m, enum compute compute)
{
    busy_loop *busy = busy_of(compute);
    enum { ROUNDS = 1 << 23 };
    double best = 0;
    for (int r = 0; r < RUNS; r++) {
        double done = 0, started = clock_seconds();
#pragma omp parallel for num_threads(m->threads) reduction(+ : done) schedule(static)
        for (int t = 0; t < m->threads; t++)
            done += busy(ROUNDS);
        double rate = done / 1e9 / (clock_seconds() - started);
        best = rate > best ? rate : best;
    }
    return best;
}

double rates_sgemm(struct rates_machine *m)
{
    size_t n = (size_t)SGEMM * SGEMM;
    struct matrix w = matrix_of(m->matrices + 2 * n);
    double started = clock_seconds();
    linear_forward(&(struct linear){m->matrices, &w, NULL, SGEMM}, 1, m->matrices + n, SGEMM, SGEMM, COMPUTE_F32, m->threads);
    return 2.0 * (double)n * SGEMM / 1e9 / (clock_seconds() - started);
}

double rates_read(struct rates_machine *m)
{
    double best = 0;
    for (int r = 0; r < RUNS; r++) {
        uint64_t sum = 0;
        double started = clock_seconds();
#pragma omp parallel for num_threads(m->threads) reduction(+ : sum) schedule(static)
        for (size_t i = 0; i < READ; i += LINE) {
            __builtin_prefetch(m->array + i + AHEAD);
            for (size_t k = i; k < i + LINE; k++)
                sum += m->array[k];
        }
        double rate = (double)READ * sizeof *m->array / 1e9 / (clock_seconds() - started);
        best = rate > best ? rate : best;
        m->sum += sum;
    }
    return best;
}

void rates_ids(int32_t *ids, size_t n, const struct model *m)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(hash_u64(i) % m->config.vocab_size);
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
    if (status == OK)
        rates_ids(j->ids, all, m);
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
        status = work == RATES_TRAIN ? gradient_init(&j->gradient, m, n, false, threads, err)
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
