/* generate.c - see generate.h. */
#include "lm/generate.h"

#include "lm/logits.h"

#include <math.h>
#include <stdlib.h>

static int32_t sample(const float *logits, size_t n, struct sampling *s)
{
    double top = (double)logits[logits_top(logits, n)], total = 0;
    for (size_t i = 0; i < n; i++)
        total += exp(((double)logits[i] - top) / s->temperature);
    double at = rng_unit(&s->rng) * total;
    for (size_t i = 0; i < n; i++) {
        at -= exp(((double)logits[i] - top) / s->temperature);
        if (at < 0)
            return (int32_t)i;
    }
    return (int32_t)n - 1;
}

static bool is_end(const struct config *c, int32_t id)
{
    for (size_t i = 0; i < c->n_eos; i++)
        if (c->eos[i] == id)
            return true;
    return false;
}

enum status generate(struct session *s, const int32_t *prompt, size_t n, size_t max_new, struct sampling *sampling,
                     const struct probe *probe, struct ids *out, bool (*each)(void *, int32_t), void *context, struct error *err)
{
    size_t vocab = s->model->config.vocab_size;
    float *logits = mem_array(vocab, sizeof *logits);
    enum status status =
        logits ? session_run(s, prompt, n, probe, logits, err) : error_set(err, ERR_SYSTEM, "logits: out of memory");
    for (size_t i = 0; i < max_new && status == OK; i++) {
        int32_t id = sampling->temperature > 0 ? sample(logits, vocab, sampling) : (int32_t)logits_top(logits, vocab);
        if (is_end(&s->model->config, id))
            break;
        if (!ids_add(out, id))
            status = error_set(err, ERR_SYSTEM, "generation: out of memory");
        if (status == OK && each != NULL && !each(context, id))
            break;
        if (status == OK && i + 1 < max_new)
            status = session_run(s, &id, 1, probe, logits, err);
    }
    free(logits);
    return status;
}
