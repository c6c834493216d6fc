/* mix.c - see mix.h. */
#include "train/mix.h"

#include <stdlib.h>
#include <string.h>

enum { FEW = 64, SOME = 128, MANY = 256, MOST_BYTES = 2000000, ROUNDS = 40, MOST_SEQUENCES = 20000, SIMULATED_TOKENS = 4000000 };

const struct ingredient *mix_draw(const struct stage *s, struct rng *rng)
{
    double total = 0;
    for (size_t i = 0; i < s->n_mix; i++)
        total += s->mix[i].chance;
    double at = rng_unit(rng) * total;
    size_t i = 0;
    while (i + 1 < s->n_mix && at >= s->mix[i].chance)
        at -= s->mix[i++].chance;
    return &s->mix[i];
}

int mix_draws(enum fill fill)
{
    return fill == FILL_DRAW ? MIX_DRAWS : 1;
}

bool mix_fits(const struct ingredient *in, enum fill fill, size_t n, size_t used, size_t wanted)
{
    return used == 0 || n <= wanted - used || fill == FILL_CUT || (fill == FILL_DRAW && in->kind == DOCUMENT_TEXT);
}

/* Documents of an ingredient, their lengths spread evenly from the shortest to the longest; in tokens, the end token that begins
 * each included. */
struct lengths {
    size_t n, tokens[MANY];
};

static enum status measure(struct lengths *lengths, size_t n, const struct ingredient *in, const struct tokenizer *tokenizer,
                           const struct corpus *corpus, const char *path, struct error *err)
{
    struct rng rng = rng_stream(0, in->kind->name, in->shortest);
    struct text document = {0};
    struct ids ids = {0};
    enum status status = OK;
    size_t sum = 0;
    for (size_t i = 0; i < n && status == OK; i++) {
        document.len = 0;
        ids.n = 0;
        in->kind->write(&document, corpus, &rng, in->shortest + (in->longest - in->shortest) * i / (n - 1));
        status = tokenizer_encode(tokenizer, document.data ? document.data : "", document.len, false, &ids, err);
        lengths->tokens[i] = ids.n + 1;
        sum += ids.n;
    }
    lengths->n = n;
    if (status == OK && sum == 0)
        status = error_set(err, ERR_INPUT, "%s: documents of kind '%s' come out empty, expected a corpus of text", path,
                           in->kind->name);
    text_free(&document);
    ids_free(&ids);
    return status;
}

/* Documents of an ingredient that are measured: fewer of long ones. */
static size_t sample(const struct ingredient *in, enum fill fill)
{
    size_t n = MOST_BYTES / in->longest;
    if (fill == FILL_TEXT)
        return SOME;
    return n < FEW ? FEW : n > MANY ? MANY : n;
}

/* Tokens of a document on average; what is longer than the sequence is cut. */
static double mean(const struct lengths *lengths, size_t seq_len)
{
    double sum = 0;
    for (size_t i = 0; i < lengths->n; i++)
        sum += (double)(lengths->tokens[i] < seq_len + 1 ? lengths->tokens[i] : seq_len + 1);
    return sum / (double)lengths->n;
}

/* Packs sequences of documents that are lengths alone: the tokens of each ingredient, and of what fills up. */
static void simulate(double *tokens, double *filled, const struct stage *s, enum fill fill, const struct lengths *lengths)
{
    struct rng rng = rng_stream(0, "mix shares", 0);
    size_t wanted = s->seq_len + 1, n = SIMULATED_TOKENS / wanted + 50;
    memset(tokens, 0, s->n_mix * sizeof *tokens);
    *filled = 0;
    for (size_t sequence = 0; sequence < (n < MOST_SEQUENCES ? n : MOST_SEQUENCES); sequence++)
        for (size_t used = 0, length = 0; used < wanted; used += length) {
            size_t row = 0;
            bool fits = false;
            for (int draw = 0; draw < mix_draws(fill) && !fits; draw++) {
                row = (size_t)(mix_draw(s, &rng) - s->mix);
                length = lengths[row].tokens[rng_below(&rng, lengths[row].n)];
                fits = mix_fits(&s->mix[row], fill, length, used, wanted);
            }
            length = fits && length < wanted - used ? length : wanted - used;
            *(fits ? &tokens[row] : filled) += (double)length;
        }
}

/* Moves the chances once towards the shares that are wanted. */
static void move(struct stage *s, enum fill fill, double *tokens, const struct lengths *lengths)
{
    double weights = 0, text = 0, filled, all;
    simulate(tokens, &filled, s, fill, lengths);
    all = filled;
    for (size_t i = 0; i < s->n_mix; i++) {
        all += tokens[i];
        weights += s->mix[i].weight;
        text += s->mix[i].kind == DOCUMENT_TEXT ? s->mix[i].weight : 0;
    }
    for (size_t i = 0; i < s->n_mix; i++) {
        struct ingredient *in = &s->mix[i];
        double has = tokens[i] + (in->kind == DOCUMENT_TEXT && text > 0 ? filled * in->weight / text : 0);
        double factor = has > 0 ? in->weight / weights * all / has : 2;
        in->chance *= factor > 2 ? 2 : factor < 0.5 ? 0.5 : factor;
    }
}

enum status mix_balance(struct stage *s, enum fill fill, const struct tokenizer *tokenizer, const struct corpus *corpus,
                        const char *path, struct error *err)
{
    struct lengths *lengths = calloc(s->n_mix, sizeof *lengths);
    double *tokens = calloc(s->n_mix, sizeof *tokens), sum = 0;
    enum status status = lengths && tokens ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i < s->n_mix && status == OK; i++) {
        status = measure(&lengths[i], sample(&s->mix[i], fill), &s->mix[i], tokenizer, corpus, path, err);
        s->mix[i].chance = status == OK ? s->mix[i].weight / mean(&lengths[i], s->seq_len) : 0;
        sum += s->mix[i].chance;
    }
    if (status == OK && sum <= 0)
        status = error_set(err, ERR_INPUT, "%s: key 'mix' has no weight above 0, expected at least one", path);
    for (size_t round = 0; round < ROUNDS && status == OK && fill != FILL_TEXT; round++)
        move(s, fill, tokens, lengths);
    free(lengths);
    free(tokens);
    return status;
}
