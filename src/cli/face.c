/* face.c - see face.h. */
#include "cli/face.h"

#include "base/list.h"
#include "numeric/kernels.h"

#include <string.h>

const struct face_word *face_find(const struct face *f, const char *name)
{
    for (const struct face_word *w = f->words; w != NULL && w->name != NULL; w++)
        if (strcmp(w->name, name) == 0)
            return w;
    return NULL;
}

static void usage_line(FILE *to, const char *before, const struct face *f, const struct face_word *w)
{
    const char *arguments = w ? w->arguments : f->arguments;
    const struct option_spec *options = w ? w->options : f->options;
    fprintf(to, "%s%s%s%s%s%s%s\n", before, f->name, w ? " " : "", w ? w->name : "", arguments && *arguments ? " " : "",
            arguments ? arguments : "", options ? " [options]" : "");
}

static void print_options(FILE *to, const char *title, const struct option_spec *options)
{
    struct text text = {0};
    options_help(&text, options);
    if (text.len > 0)
        fprintf(to, "\n%s\n%s", title, text.data);
    text_free(&text);
}

void face_usage(FILE *to, const struct face *f)
{
    const char *before = "usage: ";
    if (f->arguments != NULL) {
        usage_line(to, before, f, NULL);
        before = "       ";
    }
    if (f->words != NULL)
        fprintf(to, "%s%s WORD .. (see `%s WORD --help`)\n", before, f->name, f->name);
    fprintf(to, "\n%s%s%s\n", f->summary, f->description ? "\n\n" : "", f->description ? f->description : "");
    for (const struct face_word *w = f->words; w != NULL && w->name != NULL; w++)
        fprintf(to, "%s  %-13s %s\n", w == f->words ? "\nwords\n" : "", w->name, w->summary);
    print_options(to, "options", f->options);
}

static void word_usage(FILE *to, const struct face *f, const struct face_word *w)
{
    usage_line(to, "usage: ", f, w);
    fprintf(to, "\n%s\n", w->summary);
    print_options(to, "options", w->options);
    print_options(to, "options of every task", w->common);
}

enum status face_misused(const struct face *f, const struct face_word *w, struct error *err)
{
    const char *arguments = w ? w->arguments : f->arguments;
    return error_set(err, ERR_USAGE, "arguments: are wrong, expected %s%s%s%s%s (--help says more)", f->name, w ? " " : "",
                     w ? w->name : "", arguments && *arguments ? " " : "", arguments ? arguments : "");
}

static enum status document(const struct face *f, const char *kind, const char *word, struct error *err)
{
    static const struct {
        const char *kind;
        void (*write)(struct text *out, const struct face *f);
    } completions[] = {{"bash", face_bash}, {"zsh", face_zsh}, {"fish", face_fish}};
    const struct face_word *w = word ? face_find(f, word) : NULL;
    struct text out = {0};
    if (kind != NULL && strcmp(kind, "words") == 0)
        for (w = f->words; w != NULL && w->name != NULL; w++)
            text_printf(&out, face_has_page(f, w) ? "%s\n" : "", w->name);
    else if (kind != NULL && strcmp(kind, "man") == 0 && (word == NULL || w != NULL))
        face_man(&out, f, w);
    else if (kind != NULL && strcmp(kind, "markdown") == 0 && word != NULL && strcmp(word, "COMMON") == 0 && f->words != NULL)
        face_markdown(&out, f->words->common);
    else if (kind != NULL && strcmp(kind, "markdown") == 0 && (word == NULL || w != NULL))
        face_markdown(&out, w ? w->options : f->options);
    for (size_t i = 0; kind != NULL && i < sizeof completions / sizeof *completions; i++)
        if (strcmp(kind, completions[i].kind) == 0)
            completions[i].write(&out, f);
    bool known = out.len > 0;
    fputs(known ? out.data : "", stdout);
    text_free(&out);
    return known ? OK : error_set(err, ERR_USAGE, "--document: expected words, man [WORD], markdown [WORD], bash, zsh or fish");
}

bool face_answers(const struct face *f, int argc, char **argv, enum status *status, struct error *err)
{
    const struct face_word *word = argc > 1 ? face_find(f, argv[1]) : NULL;
    *status = kernels_wanted(err); /* a set that the user has asked for */
    if (*status != OK)
        return true;
    if (argc > 1 && strcmp(argv[1], "--document") == 0) {
        *status = document(f, argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL, err);
        return true;
    }
    for (int i = 1; i < argc; i++) {
        bool help = strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 || (i == 1 && strcmp(argv[i], "help") == 0);
        if (help && word != NULL)
            word_usage(stdout, f, word);
        else if (help)
            face_usage(stdout, f);
        else if (strcmp(argv[i], "--version") == 0)
            printf("%s " DIFFTF_VERSION "\n", f->name);
        else
            continue;
        return true;
    }
    bool no_options = f->options == NULL && f->words == NULL;
    for (int i = 1; i < argc && no_options && *status == OK; i++)
        if (strncmp(argv[i], "--", 2) == 0)
            *status = error_set(err, ERR_USAGE, "%s: there is no such option, expected --help or --version", argv[i]);
    return *status != OK;
}
