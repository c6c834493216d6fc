/* rope_config.c - the keys of a config.json that say how positions turn; see rope.h. */
#include "base/memory.h"
#include "model/rope.h"

#include <string.h>

static const struct {
    const char *name;
    enum rope_scaling scaling;
} SCALINGS[] = {
    {"default", ROPE_PLAIN}, {"linear", ROPE_LINEAR}, {"llama3", ROPE_LLAMA3}, {"dynamic", ROPE_DYNAMIC}, {"yarn", ROPE_YARN}};
enum { N_SCALINGS = sizeof SCALINGS / sizeof *SCALINGS };

/* What a section may hold: what is read below for one type or another, and a word about how the model came to be. */
static const char *const KNOWN_KEYS[] = {"type",
                                         "rope_type",
                                         "rope_theta",
                                         "factor",
                                         "low_freq_factor",
                                         "high_freq_factor",
                                         "original_max_position_embeddings",
                                         "beta_slow",
                                         "beta_fast",
                                         "attention_factor",
                                         "mscale",
                                         "mscale_all_dim",
                                         "truncate",
                                         "finetuned"};
enum { N_KNOWN_KEYS = sizeof KNOWN_KEYS / sizeof *KNOWN_KEYS };

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
                                     {"original_max_position_embeddings", &r->original, 1, true}};
    enum status status = READ(numbers, json);
    if (status == OK && r->high <= r->low)
        status = error_set(err, ERR_INPUT, "%s: key 'high_freq_factor' is wrong, expected more than low_freq_factor", path);
    return status;
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
                                     {"attention_factor", &given, 1e-6, true},
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
        r->temperature = rope_yarn_temperature(r->factor, scale) / rope_yarn_temperature(r->factor, scale_all);
    else
        r->temperature = rope_yarn_temperature(r->factor, 1);
    return status;
}

static enum status find_scaling(struct rope *r, const cJSON *json, const char *section, const char *path, struct error *err)
{
    const char *type = NULL, *older = NULL;
    struct text known = {0};
    bool found = false;
    enum status status = json_get_string(json, "rope_type", true, &type, path, err);
    if (status == OK)
        status = json_get_string(json, "type", true, &older, path, err);
    if (status != OK)
        return status;
    if (type != NULL && older != NULL && strcmp(type, older) != 0)
        return error_set(err, ERR_INPUT, "%s: key '%s': rope_type '%.40s' and type '%.40s' differ, expected one of them", path,
                         section, type, older);
    type = type ? type : older;
    if (type == NULL && json_has(json, "factor"))
        return error_set(err, ERR_INPUT, "%s: key '%s' holds a factor without rope_type, expected both", path, section);
    for (size_t i = 0; i < N_SCALINGS; i++) {
        text_printf(&known, "%s%s", i == 0 ? "" : i + 1 == N_SCALINGS ? " or " : ", ", SCALINGS[i].name);
        if (strcmp(SCALINGS[i].name, type ? type : "default") == 0) {
            r->scaling = SCALINGS[i].scaling;
            found = true;
        }
    }
    if (!found)
        status = error_set(err, ERR_INPUT, "%s: key '%s': type '%.40s' is not supported, expected %s", path, section, type,
                           known.data);
    text_free(&known);
    return status;
}

/* A key that no type here reads stands for another way to turn (alpha, mrope_section, short_factor, ..), unless it is off or 1.
 */
static enum status check_keys(const cJSON *json, const char *section, const char *path, struct error *err)
{
    for (const cJSON *item = json->child; item != NULL; item = item->next) {
        bool known = cJSON_IsNull(item) || cJSON_IsFalse(item) || (cJSON_IsNumber(item) && item->valuedouble == 1);
        for (size_t i = 0; i < N_KNOWN_KEYS && !known; i++)
            known = strcmp(KNOWN_KEYS[i], item->string) == 0;
        if (!known)
            return error_set(err, ERR_INPUT, "%s: key '%s': '%.60s' is not supported, expected no such key in it", path, section,
                             item->string);
    }
    return OK;
}

