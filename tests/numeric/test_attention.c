/* Attention, forward and backward, and what is observed of it, against plain double-precision loops. */
#include "base/memory.h"
#include "base/random.h"
#include "numeric/arrays.h"
#include "numeric/attention.h"
#include "numeric/kernels.h"
#include "numeric/layers.h"
#include "suite_main.h"

#include <math.h>
#include <string.h>

/* A layout with everything: two maps, grouped heads, values of two parts. */
static void make_plan(struct attention_plan *p, size_t maps, size_t parts, size_t heads, size_t shared, size_t d, size_t vd)
{
    *p = (struct attention_plan){.n_heads = heads,
                                 .n_maps = maps,
                                 .n_parts = parts,
                                 .head_dim = d,
                                 .v_dim = vd,
                                 .n_q_heads = heads * maps,
                                 .n_k_heads = heads / shared * maps,
                                 .n_v_heads = heads / shared * parts};
    ck_assert(attention_plan_alloc(p));
    for (size_t h = 0; h < heads; h++) {
        for (size_t m = 0; m < maps; m++) {
            p->q_head[h * maps + m] = h * maps + m;
            p->k_head[h * maps + m] = h / shared * maps + m;
        }
        for (size_t m = 0; m < parts; m++)
            p->v_head[h * parts + m] = h / shared * parts + m;
    }
    attention_plan_group(p);
    ck_assert_uint_eq(p->n_groups, heads / shared);
}

struct naive {
    double *out, *map; /* [S, heads, width], [heads, maps, S, S] */
};

static struct naive naive_attention(const struct attention_plan *p, const double *q, const double *k, const double *v,
                                    const double *coef, size_t S)
{
    size_t width = attention_width(p), d = p->head_dim;
    struct naive n = {mem_array(S * p->n_heads * width, 8), mem_array(p->n_heads * p->n_maps * S * S, 8)};
    for (size_t h = 0; h < p->n_heads; h++)
        for (size_t m = 0; m < p->n_maps; m++)
            for (size_t i = 0; i < S; i++) {
                double *row = n.map + ((h * p->n_maps + m) * S + i) * S, sum = 0;
                for (size_t j = 0; j <= i; j++) {
                    for (size_t c = 0; c < d; c++)
                        row[j] += q[(i * p->n_q_heads + p->q_head[h * p->n_maps + m]) * d + c] *
                                  k[(j * p->n_k_heads + p->k_head[h * p->n_maps + m]) * d + c];
                    row[j] = exp(row[j] / sqrt((double)d));
                    sum += row[j];
                }
                for (size_t j = 0; j <= i; j++) {
                    row[j] /= sum;
                    for (size_t c = 0; c < width; c++)
                        n.out[(i * p->n_heads + h) * width + c] +=
                            coef[(i * p->n_heads + h) * p->n_maps + m] * row[j] *
                            v[(j * p->n_v_heads + p->v_head[h * p->n_parts + c / p->v_dim]) * p->v_dim + c % p->v_dim];
                }
            }
    return n;
}

static double *to_double(const float *x, size_t n)
{
    double *y = mem_array(n, sizeof *y);
    for (size_t i = 0; i < n; i++)
        y[i] = (double)x[i];
    return y;
}

