/* sentencepiece.c - tokenizer.model into the tree of a tokenizer.json; see tokenizer_sources.h.
 *
 * The file is a protocol buffer (sentencepiece_model.proto); of its messages a few fields matter here. */
#include "lm/tokenizer_sources.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

/* A message being read, and the field at hand. */
struct message {
    const unsigned char *at, *end;
    uint64_t field, type, number; /* number: of a varint, or the bytes of a fixed one */
    const unsigned char *bytes;   /* of a length-delimited field */
    size_t length;
    bool broken;
};

static bool read_varint(struct message *m, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; m->at < m->end && shift < 64; shift += 7) {
        *value |= (uint64_t)(*m->at & 0x7f) << shift;
        if (!(*m->at++ & 0x80))
            return true;
    }
    return false;
}

/* Steps to the next field; false at the end and when the bytes make no sense (`broken`). */
static bool next_field(struct message *m)
{
    uint64_t key;
    if (m->broken || m->at == m->end)
        return false;
    m->broken = !read_varint(m, &key);
    m->field = key >> 3;
    m->type = key & 7;
    size_t fixed = m->type == 1 ? 8 : m->type == 5 ? 4 : 0;
    if (!m->broken && m->type == 0) {
        m->broken = !read_varint(m, &m->number);
    } else if (!m->broken && m->type == 2) {
        uint64_t length;
        m->broken = !read_varint(m, &length) || length > (uint64_t)(m->end - m->at);
        m->bytes = m->at;
        m->length = m->broken ? 0 : (size_t)length;
        m->at += m->length;
    } else if (!m->broken) {
        m->broken = fixed == 0 || fixed > (size_t)(m->end - m->at);
        m->number = 0;
        for (size_t i = 0; !m->broken && i < fixed; i++)
            m->number |= (uint64_t)m->at[i] << 8 * i;
        m->at += m->broken ? 0 : fixed;
    }
    return !m->broken;
}

static struct message inner(const struct message *m)
{
    return (struct message){.at = m->bytes, .end = m->bytes + m->length};
}

enum { MODEL_UNIGRAM = 1, MODEL_BPE = 2 };

/* What of a file is needed. */
struct sp_model {
    cJSON *vocab, *added;
    uint64_t model_type;
    struct sentencepiece_rules rules;
};

static void read_piece(struct sp_model *s, struct message m, size_t id)
{
    char text[1024] = "";
    float score = 0;
    uint64_t type = PIECE_NORMAL;
    while (next_field(&m)) {
        uint32_t bits = (uint32_t)m.number;
        if (m.field == 1 && m.type == 2 && m.length < sizeof text) {
            memcpy(text, m.bytes, m.length);
            text[m.length] = '\0';
        } else if (m.field == 2 && m.type == 5) {
            memcpy(&score, &bits, sizeof score);
        } else if (m.field == 3) {
            type = m.number;
        }
    }
    bool apart = type != PIECE_NORMAL && type != PIECE_BYTE;
    source_add_piece(s->vocab, apart ? NULL : text, id, (double)score);
    if (type == PIECE_UNKNOWN)
        s->rules.unknown = (int64_t)id;
    if (apart && type != PIECE_UNUSED) {
        cJSON *token = source_add_token(s->added, text, (double)id, type == PIECE_CONTROL, type == PIECE_USER);
        if (type == PIECE_UNKNOWN) /* what decoding shows for it */
            cJSON_AddStringToObject(token, "surface", " \xe2\x81\x87 ");
    }
}

static void read_trainer(struct sp_model *s, struct message m)
{
    while (next_field(&m)) {
        if (m.field == 3)
            s->model_type = m.number;
        else if (m.field == 35)
            s->rules.byte_fallback = m.number != 0;
    }
}

static char *base64(const unsigned char *bytes, size_t n)
{
    char *out = malloc(BASE64_ENCODE_RAW_LENGTH(n) + 1);
    if (out != NULL) {
        base64_encode_raw(out, n, bytes);
        out[BASE64_ENCODE_RAW_LENGTH(n)] = '\0';
    }
    return out;
}

