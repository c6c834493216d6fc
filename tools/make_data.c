/* make_data.c - writes the generated data sets that come with the program; the files in data/ were made by it.
 *
 * People who do not exist, in cities and with first names that no training
 * document has, between sentences of the book that is kept out of training.
 */
#include "base/file.h"
#include "base/program.h"
#include "cli/face.h"
#include "formats/json.h"
#include "lm/holdout.h"
#include "suite/haystack.h"
#include "tools/make_questions.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const NAMES[] = {"Adele",  "Boris",   "Clara",  "Dmitri", "Elena",   "Felix", "Greta",  "Hugo",    "Ingrid",
                                    "Jonas",  "Katya",   "Lorenz", "Marta",  "Nikolai", "Olga",  "Pascal", "Quentin", "Rosa",
                                    "Stefan", "Tatiana", "Ulrich", "Vera",   "Walter",  "Xenia", "Yvonne", "Zoltan"};
static const char *const TRADES[] = {"a baker", "a doctor", "a sailor", "a teacher", "a painter", "a farmer", "a judge",
                                     "a smith", "a tailor", "a miller", "a nurse",   "a clerk",   "a weaver", "a printer"};
enum { PEOPLE = 5, CHOICES = 4 };

struct person {
    const char *name, *city, *trade;
};

static void draw_people(struct person *p, struct rng *rng)
{
    size_t names[COUNT(NAMES)], trades[COUNT(TRADES)], *cities = calloc(N_HOLDOUT_CITIES, sizeof *cities);
    rng_permutation(rng, names, COUNT(NAMES));
    rng_permutation(rng, trades, COUNT(TRADES));
    rng_permutation(rng, cities, N_HOLDOUT_CITIES);
    for (size_t i = 0; i < PEOPLE; i++)
        p[i] = (struct person){NAMES[names[i]], HOLDOUT_CITIES[cities[i]], TRADES[trades[i]]};
    free(cities);
}

/* A short sentence of the book. */
static void add_filler(struct text *out, const struct haystack *h, struct rng *rng)
{
    for (;;) {
        size_t i = (size_t)rng_below(rng, h->n_sentences - 1);
        size_t n = h->sentences[i + 1] - h->sentences[i];
        const char *s = h->text + h->sentences[i];
        if (n < 30 || n > 110 || memchr(s, '\n', n) != NULL || memchr(s, '"', n) != NULL)
            continue;
        while (n > 0 && s[n - 1] == ' ')
            n--;
        text_add(out, s, n);
        return;
    }
}

static void write_facts(struct text *out, const struct person *p, const struct haystack *h, struct rng *rng)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        text_printf(out, "%s lives in %s and is %s. ", p[i].name, p[i].city, p[i].trade);
        if (rng_below(rng, 2))
            add_filler(out, h, rng);
        text_puts(out, "\n");
    }
}

static void print_line(FILE *to, cJSON *record)
{
    char *text = cJSON_PrintUnformatted(record);
    fprintf(to, "%s\n", text);
    free(text);
    cJSON_Delete(record);
}

/* A question with its answer's beginning, the right choice, and what the others could have been. */
static void ask(const struct person *p, size_t who, size_t kind, struct text *question, struct text *start,
                const char *of[PEOPLE])
{
    static const char *const questions[] = {"Where does %s live?", "What is %s?", "Who lives in %s?"};
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    text_printf(question, questions[kind], kind == 2 ? p[who].city : p[who].name);
    text_puts(start, "");
    if (kind < 2)
        text_printf(start, " %s %s", p[who].name, kind == 0 ? "lives in" : "is");
    for (size_t i = 0; i < PEOPLE; i++)
        of[i] = kind == 0 ? p[i].city : kind == 1 ? p[i].trade : p[i].name;
}

static void write_reading(FILE *to, const struct haystack *h, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct rng rng = rng_stream(1, "reading", i);
        struct person p[PEOPLE];
        struct text text = {0}, question = {0}, start = {0};
        const char *of[PEOPLE];
        size_t order[PEOPLE], who = (size_t)rng_below(&rng, PEOPLE), label = (size_t)rng_below(&rng, CHOICES), at = 0;
        draw_people(p, &rng);
        write_facts(&text, p, h, &rng);
        ask(p, who, i % 3, &question, &start, of);
        rng_permutation(&rng, order, PEOPLE);
        cJSON *record = cJSON_CreateObject(), *choices;
        cJSON_AddStringToObject(record, "text", text.data);
        cJSON_AddStringToObject(record, "question", question.data);
        cJSON_AddStringToObject(record, "start", start.data);
        choices = cJSON_AddArrayToObject(record, "choices");
        for (size_t k = 0; k < CHOICES; k++) {
            at += k != label && order[at] == who; /* the right one has its place already */
            cJSON_AddItemToArray(choices, cJSON_CreateString(of[k == label ? who : order[at++]]));
        }
        cJSON_AddNumberToObject(record, "label", (double)label);
        print_line(to, record);
        text_free(&text);
        text_free(&question);
        text_free(&start);
    }
}

