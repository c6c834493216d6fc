/* jinja_lex.h - a template as text and tags, and the tokens within a tag. */
#ifndef DIFFTF_LM_JINJA_LEX_H
#define DIFFTF_LM_JINJA_LEX_H

#include "lm/jinja_parts.h"

enum token_kind { TOKEN_NAME, TOKEN_INT, TOKEN_FLOAT, TOKEN_STRING, TOKEN_SIGN, TOKEN_END };

struct token {
    enum token_kind kind;
    const char *text; /* a word or a sign; of others what they are called */
    struct value value;
};

struct lexer {
    struct jinja_pool *pool;
    const char *at, *end;
    struct token token; /* the next one within a tag */
    char closes;        /* the tag that is open: % or } */
    int brackets;       /* open ones within it */
    bool line_starts;   /* the last tag took a line break with it, or nothing came before */
};

struct node *node_new(struct lexer *l, enum node_kind kind);
/* Text up to the next tag, without what tags cut from its ends; NULL: there is none. *tag: '{', '%' or '#' of "{{", "{%", "{#",
 * which is then behind it, '\0' at the end. */
struct node *lex_text(struct lexer *l, char *tag);
void lex_comment(struct lexer *l);
/* Reads the first token of a tag that ends with "%}" or "}}". */
void lex_open(struct lexer *l, char closes);
void lex_advance(struct lexer *l);

bool lex_is(const struct lexer *l, enum token_kind kind, const char *text);
/* Is it that token? Then it is passed. */
bool lex_take(struct lexer *l, enum token_kind kind, const char *text);
void lex_expect(struct lexer *l, const char *sign);
const char *lex_name(struct lexer *l);
/* The tag must be at its end. Nothing behind it is read. */
void lex_end(const struct lexer *l);

#endif
