/* jinja_parts.h - what the files of the template engine share: values, nodes, and the memory of both.
 *
 * Everything lives in a pool that is freed at once. An error leaves by longjmp to the one place that frees it, so that no step
 * in between has to hand it on: nothing but the pool is held there.
 */
#ifndef DIFFTF_LM_JINJA_PARTS_H
#define DIFFTF_LM_JINJA_PARTS_H

#include "base/memory.h"
#include "base/status.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdint.h>
#include <time.h>

enum {
    JINJA_MEMORY = 64 << 20, /* bytes of values */
    JINJA_STEPS = 4000000,   /* nodes that are evaluated */
    JINJA_DEPTH = 200,       /* nodes within nodes, calls within calls */
    JINJA_RANGE = 100000,    /* numbers of one range() */
};

struct jinja_pool {
    struct jinja_block *blocks;
    size_t used;
    const char *name; /* of the template */
    int line;         /* that is worked on */
    jmp_buf out;
    struct error *err;
};
/* Zeroed memory. */
void *pool_get(struct jinja_pool *p, size_t bytes);
char *pool_copy(struct jinja_pool *p, const char *text, size_t n);
void pool_free(struct jinja_pool *p);
__attribute__((noreturn, format(printf, 2, 3))) void pool_fail(struct jinja_pool *p, const char *format, ...);

/* A growing string in the pool. */
struct buffer {
    char *data;
    size_t n, capacity;
};
void buffer_add(struct jinja_pool *p, struct buffer *b, const char *text, size_t n);
void buffer_puts(struct jinja_pool *p, struct buffer *b, const char *text);

enum value_type {
    VALUE_UNDEFINED,
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_DICT,
    VALUE_NAMESPACE, /* a dictionary whose members may be set */
    VALUE_MACRO,
    VALUE_LOOP,
};

struct value {
    enum value_type type;
    union {
        bool truth;
        int64_t whole;
        double real;
        struct {
            const char *text;
            size_t n;
        };
        struct list *list;
        struct dict *dict;
        const struct node *macro;
        struct loop *loop;
        const char *what; /* undefined: the name that was looked for, or NULL */
    };
    struct frame *home; /* of a macro */
};

struct list {
    struct value *item;
    size_t n, capacity;
    int depth; /* lists and dictionaries within each other, at most JINJA_DEPTH: what walks through them ends */
    bool tuple;
};
struct dict {
    struct value *key, *value;
    size_t n, capacity;
    int depth;
};
struct loop {
    const struct list *items;
    size_t at, depth;
};

enum node_kind {
    NODE_TEXT,
    NODE_PRINT,
    NODE_IF,        /* a: condition, body, other */
    NODE_FOR,       /* targets, a: what, b: condition or NULL, body, other */
    NODE_SET,       /* targets, a: value */
    NODE_SET_BLOCK, /* name, body */
    NODE_MACRO,     /* name, arguments (a: default or NULL), body */
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_CONSTANT,
    NODE_NAME,
    NODE_LIST, /* arguments; `tuple` */
    NODE_DICT, /* arguments: a: key, b: value */
    NODE_ATTRIBUTE,
    NODE_ITEM,    /* a[b] */
    NODE_SLICE,   /* a[b:c:step] */
    NODE_CALL,    /* a(arguments) */
    NODE_FILTER,  /* a | name(arguments) */
    NODE_TEST,    /* a is name(arguments) */
    NODE_UNARY,   /* name: - + not */
    NODE_BINARY,  /* name: + - * / // % ** ~ */
    NODE_COMPARE, /* a, then arguments: name: the operator, a: the operand */
    NODE_AND,
    NODE_OR,
    NODE_CHOICE, /* a if b else c */
};

struct node {
    enum node_kind kind;
    int line;
    const char *name; /* a word of the template */
    struct value constant;
    struct node *a, *b, *c, *step;
    struct node *arguments, *body, *other, *targets; /* lists */
    bool tuple;
    struct node *next;
};

