/* jinja_expression.c - see jinja_expression.h. */
#include "lm/jinja_expression.h"

#include <string.h>

static struct node *unary(struct parser *p);

struct node *parser_node(struct parser *p, enum node_kind kind, struct node *a, const char *name)
{
    struct node *n = node_new(&p->l, kind);
    n->a = a;
    n->name = name;
    return n;
}

void parser_enter(struct parser *p)
{
    if (++p->depth > JINJA_DEPTH)
        pool_fail(p->pool, "is nested too deeply, expected at most %d levels", JINJA_DEPTH);
}

bool parser_sign(struct parser *p, const char *text)
{
    return lex_take(&p->l, TOKEN_SIGN, text);
}

bool parser_at_sign(const struct parser *p, const char *text)
{
    return lex_is(&p->l, TOKEN_SIGN, text);
}

bool parser_word(struct parser *p, const char *text)
{
    return lex_take(&p->l, TOKEN_NAME, text);
}

struct node **node_append(struct node **last, struct node *n)
{
    *last = n;
    return &n->next;
}

/* Expressions, from what binds most to what binds least. */

/* Elements up to a closing sign, which is passed. */
static struct node *elements(struct parser *p, struct node *into, const char *close)
{
    struct node **last = &into->arguments;
    while (*last != NULL)
        last = &(*last)->next;
    while (!parser_sign(p, close)) {
        last = node_append(last, parser_node(p, NODE_CONSTANT, parse_expression(p), NULL));
        if (!parser_at_sign(p, close))
            lex_expect(&p->l, ",");
    }
    return into;
}

static struct node *parenthesis(struct parser *p)
{
    if (parser_sign(p, ")")) {
        struct node *empty = parser_node(p, NODE_LIST, NULL, NULL);
        empty->tuple = true;
        return empty;
    }
    struct node *first = parse_expression(p);
    if (parser_sign(p, ")"))
        return first;
    lex_expect(&p->l, ",");
    struct node *tuple = parser_node(p, NODE_LIST, NULL, NULL);
    tuple->tuple = true;
    tuple->arguments = parser_node(p, NODE_CONSTANT, first, NULL);
    return elements(p, tuple, ")");
}

static struct node *dictionary(struct parser *p)
{
    struct node *n = parser_node(p, NODE_DICT, NULL, NULL), **last = &n->arguments;
    while (!parser_sign(p, "}")) {
        struct node *pair = parser_node(p, NODE_CONSTANT, parse_expression(p), NULL);
        lex_expect(&p->l, ":");
        pair->b = parse_expression(p);
        last = node_append(last, pair);
        if (!parser_at_sign(p, "}"))
            lex_expect(&p->l, ",");
    }
    return n;
}

struct node *parser_constant(struct parser *p, struct value v)
{
    struct node *n = parser_node(p, NODE_CONSTANT, NULL, NULL);
    n->constant = v;
    return n;
}

static struct node *primary(struct parser *p)
{
    static const struct {
        const char *word;
        enum value_type type;
        bool truth;
    } words[] = {{"true", VALUE_BOOL, true},   {"True", VALUE_BOOL, true},  {"false", VALUE_BOOL, false},
                 {"False", VALUE_BOOL, false}, {"none", VALUE_NONE, false}, {"None", VALUE_NONE, false}};
    struct token t = p->l.token;
    if (t.kind == TOKEN_NAME) {
        lex_advance(&p->l);
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strcmp(t.text, words[i].word) == 0)
                return parser_constant(p, words[i].type == VALUE_NONE ? value_none() : value_bool(words[i].truth));
        return parser_node(p, NODE_NAME, NULL, t.text);
    }
    if (t.kind == TOKEN_INT || t.kind == TOKEN_FLOAT) {
        lex_advance(&p->l);
        return parser_constant(p, t.value);
    }
    if (t.kind == TOKEN_STRING) { /* strings side by side are one */
        struct buffer all = {0};
        for (; p->l.token.kind == TOKEN_STRING; lex_advance(&p->l))
            buffer_add(p->pool, &all, p->l.token.value.text, p->l.token.value.n);
        return parser_constant(p, value_text(all.data, all.n));
    }
    if (parser_sign(p, "("))
        return parenthesis(p);
    if (parser_sign(p, "["))
        return elements(p, parser_node(p, NODE_LIST, NULL, NULL), "]");
    if (parser_sign(p, "{"))
        return dictionary(p);
    pool_fail(p->pool, "found %s, expected an expression", t.text);
}

