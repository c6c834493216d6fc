/* escape.c - see escape.h. */
#include "report/escape.h"

#include <stdlib.h>
#include <string.h>

/* What stands for a character. */
struct entity {
    char character;
    const char *text;
};

static void replace(struct text *out, const char *text, const struct entity *entities, size_t n)
{
    for (; *text != '\0'; text++) {
        const char *entity = NULL;
        for (size_t i = 0; i < n; i++)
            entity = entities[i].character == *text ? entities[i].text : entity;
        if (entity != NULL)
            text_puts(out, entity);
        else
            text_add(out, text, 1);
    }
}

#define REPLACE(out, text, entities) replace(out, text, entities, sizeof(entities) / sizeof *(entities))

void html_text(struct text *out, const char *text)
{
    static const struct entity entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    REPLACE(out, text, entities);
}

/* A number, or an interval of our own: [low, high]. */
static bool is_figure(const char *text)
{
    char *end;
    strtod(text, &end);
    return end != text && *end == '\0';
}

void csv_text(struct text *out, const char *text)
{
    static const struct entity quotes[] = {{'"', "\"\""}};
    bool formula = text[0] != '\0' && strchr("=@+-\t\r\n", text[0]) != NULL && !is_figure(text) && strcmp(text, "-") != 0;
    bool quote = formula || strpbrk(text, ",;\"\n\r\t") != NULL || text[0] == ' ';
    text_puts(out, quote ? "\"" : "");
    text_puts(out, formula ? "'" : "");
    REPLACE(out, text, quotes);
    text_puts(out, quote ? "\"" : "");
}

void markdown_text(struct text *out, const char *text)
{
    /* `](` would begin the address of a link */
    static const struct entity entities[] = {{'|', "\\|"},   {'\\', "\\\\"}, {'`', "\\`"}, {'<', "&lt;"}, {'>', "&gt;"},
                                             {'&', "&amp;"}, {'(', "\\("},   {'\n', " "},  {'\r', " "}};
    bool link = strstr(text, "](") != NULL;
    for (char one[2] = ""; *text != '\0'; text++) {
        one[0] = *text;
        if (*text == '(' && !link)
            text_puts(out, one);
        else
            REPLACE(out, one, entities);
    }
}

void latex_text(struct text *out, const char *text)
{
    static const struct entity entities[] = {{'&', "\\&"},
                                             {'%', "\\%"},
                                             {'$', "\\$"},
                                             {'#', "\\#"},
                                             {'_', "\\_"},
                                             {'{', "\\{"},
                                             {'}', "\\}"},
                                             {'\\', "\\textbackslash{}"},
                                             {'~', "\\textasciitilde{}"},
                                             {'^', "\\textasciicircum{}"},
                                             {'\n', " "},
                                             {'\r', " "}};
    REPLACE(out, text, entities);
}
