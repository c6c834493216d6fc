/* ruler_material.h - what the prompts of the ruler task are made of: templates, words, a book. */
#ifndef DIFFTF_TASKS_RULER_MATERIAL_H
#define DIFFTF_TASKS_RULER_MATERIAL_H

#include "suite/experiment.h"
#include "suite/form.h"
#include "tasks/ruler_qa.h"

/* Templates: {context} stands once in each; {type}, {query}, {count} as the configuration has them. */
struct ruler_form {
    struct form file;
    const char *name, *niah, *niah_one, *vt, *cwe, *fwe, *qa; /* prompts; niah_one: where one value is asked for */
    const char *needle;                                       /* {type}, {key}, {value} */
    const char *document;                                     /* {number}, {document} */
    const char *noise;                                        /* a line of haystack */
};

struct ruler_words {
    const char **word;
    size_t n;
};

/* A text as words with one blank between them. */
struct ruler_book {
    char *text;
    size_t *end; /* [n] where each word ends, in bytes */
    size_t n;
};

struct ruler_material {
    struct ruler_form form;
    struct form words;                         /* the file, which owns the words */
    struct ruler_words adjectives, nouns, all; /* all: of the three lists, in alphabetical order, none twice */
    struct ruler_book book;
    struct ruler_qa qa[2]; /* qa_1: SQuAD's format, qa_2: HotpotQA's */
};

/* The files that options name, NULL: those that come with the program. */
struct ruler_files {
    const char *form, *words, *haystack;
    const struct strings *data; /* question files, each told by its format which of the two it is */
};
/* Loads all of it, and adds each file to the report's data. */
enum status ruler_material_load(struct ruler_material *m, struct experiment *e, const struct ruler_files *files,
                                struct error *err);
void ruler_material_free(struct ruler_material *m);

/* Appends the first n words of the book, which begins again at its end. */
bool ruler_book_text(const struct ruler_book *b, size_t n, struct text *out);

#endif
