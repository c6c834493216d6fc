/* packing.c - see packing.h. */
#include "train/packing.h"

/* As often as its share of the tokens asks for. */
static double chance(const struct ingredient *in)
{
    return in->weight / in->tokens;
}

static const struct ingredient *draw(const struct stage *s, struct rng *rng)
{
    double total = 0;
    for (size_t i = 0; i < s->n_mix; i++)
        total += chance(&s->mix[i]);
    double at = rng_unit(rng) * total;
    size_t i = 0;
    while (i + 1 < s->n_mix && at >= chance(&s->mix[i]))
        at -= chance(&s->mix[i++]);
    return &s->mix[i];
}

/* One document of the mix that fits into `room` tokens, or text that fills them. */
static enum status write_document(struct ids *ids, size_t *kind, const struct recipe *r, const struct corpus *corpus,
                                  const struct stage *stage, struct rng *rng, size_t room, bool first, struct error *err)
{
    const struct ingredient *in = draw(stage, rng);
    size_t length = in->shortest + (size_t)rng_below(rng, in->longest - in->shortest + 1);
    struct text document = {0};
    ids->n = 0;
    *kind = (size_t)(in->kind - DOCUMENT_KINDS);
    in->kind->write(&document, corpus, rng, length);
    enum status status = tokenizer_encode(r->tokenizer, document.data ? document.data : "", document.len, false, ids, err);
    if (status == OK && ids->n > room && !first) {
        /* Cut off, it would ask about what is not there: the rest of the sequence is plain text. */
        document.len = 0;
        ids->n = 0;
        *kind = DOCUMENT_TEXT;
        corpus_passage(corpus, rng, room * 6, &document);
        status = tokenizer_encode(r->tokenizer, document.data ? document.data : "", document.len, false, ids, err);
    }
    text_free(&document);
    return status;
}

enum status pack_sequence(struct ids *out, const struct recipe *r, const struct stage *stage, enum packing packing,
                          uint64_t index, double *tokens, struct error *err)
{
    bool training = packing == PACK_TRAINING;
    struct rng rng = training ? rng_stream(r->data_seed, "train", index) : rng_stream(0, "validation", index);
    struct corpus corpus = r->corpus;
    struct ids ids = {0};
    size_t wanted = stage->seq_len + 1, kind;
    int32_t end = tokenizer_added(r->tokenizer, "<|endoftext|>");
    enum status status = OK;
    corpus.validation = !training;
    out->n = 0;
    while (out->n < wanted && status == OK) {
        bool first = out->n == 0;
        if (!ids_add(out, end))
            status = error_set(err, ERR_SYSTEM, "training data: out of memory");
        if (status == OK)
            status = write_document(&ids, &kind, r, &corpus, stage, &rng, wanted - out->n, first, err);
        size_t before = out->n;
        for (size_t i = 0; i < ids.n && out->n < wanted && status == OK; i++)
            if (!ids_add(out, ids.data[i]))
                status = error_set(err, ERR_SYSTEM, "training data: out of memory");
        if (tokens != NULL && status == OK)
            tokens[kind] += (double)(out->n - before + 1);
    }
    ids_free(&ids);
    return status;
}
