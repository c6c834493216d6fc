/* documents.c - the kinds of training documents; see documents.h.
 *
 * Names are made up and numbers come from the half for training (holdout.h). */
#include "train/documents.h"

#include "lm/holdout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 40, MAX_FACTS = 24 };

static const char *pick(struct rng *rng, const char *const *list, size_t n)
{
    return list[rng_below(rng, n)];
}
#define PICK(rng, list) pick(rng, list, sizeof(list) / sizeof *(list))

/* A pronounceable name of two to four syllables, sometimes of two words. */
static void make_name(char name[NAME], struct rng *rng)
{
    static const char *const onsets[] = {"b", "br", "c",  "ch", "d", "dr", "f",  "g", "gr", "h",  "j", "k", "kr", "l", "m", "n",
                                         "p", "pr", "qu", "r",  "s", "sh", "st", "t", "th", "tr", "v", "w", "y",  "z", ""};
    static const char *const vowels[] = {"a", "e", "i", "o", "u", "a", "e", "o", "ai", "ia", "ou", "ei"};
    static const char *const codas[] = {"", "", "", "n", "r", "l", "s", "m", "nd", "rk", "st", "ng", "th", "ck", "t", "x"};
    static const char *const first[] = {"New ", "Port ", "San ", "Saint ", "Upper ", "Fort ", "East "};
    do {
        size_t syllables = 2 + (size_t)rng_below(rng, 3);
        name[0] = '\0';
        for (size_t i = 0; i < syllables; i++) {
            strcat(name, PICK(rng, onsets));
            strcat(name, PICK(rng, vowels));
            if (i + 1 == syllables || rng_below(rng, 3) == 0)
                strcat(name, PICK(rng, codas));
        }
        if (name[0] >= 'a' && name[0] <= 'z')
            name[0] = (char)(name[0] - 'a' + 'A');
    } while (strlen(name) < 4 || strlen(name) > 20 || holdout_is_city(name));
    if (rng_below(rng, 12) == 0) {
        char whole[NAME];
        snprintf(whole, sizeof whole, "%s%s", PICK(rng, first), name);
        strcpy(name, whole);
    }
}

/* Different names and their numbers. */
struct facts {
    size_t n;
    char name[MAX_FACTS][NAME];
    long number[MAX_FACTS];
};

static void make_facts(struct facts *f, struct rng *rng, size_t n, int digits)
{
    f->n = n < MAX_FACTS ? n : MAX_FACTS;
    for (size_t i = 0; i < f->n; i++) {
        bool fresh;
        do {
            fresh = true;
            make_name(f->name[i], rng);
            for (size_t j = 0; j < i; j++)
                fresh = fresh && strcmp(f->name[i], f->name[j]) != 0;
        } while (!fresh);
        f->number[i] = holdout_number(rng, digits, false);
    }
}

