/* ruler_material.c - see ruler_material.h. */
#include "tasks/ruler_material.h"

#include "base/file.h"
#include "suite/dataset.h"
#include "suite/haystack.h"
#include "suite/template.h"

#include <stdlib.h>
#include <string.h>

static enum status load_form(struct ruler_form *f, const char *name, struct error *err)
{
    const struct form_key keys[] = {
        {"name", &f->name, true},
        {"niah", &f->niah, true},
        {"niah_one", &f->niah_one, true},
        {"vt", &f->vt, true},
        {"cwe", &f->cwe, true},
        {"fwe", &f->fwe, true},
        {"qa", &f->qa, true},
        {"needle", &f->needle, true},
        {"noise", &f->noise, true},
        {"document", &f->document, true},
    };
    static const char *const none[] = {NULL}, *const prompts[] = {"niah", "niah_one", "vt", "cwe", "fwe", "qa"};
    enum status status = form_load(&f->file, "ruler", name, err);
    if (status == OK)
        status = form_read(&f->file, keys, sizeof keys / sizeof *keys, none, err);
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts && status == OK; i++) {
        const char *text = json_text(f->file.root, prompts[i]), *hole = strstr(text, "{context}");
        if (hole == NULL || strstr(hole + 1, "{context}") != NULL)
            status = error_set(err, ERR_INPUT, "%s: key '%s': {context} is %s, expected it once", f->file.path, prompts[i],
                               hole ? "there twice" : "missing");
    }
    cJSON *tried = cJSON_CreateObject(); /* what stands in holes is known when items run: a wrong name is found here */
    static const char *const holes[] = {"context", "type", "query", "count", "key", "value", "number", "document"};
    for (size_t i = 0; i < sizeof holes / sizeof *holes; i++)
        cJSON_AddStringToObject(tried, holes[i], "");
    for (size_t i = 1; i < sizeof keys / sizeof *keys && status == OK; i++) {
        struct text out = {0};
        status = template_expand(&out, *keys[i].value, tried, f->file.path, err);
        text_free(&out);
    }
    cJSON_Delete(tried);
    return status;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The texts of a list, sorted, none twice. */
static enum status read_words(struct ruler_words *w, const struct form *file, const char *key, size_t least, struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(file->root, key), *word;
    w->word = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *w->word);
    if (w->word == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", file->path);
    cJSON_ArrayForEach(word, list)
    {
        if (!cJSON_IsString(word) || word->valuestring[0] == '\0')
            return error_set(err, ERR_INPUT,
                             "%s: key '%s': entry %zu is no text, expected words (a number or true stands in quotes)", file->path,
                             key, w->n + 1);
        w->word[w->n++] = word->valuestring;
    }
    size_t n = 0;
    if (w->n > 0)
        qsort(w->word, w->n, sizeof *w->word, by_text);
    for (size_t i = 0; i < w->n; i++)
        if (n == 0 || strcmp(w->word[n - 1], w->word[i]) != 0)
            w->word[n++] = w->word[i];
    w->n = n;
    return n >= least
               ? OK
               : error_set(err, ERR_INPUT, "%s: key '%s': has %zu words, expected at least %zu", file->path, key, n, least);
}

static enum status load_words(struct ruler_material *m, const char *given, struct error *err)
{
    enum { LEAST = 10 };
    struct ruler_words verbs = {0};
    struct form *f = &m->words;
    f->path = experiment_data_path(given, "data/ruler/words.yaml");
    char *text = NULL;
    size_t length = 0;
    enum status status = f->path ? yaml_read(&f->root, f->path, err) : error_set(err, ERR_SYSTEM, "words: out of memory");
    if (status == OK)
        status = file_read(&text, &length, f->path, err);
    if (status == OK)
        sha256_hex(f->sha256, text, length);
    free(text);
    if (status == OK)
        status = read_words(&m->adjectives, f, "adjectives", LEAST, err);
    if (status == OK)
        status = read_words(&m->nouns, f, "nouns", LEAST, err);
    if (status == OK)
        status = read_words(&verbs, f, "verbs", 0, err);
    if (status == OK) { /* the three lists as one of the same file */
        cJSON *all = cJSON_AddArrayToObject(f->root, "all");
        const struct ruler_words *lists[] = {&m->adjectives, &m->nouns, &verbs};
        for (size_t l = 0; l < 3; l++)
            for (size_t i = 0; i < lists[l]->n; i++)
                cJSON_AddItemToArray(all, cJSON_CreateStringReference(lists[l]->word[i]));
        status = read_words(&m->all, f, "all", 4 * LEAST, err);
    }
    free(verbs.word);
    return status;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static enum status load_book(struct ruler_book *b, const char *path, char sha256[65], struct error *err)
{
    struct haystack h;
    size_t capacity = 0, at = 0;
    enum status status = haystack_load(&h, path, err);
    if (status != OK)
        return status;
    memcpy(sha256, h.sha256, 65);
    b->text = calloc(h.length + 1, 1);
    if (b->text == NULL)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i < h.length && status == OK;) {
        while (i < h.length && is_space(h.text[i]))
            i++;
        if (i == h.length)
            break;
        if (at > 0)
            b->text[at++] = ' ';
        while (i < h.length && !is_space(h.text[i]))
            b->text[at++] = h.text[i++];
        if (mem_grow((void **)&b->end, &capacity, b->n + 1, sizeof *b->end))
            b->end[b->n++] = at;
        else
            status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    }
    haystack_free(&h);
    return status;
}

