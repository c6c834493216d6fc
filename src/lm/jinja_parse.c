/* jinja_parse.c - statements of chat templates; see jinja.h. */
#include "lm/jinja_expression.h"

#include <string.h>

static bool at_word(const struct parser *p, const char *text)
{
    return lex_is(&p->l, TOKEN_NAME, text);
}

/* Statements. Each is read from its first token behind its name up to the end of its last tag. */

static struct node *body(struct parser *p, const char *const *ends, const char **found);

static struct node *if_statement(struct parser *p)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL}, *const last[] = {"endif", NULL};
    struct node *n = parser_node(p, NODE_IF, parse_expression(p), NULL);
    const char *found;
    lex_end(&p->l);
    n->body = body(p, ends, &found);
    if (strcmp(found, "elif") == 0) {
        n->other = if_statement(p);
        return n;
    }
    lex_end(&p->l);
    if (strcmp(found, "else") == 0) {
        n->other = body(p, last, &found);
        lex_end(&p->l);
    }
    return n;
}

/* "a", "a, b", "(a, b)", or a member of a namespace where `members`. */
static struct node *targets(struct parser *p, bool members)
{
    struct node *first = NULL, **last = &first;
    bool closed = parser_sign(p, "(");
    do {
        struct node *t = parser_node(p, NODE_NAME, NULL, lex_name(&p->l));
        if (members && parser_sign(p, ".")) {
            t = parser_node(p, NODE_ATTRIBUTE, t, NULL);
            t->name = lex_name(&p->l);
        }
        last = node_append(last, t);
    } while (parser_sign(p, ","));
    if (closed)
        lex_expect(&p->l, ")");
    return first;
}

static struct node *for_statement(struct parser *p)
{
    static const char *const ends[] = {"else", "endfor", NULL}, *const last[] = {"endfor", NULL};
    struct node *n = parser_node(p, NODE_FOR, NULL, NULL);
    const char *found;
    n->targets = targets(p, false);
    if (!parser_word(p, "in"))
        pool_fail(p->pool, "found %s, expected in", p->l.token.text);
    n->a = parse_or(p);
    n->b = parser_word(p, "if") ? parse_expression(p) : NULL;
    if (at_word(p, "recursive"))
        pool_fail(p->pool, "recursive loops are not known");
    lex_end(&p->l);
    n->body = body(p, ends, &found);
    lex_end(&p->l);
    if (strcmp(found, "else") == 0) {
        n->other = body(p, last, &found);
        lex_end(&p->l);
    }
    return n;
}

static struct node *set_statement(struct parser *p)
{
    static const char *const last[] = {"endset", NULL};
    struct node *n = parser_node(p, NODE_SET, NULL, NULL);
    const char *found;
    n->targets = targets(p, true);
    if (parser_sign(p, "=")) {
        n->a = parse_expression(p);
        if (parser_at_sign(p, ",")) {
            struct node *tuple = parser_node(p, NODE_LIST, NULL, NULL), **end = &tuple->arguments;
            tuple->tuple = true;
            end = node_append(end, parser_node(p, NODE_CONSTANT, n->a, NULL));
            while (parser_sign(p, ","))
                end = node_append(end, parser_node(p, NODE_CONSTANT, parse_expression(p), NULL));
            n->a = tuple;
        }
        lex_end(&p->l);
        return n;
    }
    n->kind = NODE_SET_BLOCK;
    lex_end(&p->l);
    n->body = body(p, last, &found);
    lex_end(&p->l);
    return n;
}

