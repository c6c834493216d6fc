/* shapes.h - the middle-sized pair that the bench runs: 12 layers of 1,024, FFN 2,816, vocabulary 32,000, 16 query heads of 64.
 */
#ifndef DIFFTF_BENCH_SHAPES_H
#define DIFFTF_BENCH_SHAPES_H

#include "model/model.h"

#include <stdint.h>

enum { BENCH_SHAPES = 2 };
extern const char *const BENCH_SHAPE_NAMES[BENCH_SHAPES]; /* "transformer", "diff" */

/* A model of such a shape with small numbers that cost no time to draw; model_free releases it in any case. */
enum status bench_model(struct model *m, size_t shape, struct error *err);
/* Its weights as BF16, in memory that the caller frees after the model. */
enum status bench_narrow(struct model *m, uint16_t **bytes, struct error *err);
/* What a row says of the work: a model's shape and the tokens that pass or were there. */
enum { BENCH_SHAPE_TEXT = 160 };
void bench_shape_text(char text[BENCH_SHAPE_TEXT], const struct model *m, size_t tokens);
/* The embedded model of that architecture. */
enum status bench_embedded(struct model *m, size_t shape, struct error *err);

#endif
