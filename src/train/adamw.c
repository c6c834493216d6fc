/* adamw.c - see adamw.h. */
#include "train/adamw.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

/* Moments of a tensor, as many as it has floats in the weights' storage. */
static size_t moments(const struct adamw *a, const struct weights *w, size_t row)
{
    return a->frozen != NULL && a->frozen[row] ? 0 : (w->rows[row].count + 15) / 16 * 16;
}

enum status adamw_init(struct adamw *a, const struct weights *w, const bool *frozen, struct error *err)
{
    *a = (struct adamw){.frozen = frozen};
    for (size_t r = 0; r < w->n_rows; r++)
        a->n += moments(a, w, r);
    a->m = mem_array(a->n, sizeof(float));
    a->v = mem_array(a->n, sizeof(float));
    if (a->m != NULL && a->v != NULL)
        return OK;
    adamw_free(a);
    return error_set(err, ERR_SYSTEM, "optimizer: out of memory for %zu parameters", w->n_params);
}

void adamw_free(struct adamw *a)
{
    free(a->m);
    free(a->v);
    *a = (struct adamw){0};
}

void adamw_step(struct adamw *a, struct weights *w, const struct weights *gradients, double grad_norm,
                const struct adamw_settings *s)
{
    a->step++;
    float scale = s->clip > 0 && grad_norm > s->clip ? (float)(s->clip / grad_norm) : 1.0f;
    float b1 = (float)s->beta1, b2 = (float)s->beta2, eps = (float)s->eps;
    float correct1 = (float)(1 / (1 - pow(s->beta1, (double)a->step))),
          correct2 = (float)(1 / (1 - pow(s->beta2, (double)a->step)));
    float *m = a->m, *v = a->v;
    for (size_t r = 0, n; r < w->n_rows; r++, m += n, v += n) {
        n = moments(a, w, r);
        if (n == 0)
            continue;
        float *x = weights_floats(&w->rows[r]), decay = w->rows[r].n_dims == 2 ? (float)(1 - s->lr * s->weight_decay) : 1.0f;
        const float *g = weights_floats(&gradients->rows[r]);
        for (size_t i = 0; i < w->rows[r].count; i++) {
            float gi = g[i] * scale;
            m[i] = b1 * m[i] + (1 - b1) * gi;
            v[i] = b2 * v[i] + (1 - b2) * gi * gi;
            x[i] = x[i] * decay - (float)s->lr * (m[i] * correct1) / (sqrtf(v[i] * correct2) + eps);
        }
    }
}