static void read_rules(struct sp_model *s, struct message m)
{
    while (next_field(&m)) {
        if (m.field == 2) {
            free(s->rules.charsmap);
            s->rules.charsmap = m.length > 0 ? base64(m.bytes, m.length) : NULL;
        } else if (m.field == 3)
            s->rules.prefix = m.number != 0;
        else if (m.field == 4)
            s->rules.squeeze = m.number != 0;
    }
}

static void add_replace(cJSON *steps, const char *kind, const char *pattern, const char *content)
{
    cJSON *step = source_step(steps, "Replace");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(step, "pattern"), kind, pattern);
    cJSON_AddStringToObject(step, "content", content);
}

cJSON *sentencepiece_tree(cJSON *vocab, cJSON *added, const struct sentencepiece_rules *r)
{
    cJSON *root = cJSON_CreateObject(), *model = cJSON_AddObjectToObject(root, "model");
    cJSON *normalizer = cJSON_AddObjectToObject(root, "normalizer");
    cJSON_AddStringToObject(normalizer, "type", "Sequence");
    cJSON *steps = cJSON_AddArrayToObject(normalizer, "normalizers");
    if (r->charsmap != NULL) {
        cJSON *step = source_step(steps, "Precompiled");
        cJSON_AddStringToObject(step, "precompiled_charsmap", r->charsmap);
        cJSON_AddBoolToObject(step, "longest", true);
    }
    if (r->squeeze)
        source_step(steps, "Squeeze");
    if (r->prefix) {
        cJSON *step = source_step(steps, "Prepend");
        cJSON_AddStringToObject(step, "prepend", "\xe2\x96\x81");
        cJSON_AddBoolToObject(step, "first_only", true);
    }
    add_replace(steps, "String", " ", "\xe2\x96\x81");
    cJSON *decoder = cJSON_AddObjectToObject(root, "decoder");
    cJSON_AddStringToObject(decoder, "type", "Strip");
    cJSON_AddNumberToObject(decoder, "start", r->prefix);
    cJSON_AddStringToObject(model, "type", r->unigram ? "Unigram" : "BPE");
    cJSON_AddBoolToObject(model, "byte_fallback", r->byte_fallback);
    cJSON_AddBoolToObject(model, "fuse_unk", true);
    cJSON_AddBoolToObject(model, "single_precision", true);
    if (r->unknown >= 0)
        cJSON_AddNumberToObject(model, "unk_id", (double)r->unknown);
    cJSON_AddItemToObject(model, "vocab", vocab);
    cJSON_AddItemToObject(root, "added_tokens", added);
    return root;
}

enum status sentencepiece_read(cJSON **root, const char *path, const char *data, size_t length, struct error *err)
{
    struct message m = {.at = (const unsigned char *)data, .end = (const unsigned char *)data + length};
    struct sp_model s = {.model_type = MODEL_UNIGRAM, .rules = {.unknown = -1, .prefix = true, .squeeze = true}};
    s.vocab = cJSON_CreateArray();
    s.added = cJSON_CreateArray();
    size_t id = 0;
    while (next_field(&m)) {
        if (m.field == 1 && m.type == 2)
            read_piece(&s, inner(&m), id++);
        else if (m.field == 2 && m.type == 2)
            read_trainer(&s, inner(&m));
        else if (m.field == 3 && m.type == 2)
            read_rules(&s, inner(&m));
    }
    enum status status = OK;
    if (m.broken || id == 0)
        status = error_set(err, ERR_INPUT, "%s: is no SentencePiece model or is cut off, expected one", path);
    else if (s.model_type != MODEL_UNIGRAM && s.model_type != MODEL_BPE)
        status = error_set(err, ERR_INPUT, "%s: is a SentencePiece model of words or characters, expected BPE or Unigram", path);
    s.rules.unigram = s.model_type == MODEL_UNIGRAM;
    if (status == OK) {
        *root = sentencepiece_tree(s.vocab, s.added, &s.rules);
    } else {
        cJSON_Delete(s.vocab);
        cJSON_Delete(s.added);
    }
    free(s.rules.charsmap);
    return status;
}
