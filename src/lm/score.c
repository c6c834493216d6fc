/* score.c - see score.h. */
#include "lm/score.h"

#include "base/memory.h"
#include "numeric/layers.h"

#include <math.h>
#include <stdlib.h>

struct scoring {
    const struct session *session;
    const int32_t *ids;
    size_t first; /* position of ids[0] */
    double *nll;
    float *work;
};

static void on_final(void *context, size_t start, size_t rows, const float *normed, size_t width)
{
    const struct scoring *c = context;
    const struct model *m = c->session->model;
    size_t at = start - c->first;
    cross_entropy(c->nll + at, NULL, NULL, normed, &m->weights.lm_head, c->ids + at + 1, rows, width, m->config.vocab_size, 0,
                  c->work, m->compute, c->session->context.threads);
}

enum status score_tokens(struct session *s, const int32_t *ids, size_t n, double *nll, struct error *err)
{
    struct scoring c = {.session = s, .ids = ids, .first = s->n_tokens, .nll = nll};
    struct probe probe = {.context = &c, .on_final = on_final};
    if (n < 2)
        return OK;
    if (ids[n - 1] < 0 || (size_t)ids[n - 1] >= s->model->config.vocab_size)
        return error_set(err, ERR_INPUT, "%s: token %d is not in the model's vocabulary, expected 0 to %zu", s->model->folder,
                         (int)ids[n - 1], s->model->config.vocab_size - 1);
    size_t rows = n < SESSION_BLOCK ? n : SESSION_BLOCK;
    c.work = mem_array(cross_entropy_work(rows, s->model->config.vocab_size), sizeof(float));
    if (c.work == NULL)
        return error_set(err, ERR_SYSTEM, "scores: out of memory");
    enum status status = session_run(s, ids, n - 1, &probe, NULL, err);
    for (size_t i = 0; i + 1 < n && status == OK; i++)
        if (!isfinite(nll[i]))
            status = session_not_finite(s, "loss", c.first + i, err);
    free(c.work);
    return status;
}