/* "(a, name=b)": arguments whose name is NULL or theirs; the first sign is passed. */
static struct node *call_arguments(struct parser *p)
{
    struct node *first = NULL, **last = &first;
    while (!parser_sign(p, ")")) {
        struct node *argument = parser_node(p, NODE_CONSTANT, NULL, NULL);
        if (parser_at_sign(p, "*") || parser_at_sign(p, "**"))
            pool_fail(p->pool, "arguments by %s are not known, expected single ones", p->l.token.text);
        argument->a = parse_expression(p);
        if (argument->a->kind == NODE_NAME && parser_sign(p, "=")) {
            argument->name = argument->a->name;
            argument->a = parse_expression(p);
        }
        last = node_append(last, argument);
        if (!parser_at_sign(p, ")"))
            lex_expect(&p->l, ",");
    }
    return first;
}

static struct node *subscript(struct parser *p, struct node *of)
{
    struct node *n = parser_node(p, NODE_ITEM, of, NULL);
    n->b = parser_at_sign(p, ":") ? NULL : parse_expression(p);
    if (parser_sign(p, ":")) {
        n->kind = NODE_SLICE;
        n->c = parser_at_sign(p, ":") || parser_at_sign(p, "]") ? NULL : parse_expression(p);
        if (parser_sign(p, ":"))
            n->step = parser_at_sign(p, "]") ? NULL : parse_expression(p);
    }
    lex_expect(&p->l, "]");
    return n;
}

static struct node *postfix(struct parser *p, struct node *n)
{
    for (;;) {
        if (parser_sign(p, ".")) {
            if (p->l.token.kind == TOKEN_INT) {
                n = parser_node(p, NODE_ITEM, n, NULL);
                n->b = parser_constant(p, p->l.token.value);
                lex_advance(&p->l);
            } else {
                n = parser_node(p, NODE_ATTRIBUTE, n, NULL);
                n->name = lex_name(&p->l);
            }
        } else if (parser_sign(p, "[")) {
            n = subscript(p, n);
        } else if (parser_sign(p, "(")) {
            n = parser_node(p, NODE_CALL, n, NULL);
            n->arguments = call_arguments(p);
        } else {
            return n;
        }
    }
}

/* A test's one argument may stand without parentheses. */
static bool begins_argument(const struct parser *p)
{
    static const char *const not_one[] = {"else", "or", "and", "is", "if", "in", "not"};
    const struct token *t = &p->l.token;
    for (size_t i = 0; t->kind == TOKEN_NAME && i < sizeof not_one / sizeof *not_one; i++)
        if (strcmp(t->text, not_one[i]) == 0)
            return false;
    return t->kind < TOKEN_SIGN || parser_at_sign(p, "[") || parser_at_sign(p, "{");
}

static struct node *test(struct parser *p, struct node *of)
{
    bool negated = parser_word(p, "not");
    struct node *n = parser_node(p, NODE_TEST, of, NULL);
    n->name = lex_name(&p->l);
    if (!jinja_has_test(n->name))
        pool_fail(p->pool, "the test '%.60s' is not known", n->name);
    if (parser_sign(p, "("))
        n->arguments = call_arguments(p);
    else if (begins_argument(p))
        n->arguments = parser_node(p, NODE_CONSTANT, postfix(p, primary(p)), NULL);
    return negated ? parser_node(p, NODE_UNARY, n, "not") : n;
}