/* Forward in two pieces, rows, and the gradients by central differences of the naive computation at a few places. */
static void check_attention(size_t maps, size_t parts, size_t heads, size_t shared, size_t d, size_t vd, size_t S)
{
    struct attention_plan p;
    struct kv_store kv;
    struct error err;
    make_plan(&p, maps, parts, heads, shared, d, vd);
    size_t width = attention_width(&p), nq = p.n_q_heads * d, nk = p.n_k_heads * d, nv = p.n_v_heads * vd, no = heads * width,
           nc = heads * maps;
    float *q = random_array(S * nq, 1, 1), *k = random_array(S * nk, 2, 1), *v = random_array(S * nv, 3, 1),
          *coef = random_array(S * nc, 4, 1);
    float *out = mem_array(S * no, 4), *out2 = mem_array(S * no, 4), *map_out = mem_array(S * no * maps, 4),
          *lse = mem_array(S * nc, 4);
    float *scratch = mem_array(2 * attention_scratch(&p), 4), *row = mem_array(S + 64, 4), *work = mem_array(S + 64, 4);
    double *Q = to_double(q, S * nq), *K = to_double(k, S * nk), *V = to_double(v, S * nv), *C = to_double(coef, S * nc);
    struct naive n = naive_attention(&p, Q, K, V, C, S);
    ck_assert_int_eq(kv_store_init(&kv, &p, S, 0, &err), OK);
    kv_store_append(&kv, &p, k, v, 0, S, 1);
    attention_forward(out, map_out, lse, &p, &kv, q, coef, 0, S, NULL, scratch, 1);
    expect_near("out", out, n.out, S * no, 2e-6);
    attention_forward(out2, NULL, NULL, &p, &kv, q, coef, 0, S, NULL, scratch, 2);
    ck_assert_msg(memcmp(out, out2, S * no * 4) == 0, "two threads give other bits");
    size_t cut = S / 3 + 1;
    attention_forward(out2 + cut * no, NULL, NULL, &p, &kv, q + cut * nq, coef + cut * nc, cut, S - cut, NULL, scratch, 2);
    expect_near("later rows", out2, n.out, S * no, 2e-6);
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < S; i += 7) {
            attention_row(row, &p, &kv, q + i * nq, coef + i * nc, h, i, work);
            for (size_t j = 0; j <= i; j++) {
                double want = 0;
                for (size_t m = 0; m < maps; m++)
                    want += C[i * nc + h * maps + m] * n.map[((h * maps + m) * S + i) * S + j];
                ck_assert_msg(fabs((double)row[j] - want) < 1e-5, "row %zu of head %zu at %zu is %g, expected %g", i, h, j,
                              (double)row[j], want);
            }
        }
    float *dout = random_array(S * no, 5, 1), *dq = mem_array(S * nq, 4), *dk = mem_array(S * nk, 4), *dv = mem_array(S * nv, 4),
          *dc = mem_array(S * nc, 4);
    attention_backward(dq, dk, dv, dc, dout, &p, &kv, q, coef, map_out, lse, S, scratch, 2);
    struct {
        const char *name;
        double *x;
        const float *got;
        size_t n;
    } inputs[] = {{"dq", Q, dq, S * nq}, {"dk", K, dk, S * nk}, {"dv", V, dv, S * nv}, {"dcoef", C, dc, S * nc}};
    for (size_t t = 0; t < 4; t++)
        for (size_t i = 3; i < inputs[t].n; i += inputs[t].n / 5 + 1) {
            double keep = inputs[t].x[i], sum[2] = {0, 0};
            for (int side = 0; side < 2; side++) {
                inputs[t].x[i] = keep + (side ? 1e-4 : -1e-4);
                struct naive m = naive_attention(&p, Q, K, V, C, S);
                for (size_t j = 0; j < S * no; j++)
                    sum[side] += m.out[j] * (double)dout[j];
                free(m.out);
                free(m.map);
            }
            inputs[t].x[i] = keep;
            double want = (sum[1] - sum[0]) / 2e-4;
            ck_assert_msg(fabs((double)inputs[t].got[i] - want) < 2e-5 * (1 + fabs(want)) + 1e-4, "%s[%zu] is %g, expected %g",
                          inputs[t].name, i, (double)inputs[t].got[i], want);
        }
    float *floats[] = {q, k, v, coef, out, out2, map_out, lse, scratch, row, work, dout, dq, dk, dv, dc};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        free(floats[i]);
    double *doubles[] = {Q, K, V, C, n.out, n.map};
    for (size_t i = 0; i < 6; i++)
        free(doubles[i]);
    kv_store_free(&kv);
    attention_plan_free(&p);
}

START_TEST(attention_of_a_transformer)
{
    check_attention(1, 1, 2, 1, 16, 16, 65);
}
END_TEST
START_TEST(attention_of_grouped_queries)
{
    check_attention(1, 1, 4, 2, 10, 10, 40);
}
END_TEST
START_TEST(attention_of_two_maps)
{
    check_attention(2, 1, 2, 1, 8, 16, 70);
}
END_TEST
START_TEST(attention_of_two_maps_grouped)
{
    check_attention(2, 1, 4, 2, 6, 12, 30);
}
END_TEST
START_TEST(attention_of_values_in_two_parts)
{
    check_attention(2, 2, 2, 1, 8, 8, 33);
}
END_TEST
START_TEST(attention_of_one_token)
{
    check_attention(2, 1, 1, 1, 4, 8, 1);
}
END_TEST

