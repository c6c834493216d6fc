/* compute.h - what the numbers of a matrix product are rounded to before they are multiplied. Sums are always floats. */
#ifndef DIFFTF_NUMERIC_COMPUTE_H
#define DIFFTF_NUMERIC_COMPUTE_H

enum compute {
    COMPUTE_F32,  /* not at all: weights in stored formats are widened */
    COMPUTE_BF16, /* weights and activations to BF16 */
    COMPUTE_INT8, /* activations to whole numbers of 8 bits, with a scale for each 32, where the weights are codes with scales */
    N_COMPUTE
};
/* Their names, in this order, as an option has them. */
#define COMPUTE_WORDS "f32|bf16|int8"

#endif
