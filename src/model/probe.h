/* probe.h - an observer handed to the forward pass.
 *
 * A task says what it wants to see and is called with it; without a probe the
 * forward pass does nothing more.  No square of attention is ever stored:
 * rows are computed one at a time, for the positions that are asked for.
 */
#ifndef DIFFTF_MODEL_PROBE_H
#define DIFFTF_MODEL_PROBE_H

#include <stdbool.h>
#include <stddef.h>

struct probe {
    void *context;
    /* Is the attention of the query at this position wanted? NULL: never. */
    bool (*wants_row)(void *context, size_t layer, size_t position);
    /* The effective map of one output head, row[0..position]: A, or A1 - lambda A2. */
    void (*on_row)(void *context, size_t layer, size_t head, size_t position, const float *row);
    /* The same row map by map, each by itself, with its coefficient: 1, or -lambda. Either may be NULL: not wanted. */
    void (*on_map)(void *context, size_t layer, size_t head, size_t map, size_t position, float coefficient, const float *row);
    /* Logits of a tile of one map of one head, see struct logit_observer; NULL: not wanted. */
    void (*on_logits)(void *context, size_t layer, size_t head, size_t map, size_t position, size_t first_key, size_t rows,
                      const float *logits);
    /* The residual stream after a layer, [rows, width]; NULL: not wanted. */
    void (*on_hidden)(void *context, size_t layer, size_t start, size_t rows, const float *hidden, size_t width);
    /* The normed last stream, [rows, width], from which session_logits computes logits; NULL: not wanted. */
    void (*on_final)(void *context, size_t start, size_t rows, const float *normed, size_t width);
};

#endif
