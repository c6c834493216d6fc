/* make_questions.c - see make_questions.h. */
#include "tools/make_questions.h"

#include "base/memory.h"
#include "base/random.h"
#include "formats/json.h"
#include "lm/holdout.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const FIRST[] = {"Adele",  "Boris",  "Clara",  "Dmitri", "Elena", "Felix",  "Greta",  "Hugo",
                                    "Ingrid", "Jonas",  "Katya",  "Lorenz", "Marta", "Olga",   "Pascal", "Quentin",
                                    "Rosa",   "Stefan", "Ulrich", "Vera",   "Xenia", "Yvonne", "Zoltan", "Walter"};
static const char *const LAST[] = {"Abbing", "Borland", "Castell", "Dorrit", "Ekman",  "Farrow", "Goring", "Hartig",
                                   "Imhof",  "Jessen",  "Kramer",  "Lindt",  "Morrow", "Norden", "Oster",  "Pardo"};
static const char *const TRADES[] = {"baker", "doctor", "sailor", "teacher", "painter", "farmer", "judge",
                                     "smith", "tailor", "miller", "nurse",   "clerk",   "weaver", "printer"};
static const char *const THINGS[] = {"a boat", "a clock", "a garden", "a harp", "a horse", "a mill", "an old map", "a library"};
enum { PEOPLE = COUNT(FIRST) * COUNT(LAST) };

struct person {
    char name[40];
    const char *city, *trade, *thing;
};

/* Person number i: no two have the same name. */
static struct person person(struct rng *rng, const size_t *order, size_t i)
{
    struct person p = {.city = HOLDOUT_CITIES[rng_below(rng, N_HOLDOUT_CITIES)],
                       .trade = TRADES[rng_below(rng, COUNT(TRADES))],
                       .thing = THINGS[rng_below(rng, COUNT(THINGS))]};
    snprintf(p.name, sizeof p.name, "%s %s", FIRST[order[i] % COUNT(FIRST)], LAST[order[i] / COUNT(FIRST)]);
    return p;
}

/* Two or three short sentences of the book. */
static void add_sentences(struct text *out, const struct haystack *h, struct rng *rng)
{
    for (size_t n = 2 + rng_below(rng, 2); n > 0;) {
        size_t i = (size_t)rng_below(rng, h->n_sentences - 1), length = h->sentences[i + 1] - h->sentences[i];
        const char *s = h->text + h->sentences[i];
        if (length < 30 || length > 110 || memchr(s, '\n', length) != NULL || memchr(s, '"', length) != NULL)
            continue;
        while (s[length - 1] == ' ')
            length--;
        text_printf(out, " %.*s", (int)length, s);
        n--;
    }
}

/* A paragraph around a sentence, and the questions that the sentence answers. */
static void add_paragraph(cJSON *paragraphs, const char *sentence, const char *const (*questions)[2], size_t n,
                          const struct haystack *h, struct rng *rng)
{
    struct text context = {0};
    text_puts(&context, sentence);
    add_sentences(&context, h, rng);
    cJSON *paragraph = cJSON_CreateObject(), *qas = cJSON_CreateArray();
    cJSON_AddStringToObject(paragraph, "context", context.data);
    cJSON_AddItemToObject(paragraph, "qas", qas);
    for (size_t i = 0; i < n; i++) {
        cJSON *qa = cJSON_CreateObject(), *answer = cJSON_CreateObject();
        cJSON_AddStringToObject(qa, "question", questions[i][0]);
        cJSON_AddBoolToObject(qa, "is_impossible", false);
        cJSON_AddStringToObject(answer, "text", questions[i][1]);
        cJSON_AddNumberToObject(answer, "answer_start", (double)(strstr(context.data, questions[i][1]) - context.data));
        cJSON_AddItemToArray(cJSON_AddArrayToObject(qa, "answers"), answer);
        cJSON_AddItemToArray(qas, qa);
    }
    cJSON_AddItemToArray(paragraphs, paragraph);
    text_free(&context);
}

