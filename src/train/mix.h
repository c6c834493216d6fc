/* mix.h - what the sequences of a stage are made of, and how often each kind is drawn so that its share of the tokens is right.
 */
#ifndef DIFFTF_TRAIN_MIX_H
#define DIFFTF_TRAIN_MIX_H

#include "lm/tokenizer.h"
#include "train/documents.h"

/* One kind of document in the mix of a stage. */
struct ingredient {
    const struct document_kind *kind;
    double weight;            /* its share of the tokens, beside the others' */
    size_t shortest, longest; /* bytes of a document */
    double chance;            /* that a document is of this kind, by mix_balance; all add up to 1 */
};

/* A stretch of training with one sequence length. */
struct stage {
    size_t steps, seq_len, sequences; /* optimizer steps, tokens a sequence, sequences a step */
    struct ingredient *mix;
    size_t n_mix;
};

/* What happens to a document for which its sequence has no room left (a document that begins its sequence is cut). Cut off, most
 * would ask about what is not there. */
enum fill {
    FILL_DRAW, /* others are drawn, MIX_DRAWS in all; if none fits, plain text takes the place; plain text is cut */
    FILL_TEXT, /* plain text takes its place, beside the shares of the mix */
    FILL_CUT,  /* it is cut */
};
enum { MIX_DRAWS = 10 };

/* The ingredient that begins or follows in a sequence. */
const struct ingredient *mix_draw(const struct stage *stage, struct rng *rng);
/* Documents drawn for one place before plain text takes it. */
int mix_draws(enum fill fill);
/* Is a document of `n` tokens put into a sequence that has `used` of `wanted` ids already? */
bool mix_fits(const struct ingredient *in, enum fill fill, size_t n, size_t used, size_t wanted);
/* Sets the chances from the weights. Documents of every kind are made and counted; a kind of long ones is drawn less often. Then,
 * but for FILL_TEXT, sequences of their lengths are packed and the chances moved until the shares of the tokens are the weights,
 * what fills up being text. Uses no seed of a recipe. */
enum status mix_balance(struct stage *stage, enum fill fill, const struct tokenizer *tokenizer, const struct corpus *corpus,
                        const char *path, struct error *err);

#endif
