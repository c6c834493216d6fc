/* rope.c - see rope.h. */
#include "model/rope.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

static const struct {
    const char *name;
    enum rope_scaling scaling;
} SCALINGS[] = {
    {"default", ROPE_PLAIN}, {"linear", ROPE_LINEAR}, {"llama3", ROPE_LLAMA3}, {"dynamic", ROPE_DYNAMIC}, {"yarn", ROPE_YARN}};
enum { N_SCALINGS = sizeof SCALINGS / sizeof *SCALINGS };

struct number {
    const char *key;
    double *value, lowest;
    bool optional;
};

static enum status read_numbers(const struct number *numbers, size_t n, const cJSON *json, const char *path, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < n && status == OK; i++)
        status = json_get_double(json, numbers[i].key, numbers[i].lowest, 1e12, numbers[i].optional, numbers[i].value, path, err);
    return status;
}
#define READ(numbers, json) read_numbers(numbers, sizeof(numbers) / sizeof *(numbers), json, path, err)

static enum status read_llama3(struct rope *r, const cJSON *json, const char *path, struct error *err)
{
    const struct number numbers[] = {{"low_freq_factor", &r->low, 1e-3, false},
                                     {"high_freq_factor", &r->high, 1e-3, false},
                                     {"original_max_position_embeddings", &r->original, 1, false}};
    enum status status = READ(numbers, json);
    if (status == OK && r->high <= r->low)
        status = error_set(err, ERR_INPUT, "%s: key 'high_freq_factor' is wrong, expected more than low_freq_factor", path);
    return status;
}

/* The temperature that the paper proposes: 0.1 ln(factor) + 1. */
static double yarn_temperature(double factor, double scale)
{
    return factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1;
}

static enum status read_yarn(struct rope *r, const cJSON *json, const char *path, struct error *err)
{
    double given = 0, scale = 0, scale_all = 0;
    r->low = 1;
    r->high = 32;
    r->whole_channels = true;
    const struct number numbers[] = {{"beta_slow", &r->low, 1e-3, true},
                                     {"beta_fast", &r->high, 1e-3, true},
                                     {"original_max_position_embeddings", &r->original, 1, true},
                                     {"attention_factor", &given, 0, true},
                                     {"mscale", &scale, 0, true},
                                     {"mscale_all_dim", &scale_all, 0, true}};
    enum status status = READ(numbers, json);
    if (status == OK)
        status = json_get_bool(json, "truncate", true, &r->whole_channels, path, err);
    if (status == OK && r->high <= r->low)
        status = error_set(err, ERR_INPUT, "%s: key 'beta_fast' is wrong, expected more than beta_slow", path);
    if (given > 0)
        r->temperature = given;
    else if (scale > 0 && scale_all > 0)
        r->temperature = yarn_temperature(r->factor, scale) / yarn_temperature(r->factor, scale_all);
    else
        r->temperature = yarn_temperature(r->factor, 1);
    return status;
}

static enum status find_scaling(struct rope *r, const cJSON *json, const char *path, struct error *err)
{
    const char *type = "default";
    struct text known = {0};
    bool found = false;
    enum status status = json_get_string(json, json_has(json, "rope_type") ? "rope_type" : "type", true, &type, path, err);
    for (size_t i = 0; i < N_SCALINGS && status == OK; i++) {
        text_printf(&known, "%s%s", i == 0 ? "" : i + 1 == N_SCALINGS ? " or " : ", ", SCALINGS[i].name);
        if (strcmp(SCALINGS[i].name, type) == 0) {
            r->scaling = SCALINGS[i].scaling;
            found = true;
        }
    }
    if (status == OK && !found)
        status = error_set(err, ERR_INPUT, "%s: key 'rope_scaling': type '%.40s' is not supported, expected %s", path, type,
                           known.data ? known.data : "");
    text_free(&known);
    return status;
}

enum status rope_from_json(struct rope *r, const cJSON *json, size_t context, const char *path, struct error *err)
{
    const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(json, "rope_parameters");
    const cJSON *scaling = cJSON_IsObject(parameters) ? parameters : cJSON_GetObjectItemCaseSensitive(json, "rope_scaling");
    *r = (struct rope){.theta = 10000, .temperature = 1, .original = (double)context};
    enum status status = json_get_bool(json, "rope_interleaved", true, &r->interleaved, path, err);
    if (status == OK)
        status = json_get_double(json, "rope_theta", 1, 1e12, true, &r->theta, path, err);
    if (status == OK && cJSON_IsObject(parameters))
        status = json_get_double(parameters, "rope_theta", 1, 1e12, true, &r->theta, path, err);
    if (status != OK || scaling == NULL || cJSON_IsNull(scaling))
        return status;
    if (!cJSON_IsObject(scaling))
        return error_set(err, ERR_INPUT, "%s: key 'rope_scaling' is wrong, expected an object or null", path);
    status = find_scaling(r, scaling, path, err);
    if (status != OK || r->scaling == ROPE_PLAIN)
        return status;
    status = json_get_double(scaling, "factor", 1e-3, 1e6, false, &r->factor, path, err);
    if (status == OK && r->scaling == ROPE_LLAMA3)
        status = read_llama3(r, scaling, path, err);
    if (status == OK && r->scaling == ROPE_YARN)
        status = read_yarn(r, scaling, path, err);
    return status;
}

void rope_to_json(cJSON *json, const struct rope *r)
{
    json_add_number(json, "rope_theta", r->theta);
    if (r->scaling == ROPE_PLAIN)
        return;
    cJSON *o = cJSON_AddObjectToObject(json, "rope_scaling");
    for (size_t i = 0; i < N_SCALINGS; i++)
        if (SCALINGS[i].scaling == r->scaling)
            cJSON_AddStringToObject(o, "rope_type", SCALINGS[i].name);
    bool llama3 = r->scaling == ROPE_LLAMA3, yarn = r->scaling == ROPE_YARN;
    const struct {
        const char *key;
        double value;
        bool there;
    } numbers[] = {{"factor", r->factor, true},
                   {"low_freq_factor", r->low, llama3},
                   {"high_freq_factor", r->high, llama3},
                   {"beta_slow", r->low, yarn},
                   {"beta_fast", r->high, yarn},
                   {"attention_factor", r->temperature, yarn},
                   {"original_max_position_embeddings", r->original, llama3 || yarn}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].there)
            json_add_number(o, numbers[i].key, numbers[i].value);
    if (yarn)
        cJSON_AddBoolToObject(o, "truncate", r->whole_channels);
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