static struct node *filters(struct parser *p, struct node *n)
{
    for (;;) {
        if (parser_sign(p, "|")) {
            n = parser_node(p, NODE_FILTER, n, NULL);
            n->name = lex_name(&p->l);
            if (!jinja_has_filter(n->name))
                pool_fail(p->pool, "the filter '%.60s' is not known", n->name);
            n->arguments = parser_sign(p, "(") ? call_arguments(p) : NULL;
        } else if (parser_word(p, "is")) {
            n = test(p, n);
        } else if (parser_sign(p, "(")) {
            n = parser_node(p, NODE_CALL, n, NULL);
            n->arguments = call_arguments(p);
        } else {
            return n;
        }
    }
}

static struct node *signed_primary(struct parser *p)
{
    static const char *const signs[] = {"-", "+"};
    struct node *n;
    parser_enter(p);
    for (size_t i = 0; i < 2; i++)
        if (parser_sign(p, signs[i])) {
            n = parser_node(p, NODE_UNARY, signed_primary(p), signs[i]);
            p->depth--;
            return n;
        }
    n = postfix(p, primary(p));
    p->depth--;
    return n;
}

static struct node *unary(struct parser *p)
{
    return filters(p, signed_primary(p));
}

/* Binary operators that bind alike, from the left. */
static struct node *binary(struct parser *p, const char *const *signs, struct node *(*operand)(struct parser *))
{
    struct node *left = operand(p);
    for (size_t i = 0; signs[i] != NULL;) {
        if (!parser_sign(p, signs[i])) {
            i++;
            continue;
        }
        left = parser_node(p, NODE_BINARY, left, signs[i]);
        left->b = operand(p);
        i = 0;
    }
    return left;
}

static struct node *power(struct parser *p)
{
    static const char *const signs[] = {"**", NULL};
    return binary(p, signs, unary);
}

static struct node *product(struct parser *p)
{
    static const char *const signs[] = {"*", "/", "//", "%", NULL};
    return binary(p, signs, power);
}

static struct node *joined(struct parser *p)
{
    static const char *const signs[] = {"~", NULL};
    return binary(p, signs, product);
}

static struct node *sum(struct parser *p)
{
    static const char *const signs[] = {"+", "-", NULL};
    return binary(p, signs, joined);
}

static const char *comparison(struct parser *p)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (parser_sign(p, signs[i]))
            return signs[i];
    if (parser_word(p, "in"))
        return "in";
    if (parser_word(p, "not")) {
        if (!parser_word(p, "in"))
            pool_fail(p->pool, "found %s, expected in after not", p->l.token.text);
        return "not in";
    }
    return NULL;
}

static struct node *compared(struct parser *p)
{
    struct node *first = sum(p), *n = NULL, **last = NULL;
    for (const char *by; (by = comparison(p)) != NULL;) {
        if (n == NULL) {
            n = parser_node(p, NODE_COMPARE, first, NULL);
            last = &n->arguments;
        }
        last = node_append(last, parser_node(p, NODE_CONSTANT, sum(p), by));
    }
    return n ? n : first;
}

static struct node *negated(struct parser *p)
{
    parser_enter(p);
    struct node *n = parser_word(p, "not") ? parser_node(p, NODE_UNARY, negated(p), "not") : compared(p);
    p->depth--;
    return n;
}

static struct node *and_expression(struct parser *p)
{
    struct node *left = negated(p);
    while (parser_word(p, "and")) {
        left = parser_node(p, NODE_AND, left, NULL);
        left->b = negated(p);
    }
    return left;
}

struct node *parse_or(struct parser *p)
{
    struct node *left = and_expression(p);
    while (parser_word(p, "or")) {
        left = parser_node(p, NODE_OR, left, NULL);
        left->b = and_expression(p);
    }
    return left;
}

struct node *parse_expression(struct parser *p)
{
    parser_enter(p);
    struct node *n = parse_or(p);
    while (parser_word(p, "if")) {
        struct node *choice = parser_node(p, NODE_CHOICE, n, NULL);
        choice->b = parse_or(p);
        choice->c = parser_word(p, "else") ? parse_expression(p) : NULL;
        n = choice;
    }
    p->depth--;
    return n;
}