static struct node *macro_statement(struct parser *p)
{
    static const char *const ends[] = {"endmacro", NULL};
    struct node *n = parser_node(p, NODE_MACRO, NULL, lex_name(&p->l)), **last = &n->arguments;
    const char *found;
    lex_expect(&p->l, "(");
    while (!parser_sign(p, ")")) {
        struct node *argument = parser_node(p, NODE_NAME, NULL, lex_name(&p->l));
        argument->a = parser_sign(p, "=") ? parse_expression(p) : NULL;
        last = node_append(last, argument);
        if (!parser_at_sign(p, ")"))
            lex_expect(&p->l, ",");
    }
    lex_end(&p->l);
    n->body = body(p, ends, &found);
    if (p->l.token.kind == TOKEN_NAME)
        lex_advance(&p->l); /* {% endmacro name %} */
    lex_end(&p->l);
    return n;
}

static struct node *plain_statement(struct parser *p, enum node_kind kind)
{
    lex_end(&p->l);
    return parser_node(p, kind, NULL, NULL);
}

static struct node *break_statement(struct parser *p)
{
    return plain_statement(p, NODE_BREAK);
}

static struct node *continue_statement(struct parser *p)
{
    return plain_statement(p, NODE_CONTINUE);
}

/* What the assistant says, marked for training: its body as it is. */
static struct node *generation_statement(struct parser *p)
{
    static const char *const ends[] = {"endgeneration", NULL};
    const char *found;
    lex_end(&p->l);
    struct node *n = parser_node(p, NODE_IF, parser_constant(p, value_bool(true)), NULL);
    n->body = body(p, ends, &found);
    lex_end(&p->l);
    return n;
}

static struct node *statement(struct parser *p, const char *name)
{
    static const struct {
        const char *name;
        struct node *(*parse)(struct parser *);
    } statements[] = {{"if", if_statement},
                      {"for", for_statement},
                      {"set", set_statement},
                      {"macro", macro_statement},
                      {"break", break_statement},
                      {"continue", continue_statement},
                      {"generation", generation_statement}};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (strcmp(statements[i].name, name) == 0)
            return statements[i].parse(p);
    pool_fail(p->pool, "the statement '%.60s' is not known, expected if, for, set, macro, break, continue or generation", name);
}

/* Up to the tag that is one of `ends`, which *found tells; NULL: up to the end of the template. */
static struct node *body(struct parser *p, const char *const *ends, const char **found)
{
    struct node *first = NULL, **last = &first;
    int line = p->pool->line;
    parser_enter(p);
    for (;;) {
        char tag;
        struct node *text = lex_text(&p->l, &tag);
        if (text != NULL)
            last = node_append(last, text);
        if (tag == '\0')
            break;
        if (tag == '#') {
            lex_comment(&p->l);
            continue;
        }
        lex_open(&p->l, tag == '{' ? '}' : '%');
        if (tag == '{') {
            struct node *n = parser_node(p, NODE_PRINT, parse_expression(p), NULL);
            lex_end(&p->l);
            last = node_append(last, n);
            continue;
        }
        const char *name = lex_name(&p->l);
        for (size_t i = 0; ends != NULL && ends[i] != NULL; i++)
            if (strcmp(ends[i], name) == 0) {
                *found = ends[i];
                p->depth--;
                return first;
            }
        last = node_append(last, statement(p, name));
    }
    if (ends != NULL) {
        p->pool->line = line;
        pool_fail(p->pool, "what begins here does not end, expected {%% %s %%}", ends[0]);
    }
    p->depth--;
    return first;
}

void jinja_parse(struct jinja *j, const char *source, size_t length)
{
    struct parser p = {.pool = &j->pool};
    struct buffer text = {0}; /* every line break is one character; the last one of the file does not count */
    buffer_puts(&j->pool, &text, "");
    for (size_t i = 0; i < length; i++) {
        bool pair = source[i] == '\r' && i + 1 < length && source[i + 1] == '\n';
        if (!pair)
            buffer_add(&j->pool, &text, source[i] == '\r' ? "\n" : source + i, 1);
    }
    text.n -= text.n > 0 && text.data[text.n - 1] == '\n';
    p.l = (struct lexer){.pool = &j->pool, .at = text.data, .end = text.data + text.n, .line_starts = true};
    j->pool.line = 1;
    j->body = body(&p, NULL, NULL);
}