bool ruler_book_text(const struct ruler_book *b, size_t n, struct text *out)
{
    bool ok = text_puts(out, "");
    for (bool first = true; n > 0 && ok; first = false) {
        size_t part = n < b->n ? n : b->n;
        ok = (first || text_puts(out, " ")) && text_add(out, b->text, b->end[part - 1]);
        n -= part;
    }
    return ok;
}

/* Each file of --data is the set that its format says; the others are those that come with the program. */
static enum status load_questions(struct ruler_material *m, struct experiment *e, const struct strings *data, struct error *err)
{
    static const char *const embedded[] = {"data/ruler/single.json", "data/ruler/two-steps.json"};
    static const char *const names[] = {"qa_1", "qa_2"};
    enum status status = OK;
    for (size_t i = 0; i < data->n && status == OK; i++) {
        struct ruler_qa one = {0};
        status = ruler_qa_load(&one, data->data[i], err);
        if (status == OK && m->qa[one.format].n > 0)
            status = error_set(err, ERR_USAGE,
                               "--data: %s has the format of another file that is given, expected one of SQuAD's "
                               "format and one of HotpotQA's",
                               data->data[i]);
        if (status == OK)
            m->qa[one.format] = one;
        else
            ruler_qa_free(&one);
    }
    for (size_t i = 0; i < 2 && status == OK; i++) {
        bool own = m->qa[i].n == 0;
        char *path = own ? experiment_data_path(NULL, embedded[i]) : NULL;
        if (own)
            status = path ? ruler_qa_load(&m->qa[i], path, err) : error_set(err, ERR_SYSTEM, "questions: out of memory");
        if (status == OK)
            experiment_add_data(e, names[i], own ? embedded[i] : m->qa[i].path, m->qa[i].sha256, m->qa[i].n,
                                own ? "public domain" : NULL);
        free(path);
    }
    return status;
}

enum status ruler_material_load(struct ruler_material *m, struct experiment *e, const struct ruler_files *files,
                                struct error *err)
{
    static const char book[] = "data/haystack/persuasion.txt", words[] = "data/ruler/words.yaml";
    char sha256[65], *path = experiment_data_path(files->haystack, book);
    enum status status = load_form(&m->form, files->form, err);
    if (status == OK)
        status = load_words(m, files->words, err);
    if (status == OK)
        status = path ? load_book(&m->book, path, sha256, err) : error_set(err, ERR_SYSTEM, "haystack: out of memory");
    if (status == OK) {
        experiment_add_data(e, "form", files->form, m->form.file.sha256, 1, NULL);
        experiment_add_data(e, "words", files->words ? files->words : words, m->words.sha256, m->all.n,
                            files->words ? NULL : "public domain");
        experiment_add_data(e, "haystack", files->haystack ? path : book, sha256, m->book.n,
                            files->haystack ? NULL : "public domain");
        status = load_questions(m, e, files->data, err);
    }
    free(path);
    return status;
}

void ruler_material_free(struct ruler_material *m)
{
    form_free(&m->form.file);
    free(m->adjectives.word);
    free(m->nouns.word);
    free(m->all.word);
    form_free(&m->words);
    free(m->book.text);
    free(m->book.end);
    for (size_t i = 0; i < 2; i++)
        ruler_qa_free(&m->qa[i]);
}
