/* jinja_run.c - evaluates a chat template; see jinja.h. */
#include "lm/jinja.h"

#include "lm/jinja_parts.h"

#include <stdlib.h>
#include <string.h>

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

struct variable {
    const char *name;
    struct value value;
    struct variable *next;
};

static struct value evaluate(struct run *r, struct frame *f, const struct node *n);
static enum flow execute(struct run *r, struct frame *f, const struct node *n);

static void assign(struct run *r, struct frame *f, const char *name, struct value v)
{
    struct variable *x = f->variables;
    while (x != NULL && strcmp(x->name, name) != 0)
        x = x->next;
    if (x == NULL) {
        x = pool_get(&r->pool, sizeof *x);
        x->name = name;
        x->next = f->variables;
        f->variables = x;
    }
    x->value = v;
}

static const struct value *find(const struct frame *f, const char *name)
{
    for (; f != NULL; f = f->parent)
        for (const struct variable *x = f->variables; x != NULL; x = x->next)
            if (strcmp(x->name, name) == 0)
                return &x->value;
    return NULL;
}

/* Frames outlive the loop or macro that they are of: a macro that is kept has its surroundings. */
static struct frame *new_frame(struct run *r, struct frame *parent)
{
    struct frame *f = pool_get(&r->pool, sizeof *f);
    f->parent = parent;
    return f;
}

static void step(struct run *r, const struct node *n)
{
    r->pool.line = n->line;
    run_spend(r, 0);
}

/* Arguments */

const struct value *call_argument(const struct call *c, size_t i, const char *name)
{
    for (size_t k = 0; name != NULL && k < c->n_named; k++)
        if (strcmp(c->name[k], name) == 0)
            return &c->named[k];
    return i < c->n ? &c->item[i] : NULL;
}

static struct call arguments(struct run *r, struct frame *f, const struct node *list)
{
    size_t n = 0, k = 0, m = 0;
    for (const struct node *a = list; a != NULL; a = a->next)
        n++;
    struct value *item = pool_get(&r->pool, n * sizeof *item), *named = pool_get(&r->pool, n * sizeof *named);
    const char **name = pool_get(&r->pool, n * sizeof *name);
    for (const struct node *a = list; a != NULL; a = a->next) {
        struct value v = evaluate(r, f, a->a);
        if (a->name == NULL) {
            item[k++] = v;
        } else {
            name[m] = a->name;
            named[m++] = v;
        }
    }
    return (struct call){item, k, name, named, m};
}

/* A macro sees what is around it; its text is its value. */
static struct value call_macro(struct run *r, const struct value *macro, const struct call *c)
{
    struct frame *f = new_frame(r, macro->home);
    struct buffer text = {0}, *out = r->out;
    size_t i = 0;
    if (macro->macro == NULL)
        pool_fail(&r->pool, "a function is called by another name, which is not known");
    for (const struct node *a = macro->macro->arguments; a != NULL; a = a->next, i++) {
        const struct value *given = call_argument(c, i, a->name);
        assign(r, f, a->name, given ? *given : a->a ? evaluate(r, f, a->a) : value_undefined(a->name));
    }
    if (c->n > i)
        pool_fail(&r->pool, "the macro %.60s has %zu arguments, %zu are given", macro->macro->name, i, c->n);
    buffer_puts(&r->pool, &text, "");
    r->out = &text;
    execute(r, f, macro->macro->body);
    r->out = out;
    return value_text(text.data, text.n);
}

static struct value call(struct run *r, struct frame *f, const struct node *n)
{
    const struct node *what = n->a;
    struct call c = arguments(r, f, n->arguments);
    struct value callee, out;
    r->pool.line = n->line;
    if (what->kind == NODE_ATTRIBUTE) {
        struct value self = evaluate(r, f, what->a);
        value_must(r, &self, what->a->name ? what->a->name : "a value");
        if (jinja_method(r, what->name, &self, &c, &out))
            return out;
        callee = value_attribute(r, &self, what->name);
        if (callee.type != VALUE_MACRO)
            pool_fail(&r->pool, "%s has no method '%.60s' that is known", value_kind(&self), what->name);
        return call_macro(r, &callee, &c);
    }
    const struct value *found = what->kind == NODE_NAME ? find(f, what->name) : NULL;
    if (what->kind == NODE_NAME && found == NULL)
        return jinja_function(r, what->name, &c);
    callee = found ? *found : evaluate(r, f, what);
    if (callee.type != VALUE_MACRO)
        pool_fail(&r->pool, "%s is called, expected a macro or a function", value_kind(&callee));
    return call_macro(r, &callee, &c);
}

/* Expressions */

static struct value name_value(struct run *r, struct frame *f, const char *name)
{
    const struct value *found = find(f, name);
    if (found != NULL)
        return *found;
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(r->variables, name);
    if (given == NULL) /* a function is defined, though it is no value here */
        return jinja_has_function(name) ? value_function() : value_undefined(name);
    struct frame *top = f;
    while (top->parent != NULL)
        top = top->parent;
    struct value v = value_from_json(r, given);
    assign(r, top, name, v);
    return v;
}