/* A token decoded after many: its keys are taken in long runs, which a window may begin inside of. */
START_TEST(attention_of_a_row_alone)
{
    enum { D = 16, MOST = 2500 };
    static const size_t lengths[] = {2, 64, 1024, 1025, MOST}, windows[] = {0, 1, 63, 1500};
    struct attention_plan p;
    struct error err;
    make_plan(&p, 1, 1, 1, 1, D, D);
    float *q = random_array(D, 1, 1), *k = random_array((size_t)MOST * D, 2, 1), *v = random_array((size_t)MOST * D, 3, 1);
    float out[D], *scratch = mem_array(attention_scratch(&p), 4);
    for (size_t t = 0; t < 20; t++) {
        size_t n = lengths[t / 4], window = windows[t % 4], first = window > 0 && n > window ? n - window : 0;
        double sum = 0, want[D] = {0};
        for (size_t j = first; j < n; j++) {
            double score = 0;
            for (size_t c = 0; c < D; c++)
                score += (double)q[c] * (double)k[j * D + c];
            score = exp(score / 4);
            sum += score;
            for (size_t c = 0; c < D; c++)
                want[c] += score * (double)v[j * D + c];
        }
        for (size_t c = 0; c < D; c++)
            want[c] /= sum;
        struct kv_store kv;
        ck_assert_int_eq(kv_store_init(&kv, &p, n, window, &err), OK);
        kv_store_append(&kv, &p, k, v, 0, n, 1);
        attention_forward(out, NULL, NULL, &p, &kv, q, NULL, n - 1, 1, NULL, scratch, 1);
        expect_near("a row alone", out, want, D, 2e-6);
        kv_store_free(&kv);
    }
    attention_plan_free(&p);
    free(q);
    free(k);
    free(v);
    free(scratch);
}
END_TEST

/* Every logit that an observer is shown. */
struct shown {
    float *logits; /* [n_heads * n_maps, S, S], -infinity where nothing was shown */
    size_t S, maps;
};

static void keep_tile(void *context, size_t layer, size_t head, size_t map, size_t position, size_t first_key, size_t rows,
                      const float *logits)
{
    struct shown *s = context;
    ck_assert_uint_eq(layer, 3);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < ATTENTION_TILE && first_key + j < s->S; j++)
            s->logits[((head * s->maps + map) * s->S + position + i) * s->S + first_key + j] = logits[i * ATTENTION_TILE + j];
}

/* The largest absolute value of rows [from, to) that were shown. */
static double largest_shown(const struct shown *s, size_t heads, size_t from, size_t to)
{
    double largest = 0;
    for (size_t map = 0; map < heads * s->maps; map++)
        for (size_t i = from * s->S; i < to * s->S; i++)
            if (isfinite(s->logits[map * s->S * s->S + i]))
                largest = larger(largest, fabs((double)s->logits[map * s->S * s->S + i]));
    return largest;
}

