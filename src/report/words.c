/* words.c - see words.h. */
#include "report/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct word {
    const char *name, *words;
};

static const struct word METRICS[] = {
    {"acc", "accuracy, by the sum"},
    {"acc_bytes", "accuracy, normalised by bytes"},
    {"acc_norm", "accuracy, normalised by characters"},
    {"accuracy", "accuracy"},
    {"accuracy_best", "accuracy of the best order"},
    {"accuracy_deviation", "standard deviation over orders"},
    {"accuracy_stable", "accuracy over the stable part of the curve"},
    {"accuracy_worst", "accuracy of the worst order"},
    {"agreement", "agreement with people"},
    {"all_found", "all asked numbers found"},
    {"at_bound", "outputs that the bound cut"},
    {"attention_abs_answer", "attention on the answer, by absolute value"},
    {"attention_abs_noise", "attention on the noise, by absolute value"},
    {"attention_after", "attention after the answer"},
    {"attention_answer", "attention on the answer"},
    {"attention_before", "attention before the answer"},
    {"attention_first", "attention on the first token"},
    {"attention_noise", "attention on the noise"},
    {"attention_question", "attention on the question"},
    {"attention_rows_answer", "attention on the answer, over all its tokens"},
    {"attention_rows_noise", "attention on the noise, over all tokens of the answer"},
    {"balanced_accuracy", "balanced accuracy of the judge"},
    {"bits_per_byte", "bits per byte"},
    {"empty", "empty outputs"},
    {"equal_loss_ratio", "reaches the baseline's loss at this share"},
    {"gflops", "GFLOP/s"},
    {"gradient_norm", "norm of the gradient"},
    {"kappa", "kappa of the judge against people"},
    {"kurtosis", "kurtosis"},
    {"kl", "KL divergence from the base, nats"},
    {"kl_median", "median KL divergence from the base"},
    {"kl_p99", "99th percentile of the KL divergence"},
    {"kl_p99_9", "99.9th percentile of the KL divergence"},
    {"labels_used", "share of the labels used"},
    {"lookback_ratio", "lookback ratio (attention on the context against the output)"},
    {"margin", "spread over orders, best less worst"},
    {"massive", "massive activations"},
    {"median", "median absolute value"},
    {"nll", "loss, nats a token"},
    {"nll_above_base", "loss above the base's, nats a token"},
    {"nll_ar_hit", "loss on n-grams seen before"},
    {"nll_bucket", "loss between two positions"},
    {"nll_correlation", "correlation with the base's losses"},
    {"nll_cumulative", "average loss up to a position"},
    {"nll_others", "loss on other tokens"},
    {"others_share", "processors' time that others had"},
    {"output_tokens", "tokens of an output"},
    {"peak_gflops", "the processor at most, GFLOP/s"},
    {"perplexity", "perplexity"},
    {"read_gigabytes", "memory read, GB/s"},
    {"rms_probability", "root mean square of the probabilities' differences"},
    {"same_top", "same most likely token as the base"},
    {"sgemm_gflops", "matrix products of this machine, GFLOP/s"},
    {"share_ar_hit", "share of n-grams seen before"},
    {"share_of_peak", "share of the processor's most"},
    {"share_of_sgemm", "share of this machine's matrix products"},
    {"support", "share of the output that the document supports"},
    {"tokens_per_second", "tokens a second"},
    {"top_1", "largest absolute value"},
    {"top_10", "10th largest absolute value"},
    {"top_100", "100th largest absolute value"},
    {"top_2", "2nd largest absolute value"},
    {"top_3", "3rd largest absolute value"},
    {"unanswered", "outputs without an answer"},
    {"unparsed", "verdicts that could not be read"},
};

/* How a value reads in a sentence, and what its axis is called. */
static const struct {
    const char *name, *before, *after, *axis;
} DIMENSIONS[] = {
    {"activation", "", "", "activation"},
    {"arrangement", "examples in ", " order", "arrangement"},
    {"asked", "", " asked for", "needles asked for"},
    {"bits", "", " bits", "bits of an attention logit"},
    {"depth", "depth ", " %", "depth of the asked needles, %"},
    {"axis", "over ", "", "axis"},
    {"document", "document ", "", "document"},
    {"form", "", "", "form"},
    {"group", "", "", "group of parameters"},
    {"layer", "layer ", "", "layer"},
    {"length", "", " tokens", "context, tokens"},
    {"level", "level ", "", "level"},
    {"needles", "", " needles", "needles"},
    {"order", "order ", "", "order"},
    {"part", "", "", "part"},
    {"position", "to position ", "", "position"},
    {"sample", "sample ", "", "sample"},
    {"shots", "", " examples", "examples in the prompt"},
    {"task", "", "", "data set"},
};

