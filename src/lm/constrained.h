/* constrained.h - decoding that may only give one of some token sequences: a walk down the trie of them. */
#ifndef DIFFTF_LM_CONSTRAINED_H
#define DIFFTF_LM_CONSTRAINED_H

#include "lm/tokenizer.h"
#include "model/session.h"

/* Sequences in the order of their tokens, so that those with a common beginning stand together: a trie without nodes. No sequence
 * may be the beginning of another (end each with what ends a label in the prompt). */
struct label_trie {
    struct ids *sequences; /* [n] */
    size_t *label;         /* [n] what each stands for */
    size_t n;
};
/* Takes over `sequences` [n]; an error when one is empty or the beginning of another: `name` stands for them in its message. */
enum status label_trie_init(struct label_trie *t, struct ids *sequences, size_t n, const char *name, struct error *err);
void label_trie_free(struct label_trie *t);

/* Greedy: at each token the most probable one that goes on with a label. `logits` [vocab_size] are those after the session's
 * last token; they are overwritten, and the session is left somewhere in the label (rewind it). */
enum status constrained_greedy(struct session *s, const struct label_trie *t, float *logits, size_t *label, struct error *err);
/* The label whose tokens have the largest total log-probability; log_p [n] by label, or NULL. */
enum status constrained_total(struct session *s, const struct label_trie *t, float *logits, size_t *label, double *log_p,
                              struct error *err);

#endif