static struct value choose(struct run *r, struct frame *f, const struct node *n)
{
    struct value v = evaluate(r, f, n->kind == NODE_CHOICE ? n->b : n->a);
    if (n->kind == NODE_CHOICE)
        return value_is_true(&v) ? evaluate(r, f, n->a) : n->c ? evaluate(r, f, n->c) : value_undefined(NULL);
    return value_is_true(&v) == (n->kind == NODE_AND) ? evaluate(r, f, n->b) : v;
}

static struct value members(struct run *r, struct frame *f, const struct node *n)
{
    struct value out = n->kind == NODE_LIST ? value_list(r) : value_dict(r);
    for (const struct node *a = n->arguments; a != NULL; a = a->next) {
        struct value v = evaluate(r, f, a->a);
        if (n->kind == NODE_LIST)
            list_add(r, out.list, v);
        else
            dict_set(r, out.dict, v, evaluate(r, f, a->b));
    }
    if (n->kind == NODE_LIST)
        out.list->tuple = n->tuple;
    return out;
}

static struct value compared(struct run *r, struct frame *f, const struct node *n)
{
    struct value left = evaluate(r, f, n->a), right;
    for (const struct node *a = n->arguments; a != NULL; a = a->next, left = right) {
        right = evaluate(r, f, a->a);
        if (!value_compare(r, a->name, &left, &right))
            return value_bool(false);
    }
    return value_bool(true);
}

static struct value part(struct run *r, struct frame *f, const struct node *n)
{
    struct value of = evaluate(r, f, n->a), at[3];
    const struct node *const nodes[] = {n->b, n->c, n->step};
    for (size_t i = 0; i < 3; i++)
        at[i] = nodes[i] ? evaluate(r, f, nodes[i]) : value_none();
    r->pool.line = n->line;
    return n->kind == NODE_ITEM ? value_item(r, &of, &at[0]) : value_slice(r, &of, &at[0], &at[1], &at[2]);
}

static struct value applied(struct run *r, struct frame *f, const struct node *n)
{
    struct value v = evaluate(r, f, n->a);
    if (n->kind == NODE_ATTRIBUTE)
        return value_attribute(r, &v, n->name);
    struct call c = arguments(r, f, n->arguments);
    r->pool.line = n->line;
    return n->kind == NODE_FILTER ? jinja_filter(r, n->name, &v, &c) : value_bool(jinja_test(r, n->name, &v, &c));
}

static struct value operated(struct run *r, struct frame *f, const struct node *n)
{
    struct value a = evaluate(r, f, n->a), zero = value_int(0);
    if (n->kind == NODE_BINARY) {
        struct value b = evaluate(r, f, n->b);
        r->pool.line = n->line;
        return value_arithmetic(r, n->name, &a, &b);
    }
    if (n->name[0] == '-' && a.type == VALUE_FLOAT) {
        a.real = -a.real;
        return a;
    }
    return strcmp(n->name, "not") == 0 ? value_bool(!value_is_true(&a)) : value_arithmetic(r, n->name, &zero, &a);
}

static struct value evaluate(struct run *r, struct frame *f, const struct node *n)
{
    static struct value (*const kinds[])(struct run *, struct frame *, const struct node *) = {
        [NODE_LIST] = members,   [NODE_DICT] = members,    [NODE_ATTRIBUTE] = applied, [NODE_ITEM] = part,
        [NODE_SLICE] = part,     [NODE_CALL] = call,       [NODE_FILTER] = applied,    [NODE_TEST] = applied,
        [NODE_UNARY] = operated, [NODE_BINARY] = operated, [NODE_COMPARE] = compared,  [NODE_AND] = choose,
        [NODE_OR] = choose,      [NODE_CHOICE] = choose};
    step(r, n);
    if (n->kind == NODE_CONSTANT)
        return n->constant;
    if (n->kind == NODE_NAME)
        return name_value(r, f, n->name);
    if (++r->depth > 4 * JINJA_DEPTH)
        pool_fail(&r->pool, "calls itself too deeply, expected at most %d levels", 4 * JINJA_DEPTH);
    struct value v = kinds[n->kind](r, f, n);
    r->depth--;
    return v;
}

/* Statements */

/* Gives the targets their values: one takes the whole, several its members. */
static void unpack(struct run *r, struct frame *f, const struct node *targets, struct value v)
{
    if (targets->next == NULL && targets->kind == NODE_ATTRIBUTE) {
        const struct value *space = find(f, targets->a->name);
        if (space == NULL || space->type != VALUE_NAMESPACE)
            pool_fail(&r->pool, "%.60s.%.60s is set, expected a member of a namespace", targets->a->name, targets->name);
        dict_set(r, space->dict, value_text(targets->name, strlen(targets->name)), v);
        return;
    }
    if (targets->next == NULL) {
        assign(r, f, targets->name, v);
        return;
    }
    const struct list *l = value_items(r, &v);
    size_t i = 0;
    for (const struct node *t = targets; t != NULL; t = t->next, i++) {
        if (i >= l->n || t->kind != NODE_NAME)
            break;
        assign(r, f, t->name, l->item[i]);
    }
    if (i != l->n)
        pool_fail(&r->pool, "%zu values are given to another number of names", l->n);
}

