/* generate.c - see generate.h. */
#include "lm/generate.h"

#include "lm/sample.h"

#include <stdlib.h>

enum status generate(struct session *s, const int32_t *prompt, size_t n, size_t max_new, struct sampling *sampling,
                     const struct probe *probe, struct ids *out, bool (*each)(void *, int32_t), void *context, struct error *err)
{
    size_t vocab = s->model->config.vocab_size;
    float *logits = mem_array(vocab, sizeof *logits);
    enum status status =
        logits ? session_run(s, prompt, n, probe, logits, err) : error_set(err, ERR_SYSTEM, "logits: out of memory");
    for (size_t i = 0; i < max_new && status == OK; i++) {
        int32_t id = sample_token(logits, vocab, sampling->temperature, 1, &sampling->rng);
        if (config_is_end(&s->model->config, id))
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