static void print(FILE *to, cJSON *root)
{
    char *text = cJSON_PrintUnformatted(root);
    fprintf(to, "%s\n", text);
    free(text);
    cJSON_Delete(root);
}

void make_single(FILE *to, const struct haystack *h)
{
    enum { ARTICLES = 60 };
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "version", "v2.0");
    cJSON *data = cJSON_AddArrayToObject(root, "data");
    struct rng names = rng_stream(1, "ruler single", 0);
    size_t order[PEOPLE];
    rng_permutation(&names, order, PEOPLE);
    for (size_t i = 0; i < ARTICLES; i++) {
        struct rng rng = rng_stream(1, "ruler single", i + 1);
        struct person p = person(&rng, order, i);
        cJSON *article = cJSON_CreateObject();
        cJSON_AddStringToObject(article, "title", p.name);
        cJSON *paragraphs = cJSON_AddArrayToObject(article, "paragraphs");
        struct text lives = {0}, works = {0}, where = {0}, what = {0}, owns = {0};
        text_printf(&lives, "%s lives in %s.", p.name, p.city);
        text_printf(&works, "%s is a %s, and owns %s.", p.name, p.trade, p.thing);
        text_printf(&where, "In which city does %s live?", p.name);
        text_printf(&what, "What is the trade of %s?", p.name);
        text_printf(&owns, "What does %s own?", p.name);
        const char *const first[][2] = {{where.data, p.city}}, *const second[][2] = {{what.data, p.trade}, {owns.data, p.thing}};
        add_paragraph(paragraphs, lives.data, first, 1, h, &rng);
        add_paragraph(paragraphs, works.data, second, 2, h, &rng);
        cJSON_AddItemToArray(data, article);
        text_free(&lives);
        text_free(&works);
        text_free(&where);
        text_free(&what);
        text_free(&owns);
    }
    print(to, root);
}

/* [title, [sentence, further ones]] */
static void add_context(cJSON *context, const char *title, const char *sentence, const struct haystack *h, struct rng *rng)
{
    struct text more = {0};
    cJSON *pair = cJSON_CreateArray(), *sentences = cJSON_CreateArray();
    add_sentences(&more, h, rng);
    cJSON_AddItemToArray(pair, cJSON_CreateString(title));
    cJSON_AddItemToArray(sentences, cJSON_CreateString(sentence));
    cJSON_AddItemToArray(sentences, cJSON_CreateString(more.data));
    cJSON_AddItemToArray(pair, sentences);
    cJSON_AddItemToArray(context, pair);
    text_free(&more);
}

void make_two_steps(FILE *to, const struct haystack *h)
{
    enum { QUESTIONS = 80 };
    cJSON *root = cJSON_CreateArray();
    struct rng names = rng_stream(1, "ruler two steps", 0);
    size_t order[PEOPLE];
    rng_permutation(&names, order, PEOPLE);
    for (size_t i = 0; i < QUESTIONS; i++) {
        struct rng rng = rng_stream(1, "ruler two steps", i + 1);
        struct person parent = person(&rng, order, 2 * i), child = person(&rng, order, 2 * i + 1);
        struct text family = {0}, lives = {0}, question = {0};
        text_printf(&family, "%s is a %s whose only child is %s.", parent.name, parent.trade, child.name);
        text_printf(&lives, "%s lives in %s.", child.name, child.city);
        text_printf(&question, "In which city does the only child of %s live?", parent.name);
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "question", question.data);
        cJSON_AddStringToObject(entry, "answer", child.city);
        cJSON *context = cJSON_AddArrayToObject(entry, "context");
        add_context(context, parent.name, family.data, h, &rng);
        add_context(context, child.name, lives.data, h, &rng);
        cJSON_AddItemToArray(root, entry);
        text_free(&family);
        text_free(&lives);
        text_free(&question);
    }
    print(to, root);
}
