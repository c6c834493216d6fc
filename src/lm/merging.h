/* merging.h - byte pair encoding of one piece of text by a vocabulary's merges (Sennrich et al. 2016). */
#ifndef DIFFTF_LM_MERGING_H
#define DIFFTF_LM_MERGING_H

#include "lm/id_list.h"
#include "lm/vocabulary.h"

/* Room to merge in, used again for piece after piece: zero to begin with. */
struct merging {
    int32_t *id, *next, *previous; /* a linked list of symbols */
    struct candidate *heap;
    size_t n_heap, capacity;
};
void merging_free(struct merging *work);

/* Appends the ids of a piece, merged lowest rank first; false when out of memory. */
bool merging_encode(const struct vocabulary *v, struct merging *work, const char *bytes, size_t n, struct ids *out);
/* Marks the pieces that merging their own bytes gives back whole, and finds whether words can be merged one by one. */
enum status merging_mark_whole(struct vocabulary *v, struct error *err);

#endif
