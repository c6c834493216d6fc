/* jinja_expression.h - expressions of chat templates, and what parses statements, too. */
#ifndef DIFFTF_LM_JINJA_EXPRESSION_H
#define DIFFTF_LM_JINJA_EXPRESSION_H

#include "lm/jinja_lex.h"

struct parser {
    struct lexer l;
    struct jinja_pool *pool;
    int depth;
};

struct node *parser_node(struct parser *p, enum node_kind kind, struct node *a, const char *name);
struct node *parser_constant(struct parser *p, struct value v);
/* Puts a node at the end of a list, whose new end it returns. */
struct node **node_append(struct node **last, struct node *n);
/* One level deeper; the caller takes it off p->depth again. */
void parser_enter(struct parser *p);
/* Is that sign or word next? Then it is passed; `at`: it stays. */
bool parser_sign(struct parser *p, const char *text);
bool parser_at_sign(const struct parser *p, const char *text);
bool parser_word(struct parser *p, const char *text);

/* The whole of an expression; without "a if b else c". */
struct node *parse_expression(struct parser *p);
struct node *parse_or(struct parser *p);

#endif
