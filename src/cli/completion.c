/* completion.c - completions for bash, zsh and fish from a program's tables: words, options, and what their values may be. */
#include "cli/face.h"

#include "base/file.h"
#include "suite/experiment.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum take { TAKES_TEXT, TAKES_WORDS, TAKES_FILE, TAKES_REPORT, TAKES_FOLDER, TAKES_NAMED_FOLDER, TAKES_FORM };

/* What an argument of this name takes: by how the name begins, in this order. */
static enum take takes(const char *argument)
{
    static const struct {
        const char *begins;
        enum take take;
    } names[] = {{"DIR", TAKES_FOLDER},
                 {"FOLDER", TAKES_FOLDER},
                 {"NAME=DIR", TAKES_NAMED_FOLDER},
                 {"[NAME=]DIR", TAKES_NAMED_FOLDER},
                 {"FORM", TAKES_FORM},
                 {"REPORT", TAKES_REPORT},
                 {"BASELINE", TAKES_REPORT},
                 {"A [B]", TAKES_REPORT},
                 {"FILE", TAKES_FILE},
                 {"PATH", TAKES_FILE},
                 {"RULES", TAKES_FILE},
                 {"CONFIG", TAKES_FILE},
                 {"RECIPE", TAKES_FILE},
                 {"PAGE", TAKES_FILE},
                 {"EXPERIMENT", TAKES_FILE},
                 {"[NAME=]FOLDER", TAKES_FOLDER}};
    if (argument == NULL)
        return TAKES_TEXT;
    if (strchr(argument, '|') != NULL)
        return TAKES_WORDS;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(argument, names[i].begins, strlen(names[i].begins)) == 0)
            return names[i].take;
    return TAKES_TEXT;
}