/* One section that is not nested, over what `r` has from the keys outside. */
static enum status read_section(struct rope *r, const cJSON *json, const char *section, size_t context, const char *path,
                                struct error *err)
{
    enum status status = check_keys(json, section, path, err);
    if (status == OK)
        status = json_get_double(json, "rope_theta", 1, 1e12, true, &r->theta, path, err);
    if (status == OK)
        status = find_scaling(r, json, section, path, err);
    if (status != OK || r->scaling == ROPE_PLAIN)
        return status;
    /* a factor of null is what the contexts mean, in YaRN alone */
    bool ratio = r->scaling == ROPE_YARN && cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "factor"));
    if (ratio) {
        status = json_get_double(json, "original_max_position_embeddings", 1, 1e12, false, &r->original, path, err);
        r->factor = (double)context / r->original;
    } else {
        status = json_get_double(json, "factor", 1e-3, 1e6, false, &r->factor, path, err);
    }
    if (status == OK && r->scaling == ROPE_LLAMA3)
        status = read_llama3(r, json, path, err);
    if (status == OK && r->scaling == ROPE_YARN)
        status = read_yarn(r, json, path, err);
    return status;
}

static bool same(const struct rope *a, const struct rope *b)
{
    return a->theta == b->theta && a->scaling == b->scaling && a->factor == b->factor && a->low == b->low && a->high == b->high &&
           a->original == b->original && a->temperature == b->temperature && a->whole_channels == b->whole_channels;
}

/* A section with one part for each type of layer: one rotation serves every layer here, so that the parts must agree. */
static enum status read_parts(struct rope *r, const cJSON *json, const char *section, size_t context, const char *path,
                              struct error *err)
{
    struct rope outside = *r;
    enum status status = OK;
    for (const cJSON *part = json->child; part != NULL && status == OK; part = part->next) {
        struct rope read = outside;
        if (!cJSON_IsObject(part))
            return error_set(err, ERR_INPUT, "%s: key '%s': '%.60s' stands beside parts for types of layers, expected a part",
                             path, section, part->string);
        status = read_section(&read, part, section, context, path, err);
        if (status == OK && part != json->child && !same(r, &read))
            status =
                error_set(err, ERR_INPUT, "%s: key '%s': its parts '%.60s' and '%.60s' differ, expected the same for every layer",
                          path, section, json->child->string, part->string);
        *r = read;
    }
    return status;
}

static enum status read_any(struct rope *r, const cJSON *json, const char *section, size_t context, const char *path,
                            struct error *err)
{
    bool nested = false;
    if (!cJSON_IsObject(json))
        return error_set(err, ERR_INPUT, "%s: key '%s' is wrong, expected an object or null", path, section);
    for (const cJSON *item = json->child; item != NULL; item = item->next)
        nested = nested || cJSON_IsObject(item);
    return nested ? read_parts(r, json, section, context, path, err) : read_section(r, json, section, context, path, err);
}

enum status rope_from_json(struct rope *r, const cJSON *json, double theta, size_t context, const char *path, struct error *err)
{
    static const char *const sections[] = {"rope_parameters", "rope_scaling"};
    *r = (struct rope){.theta = theta, .temperature = 1, .original = (double)context};
    enum status status = json_get_bool(json, "rope_interleaved", true, &r->interleaved, path, err);
    if (status == OK)
        status = json_get_double(json, "rope_theta", 1, 1e12, true, &r->theta, path, err);
    struct rope outside = *r;
    bool found = false;
    for (size_t i = 0; i < 2 && status == OK; i++) {
        const cJSON *section = cJSON_GetObjectItemCaseSensitive(json, sections[i]);
        struct rope read = outside;
        if (section == NULL || cJSON_IsNull(section) || (cJSON_IsObject(section) && section->child == NULL))
            continue;
        status = read_any(&read, section, sections[i], context, path, err);
        if (status == OK && found && !same(r, &read))
            status =
                error_set(err, ERR_INPUT, "%s: keys '%s' and '%s' differ, expected one of them", path, sections[0], sections[1]);
        *r = read;
        found = true;
    }
    double original = r->original;
    if (status == OK && (r->scaling == ROPE_LLAMA3 || r->scaling == ROPE_YARN))
        status = json_get_double(json, "original_max_position_embeddings", 1, 1e12, true, &original, path, err);
    if (status == OK && original != r->original)
        status = error_set(err, ERR_INPUT,
                           "%s: key 'original_max_position_embeddings' is %.12g and the rotation's own %.12g, expected the same",
                           path, original, r->original);
    return status;
}

void rope_to_json(cJSON *json, const struct rope *r)
{
    cJSON_AddNumberToObject(json, "rope_theta", r->theta); /* to the last digit: it comes back as it was */
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
            cJSON_AddNumberToObject(o, numbers[i].key, numbers[i].value);
    if (yarn)
        cJSON_AddBoolToObject(o, "truncate", r->whole_channels);
}