struct jinja {
    struct jinja_pool pool;
    struct node *body;
};

/* Parses into pool and body. */
void jinja_parse(struct jinja *j, const char *source, size_t length);

/* A rendering. */
struct run {
    struct jinja_pool pool;
    const cJSON *variables;
    struct buffer *out;
    time_t now;
    size_t steps, depth, loops;
};

/* Counts a step, and more where it looks at so many bytes. */
void run_spend(struct run *r, size_t bytes);

struct frame {
    struct frame *parent;
    struct variable *variables;
};

/* Arguments of a call, filter or test. */
struct call {
    const struct value *item; /* [n] by position */
    size_t n;
    const char *const *name; /* [n_named] */
    const struct value *named;
    size_t n_named;
};
/* Argument number i, or of that name; NULL: it is not there. */
const struct value *call_argument(const struct call *c, size_t i, const char *name);

struct value value_none(void);
struct value value_bool(bool truth);
struct value value_int(int64_t whole);
struct value value_undefined(const char *what);
struct value value_function(void); /* one of the engine's own, or a method: it is there, and may only be called */
struct value value_text(const char *text, size_t n); /* not copied */
struct value value_list(struct run *r);
struct value value_dict(struct run *r);
struct value value_from_json(struct run *r, const cJSON *json);
void list_add(struct run *r, struct list *l, struct value v);
void dict_set(struct run *r, struct dict *d, struct value key, struct value v);
const struct value *dict_get(const struct dict *d, const struct value *key);
const struct value *dict_find(const struct dict *d, const char *key);

bool value_is_true(const struct value *v);
bool value_equal(struct run *r, const struct value *a, const struct value *b);
/* < 0, 0, > 0 of numbers or of strings; others are errors. */
int value_order(struct run *r, const struct value *a, const struct value *b);
bool value_is_in(struct run *r, const struct value *a, const struct value *b);
bool value_number(const struct value *v, double *x);
/* What a loop over it sees: the members of a list, keys, characters; nothing for what is undefined. */
const struct list *value_items(struct run *r, const struct value *v);
size_t value_length(struct run *r, const struct value *v);
/* As Python's str(); `quoted`: repr(). */
void value_write(struct run *r, struct buffer *b, const struct value *v, bool quoted);
struct value value_string(struct run *r, const struct value *v);
/* As json.dumps(ensure_ascii=False) with `indent` blanks, -1: on one line. */
void value_write_json(struct run *r, struct buffer *b, const struct value *v, int indent, int level);
const char *value_kind(const struct value *v);
/* v.name, v[key]; undefined where there is none. */
struct value value_attribute(struct run *r, const struct value *v, const char *name);
struct value value_item(struct run *r, const struct value *v, const struct value *key);
struct value value_slice(struct run *r, const struct value *v, const struct value *from, const struct value *to,
                         const struct value *step);
/* The value itself; an error where it is undefined: looking at it is none, looking into it is. */
const struct value *value_must(struct run *r, const struct value *v, const char *what);
/* By the sign of an operator: + - * / // % ** ~, and == != < <= > >= in, not in. */
struct value value_arithmetic(struct run *r, const char *sign, const struct value *a, const struct value *b);
bool value_compare(struct run *r, const char *by, const struct value *a, const struct value *b);

/* What templates call by name; a name that is not there is an error that says so. */
struct value jinja_filter(struct run *r, const char *name, const struct value *v, const struct call *c);
bool jinja_test(struct run *r, const char *name, const struct value *v, const struct call *c);
struct value jinja_function(struct run *r, const char *name, const struct call *c);
/* False when values of that type have no such method. */
bool jinja_method(struct run *r, const char *name, const struct value *self, const struct call *c, struct value *out);
bool jinja_has_function(const char *name);
bool jinja_has_method(const struct value *self, const char *name);
/* Names that are used, looked up when a template is parsed. */
bool jinja_has_filter(const char *name);
bool jinja_has_test(const char *name);

#endif