static void add_fact(cJSON *facts, const char *subject, const char *relation, const char *object)
{
    cJSON *fact = cJSON_CreateObject();
    cJSON_AddStringToObject(fact, "subject", subject);
    cJSON_AddStringToObject(fact, "relation", relation);
    cJSON_AddStringToObject(fact, "object", object);
    cJSON_AddItemToArray(facts, fact);
}

/* Documents with all their facts: a question about one, and a summary of all. */
static void write_hallucination(FILE *to, const struct haystack *h, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct rng rng = rng_stream(1, "hallucination", i);
        struct person p[PEOPLE];
        struct text text = {0}, question = {0}, start = {0}, answer = {0}, summary = {0};
        const char *of[PEOPLE];
        size_t who = (size_t)rng_below(&rng, PEOPLE), kind = i % 2;
        draw_people(p, &rng);
        write_facts(&text, p, h, &rng);
        ask(p, who, kind, &question, &start, of);
        text_printf(&answer, "%s %s.", start.data + 1, of[who]);
        cJSON *record = cJSON_CreateObject(), *facts;
        for (size_t k = 0; k < PEOPLE; k++)
            text_printf(&summary, "%s%s lives in %s and is %s.", k ? " " : "", p[k].name, p[k].city, p[k].trade);
        cJSON_AddStringToObject(record, "document", text.data);
        cJSON_AddStringToObject(record, "question", question.data);
        cJSON_AddStringToObject(record, "answer", answer.data);
        cJSON_AddStringToObject(record, "summary", summary.data);
        facts = cJSON_AddArrayToObject(record, "facts");
        for (size_t k = 0; k < PEOPLE; k++) {
            add_fact(facts, p[k].name, "lives in", p[k].city);
            add_fact(facts, p[k].name, "is", p[k].trade);
        }
        print_line(to, record);
        text_free(&text);
        text_free(&question);
        text_free(&start);
        text_free(&answer);
        text_free(&summary);
    }
}

/* Six classes, each with words of its own; a text is three of them. */
static void write_topics(FILE *to, const char *stream, size_t n)
{
    static const struct {
        const char *label, *words[10];
    } classes[] = {
        {"animal", {"horse", "sheep", "dog", "lion", "wolf", "bird", "fish", "goat", "bear", "fox"}},
        {"house", {"door", "window", "roof", "stairs", "kitchen", "wall", "chimney", "parlour", "floor", "chamber"}},
        {"music", {"song", "harp", "drum", "trumpet", "dance", "tune", "pianoforte", "singer", "concert", "voice"}},
        {"weather", {"rain", "snow", "wind", "storm", "cloud", "sun", "frost", "thunder", "mist", "heat"}},
        {"food", {"bread", "meat", "wine", "apple", "honey", "milk", "butter", "corn", "cake", "cheese"}},
        {"war", {"sword", "soldier", "battle", "army", "spear", "captain", "shield", "enemy", "siege", "general"}},
    };
    for (size_t i = 0; i < n; i++) {
        struct rng rng = rng_stream(1, stream, i);
        size_t c = (size_t)rng_below(&rng, COUNT(classes)), order[10];
        struct text text = {0};
        rng_permutation(&rng, order, 10);
        for (size_t w = 0; w < 3; w++)
            text_printf(&text, "%s%s", w ? " " : "", classes[c].words[order[w]]);
        cJSON *record = cJSON_CreateObject();
        cJSON_AddStringToObject(record, "text", text.data);
        cJSON_AddStringToObject(record, "label", classes[c].label);
        print_line(to, record);
        text_free(&text);
    }
}

/* What level 1 asks for is said: a number among three, in the words of the needle evaluation. */
static void write_stated(struct text *question, struct text *solution, bool evaluation, struct rng *rng)
{
    enum { STATED = 3 };
    size_t *cities = calloc(N_HOLDOUT_CITIES, sizeof *cities), asked = (size_t)rng_below(rng, STATED);
    long numbers[STATED];
    rng_permutation(rng, cities, N_HOLDOUT_CITIES);
    for (size_t i = 0; i < STATED; i++) {
        numbers[i] = holdout_number(rng, 7, evaluation);
        text_printf(question, "The special magic %s number is: %ld\n", HOLDOUT_CITIES[cities[i]], numbers[i]);
    }
    text_printf(question, "What is the special magic number for %s?", HOLDOUT_CITIES[cities[asked]]);
    text_printf(solution, "The special magic %s number is: %ld\n#### %ld", HOLDOUT_CITIES[cities[asked]], numbers[asked],
                numbers[asked]);
    free(cities);
}

/* Sums about people and their things, with a worked solution; the numbers are those of the half that is kept for evaluation, or
 * of the other. Levels 2 and 3 ask for a sum or a difference of one digit and two, 4 for two steps, 5 for a product. */
