/* rope.h - rotary positions (Su et al. 2021) and the published ways to stretch them. */
#ifndef DIFFTF_MODEL_ROPE_H
#define DIFFTF_MODEL_ROPE_H

#include "base/status.h"
#include "formats/json.h"

#include <stdbool.h>
#include <stddef.h>

enum rope_scaling {
    ROPE_PLAIN,
    ROPE_LINEAR,  /* positions divided by the factor (Chen et al. 2023)                                     */
    ROPE_LLAMA3,  /* long wavelengths stretched, short ones kept, those between blended (Llama 3.1)         */
    ROPE_DYNAMIC, /* the base grows with the length once it exceeds the context that was trained for        */
    ROPE_YARN,    /* a ramp over the channels between stretched and kept, and a temperature (Peng et al. 2023) */
};

struct rope {
    double theta;
    bool interleaved; /* channels 2j and 2j+1 turn together, else j and j + d/2 */
    enum rope_scaling scaling;
    double factor;
    double low, high;     /* llama3: turns over the original context below which all is stretched, above which nothing; YaRN: the
                             same as beta_slow and beta_fast */
    double original;      /* the context that was trained for */
    double temperature;   /* factor on cosines and sines */
    const float *factors; /* [head_dim / 2] that the frequencies are divided by, or NULL; not owned */
    bool whole_channels;  /* YaRN: the ramp begins and ends at whole channels */
};

/* From a config.json: rope_theta, and rope_parameters or rope_scaling, in which it may stand too (and then counts); nested by
 * layer type where every type says the same. `theta` is the family's own; `context` is max_position_embeddings. What would turn
 * positions in another way is refused by name. */
enum status rope_from_json(struct rope *rope, const cJSON *json, double theta, size_t context, const char *path,
                           struct error *err);
/* YaRN's factor on cosines and sines for a stretch: 0.1 scale ln(factor) + 1, and 1 where nothing is stretched. */
double rope_yarn_temperature(double factor, double scale);
/* Writes rope_theta and, where there is one, rope_scaling. */
void rope_to_json(cJSON *json, const struct rope *rope);
/* Angle a position of channel pair j, for a sequence of `length` tokens (which matters to ROPE_DYNAMIC alone). */
double rope_frequency(const struct rope *rope, size_t head_dim, size_t j, size_t length);
/* Cosines and sines [rows, head_dim / 2] for the positions start .. of a sequence of `length` tokens. */
void rope_table(const struct rope *rope, size_t head_dim, float *cosines, float *sines, size_t start, size_t rows, size_t length);

#endif
