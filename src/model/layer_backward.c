/* layer_backward.c - the backward pass of one layer; see layer.h. */
#include "model/layer.h"
#include "numeric/extension.h"
#include "numeric/gemm.h"
#include "numeric/layers.h"

#include <math.h>
#include <string.h>

/* dx = beta dx + dy W; dW += dy^T x; db += sums of dy. */
static void linear_backward(float *dx, float beta, float *dw, float *db, const float *dy, const float *x, const float *w,
                            size_t out, size_t in, const struct layer_context *c)
{
    linear_backward_input(dx, dy, w, c->rows, out, in, beta, c->threads);
    linear_backward_weight(dw, dy, x, c->rows, out, in, c->threads);
    if (db != NULL)
        bias_backward(db, dy, c->rows, out);
}

static void mlp_backward(float *dx, const struct layer_weights *w, struct layer_weights *dw, const struct layer_buffers *b,
                         struct layer_gradients *g, const struct layer_context *c)
{
    const struct config *cfg = &c->model->config;
    size_t D = cfg->d_model, F = cfg->d_ff;
    linear_backward(g->dact, 0, dw->down.f32, dw->down_bias, dx, b->act, w->down.f32, D, F, c);
    swiglu_backward(g->dgate, g->dup, g->dact, b->gate, b->up, c->rows, F, c->threads);
    linear_backward(g->dnormed, 0, dw->gate.f32, dw->gate_bias, g->dgate, b->mid_normed, w->gate.f32, F, D, c);
    linear_backward(g->dnormed, 1, dw->up.f32, dw->up_bias, g->dup, b->mid_normed, w->up.f32, F, D, c);
    rmsnorm_backward(dx, dw->mlp_norm, g->dnormed, b->mid, w->mlp_norm, c->rows, D, cfg->norm_eps, 1, 1);
}

/* d lambda reaches the four vectors through lambda = share (exp(q1 . k1) - exp(q2 . k2) + lambda_init). */
static void lambda_backward(struct layer_weights *dw, const struct layer_weights *w, const float *dcoef, size_t rows_heads,
                            size_t d, float share)
{
    double dlambda = 0, dot1 = 0, dot2 = 0;
    for (size_t i = 0; i < rows_heads; i++)
        dlambda -= (double)dcoef[2 * i + 1];
    for (size_t j = 0; j < d; j++) {
        dot1 += (double)w->lambda_q1[j] * (double)w->lambda_k1[j];
        dot2 += (double)w->lambda_q2[j] * (double)w->lambda_k2[j];
    }
    dlambda *= (double)share;
    float g1 = (float)(dlambda * exp(dot1)), g2 = (float)(-dlambda * exp(dot2));
    for (size_t j = 0; j < d; j++) {
        dw->lambda_q1[j] += g1 * w->lambda_k1[j];
        dw->lambda_k1[j] += g1 * w->lambda_q1[j];
        dw->lambda_q2[j] += g2 * w->lambda_k2[j];
        dw->lambda_k2[j] += g2 * w->lambda_q2[j];
    }
}

void layer_backward(float *dx, struct layer_weights *dw, const struct layer_buffers *b, const struct kv_store *kv, size_t layer,
                    struct layer_gradients *g, struct layer_context *c)
{
    const struct model *m = c->model;
    const struct config *cfg = &m->config;
    const struct attention_plan *p = &m->plan;
    const struct layer_weights *w = &m->weights.layers[layer];
    size_t rows = c->rows, D = cfg->d_model, width = attention_width(p), out = p->n_heads * width;
    size_t nq = p->n_q_heads * p->head_dim, nk = p->n_k_heads * p->head_dim, nv = p->n_v_heads * p->v_dim;

    mlp_backward(dx, w, dw, b, g, c);
    linear_backward(g->dheads_normed, 0, dw->o.f32, dw->o_bias, dx, b->heads_normed, w->o.f32, D, out, c);
    const float *dheads = g->dheads_normed;
    if (cfg->head_norm) {
        rmsnorm_backward(g->dheads, dw->head_norm, g->dheads_normed, b->heads, w->head_norm, rows * p->n_heads, width,
                         cfg->head_norm_eps, (float)(1 - config_lambda_init(cfg, layer)), 0);
        dheads = g->dheads;
    }
    if (cfg->dex) {
        extension_backward(g->dheads, dw->dex.f32, dw->dex_lambda, g->dheads_normed, b->heads, w->dex.f32, w->dex_lambda,
                           1 - m->lambda_held, rows, p->n_heads, width, c->threads);
        dheads = g->dheads;
    }
    memset(g->dq, 0, rows * nq * sizeof(float));
    memset(g->dk, 0, rows * nk * sizeof(float));
    memset(g->dv, 0, rows * nv * sizeof(float));
    attention_backward(g->dq, g->dk, g->dv, g->dcoef, dheads, p, kv, b->q, b->coef, b->map_out, b->lse, rows, c->scratch,
                       c->threads);
    if (cfg->lambda == LAMBDA_VECTORS)
        lambda_backward(dw, w, g->dcoef, rows * p->n_heads, p->head_dim, 1 - m->lambda_held);
    if (cfg->lambda == LAMBDA_PROJECTION) /* coefficient -sigmoid(lam) */
        for (size_t i = 0; i < rows * p->n_heads; i++) {
            float s = -b->coef[2 * i + 1];
            g->dlam[i] = -g->dcoef[2 * i + 1] * s * (1 - s);
        }
    rope_apply(g->dq, c->cosines, c->sines, rows, p->n_q_heads, p->head_dim, cfg->rope.interleaved, -1, c->threads);
    rope_apply(g->dk, c->cosines, c->sines, rows, p->n_k_heads, p->head_dim, cfg->rope.interleaved, -1, c->threads);
    linear_backward(g->dnormed, 0, dw->q.f32, dw->q_bias, g->dq, b->normed, w->q.f32, nq, D, c);
    linear_backward(g->dnormed, 1, dw->k.f32, dw->k_bias, g->dk, b->normed, w->k.f32, nk, D, c);
    linear_backward(g->dnormed, 1, dw->v.f32, dw->v_bias, g->dv, b->normed, w->v.f32, nv, D, c);
    if (cfg->lambda == LAMBDA_PROJECTION)
        linear_backward(g->dnormed, 1, dw->lambda_proj.f32, NULL, g->dlam, b->normed, w->lambda_proj.f32, p->n_heads, D, c);
    rmsnorm_backward(dx, dw->attention_norm, g->dnormed, b->x, w->attention_norm, rows, D, cfg->norm_eps, 1, 1);
}
