/* judge.c - the judges that need no network; see judge.h. */
#include "suite/judge.h"

#include "base/file.h"
#include "base/utf8.h"
#include "lm/generate.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum kind { LEXICAL, FACTS, MODEL, OPENAI };

struct judge {
    enum kind kind;
    char *name;
    double threshold;
    struct model model; /* MODEL */
    struct tokenizer *tokenizer;
    struct chat_state *chat; /* OPENAI */
};

static enum status open_model(struct judge *j, const char *folder, struct error *err)
{
    enum status status = model_load(&j->model, folder, err);
    if (status == OK)
        status = tokenizer_load(&j->tokenizer, folder, err);
    return status == OK ? tokenizer_fits(j->tokenizer, j->model.config.vocab_size, folder, err) : status;
}

static enum status open_chat(struct judge *j, const struct judge_options *o, struct error *err)
{
    struct chat chat = {.url = o->url,
                        .model = o->model,
                        .key = getenv("OPENAI_API_KEY"),
                        .rate = o->rate,
                        .delay = o->delay,
                        .retries = (int)o->retries,
                        .any_http = o->any_http};
    return chat_open(&j->chat, &chat, err);
}

enum status judge_open(struct judge **judge, const struct judge_options *options, const char *default_kind, struct error *err)
{
    const char *name = options->kind ? options->kind : default_kind;
    struct judge *j = calloc(1, sizeof *j);
    *judge = NULL;
    if (j == NULL || (j->name = strdup(name)) == NULL) {
        free(j);
        return error_set(err, ERR_SYSTEM, "judge: out of memory");
    }
    j->threshold = options->threshold;
    enum status status = OK;
    if (strcmp(name, "lexical") == 0)
        j->kind = LEXICAL;
    else if (strcmp(name, "facts") == 0)
        j->kind = FACTS;
    else if (strncmp(name, "model:", 6) == 0 && name[6] != '\0') {
        j->kind = MODEL;
        status = open_model(j, name + 6, err);
    } else if (strcmp(name, "openai") == 0) {
        j->kind = OPENAI;
        status = open_chat(j, options, err);
    } else
        status = error_set(err, ERR_USAGE, "--judge: '%.60s' is not known, expected lexical, facts, model:DIR or openai", name);
    if (status == OK)
        *judge = j;
    else
        judge_close(j);
    return status;
}

void judge_close(struct judge *j)
{
    if (j == NULL)
        return;
    if (j->kind == MODEL)
        model_free(&j->model);
    tokenizer_free(j->tokenizer);
    chat_close(j->chat);
    free(j->name);
    free(j);
}

const char *judge_name(const struct judge *j)
{
    return j->name;
}

bool judge_prompt(struct text *out, const struct judge_case *c)
{
    bool ok =
        text_puts(out, "Decide whether an answer says only what its document supports. Anything in the answer that the "
                       "document does not state or directly imply makes it false. Explain first, then list the "
                       "problematic spans, and end with the line \"**Conclusion**: True\" when the answer is fully supported or "
                       "\"**Conclusion**: False\" when it is not.\n\n");
    ok = ok && text_printf(out, "#Document#: %s\n\n", c->document);
    if (c->question != NULL)
        ok = ok && text_printf(out, "#Question#: %s\n\n", c->question);
    if (c->reference != NULL)
        ok = ok && text_printf(out, "#Reference#: %s\n\n", c->reference);
    return ok && text_printf(out, "#Answer#: %s\n\n**Explanation**:", c->output);
}

double judge_verdict(const char *reply)
{
    double verdict = NAN;
    for (const char *p = reply; (p = strcasestr(p, "conclusion")) != NULL;) {
        p += strlen("conclusion");
        const char *word = p + strspn(p, "*: \t\"'`");
        if (strncasecmp(word, "true", 4) == 0)
            verdict = 1;
        else if (strncasecmp(word, "false", 5) == 0)
            verdict = 0;
    }
    return verdict;
}