static const struct word VALUES[] = {{"attention_logits", "attention logits"},
                                     {"hidden_states", "hidden states"},
                                     {"first", "first token"},
                                     {"before", "context before"},
                                     {"answer", "answer"},
                                     {"after", "context after"},
                                     {"question", "question"},
                                     {"summary", "summaries"},
                                     {"alternate", "alternating"},
                                     {"random", "random"},
                                     {"niah_single_1", "one needle in noise"},
                                     {"niah_single_2", "one needle in a text"},
                                     {"niah_single_3", "one needle, long value"},
                                     {"niah_multikey_1", "needle among 4 keys"},
                                     {"niah_multikey_2", "needle among needles"},
                                     {"niah_multikey_3", "needle among long keys"},
                                     {"niah_multivalue", "4 values of one key"},
                                     {"niah_multiquery", "4 keys asked for"},
                                     {"vt", "chains of variables"},
                                     {"cwe", "common words"},
                                     {"fwe", "frequent words"},
                                     {"qa_1", "questions, one passage"},
                                     {"qa_2", "questions, two passages"}};

static const struct word TASKS[] = {
    {"choice", "Multiple choice"},
    {"gradients", "Gradients of each layer"},
    {"hallucination", "Hallucination against the context"},
    {"icl", "Many-shot in-context learning"},
    {"math", "Mathematics"},
    {"needle", "Key information retrieval (needles)"},
    {"outliers", "Activation outliers and low-bit attention"},
    {"perplexity", "Loss over long texts"},
    {"ruler", "Long-context tasks"},
    {"scaling", "Scaling with size and tokens"},
    {"throughput", "Speed"},
    {"training", "Training"},
};

static const char *word_of(const struct word *words, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i].name, name) == 0)
            return words[i].words;
    return NULL;
}

#define WORD_OF(words, name) word_of(words, sizeof(words) / sizeof *(words), name)

static void spaced(struct text *out, const char *name)
{
    for (char one[2] = ""; *name != '\0'; name++) {
        one[0] = *name;
        if (*name == '_')
            one[0] = ' ';
        text_puts(out, one);
    }
}

void words_metric(struct text *out, const char *name)
{
    const char *words = WORD_OF(METRICS, name);
    if (words != NULL)
        text_puts(out, words);
    else
        spaced(out, name);
}

const char *words_task(const char *name)
{
    const char *words = WORD_OF(TASKS, name);
    return words ? words : name;
}

static size_t dimension(const char *name)
{
    size_t i = 0;
    while (i < sizeof DIMENSIONS / sizeof *DIMENSIONS && strcmp(DIMENSIONS[i].name, name) != 0)
        i++;
    return i;
}

const char *words_axis(const char *name)
{
    size_t i = dimension(name);
    return i < sizeof DIMENSIONS / sizeof *DIMENSIONS ? DIMENSIONS[i].axis : name;
}

void words_value(struct text *out, const cJSON *value)
{
    const char *words = cJSON_IsString(value) ? WORD_OF(VALUES, value->valuestring) : NULL;
    if (cJSON_IsNumber(value))
        words_count(out, value->valuedouble);
    else if (words != NULL)
        text_puts(out, words);
    else
        text_puts(out, cJSON_IsString(value) ? value->valuestring : cJSON_IsTrue(value) ? "yes" : "no");
}

/* One of a kind has no plural: " needles" becomes " needle". */
static bool is_one(const cJSON *value, const char *after)
{
    size_t n = strlen(after);
    return cJSON_IsNumber(value) && value->valuedouble == 1 && n > 1 && after[n - 1] == 's';
}

void words_dimension(struct text *out, const char *name, const cJSON *value)
{
    size_t i = dimension(name);
    if (i == sizeof DIMENSIONS / sizeof *DIMENSIONS) {
        spaced(out, name);
        text_puts(out, " ");
        words_value(out, value);
        return;
    }
    text_puts(out, DIMENSIONS[i].before);
    words_value(out, value);
    text_puts(out, DIMENSIONS[i].after);
    if (is_one(value, DIMENSIONS[i].after))
        out->data[--out->len] = '\0';
}

void words_where(struct text *out, const cJSON *where)
{
    const cJSON *d;
    cJSON_ArrayForEach(d, where)
    {
        if (d != where->child)
            text_puts(out, ", ");
        words_dimension(out, d->string, d);
    }
}

void words_count(struct text *out, double n)
{
    static const struct {
        double unit;
        const char *word;
    } units[] = {{1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (fabs(n) >= units[i].unit) {
            text_printf(out, "%.3g %s", n / units[i].unit, units[i].word);
            return;
        }
    if (fabs(n) >= 1000 && n == floor(n))
        text_printf(out, "%s%ld,%03ld", n < 0 ? "-" : "", labs((long)n) / 1000, labs((long)n) % 1000);
    else
        text_printf(out, "%.6g", n);
}
