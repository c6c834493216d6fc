/* tokenizer_sources.c - what the readers of tokenizer files share; see tokenizer_sources.h. */
#include "lm/tokenizer_sources.h"

#include <stdio.h>

void source_add_piece(cJSON *vocab, const char *text, size_t id, double score)
{
    char hidden[32];
    cJSON *pair = cJSON_CreateArray();
    snprintf(hidden, sizeof hidden, "\x01%zu", id);
    cJSON_AddItemToArray(pair, cJSON_CreateString(text && text[0] ? text : hidden));
    cJSON_AddItemToArray(pair, cJSON_CreateNumber(score));
    cJSON_AddItemToArray(vocab, pair);
}

cJSON *source_step(cJSON *list, const char *type)
{
    cJSON *step = cJSON_CreateObject();
    cJSON_AddStringToObject(step, "type", type);
    cJSON_AddItemToArray(list, step);
    return step;
}

cJSON *source_add_token(cJSON *added, const char *content, double id, bool special, bool matched)
{
    cJSON *token = cJSON_CreateObject();
    cJSON_AddNumberToObject(token, "id", id);
    cJSON_AddStringToObject(token, "content", content);
    cJSON_AddBoolToObject(token, "special", special);
    cJSON_AddBoolToObject(token, "unmatched", !matched);
    cJSON_AddItemToArray(added, token);
    return token;
}

void source_begin_with(cJSON *root, const char *content)
{
    cJSON *processor = cJSON_CreateObject(), *single = cJSON_AddArrayToObject(processor, "single"), *part = cJSON_CreateObject();
    cJSON_AddStringToObject(processor, "type", "TemplateProcessing");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(part, "SpecialToken"), "id", content);
    cJSON_AddItemToArray(single, part);
    cJSON_DeleteItemFromObjectCaseSensitive(root, "post_processor");
    cJSON_AddItemToObject(root, "post_processor", processor);
}

void source_byte_level(cJSON *stages, const char *pattern)
{
    cJSON *stage = source_step(stages, "Split");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(stage, "pattern"), "Regex", pattern);
    cJSON_AddStringToObject(stage, "behavior", "Isolated");
    stage = source_step(stages, "ByteLevel");
    cJSON_AddBoolToObject(stage, "use_regex", false);
    cJSON_AddBoolToObject(stage, "add_prefix_space", false);
}
