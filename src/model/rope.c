/* rope.c - frequencies and tables; see rope.h. */
#include "model/rope.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

double rope_yarn_temperature(double factor, double scale)
{
    return factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1;
}

/* The channel pair that turns so many times over the original context (Peng et al. 2023, appendix). */
static double yarn_channel(const struct rope *r, size_t head_dim, double turns)
{
    return (double)head_dim * log(r->original / (turns * 2 * PI)) / (2 * log(r->theta));
}

/* 1 where a channel pair keeps its frequency, 0 where it is stretched. */
static double yarn_kept(const struct rope *r, size_t head_dim, size_t j)
{
    double first = yarn_channel(r, head_dim, r->high), last = yarn_channel(r, head_dim, r->low);
    if (r->whole_channels) {
        first = floor(first);
        last = ceil(last);
    }
    first = fmax(first, 0);
    last = fmin(last, (double)head_dim - 1);
    if (first == last)
        last += 0.001;
    return 1 - fmin(fmax(((double)j - first) / (last - first), 0), 1);
}

double rope_frequency(const struct rope *r, size_t head_dim, size_t j, size_t length)
{
    double d = (double)head_dim, theta = r->theta;
    if (r->scaling == ROPE_DYNAMIC && (double)length > r->original && head_dim > 2)
        theta *= pow(r->factor * (double)length / r->original - (r->factor - 1), d / (d - 2));
    double f = pow(theta, -2.0 * (double)j / d) / (r->factors ? (double)r->factors[j] : 1), kept = 1;
    if (r->scaling == ROPE_LINEAR)
        kept = 0;
    if (r->scaling == ROPE_LLAMA3)
        kept = fmin(fmax((r->original * f / (2 * PI) - r->low) / (r->high - r->low), 0), 1);
    if (r->scaling == ROPE_YARN)
        kept = yarn_kept(r, head_dim, j);
    return kept == 1 ? f : f * kept + f / r->factor * (1 - kept);
}

void rope_table(const struct rope *r, size_t head_dim, float *cosines, float *sines, size_t start, size_t rows, size_t length)
{
    size_t half = head_dim / 2;
    for (size_t j = 0; j < half; j++) {
        double f = rope_frequency(r, head_dim, j, length);
        for (size_t i = 0; i < rows; i++) {
            double angle = (double)(start + i) * f;
            cosines[i * half + j] = (float)(r->temperature * cos(angle));
            sines[i * half + j] = (float)(r->temperature * sin(angle));
        }
    }
}
