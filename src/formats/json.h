/* json.h - cJSON with this project's error messages.
 *
 * Documents come from files; the getters name the file and the key when
 * something is missing or of the wrong kind.  YAML is read into the same trees.
 */
#ifndef DIFFTF_FORMATS_JSON_H
#define DIFFTF_FORMATS_JSON_H

#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* Parses a whole file; the root must be an object. The caller calls cJSON_Delete. */
enum status json_read(cJSON **root, const char *path, struct error *err);
/* The same for text in memory, `name` standing for the file in messages; any root. */
enum status json_parse(cJSON **root, const char *name, const char *text, size_t length, struct error *err);
/* The same tree from a YAML file: mappings, sequences; plain scalars become numbers, booleans or null where they look so. */
enum status yaml_read(cJSON **root, const char *path, struct error *err);

/* An integer in [low, high]; when the key is missing or null: `*value` stays if `optional`, else an error. */
enum status json_get_int(const cJSON *object, const char *key, int64_t low, int64_t high, bool optional, int64_t *value,
                         const char *name, struct error *err);
enum status json_get_double(const cJSON *object, const char *key, double low, double high, bool optional, double *value,
                            const char *name, struct error *err);
enum status json_get_bool(const cJSON *object, const char *key, bool optional, bool *value, const char *name, struct error *err);
/* The string stays owned by the tree. */
enum status json_get_string(const cJSON *object, const char *key, bool optional, const char **value, const char *name,
                            struct error *err);
/* Short reads of a document whose shape is known: what a path such as "evidence.attention.0" leads to, NULL when it leads
 * nowhere; its number (NaN when there is none) or its string (NULL). */
const cJSON *json_path(const cJSON *root, const char *path);
double json_real(const cJSON *root, const char *path);
const char *json_text(const cJSON *root, const char *path);
/* Do both have the same string at the path, or neither any? */
bool json_same_text(const cJSON *a, const cJSON *b, const char *path);

/* Is the value one of the array's? */
bool json_array_has(const cJSON *array, const cJSON *value);

/* True when the key is there and is not null. */
bool json_has(const cJSON *object, const char *key);

/* Adds a number rounded to 9 significant digits; NaN and infinities become null. */
void json_add_number(cJSON *object, const char *key, double value);
cJSON *json_number(double value);
/* Prints `root` into the file atomically, indented or on one line. */
enum status json_write(const char *path, const cJSON *root, struct error *err);

#endif
