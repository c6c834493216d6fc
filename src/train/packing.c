/* packing.c - see packing.h. */
#include "train/packing.h"

#include <stdlib.h>
#include <string.h>

void packed_free(struct packed *p)
{
    ids_free(&p->ids);
    free(p->documents);
    *p = (struct packed){0};
}

/* Appends the end token and as many of the document's ids as there is room for. */
static enum status append(struct packed *out, const struct ids *ids, size_t wanted, size_t kind, bool fill, int32_t end,
                          struct error *err)
{
    bool ok = mem_grow((void **)&out->documents, &out->capacity, out->n_documents + 1, sizeof *out->documents);
    if (ok)
        out->documents[out->n_documents++] = (struct packed_document){.first = out->ids.n, .kind = kind, .fill = fill};
    ok = ok && ids_add(&out->ids, end);
    for (size_t i = 0; i < ids->n && out->ids.n < wanted && ok; i++)
        ok = ids_add(&out->ids, ids->data[i]);
    return ok ? OK : error_set(err, ERR_SYSTEM, "training data: out of memory");
}

/* The text of `document` as ids in place of those before. */
static enum status encode(struct ids *ids, const struct recipe *r, const struct text *document, struct error *err)
{
    ids->n = 0;
    return tokenizer_encode(r->tokenizer, document->data ? document->data : "", document->len, false, ids, err);
}

/* One document of the mix that fits into `room` more tokens, or text that fills them. */
static enum status write_document(struct ids *ids, size_t *kind, bool *fits, const struct recipe *r, const struct corpus *corpus,
                                  const struct stage *stage, struct rng *rng, size_t used, struct error *err)
{
    enum { BYTES_A_TOKEN = 6 };
    size_t wanted = stage->seq_len + 1;
    struct text document = {0};
    enum status status = OK;
    *fits = false;
    for (int draw = 0; draw < mix_draws(r->fill) && !*fits && status == OK; draw++) {
        const struct ingredient *in = mix_draw(stage, rng);
        document.len = 0;
        in->kind->write(&document, corpus, rng, in->shortest + (size_t)rng_below(rng, in->longest - in->shortest + 1));
        status = encode(ids, r, &document, err);
        *kind = (size_t)(in->kind - DOCUMENT_KINDS);
        *fits = mix_fits(in, r->fill, ids->n + 1, used, wanted);
    }
    if (status == OK && !*fits) {
        document.len = 0;
        corpus_passage(corpus, rng, (wanted - used - 1) * BYTES_A_TOKEN, &document);
        status = encode(ids, r, &document, err);
        *kind = (size_t)(DOCUMENT_TEXT - DOCUMENT_KINDS);
    }
    text_free(&document);
    return status;
}

enum status pack_sequence(struct packed *out, const struct recipe *r, const struct stage *stage, enum packing packing,
                          uint64_t index, struct error *err)
{
    bool training = packing == PACK_TRAINING, fits;
    struct rng rng = training ? rng_stream(r->data_seed, "train", index) : rng_stream(0, "validation", index);
    struct corpus corpus = r->corpus;
    struct ids ids = {0};
    size_t wanted = stage->seq_len + 1, kind;
    enum status status = OK;
    corpus.validation = !training;
    out->ids.n = out->n_documents = 0;
    while (out->ids.n < wanted && status == OK) {
        status = write_document(&ids, &kind, &fits, r, &corpus, stage, &rng, out->ids.n, err);
        if (status == OK)
            status = append(out, &ids, wanted, kind, !fits, r->end, err);
    }
    ids_free(&ids);
    return status;
}

void packed_count(struct token_counts *counts, const struct packed *p)
{
    for (size_t i = 0; i < p->n_documents; i++) {
        const struct packed_document *d = &p->documents[i];
        size_t end = i + 1 < p->n_documents ? d[1].first : p->ids.n;
        int64_t n = (int64_t)(end - (i > 0 ? d->first : 1));
        counts->kinds[d->kind] += n;
        counts->fill += d->fill ? n : 0;
    }
}
