/* face.h - what a program of the suite says of itself: --help, --version, its man pages and completions, all from its tables.
 *
 * A program has one `face`: its own options, and the words (commands, tasks) that may stand first with theirs. `main` asks
 * face_answers before anything else, and parses by the same tables (suite/options.h). The build writes man pages and completions
 * with the hidden `--document KIND`, so that they are never written by hand.
 */
#ifndef DIFFTF_CLI_FACE_H
#define DIFFTF_CLI_FACE_H

#include "suite/options.h"

#include <stdio.h>

/* Options tell completions what they take by the name of their argument: FILE, PATH and the like are files, DIR is a folder,
 * NAME=DIR a folder after a name, FORM a file of configs/choice, or of the task's own folder there, by its name; a choice is
 * completed by its words. The same names stand for positional arguments; REPORT is a JSON file, "[a|b|c]" are words. */
struct face_word {
    const char *name, *arguments, *summary;     /* name NULL ends a list; arguments may be NULL */
    const struct option_spec *options, *common; /* may be NULL; common: of every task */
};

/* A section of the man page. */
struct face_section {
    const char *title,
        *body; /* title NULL ends a list; paragraphs are parted by an empty line, a line of code begins with four blanks */
};

struct face {
    const char *name, *summary;
    const char *arguments;               /* without a word; NULL: a word is needed */
    const char *description;             /* sentences below the usage; may be NULL */
    const struct option_spec *options;   /* without a word; may be NULL */
    const struct face_word *words;       /* may be NULL */
    const struct face_section *sections; /* may be NULL */
};

/* Answers --help, -h, help, --version and --document, also after a word; false when the program is asked for something else. */
bool face_answers(const struct face *f, int argc, char **argv, enum status *status, struct error *err);
/* The word of that name; NULL when there is none. */
const struct face_word *face_find(const struct face *f, const char *name);
/* The error of a call that fits no usage: what was expected. */
enum status face_misused(const struct face *f, const struct face_word *word, struct error *err);
void face_usage(FILE *to, const struct face *f);

/* Writers of `--document`: man (of a word, or NULL: of the program), bash, zsh, fish. */
bool face_has_page(const struct face *f, const struct face_word *word);
void face_man(struct text *out, const struct face *f, const struct face_word *word);
/* The options as a table of Markdown. */
void face_markdown(struct text *out, const struct option_spec *options);
void face_bash(struct text *out, const struct face *f);
void face_zsh(struct text *out, const struct face *f);
void face_fish(struct text *out, const struct face *f);

#endif