static void write_sum(struct text *question, struct text *solution, size_t level, bool evaluation, struct rng *rng)
{
    static const char *const things[] = {"apples", "books", "coins", "eggs", "letters", "nails", "plates", "stones"};
    const char *a = NAMES[rng_below(rng, COUNT(NAMES))], *b = a, *thing = things[rng_below(rng, COUNT(things))];
    while (b == a)
        b = NAMES[rng_below(rng, COUNT(NAMES))];
    int digits = level == 2 ? 1 : level == 4 ? 3 : 2;
    long x = holdout_number(rng, digits, evaluation), y = holdout_number(rng, digits, evaluation),
         z = holdout_number(rng, level == 5 ? 1 : 2, evaluation);
    bool less = level < 5 && rng_below(rng, 2);
    if (less && x < y) {
        long other = x;
        x = y;
        y = other;
    }
    long first = level == 5 ? x * z : less ? x - y : x + y, answer = level == 5 ? first + y : level == 4 ? first + z : first;
    if (level == 5)
        text_printf(question, "%s has %ld %s in each of %ld boxes and %ld more. How many %s does %s have?", a, x, thing, z, y,
                    thing, a);
    else
        text_printf(question, "%s has %ld %s and %s %ld.", a, x, thing, less ? "gives away" : "finds", y);
    if (level == 4)
        text_printf(question, " Then %s brings %ld.", b, z);
    if (level < 5)
        text_printf(question, " How many %s does %s have now?", thing, a);
    text_printf(solution, "%ld %c %ld = %ld\n", x, level == 5 ? '*' : less ? '-' : '+', level == 5 ? z : y, first);
    if (level >= 4)
        text_printf(solution, "%ld + %ld = %ld\n", first, level == 5 ? y : z, answer);
    text_printf(solution, "#### %ld", answer);
}

static void write_arithmetic(FILE *to, const char *stream, size_t n, bool evaluation)
{
    for (size_t i = 0; i < n; i++) {
        struct rng rng = rng_stream(1, stream, i);
        struct text question = {0}, solution = {0};
        if (i % 5 == 0)
            write_stated(&question, &solution, evaluation, &rng);
        else
            write_sum(&question, &solution, i % 5 + 1, evaluation, &rng);
        cJSON *record = cJSON_CreateObject();
        cJSON_AddNumberToObject(record, "level", (double)(i % 5 + 1));
        cJSON_AddStringToObject(record, "question", question.data);
        cJSON_AddStringToObject(record, "answer", solution.data);
        print_line(to, record);
        text_free(&question);
        text_free(&solution);
    }
}

static void reading(FILE *to, const struct haystack *h)
{
    write_reading(to, h, 300);
}

static void hallucination(FILE *to, const struct haystack *h)
{
    write_hallucination(to, h, 100);
}

static void topics_train(FILE *to, const struct haystack *h)
{
    (void)h;
    write_topics(to, "topics train", 600);
}

static void topics_test(FILE *to, const struct haystack *h)
{
    (void)h;
    write_topics(to, "topics test", 250);
}

static void arithmetic(FILE *to, const struct haystack *h)
{
    (void)h;
    write_arithmetic(to, "arithmetic", 200, true);
}

static void arithmetic_train(FILE *to, const struct haystack *h)
{
    (void)h;
    write_arithmetic(to, "arithmetic train", 100, false);
}

static const struct face FACE = {
    .name = "difftf-make-data",
    .summary = "writes the generated data sets that come with the program",
    .arguments = "[FOLDER]",
    .description =
        "Writes the files of choice, hallucination, icl, math and ruler that are generated into FOLDER (default: data),\n"
        "which holds haystack/persuasion.txt. They are the same bytes every time.",
};

int main(int argc, char **argv)
{
    program_start(FACE.name, false);
    static const struct {
        const char *path;
        void (*write)(FILE *to, const struct haystack *h);
    } files[] = {{"choice/reading.jsonl", reading},        {"hallucination/people.jsonl", hallucination},
                 {"icl/topics-train.jsonl", topics_train}, {"icl/topics-test.jsonl", topics_test},
                 {"math/arithmetic.jsonl", arithmetic},    {"math/arithmetic-train.jsonl", arithmetic_train},
                 {"ruler/single.json", make_single},       {"ruler/two-steps.json", make_two_steps}};
    const char *folder = argc > 1 ? argv[1] : "data";
    struct haystack h;
    struct error err = {0};
    enum status status;
    char path[4096];
    if (face_answers(&FACE, argc, argv, &status, &err))
        return program_end(status, &err);
    if (argc > 2)
        return program_end(face_misused(&FACE, NULL, &err), &err);
    snprintf(path, sizeof path, "%s/haystack/persuasion.txt", folder);
    status = haystack_load(&h, path, &err);
    if (status != OK)
        return program_end(status, &err);
    for (size_t i = 0; i < COUNT(files) && status == OK; i++) {
        struct file_writer w;
        snprintf(path, sizeof path, "%s/%s", folder, files[i].path);
        char *slash = strrchr(path, '/');
        *slash = '\0';
        status = file_make_directory(path, &err);
        *slash = '/';
        if (status == OK)
            status = file_writer_open(&w, path, &err);
        if (status != OK)
            break;
        files[i].write(w.stream, &h);
        status = file_writer_commit(&w, &err);
    }
    haystack_free(&h);
    return program_end(status, &err);
}
