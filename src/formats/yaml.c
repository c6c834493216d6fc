/* yaml.c - YAML files through libyaml into the trees of json.h. */
#include "base/exhausted.h"
#include "base/file.h"
#include "formats/bounds.h"
#include "formats/json.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* The document is built from the parser's events, so that a bound stops it where it is passed: libyaml's own documents are
 * whole, and the time for deep ones grows with the square of their depth. */
struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand */
    size_t nodes;
    const char *path;
    struct error *err;
};

static bool next(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return true;
    if (r->parser.error == YAML_MEMORY_ERROR)
        error_write(r->err, ERR_SYSTEM, "%s: out of memory", r->path);
    else
        error_write(r->err, ERR_INPUT, "%s: not valid YAML at line %zu: %s", r->path, r->parser.problem_mark.line + 1,
                    r->parser.problem ? r->parser.problem : "unknown problem");
    return false;
}

/* Always NULL. */
static cJSON *refuse(const struct reader *r, const char *what, const char *expected)
{
    error_write(r->err, ERR_INPUT, "%s: line %zu: %s, expected %s", r->path, r->event.start_mark.line + 1, what, expected);
    return NULL;
}

/* A plain scalar of YAML's core schema; quoted ones are strings whatever they look like. */
static cJSON *scalar(const struct reader *r)
{
    const char *s = (const char *)r->event.data.scalar.value;
    if (strlen(s) != r->event.data.scalar.length)
        return refuse(r, "the value holds a NUL character", "text");
    if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return cJSON_CreateString(s);
    if (s[0] == '\0' || strcmp(s, "~") == 0 || strcmp(s, "null") == 0)
        return cJSON_CreateNull();
    if (strcmp(s, "true") == 0 || strcmp(s, "false") == 0)
        return cJSON_CreateBool(s[0] == 't');
    char *end;
    double x = strtod(s, &end);
    if (*end == '\0' && strspn(s, "+-0123456789.eE") == strlen(s))
        return cJSON_CreateNumber(x);
    return cJSON_CreateString(s);
}

static cJSON *read_node(struct reader *r, int depth);

static cJSON *read_sequence(struct reader *r, int depth)
{
    cJSON *out = cJSON_CreateArray();
    while (next(r)) {
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return out;
        cJSON *child = read_node(r, depth + 1);
        if (child == NULL)
            break;
        cJSON_AddItemToArray(out, child);
    }
    cJSON_Delete(out);
    return NULL;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* One key and its value into `out`; `keys` is the tree of those before it. False with the error. */
static bool read_member(struct reader *r, cJSON *out, void **keys, int depth)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return refuse(r, "a key is no word", "'key: value'") != NULL;
    char *key = strdup((const char *)r->event.data.scalar.value);
    char *const *found = tsearch(key, keys, compare_keys);
    if (found == NULL)
        exhausted(sizeof *found);
    else if (*found != key) {
        error_write(r->err, ERR_INPUT, "%s: key '%.60s' at line %zu is there twice, expected each key once", r->path, key,
                    r->event.start_mark.line + 1);
        free(key);
        return false;
    }
    cJSON *child = next(r) ? read_node(r, depth + 1) : NULL;
    if (child != NULL)
        cJSON_AddItemToObject(out, key, child);
    return child != NULL;
}

static cJSON *read_mapping(struct reader *r, int depth)
{
    cJSON *out = cJSON_CreateObject();
    void *keys = NULL;
    bool whole = false;
    while (!whole && next(r)) {
        whole = r->event.type == YAML_MAPPING_END_EVENT;
        if (!whole && !read_member(r, out, &keys, depth))
            break;
    }
    tdestroy(keys, free);
    if (whole)
        return out;
    cJSON_Delete(out);
    return NULL;
}

/* The node that begins with the event at hand; NULL and the error, where it is none of ours. */
static cJSON *read_node(struct reader *r, int depth)
{
    char levels[40], nodes[40];
    snprintf(levels, sizeof levels, "at most %d levels", YAML_DEPTH);
    snprintf(nodes, sizeof nodes, "at most %d values", YAML_NODES);
    if (depth > YAML_DEPTH)
        return refuse(r, "nested too deeply", levels);
    if (++r->nodes > YAML_NODES)
        return refuse(r, "too long a document", nodes);
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        return scalar(r);
    case YAML_SEQUENCE_START_EVENT:
        return read_sequence(r, depth);
    case YAML_MAPPING_START_EVENT:
        return read_mapping(r, depth);
    case YAML_ALIAS_EVENT:
        return refuse(r, "an alias (*name) is not supported", "the values themselves");
    default:
        return refuse(r, "the document is no mapping", "'key: value' lines");
    }
}

/* The first document. */
static cJSON *read_document(struct reader *r)
{
    while (next(r))
        if (r->event.type != YAML_STREAM_START_EVENT && r->event.type != YAML_DOCUMENT_START_EVENT)
            return r->event.type == YAML_MAPPING_START_EVENT ? read_node(r, 0)
                                                             : refuse(r, "the document is no mapping", "'key: value' lines");
    return NULL;
}

enum status yaml_read(cJSON **root, const char *path, struct error *err)
{
    char *text;
    size_t length;
    struct error local = {0};
    struct reader r = {.path = path, .err = err ? err : &local};
    *root = NULL;
    enum status status = file_read(&text, &length, path, err);
    if (status != OK)
        return status;
    if (length > YAML_BYTES)
        status = error_set(err, ERR_INPUT, "%s: holds %zu bytes, expected YAML of at most %d", path, length, YAML_BYTES);
    else if (!yaml_parser_initialize(&r.parser))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    if (status == OK) {
        yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
        *root = read_document(&r);
        status = *root ? OK : r.err->code;
        yaml_event_delete(&r.event);
        yaml_parser_delete(&r.parser);
    }
    free(text);
    return status;
}