static void write_text(struct text *out, const struct corpus *corpus, struct rng *rng, size_t length)
{
    corpus_passage(corpus, rng, length, out);
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* A place for a needle: the very start and the very end are as frequent as they are in the evaluation, else a sentence end. */
static size_t draw_place(const struct text *hay, struct rng *rng)
{
    uint64_t where = rng_below(rng, 16);
    if (where < 5) /* the first tokens of a context are the hardest place */
        return where < 3 ? 0 : hay->len;
    size_t at = (size_t)rng_below(rng, hay->len + 1);
    while (at > 0 && strchr(".!?\n", hay->data[at - 1]) == NULL)
        at--;
    return at;
}

/* Real text with the needles in it, now and then one after another. */
static void hide(struct text *out, const struct corpus *corpus, struct rng *rng, const struct facts *f, size_t length)
{
    struct text hay = {0};
    size_t at[MAX_FACTS] = {0}, from = 0;
    bool together = rng_below(rng, 6) == 0;
    corpus_passage(corpus, rng, length, &hay);
    for (size_t i = 0; i < f->n; i++)
        at[i] = together && i > 0 ? at[0] : draw_place(&hay, rng);
    qsort(at, f->n, sizeof *at, by_size);
    for (size_t i = 0; i < f->n; i++) {
        text_add(out, hay.data + from, at[i] - from);
        text_printf(out, "\nThe special magic %s number is: %ld\n", f->name[i], f->number[i]);
        from = at[i];
    }
    text_add(out, hay.data + from, hay.len - from);
    text_free(&hay);
}

/* One question about the facts named by order[0..n). */
static void ask(struct text *out, const struct facts *f, const size_t *order, size_t n)
{
    if (n == 1)
        text_printf(out, "\nQuestion: What is the special magic number for %s?\nAnswer:", f->name[order[0]]);
    else
        text_puts(out, "\nQuestion: What are the special magic numbers for ");
    for (size_t i = 0; i < n && n > 1; i++)
        text_printf(out, "%s%s%s", i + 1 == n ? "and " : "", f->name[order[i]], i + 1 == n ? "?\nAnswer:" : ", ");
    for (size_t i = 0; i < n; i++)
        text_printf(out, " The special magic %s number is: %ld.", f->name[order[i]], f->number[order[i]]);
}

/* Questions about facts in random order, one or several names at once, until `limit` names were asked. */
static void ask_all(struct text *out, struct rng *rng, const struct facts *f, size_t limit)
{
    size_t order[MAX_FACTS], asked = 0;
    rng_permutation(rng, order, f->n);
    limit = limit < f->n ? limit : f->n;
    while (asked < limit) {
        size_t n = rng_below(rng, 3) == 0 ? 2 + (size_t)rng_below(rng, 2) : 1;
        n = n < limit - asked ? n : limit - asked;
        ask(out, f, order + asked, n);
        asked += n;
    }
}

/* Few needles in much text, one in every third document, then a question or more. */
static void write_needles(struct text *out, const struct corpus *corpus, struct rng *rng, size_t length)
{
    enum { NEEDLE_BYTES = 60, QUESTION_BYTES = 140 }; /* as much text as these take in tokens */
    struct facts f;
    size_t most = length / 200 + 2;
    make_facts(&f, rng, rng_below(rng, 3) == 0 ? 1 : 1 + (size_t)rng_below(rng, most < 12 ? most : 12), 7);
    size_t asked = rng_below(rng, 2) ? f.n : 1 + (size_t)rng_below(rng, f.n < 3 ? f.n : 3);
    size_t rest = f.n * NEEDLE_BYTES + asked * QUESTION_BYTES;
    hide(out, corpus, rng, &f, length > rest + 80 ? length - rest : 80);
    ask_all(out, rng, &f, asked);
}

/* Little text, many needles, and every one asked for: many retrievals a sequence. */
static void write_dense_needles(struct text *out, const struct corpus *corpus, struct rng *rng, size_t length)
{
    struct facts f;
    make_facts(&f, rng, 2 + (size_t)rng_below(rng, length / 120 + 1), 7);
    hide(out, corpus, rng, &f, length > f.n * 110 ? length - f.n * 110 : 80);
    ask_all(out, rng, &f, f.n);
}

/* A list of names and numbers, then the list again in another order. */
static void write_pairs(struct text *out, const struct corpus *corpus, struct rng *rng, size_t length)
{
    (void)corpus;
    struct facts f;
    size_t order[MAX_FACTS];
    make_facts(&f, rng, 2 + (size_t)rng_below(rng, length / 40 + 1), 2 + (int)rng_below(rng, 6));
    static const char *const joins[] = {": ", " = ", " - ", " is "};
    const char *join = PICK(rng, joins);
    for (int round = 0; round < 3; round++) {
        rng_permutation(rng, order, f.n);
        for (size_t i = 0; i < f.n; i++)
            text_printf(out, "%s%s%ld\n", f.name[order[i]], join, f.number[order[i]]);
        text_puts(out, "\n");
    }
}

/* A passage and the same passage again. */
static void write_copy(struct text *out, const struct corpus *corpus, struct rng *rng, size_t length)
{
    struct text passage = {0};
    corpus_passage(corpus, rng, length / 2, &passage);
    text_printf(out, "%s\n\n%s", passage.data, passage.data);
    text_free(&passage);
}

/* A line of random syllables and digits several times over: nothing but looking back predicts it. */
static void write_random_copy(struct text *out, const struct corpus *corpus, struct rng *rng, size_t length)
{
    (void)corpus;
    struct text line = {0};
    size_t times = 2 + (size_t)rng_below(rng, 3);
    while (line.len < length / times) {
        char name[NAME];
        make_name(name, rng);
        if (rng_below(rng, 3) == 0)
            text_printf(&line, " %ld", holdout_number(rng, 1 + (int)rng_below(rng, 7), false));
        else
            text_printf(&line, " %s", name);
    }
    for (size_t i = 0; i < times; i++)
        text_printf(out, "%s\n", line.data);
    text_free(&line);
}

/* Who lives where and does what, then questions. */
static void write_people(struct text *out, const struct corpus *corpus, struct rng *rng, size_t length)
{
    static const char *const trades[] = {"a baker", "a doctor", "a sailor", "a teacher", "a painter", "a farmer", "a judge",
                                         "a smith", "a tailor", "a miller", "a nurse",   "a clerk",   "a weaver", "a printer"};
    struct facts person, place;
    const char *trade[MAX_FACTS];
    size_t n = 2 + (size_t)rng_below(rng, length / 160 + 1), order[MAX_FACTS];
    make_facts(&person, rng, n, 2);
    make_facts(&place, rng, n, 2);
    for (size_t i = 0; i < person.n; i++) {
        trade[i] = PICK(rng, trades);
        text_printf(out, "%s lives in %s and is %s. ", person.name[i], place.name[i], trade[i]);
        if (rng_below(rng, 2))
            corpus_passage(corpus, rng, 60, out);
        text_puts(out, "\n");
    }
    rng_permutation(rng, order, person.n);
    for (size_t i = 0; i < person.n; i++) {
        size_t p = order[i];
        switch (rng_below(rng, 3)) {
        case 0:
            text_printf(out, "Question: Where does %s live?\nAnswer: %s lives in %s.\n", person.name[p], person.name[p],
                        place.name[p]);
            break;
        case 1:
            text_printf(out, "Question: What is %s?\nAnswer: %s is %s.\n", person.name[p], person.name[p], trade[p]);
            break;
        default:
            text_printf(out, "Question: Who lives in %s?\nAnswer: %s lives in %s.\n", place.name[p], person.name[p],
                        place.name[p]);
        }
    }
}

/* Labelled examples: each class has words of its own, labels are made up for the document. */
static void write_labels(struct text *out, const struct corpus *corpus, struct rng *rng, size_t length)
{
    (void)corpus;
    enum { CLASSES = 6, WORDS = 5 };
    size_t classes = 2 + (size_t)rng_below(rng, CLASSES - 1);
    char label[CLASSES][NAME], word[CLASSES][WORDS][NAME];
    for (size_t c = 0; c < classes; c++) {
        make_name(label[c], rng);
        for (size_t w = 0; w < WORDS; w++)
            make_name(word[c][w], rng);
    }
    size_t start = out->len;
    while (out->len - start < length) {
        size_t c = (size_t)rng_below(rng, classes);
        text_printf(out, "%s %s %s\n%s\n==\n", word[c][rng_below(rng, WORDS)], word[c][rng_below(rng, WORDS)],
                    word[c][rng_below(rng, WORDS)], label[c]);
    }
}

const struct document_kind DOCUMENT_KINDS[N_DOCUMENT_KINDS + 1] = {
    {"text", "passages of the books", write_text},
    {"needles", "needles in a passage, and questions", write_needles},
    {"dense_needles", "many needles in little text, every one asked for", write_dense_needles},
    {"pairs", "a list of names and numbers, again in other orders", write_pairs},
    {"copy", "a passage twice", write_copy},
    {"random_copy", "a line of random names and numbers, again and again", write_random_copy},
    {"people", "facts on people, and questions", write_people},
    {"labels", "labelled examples", write_labels},
    {NULL, NULL, NULL},
};
