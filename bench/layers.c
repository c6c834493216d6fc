/* layers.c - where the time of the forward pass goes: each part's seconds, FLOPs and bytes, for a prompt and for decoding.
 *
 * FLOPs are those of the matrices (attention's causal), and for the rest the operations of each element, an exponential counted
 * as ten. Bytes are those that cannot be avoided: each block of tokens reads the weights once, and activations are read and
 * written once by each part.
 */
#include "bench/bench.h"
#include "bench/shapes.h"

#include "base/clock.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const PART_NAMES[N_PARTS] = {"norms",  "qkv", "rope, store, lambda", "attention",
                                                "output", "mlp", "activation",          "logits"};

struct pass {
    const char *name;
    size_t before, n; /* tokens that were there; new ones */
    bool one_by_one;  /* decoded, each with its logits */
    bool bf16;        /* the weights */
};

struct cost {
    double flops, bytes;
};

/* A product with `weights` elements for `rows` tokens, in blocks: rows of `in` and `out` floats pass. */
static struct cost product(const struct pass *p, double weights, double rows, double in, double out)
{
    double blocks = p->one_by_one ? rows : ceil(rows / SESSION_BLOCK);
    return (struct cost){2 * weights * rows, (p->bf16 ? 2 : 4) * weights * blocks + 4 * rows * (in + out)};
}

static struct cost elements(double n, double flops, double floats)
{
    return (struct cost){n * flops, n * floats * 4};
}

/* All layers together. */
static void count(const struct model *m, const struct pass *pass, struct cost cost[N_PARTS])
{
    const struct config *c = &m->config;
    const struct attention_plan *p = &m->plan;
    double n = (double)pass->n, D = (double)c->d_model, F = (double)c->d_ff, layers = (double)c->n_layers;
    double q = (double)(p->n_q_heads * p->head_dim), k = (double)(p->n_k_heads * p->head_dim),
           v = (double)(p->n_v_heads * p->v_dim), width = (double)attention_width(p), out = width * (double)p->n_heads;
    double maps = (double)(p->n_heads * p->n_maps), d = (double)p->head_dim, seen = (double)pass->before + (n + 1) / 2;
    double kept = pass->one_by_one ? n * seen : (double)pass->before + n; /* tokens of keys and values read */
    cost[PART_NORMS] = elements(n * (2 * D + (c->head_norm ? out : 0)), 4, 2);
    cost[PART_QKV] = product(pass, D * (q + k + v), n, D, q + k + v);
    cost[PART_ROPE] = elements(n * (q + k), 3, 2);
    cost[PART_ATTENTION] = (struct cost){2 * n * seen * maps * (d + width), 4 * (n * (q + out) + kept * (k + v))};
    cost[PART_OUTPUT] = product(pass, D * out, n, out, D);
    cost[PART_MLP] = product(pass, 3 * D * F, n, D + F, 2 * F + D);
    cost[PART_ACTIVATION] = elements(n * F, 14, 3);
    for (size_t i = 0; i < PART_LM_HEAD; i++)
        cost[i] = (struct cost){cost[i].flops * layers, cost[i].bytes * layers};
    double V = (double)c->vocab_size, wanted = pass->one_by_one ? n : 1;
    cost[PART_LM_HEAD] = product(&(struct pass){.one_by_one = true, .bf16 = pass->bf16}, D * V, wanted, D, V);
}

static enum status run(struct session *s, const struct pass *pass, const int32_t *ids, float *logits, struct error *err)
{
    enum status status = OK;
    session_rewind(s, pass->before);
    s->context.clock->last = clock_seconds();
    if (!pass->one_by_one)
        return session_run(s, ids + pass->before, pass->n, NULL, logits, err);
    for (size_t i = 0; i < pass->n && status == OK; i++)
        status = session_run(s, ids + pass->before + i, 1, NULL, logits, err);
    return status;
}

static void book(struct bench *b, const char *model_name, const struct model *m, const struct pass *pass,
                 const struct layer_clock *clock, int runs)
{
    struct cost cost[N_PARTS];
    double total = 0;
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "model", model_name);
    cJSON_AddStringToObject(entry, "work", pass->name);
    json_add_number(entry, "peak_gflops", rates_peak(b->machine, COMPUTE_F32));
    json_add_number(entry, "read_gigabytes", rates_read(b->machine));
    cJSON *parts = cJSON_AddArrayToObject(entry, "parts");
    count(m, pass, cost);
    for (size_t i = 0; i < N_PARTS; i++)
        total += clock->seconds[i];
    printf("%s, %s: %.3g ms\n", pass->name, model_name, 1e3 * total / runs);
    for (size_t i = 0; i < N_PARTS; i++) {
        double seconds = clock->seconds[i] / runs;
        cJSON *part = cJSON_CreateObject();
        cJSON_AddStringToObject(part, "part", PART_NAMES[i]);
        json_add_number(part, "seconds", seconds);
        json_add_number(part, "share", clock->seconds[i] / total);
        json_add_number(part, "gflops", cost[i].flops / 1e9 / seconds);
        json_add_number(part, "gigabytes_per_second", cost[i].bytes / 1e9 / seconds);
        json_add_number(part, "intensity", cost[i].flops / cost[i].bytes);
        cJSON_AddItemToArray(parts, part);
        printf("  %-20s %5.1f %% of the time %8.1f GFLOP/s %7.1f GB/s\n", PART_NAMES[i], 100 * clock->seconds[i] / total,
               cost[i].flops / 1e9 / seconds, cost[i].bytes / 1e9 / seconds);
    }
    cJSON_AddItemToArray(b->layers, entry);
}

static enum status one_model(struct bench *b, size_t shape, const struct pass *pass, struct error *err)
{
    enum { RUNS = 3 };
    struct model m;
    struct session s = {0};
    struct layer_clock clock = {0};
    size_t all = pass->before + pass->n;
    int32_t *ids = mem_array(all, sizeof *ids);
    uint16_t *bytes = NULL;
    enum status status = bench_model(&m, shape, err);
    if (status == OK && pass->bf16)
        status = bench_narrow(&m, &bytes, err);
    float *logits = status == OK ? mem_array(m.config.vocab_size, sizeof *logits) : NULL;
    if (status == OK && (ids == NULL || logits == NULL))
        status = error_set(err, ERR_SYSTEM, "bench: out of memory");
    if (status == OK)
        status = session_init(&s, &m, all, b->threads, err);
    if (status == OK)
        rates_ids(ids, all, &m);
    s.context.clock = &clock;
    if (status == OK)
        status = session_run(&s, ids, pass->before, NULL, NULL, err);
    for (int i = -1; i < RUNS && status == OK; i++) {
        if (i == 0)
            clock = (struct layer_clock){0};
        status = run(&s, pass, ids, logits, err);
    }
    if (status == OK)
        book(b, BENCH_SHAPE_NAMES[shape], &m, pass, &clock, RUNS);
    if (s.model != NULL)
        session_free(&s);
    model_free(&m);
    free(bytes);
    free(ids);
    free(logits);
    return status;
}

enum status bench_layers(struct bench *b, struct error *err)
{
    static const struct pass passes[] = {{"a prompt of 2048 tokens", 0, 2048, false, false},
                                         {"decoding 32 tokens after 512", 512, 32, true, false},
                                         {"decoding 32 tokens after 512, BF16 weights", 512, 32, true, true}};
    enum status status = OK;
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++)
        for (size_t shape = 0; shape < BENCH_SHAPES && status == OK; shape++)
            status = one_model(b, shape, &passes[i], err);
    return status;
}
