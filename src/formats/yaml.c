/* yaml.c - YAML files through libyaml into the trees of json.h. */
#include "base/file.h"
#include "formats/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_DEPTH = 64 };

/* A plain scalar of YAML's core schema; quoted ones are strings whatever they look like. */
static cJSON *scalar(const yaml_node_t *node)
{
    const char *s = (const char *)node->data.scalar.value;
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
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

static cJSON *convert(yaml_document_t *doc, const yaml_node_t *node, int depth, const char *path, struct error *err)
{
    if (depth > MAX_DEPTH) {
        error_write(err, ERR_INPUT, "%s: nested too deeply at line %zu, expected at most %d levels", path,
                    node->start_mark.line + 1, MAX_DEPTH);
        return NULL;
    }
    if (node->type == YAML_SCALAR_NODE)
        return scalar(node);
    bool sequence = node->type == YAML_SEQUENCE_NODE;
    cJSON *out = sequence ? cJSON_CreateArray() : cJSON_CreateObject();
    if (sequence) {
        for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++) {
            cJSON *child = convert(doc, yaml_document_get_node(doc, *i), depth + 1, path, err);
            if (child == NULL)
                goto failed;
            cJSON_AddItemToArray(out, child);
        }
        return out;
    }
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(doc, p->key);
        const char *name = key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : NULL;
        if (name == NULL || cJSON_GetObjectItemCaseSensitive(out, name) != NULL) {
            error_write(err, ERR_INPUT, "%s: key '%s' at line %zu is %s, expected each key once", path, name ? name : "?",
                        key->start_mark.line + 1, name ? "there twice" : "no word");
            goto failed;
        }
        cJSON *child = convert(doc, yaml_document_get_node(doc, p->value), depth + 1, path, err);
        if (child == NULL)
            goto failed;
        cJSON_AddItemToObject(out, name, child);
    }
    return out;
failed:
    cJSON_Delete(out);
    return NULL;
}

enum status yaml_read(cJSON **root, const char *path, struct error *err)
{
    char *text;
    size_t length;
    *root = NULL;
    enum status status = file_read(&text, &length, path, err);
    if (status != OK)
        return status;
    yaml_parser_t parser;
    yaml_document_t doc;
    if (!yaml_parser_initialize(&parser)) {
        free(text);
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    if (!yaml_parser_load(&parser, &doc)) {
        status = error_set(err, ERR_INPUT, "%s: not valid YAML at line %zu: %s", path, parser.problem_mark.line + 1,
                           parser.problem ? parser.problem : "unknown problem");
    } else {
        const yaml_node_t *node = yaml_document_get_root_node(&doc);
        if (node == NULL || node->type != YAML_MAPPING_NODE)
            status = error_set(err, ERR_INPUT, "%s: the document is no mapping, expected 'key: value' lines", path);
        else if ((*root = convert(&doc, node, 0, path, err)) == NULL)
            status = err != NULL ? err->code : ERR_INPUT;
        yaml_document_delete(&doc);
    }
    yaml_parser_delete(&parser);
    free(text);
    return status;
}