static enum flow loop(struct run *r, struct frame *f, const struct node *n)
{
    struct value over = evaluate(r, f, n->a), kept = value_list(r);
    const struct list *all = value_items(r, &over);
    for (size_t i = 0; n->b != NULL && i < all->n; i++) {
        struct frame *inner = new_frame(r, f);
        unpack(r, inner, n->targets, all->item[i]);
        struct value wanted = evaluate(r, inner, n->b);
        if (value_is_true(&wanted))
            list_add(r, kept.list, all->item[i]);
    }
    struct loop *l = pool_get(&r->pool, sizeof *l);
    bool ended = false; /* a body came to its end: as in Jinja2, `else` is for a loop without one */
    *l = (struct loop){.items = n->b ? kept.list : all, .depth = ++r->loops};
    for (; l->at < l->items->n; l->at++) {
        struct frame *inner = new_frame(r, f);
        step(r, n);
        assign(r, inner, "loop", (struct value){.type = VALUE_LOOP, .loop = l});
        unpack(r, inner, n->targets, l->items->item[l->at]);
        enum flow flow = execute(r, inner, n->body);
        ended = ended || flow == FLOW_ON;
        if (flow == FLOW_BREAK)
            break;
    }
    r->loops--;
    return !ended && n->other != NULL ? execute(r, f, n->other) : FLOW_ON;
}

static void set_block(struct run *r, struct frame *f, const struct node *n)
{
    struct buffer text = {0}, *out = r->out;
    buffer_puts(&r->pool, &text, "");
    r->out = &text;
    execute(r, new_frame(r, f), n->body);
    r->out = out;
    unpack(r, f, n->targets, value_text(text.data, text.n));
}

static enum flow statement(struct run *r, struct frame *f, const struct node *n)
{
    struct value v;
    switch (n->kind) {
    case NODE_TEXT:
        buffer_add(&r->pool, r->out, n->constant.text, n->constant.n);
        return FLOW_ON;
    case NODE_PRINT:
        v = evaluate(r, f, n->a);
        value_write(r, r->out, &v, false);
        return FLOW_ON;
    case NODE_IF:
        v = evaluate(r, f, n->a);
        return execute(r, f, value_is_true(&v) ? n->body : n->other);
    case NODE_FOR:
        return loop(r, f, n);
    case NODE_SET:
        unpack(r, f, n->targets, evaluate(r, f, n->a));
        return FLOW_ON;
    case NODE_SET_BLOCK:
        set_block(r, f, n);
        return FLOW_ON;
    case NODE_MACRO:
        assign(r, f, n->name, (struct value){.type = VALUE_MACRO, .macro = n, .home = f});
        return FLOW_ON;
    default:
        return n->kind == NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
    }
}

static enum flow execute(struct run *r, struct frame *f, const struct node *n)
{
    enum flow flow = FLOW_ON;
    if (++r->depth > 4 * JINJA_DEPTH)
        pool_fail(&r->pool, "calls itself too deeply, expected at most %d levels", 4 * JINJA_DEPTH);
    for (; n != NULL && flow == FLOW_ON; n = n->next) {
        step(r, n);
        flow = statement(r, f, n);
    }
    r->depth--;
    return flow;
}

enum status jinja_compile(struct jinja **j, const char *name, const char *source, size_t length, struct error *err)
{
    struct jinja *new = calloc(1, sizeof *new);
    struct error why = {0};
    *j = NULL;
    new->pool.name = strdup(name);
    new->pool.err = &why;
    if (setjmp(new->pool.out) != 0) {
        if (err != NULL)
            *err = why;
        jinja_free(new);
        return ERR_INPUT;
    }
    jinja_parse(new, source, length);
    *j = new;
    return OK;
}

void jinja_free(struct jinja *j)
{
    if (j == NULL)
        return;
    free((void *)(uintptr_t)j->pool.name);
    pool_free(&j->pool);
    free(j);
}

enum status jinja_render(const struct jinja *j, const cJSON *variables, time_t now, struct text *out, struct error *err)
{
    struct run *r = calloc(1, sizeof *r);
    struct buffer text = {0};
    struct frame top = {0};
    struct error why = {0};
    *r = (struct run){.pool = {.name = j->pool.name, .err = &why}, .variables = variables, .out = &text, .now = now};
    if (setjmp(r->pool.out) != 0) {
        if (err != NULL)
            *err = why;
        pool_free(&r->pool);
        free(r);
        return ERR_INPUT;
    }
    buffer_puts(&r->pool, &text, "");
    execute(r, &top, j->body);
    text_add(out, text.data, text.n);
    pool_free(&r->pool);
    free(r);
    return OK;
}