static bool is_word(unsigned char c)
{
    return isalnum(c) || c >= 0x80; /* a letter outside ASCII is some bytes of one */
}

/* The next word at or after *p in lower case; false at the end. */
static bool next_word(const char **p, char *word, size_t size, bool *name)
{
    size_t n = 0;
    while (**p != '\0' && !is_word((unsigned char)**p))
        (*p)++;
    *name = isupper((unsigned char)**p) != 0;
    for (; is_word((unsigned char)**p) ||
           (n > 0 && (**p == '.' || **p == ',') && isdigit((unsigned char)(*p)[-1]) && isdigit((unsigned char)(*p)[1]));
         (*p)++)
        if (n + 1 < size)
            word[n++] = (char)tolower((unsigned char)**p);
    word[n] = '\0';
    return n > 0;
}

static int by_word(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Words of four letters or more that are no function words, names, and numbers carry content. */
static bool has_content(const char *word, bool name)
{
    static const char *const common[] = {
        "about", "after", "all",    "also",  "and",   "any",   "are",   "because", "been",   "before", "being",   "between",
        "both",  "but",   "can",    "could", "did",   "does",  "down",  "each",    "even",   "for",    "from",    "had",
        "has",   "have",  "having", "her",   "here",  "him",   "his",   "how",     "into",   "its",    "just",    "like",
        "made",  "many",  "may",    "more",  "most",  "much",  "must",  "nor",     "not",    "now",    "only",    "other",
        "our",   "out",   "over",   "per",   "said",  "same",  "shall", "she",     "should", "some",   "such",    "than",
        "that",  "the",   "their",  "them",  "then",  "there", "these", "they",    "this",   "those",  "through", "too",
        "under", "until", "upon",   "very",  "via",   "was",   "were",  "what",    "when",   "where",  "which",   "while",
        "who",   "why",   "will",   "with",  "would", "yet",   "you",   "your"};
    const char *key = word;
    if (isdigit((unsigned char)word[0]))
        return true;
    if (strlen(word) < (name ? 3u : 4u))
        return false;
    return bsearch(&key, common, sizeof common / sizeof *common, sizeof *common, by_word) == NULL;
}

double judge_support(const char *document, const char *output)
{
    struct text words = {0}; /* " word word " of the document */
    char word[64], wanted[68];
    bool name;
    size_t content = 0, found = 0;
    text_puts(&words, " ");
    for (const char *p = document; next_word(&p, word, sizeof word, &name);)
        text_printf(&words, "%s ", word);
    for (const char *p = output; words.data != NULL && next_word(&p, word, sizeof word, &name);) {
        if (!has_content(word, name))
            continue;
        snprintf(wanted, sizeof wanted, " %s ", word);
        content++;
        found += strstr(words.data, wanted) != NULL;
    }
    text_free(&words);
    return content ? (double)found / (double)content : 1;
}

/* Does `text` begin with `object`, and does the object end there? */
static bool states(const char *text, const char *object)
{
    size_t n = strlen(object);
    return strncmp(text, object, n) == 0 && !is_word((unsigned char)text[n]);
}

/* One claim: "relation X" somewhere in the output, said of the name before it. */
static bool claim_holds(const cJSON *facts, const char *subject, size_t length, const char *relation, const char *object)
{
    const cJSON *fact;
    cJSON_ArrayForEach(fact, facts)
    {
        const char *its = json_text(fact, "subject"), *r = json_text(fact, "relation"), *o = json_text(fact, "object");
        if (its && r && o && strlen(its) == length && strncmp(its, subject, length) == 0 && strcmp(r, relation) == 0 &&
            states(object, o))
            return true;
    }
    return false;
}

bool judge_facts(const cJSON *facts, const char *output, size_t *claims, size_t *wrong)
{
    const cJSON *fact, *earlier;
    *claims = *wrong = 0;
    cJSON_ArrayForEach(fact, facts)
    {
        const char *relation = json_text(fact, "relation");
        char needle[80];
        bool again = relation == NULL;
        for (earlier = facts->child; earlier != fact && !again; earlier = earlier->next)
            again = strcmp(json_text(earlier, "relation"), relation) == 0;
        if (again)
            continue; /* each relation once */
        snprintf(needle, sizeof needle, " %s ", relation);
        for (const char *hit = output; (hit = strstr(hit, needle)) != NULL; hit += strlen(needle)) {
            size_t n = 0;
            while (hit - n > output && is_word((unsigned char)hit[-(ptrdiff_t)n - 1]))
                n++;
            const char *subject = hit - n, *full = subject;
            size_t length = n;
            if (n == 3 && strncmp(subject, "and", 3) == 0) { /* "A lives in B and is C": still said of A */
                full = output;
                for (const char *p = output; p < subject; p++)
                    if ((*p == '.' || *p == '\n') && p + 1 < subject)
                        full = p + 1;
                while (full < subject && !is_word((unsigned char)*full))
                    full++;
                for (length = 0; is_word((unsigned char)full[length]);)
                    length++;
            }
            (*claims)++;
            *wrong += !claim_holds(facts, full, length, relation, hit + strlen(needle));
        }
    }
    return *claims > 0 && *wrong == 0;
}

static enum status ask_model(struct judge *j, const char *prompt, const volatile sig_atomic_t *stop, char **reply,
                             struct error *err)
{
    struct ids ids = {0}, out = {0};
    struct text text = {0};
    struct session session;
    struct sampling greedy = {0};
    enum { REPLY = 256 };
    enum status status = tokenizer_encode(j->tokenizer, prompt, strlen(prompt), true, &ids, err);
    if (status == OK)
        status = session_init(&session, &j->model, ids.n + REPLY, 1, err);
    if (status == OK) {
        session.stop = stop;
        status = generate(&session, ids.data, ids.n, REPLY, &greedy, NULL, &out, NULL, NULL, err);
        session_free(&session);
    }
    if (status == OK)
        status = tokenizer_decode(j->tokenizer, out.data, out.n, false, &text, err);
    ids_free(&ids);
    ids_free(&out);
    *reply = text.data;
    return status == OK && text.data == NULL ? ((*reply = strdup("")) ? OK : ERR_SYSTEM) : status;
}

enum status judge_run(struct judge *j, const struct judge_case *c, const volatile sig_atomic_t *stop, cJSON *evidence,
                      double *free_of_it, struct error *err)
{
    char *reply = NULL;
    struct text prompt = {0};
    size_t claims, wrong;
    int tries = 1;
    enum status status = OK;
    cJSON_AddStringToObject(evidence, "judge", j->name);
    double support = judge_support(c->document, c->output);
    json_add_number(evidence, "support", support);
    *free_of_it = support >= j->threshold;
    if (j->kind == LEXICAL)
        return OK;
    if (j->kind == FACTS) {
        if (!cJSON_IsArray(c->facts))
            return error_set(err, ERR_INPUT,
                             "judge facts: a record has no 'facts', expected a list of {subject, relation, object}");
        *free_of_it = judge_facts(c->facts, c->output, &claims, &wrong);
        json_add_number(evidence, "claims", (double)claims);
        json_add_number(evidence, "wrong_claims", (double)wrong);
        return OK;
    }
    if (!judge_prompt(&prompt, c))
        status = error_set(err, ERR_SYSTEM, "judge: out of memory");
    if (status == OK)
        status = j->kind == MODEL ? ask_model(j, prompt.data, stop, &reply, err)
                                  : chat_ask(j->chat, prompt.data, stop, &reply, &tries, err);
    if (status == OK) {
        *free_of_it = judge_verdict(reply);
        utf8_mend(reply);
        cJSON_AddStringToObject(evidence, "reply", reply);
        json_add_number(evidence, "tries", tries);
    }
    free(reply);
    text_free(&prompt);
    return status;
}
