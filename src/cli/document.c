/* document.c - a man page from a program's tables (man(7), as man-db and mandoc read it). */
#include "cli/face.h"

#include <ctype.h>
#include <string.h>

/* Text as roff takes it: no line begins with a control character, dashes of options stay dashes. Lines break at blanks after
 * `width` characters. */
static void roff_lines(struct text *out, const char *text, size_t width)
{
    size_t column = 0;
    for (const char *p = text; *p != '\0'; p++) {
        if (column++ == 0 && (*p == '.' || *p == '\''))
            text_puts(out, "\\&");
        if (*p == '\\')
            text_puts(out, "\\e");
        else if (*p == '-')
            text_puts(out, "\\-");
        else
            text_add(out, *p == ' ' && column > width ? "\n" : p, 1);
        if (*p == '\n' || (*p == ' ' && column > width))
            column = 0;
    }
}

static void roff(struct text *out, const char *text)
{
    roff_lines(out, text, SIZE_MAX);
}

static void roff_text(struct text *out, const char *text)
{
    roff_lines(out, text, 50);
}

static void upper(struct text *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        char c = (char)toupper((unsigned char)*p);
        text_add(out, &c, 1);
    }
}

static void option(struct text *out, const struct option_spec *o)
{
    text_puts(out, ".TP\n.B ");
    roff(out, "--");
    roff(out, o->name);
    if (o->argument != NULL) {
        text_puts(out, " \\fI");
        roff(out, o->argument);
        text_puts(out, "\\fR");
    }
    text_puts(out, "\n");
    struct text help = {0};
    text_puts(&help, o->help);
    option_range(&help, o);
    text_puts(&help, ".\n");
    roff_text(out, help.data);
    text_free(&help);
}

static void options(struct text *out, const char *title, const struct option_spec *o)
{
    if (o == NULL || o->name == NULL)
        return;
    text_printf(out, ".SH %s\n", title);
    for (; o->name != NULL; o++)
        option(out, o);
}

static void synopsis(struct text *out, const struct face *f, const struct face_word *w)
{
    const char *arguments = w ? w->arguments : f->arguments;
    text_puts(out, ".B ");
    roff(out, f->name);
    if (w != NULL) {
        text_puts(out, " ");
        roff(out, w->name);
    }
    text_puts(out, "\n");
    if (arguments != NULL && *arguments != '\0') {
        text_puts(out, ".I \"");
        roff(out, arguments);
        text_puts(out, "\"\n");
    }
    if ((w ? w->options : f->options) != NULL)
        text_puts(out, ".RI [ options ]\n");
}

/* Paragraphs are parted by empty lines; lines that begin with four blanks are code. */
static void body(struct text *out, const char *text)
{
    bool code = false;
    for (const char *line = text, *next; *line != '\0'; line = next) {
        size_t n = strcspn(line, "\n");
        next = line + n + (line[n] == '\n');
        bool indented = strncmp(line, "    ", 4) == 0;
        if (indented != code)
            text_puts(out, indented ? ".nf\n" : ".fi\n");
        code = indented;
        if (n == 0) {
            text_puts(out, ".PP\n");
            continue;
        }
        struct text piece = {0};
        text_add(&piece, line + (indented ? 4 : 0), n - (indented ? 4 : 0));
        text_puts(&piece, "\n");
        roff_lines(out, piece.data, code ? SIZE_MAX : 50);
        text_free(&piece);
    }
    if (code)
        text_puts(out, ".fi\n");
}

/* Words whose options are the program's own, or none, stand on its page alone. */
bool face_has_page(const struct face *f, const struct face_word *w)
{
    return w->options != NULL && w->options != f->options;
}

static void words(struct text *out, const struct face *f)
{
    text_puts(out, ".SH COMMANDS\n");
    for (const struct face_word *w = f->words; w->name != NULL; w++) {
        text_puts(out, ".TP\n.B ");
        roff(out, w->name);
        text_puts(out, "\n");
        roff_text(out, w->summary);
        if (face_has_page(f, w)) {
            text_puts(out, "; see\n.BR ");
            roff(out, f->name);
            text_printf(out, "\\-%s (1)", w->name);
        }
        text_puts(out, ".\n");
    }
}

static void page_name(struct text *out, const struct face *f, const struct face_word *w)
{
    text_printf(out, "%s%s%s", f->name, w ? "-" : "", w ? w->name : "");
}

/* A word's page names its program's, any other the main one. */
static void see_also(struct text *out, const struct face *f, const struct face_word *w)
{
    const char *page = w ? f->name : "difftf-eval";
    if (w == NULL && strcmp(f->name, page) == 0)
        return;
    text_puts(out, ".SH SEE ALSO\n.BR ");
    roff(out, page);
    text_puts(out, " (1)\n");
}

void face_man(struct text *out, const struct face *f, const struct face_word *w)
{
    struct text name = {0};
    page_name(&name, f, w);
    text_puts(out, ".\\\" Written from the program's own tables.\n.TH ");
    upper(out, name.data);
    text_printf(out, " 1 %s \"difftf %s\" \"User Commands\"\n.SH NAME\n", DIFFTF_RELEASED, DIFFTF_VERSION);
    roff(out, name.data);
    text_puts(out, " \\- ");
    roff_lines(out, w ? w->summary : f->summary, 30);
    text_puts(out, "\n.SH SYNOPSIS\n");
    if (w != NULL || f->arguments != NULL)
        synopsis(out, f, w);
    if (w == NULL && f->words != NULL) {
        text_printf(out, "%s.B ", f->arguments ? ".br\n" : "");
        roff(out, f->name);
        text_puts(out, "\n.I COMMAND\n.RI [ arguments ]\n");
    }
    if (w == NULL && f->description != NULL) {
        text_puts(out, ".SH DESCRIPTION\n");
        body(out, f->description);
    }
    if (w == NULL && f->words != NULL)
        words(out, f);
    options(out, "OPTIONS", w ? w->options : f->options);
    options(out, "OPTIONS OF EVERY TASK", w ? w->common : NULL);
    for (const struct face_section *s = w ? NULL : f->sections; s != NULL && s->title != NULL; s++) {
        text_printf(out, ".SH %s\n", s->title);
        body(out, s->body);
    }
    text_puts(out, ".SH EXIT STATUS\n");
    roff_text(out,
              "0 done; 1 a check found a regression; 2 wrong usage; 3 a model, data set, configuration or report is invalid, "
              "missing or does not fit; 4 the system failed; 130 or 143 stopped by a signal.\n");
    see_also(out, f, w);
    text_free(&name);
}

void face_markdown(struct text *out, const struct option_spec *o)
{
    text_puts(out, "| option | means | default, range |\n|---|---|---|\n");
    for (; o != NULL && o->name != NULL; o++) {
        struct text cell = {0}, range = {0};
        text_printf(&cell, "`--%s%s%s`", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        for (const char *p = cell.data; *p != '\0'; p++) /* a bar within a cell would end it */
            text_printf(out, "%s%c", p == cell.data ? "| " : *p == '|' ? "\\" : "", *p);
        option_range(&range, o);
        text_printf(out, " | %s | %.*s |\n", o->help, range.len > 3 ? (int)range.len - 3 : 0,
                    range.len > 3 ? range.data + 2 : "");
        text_free(&cell);
        text_free(&range);
    }
}