static void check_rounding(bool tensor)
{
    enum { S = 150, D = 16, HEADS = 2 };
    struct attention_plan p;
    struct kv_store kv;
    struct error err;
    make_plan(&p, 2, 1, HEADS, 1, D, 2 * D);
    size_t nq = p.n_q_heads * D, nk = p.n_k_heads * D, nv = p.n_v_heads * 2 * D, no = HEADS * attention_width(&p), nc = HEADS * 2;
    float *q = random_array(S * nq, 1, 1), *k = random_array(S * nk, 2, 1), *v = random_array(S * nv, 3, 1),
          *coef = random_array(S * nc, 4, 1), *out = mem_array(S * no, 4), *plain = mem_array(S * no, 4),
          *scratch = mem_array(2 * attention_scratch(&p), 4);
    struct shown shown = {mem_array((size_t)HEADS * 2 * S * S, 4), S, 2};
    for (size_t i = 0; i < (size_t)HEADS * 2 * S * S; i++)
        shown.logits[i] = -INFINITY;
    struct logit_observer observer = {.context = &shown, .layer = 3, .on_tile = keep_tile, .bits = 4, .tensor = tensor};
    ck_assert_int_eq(kv_store_init(&kv, &p, S, 0, &err), OK);
    kv_store_append(&kv, &p, k, v, 0, S, 1);
    attention_forward(plain, NULL, NULL, &p, &kv, q, coef, 0, S, NULL, scratch, 2);
    size_t last = S - 1; /* a row alone: several tiles at once */
    attention_forward(out, NULL, NULL, &p, &kv, q, coef, 0, last, &observer, scratch, 2);
    attention_forward(out + last * no, NULL, NULL, &p, &kv, q + last * nq, coef + last * nc, last, 1, &observer, scratch, 2);
    double worst = 0, moved = 0, whole = largest_shown(&shown, HEADS, 0, last);
    for (size_t h = 0; h < HEADS; h++)
        for (size_t i = 0; i < S; i++) {
            double sum[2] = {0}, want[2 * D] = {0}, row[2][S];
            for (size_t m = 0; m < 2; m++) {
                const float *logits = shown.logits + ((h * 2 + m) * S + i) * S;
                double absmax = 0;
                for (size_t j = 0; j < S; j++) {
                    double exact = 0;
                    for (size_t c = 0; c < D; c++)
                        exact +=
                            (double)q[i * nq + p.q_head[h * 2 + m] * D + c] * (double)k[j * nk + p.k_head[h * 2 + m] * D + c];
                    if (j > i)
                        ck_assert_msg(logits[j] == -INFINITY, "key %zu is shown to row %zu", j, i);
                    else
                        ck_assert_msg(fabs((double)logits[j] - exact / 4) < 1e-5, "logit [%zu, %zu] is %g, expected %g", i, j,
                                      (double)logits[j], exact / 4);
                    absmax = j <= i ? larger(absmax, fabs((double)logits[j])) : absmax;
                }
                if (tensor)
                    absmax = i < last ? whole : largest_shown(&shown, HEADS, last, S);
                for (size_t j = 0; j <= i; j++) { /* 4 bits: seven steps each way */
                    row[m][j] = exp(rint((double)logits[j] / (absmax / 7)) * (absmax / 7));
                    sum[m] += row[m][j];
                }
                for (size_t j = 0; j <= i; j++)
                    for (size_t c = 0; c < 2 * D; c++)
                        want[c] +=
                            (double)coef[i * nc + h * 2 + m] * row[m][j] / sum[m] * (double)v[j * nv + p.v_head[h] * 2 * D + c];
            }
            for (size_t c = 0; c < 2 * D; c++) {
                worst = larger(worst, fabs(want[c] - (double)out[i * no + h * 2 * D + c]));
                moved = larger(moved, fabs((double)plain[i * no + h * 2 * D + c] - (double)out[i * no + h * 2 * D + c]));
            }
        }
    ck_assert_msg(worst < 1e-4, "rounded attention is off by %g", worst);
    ck_assert_msg(moved > 1e-2, "rounding to 4 bits moves the output by %g only", moved);
    observer.bits = 0; /* looking changes nothing */
    attention_forward(out, NULL, NULL, &p, &kv, q, coef, 0, S, &observer, scratch, 2);
    ck_assert(memcmp(out, plain, S * no * 4) == 0);
    kv_store_free(&kv);
    attention_plan_free(&p);
    float *all[] = {q, k, v, coef, out, plain, scratch, shown.logits};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

START_TEST(observed_logits_are_all_there_and_rounded_row_by_row)
{
    check_rounding(false);
}
END_TEST

START_TEST(logits_of_a_call_are_rounded_as_one_tensor)
{
    check_rounding(true);
}
END_TEST

SUITE_MAIN("attention", attention_of_a_transformer, attention_of_grouped_queries, attention_of_two_maps,
           attention_of_two_maps_grouped, attention_of_values_in_two_parts, attention_of_one_token, attention_of_a_row_alone,
           observed_logits_are_all_there_and_rounded_row_by_row, logits_of_a_call_are_rounded_as_one_tensor)
