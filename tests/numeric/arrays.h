/* Arrays of random numbers, and what they must come near to. */
#ifndef DIFFTF_TESTS_ARRAYS_H
#define DIFFTF_TESTS_ARRAYS_H

#include "base/memory.h"
#include "base/random.h"
#include "suite_main.h"

#include <math.h>

static float *random_array(size_t n, uint64_t seed, double scale)
{
    struct rng rng = rng_stream(seed, "test array", n);
    float *x = mem_array(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * rng_normal(&rng));
    return x;
}

static void expect_near(const char *what, const float *got, const double *want, size_t n, double tolerance)
{
    double largest = 1e-30;
    for (size_t i = 0; i < n; i++)
        largest = larger(largest, fabs(want[i]));
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)got[i] - want[i]) <= tolerance * largest, "%s[%zu] is %.8g, expected %.8g", what, i,
                      (double)got[i], want[i]);
}

#endif
