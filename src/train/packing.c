/* packing.c - see packing.h. */
#include "train/packing.h"

static const struct ingredient *draw(const struct stage *s, struct rng *rng)
{
    double total = 0;
    for (size_t i = 0; i < s->n_mix; i++)
        total += s->mix[i].weight;
    double at = rng_unit(rng) * total;
    size_t i = 0;
    while (i + 1 < s->n_mix && at >= s->mix[i].weight)
        at -= s->mix[i++].weight;
    return &s->mix[i];
}

enum status pack_sequence(struct ids *out, const struct recipe *r, const struct corpus *corpus, const struct stage *stage,
                          const char *stream, uint64_t index, struct error *err)
{
    struct rng rng = rng_stream(r->seed, stream, index);
    struct text document = {0};
    struct ids ids = {0};
    size_t wanted = stage->seq_len + 1;
    int32_t end = tokenizer_added(r->tokenizer, "<|endoftext|>");
    enum status status = OK;
    out->n = 0;
    while (out->n < wanted && status == OK) {
        const struct ingredient *in = draw(stage, &rng);
        size_t length = in->shortest + (size_t)rng_below(&rng, in->longest - in->shortest + 1);
        document.len = 0;
        ids.n = 0;
        in->kind->write(&document, corpus, &rng, length);
        status = tokenizer_encode(r->tokenizer, document.data, document.len, false, &ids, err);
        if (status == OK && ids.n + 1 > wanted - out->n && out->n > 0) {
            /* Cut off, it would ask about what is not there: the rest of the sequence is plain text. */
            document.len = 0;
            ids.n = 0;
            corpus_passage(corpus, &rng, (wanted - out->n) * 6, &document);
            status = tokenizer_encode(r->tokenizer, document.data, document.len, false, &ids, err);
        }
        if (status == OK && !ids_add(&ids, end))
            status = error_set(err, ERR_SYSTEM, "training data: out of memory");
        for (size_t i = 0; i < ids.n && out->n < wanted && status == OK; i++)
            if (!ids_add(out, ids.data[i]))
                status = error_set(err, ERR_SYSTEM, "training data: out of memory");
    }
    text_free(&document);
    ids_free(&ids);
    return status;
}