static int is_yaml(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

/* The names of the files of configs/TASK, else of configs/choice. */
static void add_forms(struct text *out, const char *task)
{
    struct text name = {0};
    struct dirent **entries;
    text_printf(&name, "configs/%s", task);
    char *own = embedded_path(name.data), *folder = own && file_is_directory(own) ? own : embedded_path("configs/choice");
    int n = folder ? scandir(folder, &entries, is_yaml, alphasort) : -1;
    for (int i = 0; i < n; i++) {
        text_printf(out, "%s%.*s", out->len ? " " : "", (int)strlen(entries[i]->d_name) - 5, entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    if (folder != own)
        free(folder);
    free(own);
    text_free(&name);
}

/* "[a|b|c]" or "a|b|c" as "a b c". */
static void add_words(struct text *out, const char *argument)
{
    for (const char *p = argument; *p != '\0'; p++)
        if (strchr("[]", *p) == NULL)
            text_add(out, *p == '|' ? " " : p, 1);
}

/* The words that the values are of: of a choice, or the forms of a task; nothing for anything else. */
static void value_words(struct text *out, const char *argument, const char *task)
{
    if (takes(argument) == TAKES_WORDS)
        add_words(out, argument);
    else if (takes(argument) == TAKES_FORM)
        add_forms(out, task);
}

/* Text between single quotes of a shell; `also` are characters that get a backslash first. */
static void quoted(struct text *out, const char *text, const char *also)
{
    for (const char *p = text; *p != '\0'; p++)
        if (*p == '\'')
            text_puts(out, "'\\''");
        else
            text_printf(out, "%s%c", strchr(also, *p) ? "\\" : "", *p);
}

/* bash */

static const char BASH_HEAD[] = "    local at=$COMP_CWORD word=${COMP_WORDS[COMP_CWORD]} options= values= words= take=text\n"
                                "    # The option whose value this is: NAME=DIR and --option=value come in pieces.\n"
                                "    if [ \"$word\" = = ]; then word=; else at=$((at - 1)); fi\n"
                                "    [ \"${COMP_WORDS[at]}\" = = ] && at=$((at - 1))\n"
                                "    [[ ${COMP_WORDS[at]} == -* || ${COMP_WORDS[at + 1]} != = ]] || at=$((at - 1))\n";
static const char BASH_TAIL[] =
    "    COMPREPLY=()\n"
    "    if [[ $take == positional ]]; then take=${arguments:-text}; [[ $word == -* ]] && values=$options take=words; fi\n"
    "    case $take in\n"
    "    words) mapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$word\") ;;\n"
    "    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
    "    report) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -X '!*.json' -- \"$word\"; compgen -d -- "
    "\"$word\") ;;\n"
    "    folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$word\"; compgen -f -X '!*.gguf' -- "
    "\"$word\") ;;\n"
    "    esac\n"
    "}\n";
static const char *const BASH_TAKES[] = {"text", "words", "file", "report", "folder", "folder", "words"};

static void bash_options(struct text *cases, struct text *names, const struct option_spec *o, const char *word)
{
    for (; o != NULL && o->name != NULL; o++) {
        struct text values = {0};
        text_printf(names, "%s--%s", names->len ? " " : "", o->name);
        value_words(&values, o->argument, word);
        if (o->kind != OPTION_FLAG)
            text_printf(cases, "    '%s --%s') take=%s values='%s' ;;\n", word, o->name, BASH_TAKES[takes(o->argument)],
                        values.data ? values.data : "");
        text_free(&values);
    }
}

static void bash_word(struct text *out, struct text *cases, const char *word, const char *arguments,
                      const struct option_spec *own, const struct option_spec *common)
{
    struct text names = {0}, values = {0};
    bash_options(cases, &names, own, word);
    bash_options(cases, &names, common, word);
    value_words(&values, arguments, word);
    text_printf(out, "    %s) options='%s%s--help' arguments=%s values='%s' ;;\n", *word ? word : "*",
                names.data ? names.data : "", names.len ? " " : "", BASH_TAKES[takes(arguments)], values.data ? values.data : "");
    text_free(&names);
    text_free(&values);
}

/* The function's name: dashes of the program's are underscores. */
static void function_name(struct text *out, const char *program)
{
    for (const char *p = program; *p != '\0'; p++)
        text_add(out, *p == '-' ? "_" : p, 1);
}

void face_bash(struct text *out, const struct face *f)
{
    struct text cases = {0}, function = {0}, words = {0}, bars = {0};
    function_name(&function, f->name);
    for (const struct face_word *w = f->words; w != NULL && w->name != NULL; w++) {
        text_printf(&words, "%s ", w->name);
        text_printf(&bars, "%s%s", bars.len ? "|" : "", w->name);
    }
    text_printf(out, "# bash completion for %s, written from its own tables.\n_%s() {\n    local command= arguments=text\n%s",
                f->name, function.data, BASH_HEAD);
    if (bars.len > 0)
        text_printf(out, "    [ \"$COMP_CWORD\" != 1 ] && case ${COMP_WORDS[1]} in %s) command=${COMP_WORDS[1]} ;; esac\n",
                    bars.data);
    text_puts(out, "    case $command in\n");
    for (const struct face_word *w = f->words; w != NULL && w->name != NULL; w++)
        bash_word(out, &cases, w->name, w->arguments, w->options, w->common);
    bash_word(out, &cases, "", f->arguments, f->options, NULL);
    text_puts(out, "    esac\n");
    text_printf(out, "    case \"$command ${COMP_WORDS[at]}\" in\n%s    *) take=positional ;;\n    esac\n",
                cases.data ? cases.data : "");
    if (words.len > 0) /* where no word begins so, it may be an argument */
        text_printf(out,
                    "    words='%s--help --version'\n"
                    "    [ \"$COMP_CWORD\" = 1 ] && compgen -W \"$words\" -- \"$word\" >/dev/null && take=words values=$words\n",
                    words.data);
    text_printf(out, "%scomplete -F _%s %s\n", BASH_TAIL, function.data, f->name);
    text_free(&cases);
    text_free(&function);
    text_free(&words);
    text_free(&bars);
}

/* zsh */

static void zsh_action(struct text *out, const char *argument, const char *word)
{
    static const char *const actions[] = {"", NULL, "_files", "_files -g \"*.json\"", "_files", "_files -P \"*=\"", NULL};
    enum take take = takes(argument);
    struct text values = {0};
    value_words(&values, argument, word);
    if (take == TAKES_NAMED_FOLDER)
        text_puts(out, "{compset -P \"*=\"; _files}");
    else if (take == TAKES_WORDS || take == TAKES_FORM)
        text_printf(out, "(%s)", values.data ? values.data : "");
    else
        text_puts(out, actions[take]);
    text_free(&values);
}

static void zsh_options(struct text *out, const struct option_spec *o, const char *word)
{
    for (; o != NULL && o->name != NULL; o++) {
        text_printf(out, " \\\n            '%s--%s%s[", o->kind == OPTION_STRINGS ? "*" : "", o->name,
                    o->kind == OPTION_FLAG ? "" : "=");
        quoted(out, o->help, "[]\\");
        text_puts(out, "]");
        if (o->kind != OPTION_FLAG) {
            text_puts(out, ":");
            quoted(out, o->argument ? o->argument : "", ":\\");
            text_puts(out, ":");
            zsh_action(out, o->argument, word);
        }
        text_puts(out, "'");
    }
}

static void zsh_word(struct text *out, const char *word, const char *arguments, const struct option_spec *own,
                     const struct option_spec *common)
{
    text_printf(out, "        %s) _arguments", *word ? word : "*");
    zsh_options(out, own, word);
    zsh_options(out, common, word);
    text_puts(out, " \\\n            '--help[what it takes]' '*:argument:");
    zsh_action(out, arguments, word);
    text_puts(out, "' ;;\n");
}

void face_zsh(struct text *out, const struct face *f)
{
    text_printf(out, "#compdef %s\n# zsh completion for %s, written from its own tables.\n", f->name, f->name);
    if (f->words != NULL) {
        text_puts(out, "if (( CURRENT == 2 )); then\n    local -a commands=(\n");
        for (const struct face_word *w = f->words; w->name != NULL; w++) {
            text_printf(out, "        '%s:", w->name);
            quoted(out, w->summary, ":\\");
            text_puts(out, "'\n");
        }
        text_printf(out, "    )\n    _describe command commands\n    [[ %s ]] && return\nfi\n",
                    f->arguments ? "$words[2] != -*" : "1");
    }
    text_puts(out, "case $words[2] in\n");
    for (const struct face_word *w = f->words; w != NULL && w->name != NULL; w++)
        zsh_word(out, w->name, w->arguments, w->options, w->common);
    zsh_word(out, "", f->arguments, f->options, NULL);
    text_puts(out, "esac\n");
}

/* fish */

static void fish_action(struct text *out, const char *argument, const char *word)
{
    static const char *const actions[] = {" -x", NULL, " -rF", " -rF", " -rF", " -rF", NULL};
    enum take take = takes(argument);
    struct text values = {0};
    value_words(&values, argument, word);
    if (take == TAKES_WORDS || take == TAKES_FORM)
        text_printf(out, " -xa '%s'", values.data ? values.data : "");
    else
        text_puts(out, actions[take]);
    text_free(&values);
}

static void fish_options(struct text *out, const struct face *f, const struct option_spec *o, const char *word)
{
    for (; o != NULL && o->name != NULL; o++) {
        text_printf(out, "complete -c %s", f->name);
        if (*word)
            text_printf(out, " -n '__fish_seen_subcommand_from %s'", word);
        text_printf(out, " -l %s", o->name);
        if (o->kind != OPTION_FLAG)
            fish_action(out, o->argument, word);
        text_puts(out, " -d '");
        for (const char *p = o->help; *p != '\0'; p++)
            text_printf(out, "%s%c", strchr("'\\", *p) ? "\\" : "", *p);
        text_puts(out, "'\n");
    }
}

static void fish_word(struct text *out, const struct face *f, const struct face_word *w)
{
    text_printf(out, "complete -c %s -n __fish_use_subcommand -a %s -d '", f->name, w->name);
    quoted(out, w->summary, "\\");
    text_puts(out, "'\n");
    fish_options(out, f, w->options, w->name);
    fish_options(out, f, w->common, w->name);
    if (w->arguments == NULL)
        text_printf(out, "complete -c %s -n '__fish_seen_subcommand_from %s' -f\n", f->name, w->name);
    else if (takes(w->arguments) == TAKES_WORDS) {
        text_printf(out, "complete -c %s -n '__fish_seen_subcommand_from %s' -fa '", f->name, w->name);
        add_words(out, w->arguments);
        text_puts(out, "'\n");
    }
}

void face_fish(struct text *out, const struct face *f)
{
    text_printf(out, "# fish completion for %s, written from its own tables.\n", f->name);
    if (f->words != NULL && f->arguments == NULL)
        text_printf(out, "complete -c %s -n __fish_use_subcommand -f\n", f->name);
    for (const struct face_word *w = f->words; w != NULL && w->name != NULL; w++)
        fish_word(out, f, w);
    fish_options(out, f, f->options, "");
    text_printf(out, "complete -c %s -l help -d 'what it takes'\ncomplete -c %s -l version -d 'which version this is'\n", f->name,
                f->name);
}
