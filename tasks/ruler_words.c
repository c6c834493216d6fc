/* ruler_words.c - lists of words of RULER: common words (cwe) and coded words of a power law (fwe), and questions on documents.
 */
#include "base/random.h"
#include "suite/template.h"
#include "tasks/ruler_prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COMMON = 10, LONG = 4096 }; /* words that are asked for; from so many tokens on lists repeat more */
enum { STREAM_EXAMPLE, STREAM_WORDS, STREAM_ORDER };

/* How often words stand in a list. */
struct repeats {
    size_t common, others;
};

/* Word number i of the pool: the lists' own, then compounds of an adjective and a noun. */
static void add_word(struct text *out, const struct ruler_material *m, size_t i)
{
    if (i < m->all.n) {
        text_puts(out, m->all.word[i]);
        return;
    }
    i -= m->all.n;
    text_printf(out, "%s-%s", m->adjectives.word[i / m->nouns.n % m->adjectives.n], m->nouns.word[i % m->nouns.n]);
}

/* So many different words; the first ten, which `answers` are, stand more often than the others. "1. word 2. word .." */
static void write_list(struct text *out, cJSON *answers, const struct ruler_build *b, uint64_t stream, size_t words,
                       struct repeats repeats)
{
    enum { MOST = 1 << 18 }; /* more than the longest prompts have room for */
    const struct ruler_material *m = b->m;
    struct rng rng = ruler_stream(b, stream);
    size_t pool = m->all.n, entries = COMMON * repeats.common + (words - COMMON) * repeats.others;
    if (words > pool)
        pool = m->all.n + m->adjectives.n * m->nouns.n < MOST ? m->all.n + m->adjectives.n * m->nouns.n : MOST;
    size_t *drawn = calloc(pool, sizeof *drawn), *order = calloc(entries, sizeof *order);
    rng_permutation(&rng, drawn, pool);
    rng_permutation(&rng, order, entries);
    for (size_t i = 0; i < entries; i++) {
        size_t k = order[i], common = COMMON * repeats.common;
        k = k < common ? k % COMMON : COMMON + (k - common) / repeats.others;
        text_printf(out, "%s%zu. ", i ? " " : "", i + 1);
        add_word(out, m, drawn[k % pool]);
    }
    for (size_t i = 0; i < COMMON; i++) {
        struct text word = {0};
        add_word(&word, m, drawn[i]);
        cJSON_AddItemToArray(answers, cJSON_CreateString(word.data));
        text_free(&word);
    }
    free(drawn);
    free(order);
}

/* A list of its own, asked and answered. */
static void write_example(struct ruler_build *b, size_t words, struct repeats repeats)
{
    struct text list = {0};
    struct error ignored = {0};
    cJSON *answers = cJSON_CreateArray();
    const cJSON *word;
    size_t at, n = 0;
    write_list(&list, answers, b, STREAM_EXAMPLE, words, repeats);
    ruler_expand(b, &list, &b->before, &at, &ignored);
    cJSON_ArrayForEach(word, answers) text_printf(&b->before, " %zu. %s", ++n, word->valuestring);
    text_puts(&b->before, "\n");
    cJSON_Delete(answers);
    text_free(&list);
}

static void write_cwe(struct ruler_build *b, size_t size)
{
    b->template = b->m->form.cwe;
    if (b->length < LONG) {
        write_example(b, 20, (struct repeats){3, 1});
        write_list(&b->context, b->answers, b, STREAM_WORDS, size, (struct repeats){6, 1});
    } else {
        write_example(b, 40, (struct repeats){10, 3});
        write_list(&b->context, b->answers, b, STREAM_WORDS, size, (struct repeats){30, 3});
    }
}

static size_t least_cwe(const struct ruler_build *b)
{
    (void)b;
    return COMMON;
}

const struct ruler_kind RULER_CWE = {120, false, least_cwe, write_cwe};

enum { LETTERS = 6, TOP = 3 };

/* How often the word of a rank, from 1 on, stands among `size`: their share by the zeta distribution with alpha = 2. */
static size_t zeta_count(size_t size, size_t rank)
{
    const double zeta2 = 1.6449340668482264; /* pi^2 / 6 */
    return (size_t)((double)size * pow((double)rank, -2) / zeta2);
}

/* Different words of six letters; the first is "..." and not asked for. */
static void draw_codes(const struct ruler_build *b, char (*code)[LETTERS + 1], size_t n)
{
    struct rng rng = ruler_stream(b, STREAM_WORDS);
    for (size_t i = 0; i < n; i++) {
        bool fresh;
        do {
            fresh = true;
            for (size_t k = 0; k < LETTERS; k++)
                code[i][k] = (char)('a' + rng_below(&rng, 26));
            for (size_t j = 1; j < i; j++)
                fresh = fresh && strcmp(code[i], code[j]) != 0;
        } while (!fresh);
    }
    strcpy(code[0], "...");
}

static void write_fwe(struct ruler_build *b, size_t size)
{
    size_t vocabulary = (b->length - RULER_FWE.new_tokens) / 50, n = 0, entries = 0;
    while (n < vocabulary && zeta_count(size, n + 1) > 0) /* rarer ones never stand there */
        entries += zeta_count(size, ++n);
    char(*code)[LETTERS + 1] = calloc(n + 1, sizeof *code);
    size_t *word = calloc(entries + 1, sizeof *word), *order = calloc(entries + 1, sizeof *order);
    struct rng rng = ruler_stream(b, STREAM_ORDER);
    draw_codes(b, code, n);
    rng_permutation(&rng, order, entries);
    for (size_t rank = 1, at = 0; rank <= n; rank++)
        for (size_t i = 0; i < zeta_count(size, rank); i++)
            word[order[at++]] = rank - 1;
    for (size_t i = 0; i < entries; i++)
        text_printf(&b->context, "%s%s", i ? " " : "", code[word[i]]);
    for (size_t i = 1; i <= TOP; i++)
        cJSON_AddItemToArray(b->answers, cJSON_CreateString(code[i]));
    b->template = b->m->form.fwe;
    free(code);
    free(word);
    free(order);
}

/* The three are there. */
static size_t least_fwe(const struct ruler_build *b)
{
    size_t size = 1;
    (void)b;
    while (zeta_count(size, TOP + 1) == 0)
        size++;
    return size;
}

const struct ruler_kind RULER_FWE = {50, false, least_fwe, write_fwe};
