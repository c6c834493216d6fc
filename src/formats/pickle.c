/* pickle.c - a stack machine for the harmless part of pickle; see pickle.h. */
#include "formats/pickle.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct machine {
    struct pickle *p;
    const unsigned char *begin, *at, *end;
    struct pickle_value **stack, **memo;
    size_t n, capacity, n_memo, memo_capacity;
    bool broken, stopped;
};

static struct pickle_value *make(struct machine *m, enum pickle_kind kind)
{
    struct pickle_value *v = calloc(1, sizeof *v);
    if (v == NULL || !mem_grow((void **)&m->p->values, &m->p->values_capacity, m->p->n_values + 1, sizeof(void *))) {
        free(v);
        m->broken = true;
        return NULL;
    }
    v->kind = kind;
    m->p->values[m->p->n_values++] = v;
    return v;
}

static void push(struct machine *m, struct pickle_value *v)
{
    if (v == NULL || !mem_grow((void **)&m->stack, &m->capacity, m->n + 1, sizeof(void *)))
        m->broken = true;
    else
        m->stack[m->n++] = v;
}

static struct pickle_value *pop(struct machine *m)
{
    if (m->n == 0) {
        m->broken = true;
        return NULL;
    }
    return m->stack[--m->n];
}

static void add(struct machine *m, struct pickle_value *list, struct pickle_value *item)
{
    if (m->broken || !mem_grow((void **)&list->items, &list->capacity, list->n + 1, sizeof(void *)))
        m->broken = true;
    else
        list->items[list->n++] = item;
}

static uint64_t take(struct machine *m, size_t n)
{
    uint64_t value = 0;
    if (n > (size_t)(m->end - m->at)) {
        m->broken = true;
        return 0;
    }
    for (size_t i = 0; i < n && i < 8; i++)
        value |= (uint64_t)m->at[i] << 8 * i;
    m->at += n;
    return value;
}

static void push_number(struct machine *m, int64_t number)
{
    struct pickle_value *v = make(m, PICKLE_NUMBER);
    if (v != NULL)
        v->number = number;
    push(m, v);
}

static void push_text(struct machine *m, enum pickle_kind kind, const char *text, uint64_t n)
{
    struct pickle_value *v = make(m, kind);
    if (v != NULL && (v->text = strndup(text, (size_t)n)) == NULL)
        m->broken = true;
    push(m, v);
}

static void push_string(struct machine *m, uint64_t n)
{
    if (n > (uint64_t)(m->end - m->at)) {
        m->broken = true;
        return;
    }
    push_text(m, PICKLE_STRING, (const char *)m->at, n);
    m->at += n;
}

/* What lies above the topmost mark becomes the items of a new list; the mark goes. */
static struct pickle_value *above_mark(struct machine *m)
{
    size_t from = m->n;
    while (from > 0 && m->stack[from - 1]->kind != PICKLE_MARK)
        from--;
    struct pickle_value *list = make(m, PICKLE_LIST);
    if (from == 0 || list == NULL) {
        m->broken = true;
        return NULL;
    }
    for (size_t i = from; i < m->n; i++)
        add(m, list, m->stack[i]);
    m->n = from - 1;
    return list;
}

static void push_tuple(struct machine *m, size_t n)
{
    struct pickle_value *list = make(m, PICKLE_LIST);
    if (list == NULL || n > m->n) {
        m->broken = true;
        return;
    }
    for (size_t i = m->n - n; i < m->n; i++)
        add(m, list, m->stack[i]);
    m->n -= n;
    push(m, list);
}

/* A line, as old opcodes have their arguments. */
static const char *take_line(struct machine *m, size_t *n)
{
    const unsigned char *start = m->at, *newline = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (newline == NULL) {
        m->broken = true;
        *n = 0;
        return (const char *)start;
    }
    *n = (size_t)(newline - start);
    m->at = newline + 1;
    return (const char *)start;
}

static void push_global(struct machine *m)
{
    size_t n_module, n_name;
    const char *module = take_line(m, &n_module), *name = take_line(m, &n_name);
    char text[256];
    snprintf(text, sizeof text, "%.*s %.*s", (int)(n_module < 120 ? n_module : 120), module, (int)(n_name < 120 ? n_name : 120),
             name);
    push_text(m, PICKLE_GLOBAL, text, strlen(text));
}

static void stack_global(struct machine *m)
{
    const struct pickle_value *name = pop(m), *module = pop(m);
    char text[256];
    if (name == NULL || module == NULL || name->text == NULL || module->text == NULL) {
        m->broken = true;
        return;
    }
    snprintf(text, sizeof text, "%.120s %.120s", module->text, name->text);
    push_text(m, PICKLE_GLOBAL, text, strlen(text));
}

/* A "call": of the few names that make tensors and dictionaries, what they would give; of all others, nothing. */
static void reduce(struct machine *m)
{
    struct pickle_value *arguments = pop(m), *callable = pop(m);
    if (m->broken || callable->kind != PICKLE_GLOBAL || arguments->kind != PICKLE_LIST) {
        push(m, m->broken ? NULL : make(m, PICKLE_OTHER));
        return;
    }
    const char *name = callable->text;
    if (strcmp(name, "collections OrderedDict") == 0) {
        push(m, make(m, PICKLE_DICT));
    } else if ((strcmp(name, "torch._utils _rebuild_tensor_v2") == 0 || strcmp(name, "torch._utils _rebuild_tensor") == 0) &&
               arguments->n >= 4) {
        struct pickle_value *tensor = make(m, PICKLE_TENSOR);
        for (size_t i = 0; tensor != NULL && i < 4; i++)
            add(m, tensor, arguments->items[i]);
        push(m, tensor);
    } else if (strncmp(name, "torch._utils _rebuild_parameter", 31) == 0 && arguments->n >= 1) { /* or .._with_state */
        push(m, arguments->items[0]);
    } else {
        push(m, make(m, PICKLE_OTHER));
    }
}

/* Each index has an instruction of its own: there are fewer of them than bytes before it. */
static void memoize(struct machine *m, uint64_t index)
{
    if (m->n == 0 || index > (uint64_t)(m->at - m->begin) ||
        !mem_grow((void **)&m->memo, &m->memo_capacity, (size_t)index + 1, sizeof(void *))) {
        m->broken = true;
        return;
    }
    for (; m->n_memo <= index; m->n_memo++)
        m->memo[m->n_memo] = NULL;
    m->memo[index] = m->stack[m->n - 1];
}

static void recall(struct machine *m, uint64_t index)
{
    push(m, index < m->n_memo ? m->memo[index] : NULL);
}

/* Appends what lies above the mark to the list or dictionary below it. */
static void extend(struct machine *m)
{
    const struct pickle_value *more = above_mark(m);
    for (size_t i = 0; !m->broken && m->n > 0 && i < more->n; i++)
        add(m, m->stack[m->n - 1], more->items[i]);
    m->broken = m->broken || m->n == 0;
}

static void append(struct machine *m, size_t n)
{
    struct pickle_value *items[2] = {NULL, NULL};
    for (size_t i = n; i > 0; i--)
        items[i - 1] = pop(m);
    for (size_t i = 0; !m->broken && m->n > 0 && i < n; i++)
        add(m, m->stack[m->n - 1], items[i]);
    m->broken = m->broken || m->n == 0;
}

/* Bytes belong to no tensor: something that is not made. */
static void skip_bytes(struct machine *m, uint64_t n)
{
    if (m->broken || n > (uint64_t)(m->end - m->at)) {
        m->broken = true;
        return;
    }
    m->at += n;
    push(m, make(m, PICKLE_OTHER));
}

static void persistent(struct machine *m)
{
    struct pickle_value *id = pop(m);
    bool storage = id != NULL && id->kind == PICKLE_LIST && id->n >= 5 && id->items[0]->text != NULL &&
                   strcmp(id->items[0]->text, "storage") == 0;
    if (storage)
        id->kind = PICKLE_STORAGE;
    push(m, storage ? id : make(m, PICKLE_OTHER));
}

static void step(struct machine *m)
{
    unsigned char op = (unsigned char)take(m, 1);
    switch (m->broken ? '.' : op) {
    case 0x80: /* PROTO */
        take(m, 1);
        break;
    case 0x95: /* FRAME */
        take(m, 8);
        break;
    case 'C': /* SHORT_BINBYTES, BINBYTES, BINBYTES8: of other objects */
        skip_bytes(m, take(m, 1));
        break;
    case 'B':
        skip_bytes(m, take(m, 4));
        break;
    case 0x8e:
        skip_bytes(m, take(m, 8));
        break;
    case '}': /* EMPTY_DICT */
        push(m, make(m, PICKLE_DICT));
        break;
    case ']':  /* EMPTY_LIST */
    case ')':  /* EMPTY_TUPLE */
    case 0x8f: /* EMPTY_SET */
        push(m, make(m, PICKLE_LIST));
        break;
    case '(': /* MARK */
        push(m, make(m, PICKLE_MARK));
        break;
    case 'X': /* BINUNICODE */
        push_string(m, take(m, 4));
        break;
    case 0x8c: /* SHORT_BINUNICODE */
    case 'U':  /* SHORT_BINSTRING */
        push_string(m, take(m, 1));
        break;
    case 'q': /* BINPUT */
        memoize(m, take(m, 1));
        break;
    case 'r': /* LONG_BINPUT */
        memoize(m, take(m, 4));
        break;
    case 0x94: /* MEMOIZE */
        memoize(m, m->n_memo);
        break;
    case 'h': /* BINGET */
        recall(m, take(m, 1));
        break;
    case 'j': /* LONG_BINGET */
        recall(m, take(m, 4));
        break;
    case 'c': /* GLOBAL */
        push_global(m);
        break;
    case 0x93: /* STACK_GLOBAL */
        stack_global(m);
        break;
    case 't':  /* TUPLE */
    case 'l':  /* LIST */
    case 0x91: /* FROZENSET */
        push(m, above_mark(m));
        break;
    case 0x85: /* TUPLE1, 2, 3 */
    case 0x86:
    case 0x87:
        push_tuple(m, (size_t)op - 0x84);
        break;
    case 'K': /* BININT1 */
        push_number(m, (int64_t)take(m, 1));
        break;
    case 'M': /* BININT2 */
        push_number(m, (int64_t)take(m, 2));
        break;
    case 'J': /* BININT */
        push_number(m, (int32_t)take(m, 4));
        break;
    case 0x8a: { /* LONG1 */
        size_t n = (size_t)take(m, 1);
        uint64_t bits = take(m, n);
        push_number(m, n > 0 && n < 8 && bits >> (8 * n - 1) ? (int64_t)(bits | ~(uint64_t)0 << 8 * n) : (int64_t)bits);
        break;
    }
    case 0x88: /* NEWTRUE, NEWFALSE */
    case 0x89:
        push_number(m, op == 0x88);
        break;
    case 'N': /* NONE */
        push(m, make(m, PICKLE_OTHER));
        break;
    case 'G': /* BINFLOAT */
        take(m, 8);
        push(m, make(m, PICKLE_OTHER));
        break;
    case 'Q': /* BINPERSID */
        persistent(m);
        break;
    case 'R':  /* REDUCE */
    case 0x81: /* NEWOBJ */
        reduce(m);
        break;
    case 'b': /* BUILD: a state for what is below, which we leave as it is */
    case '0': /* POP */
        pop(m);
        break;
    case 'a': /* APPEND */
        append(m, 1);
        break;
    case 's': /* SETITEM */
        append(m, 2);
        break;
    case 'e':  /* APPENDS */
    case 'u':  /* SETITEMS */
    case 0x90: /* ADDITEMS */
        extend(m);
        break;
    case '.': /* STOP */
        m->stopped = true;
        break;
    default:
        m->broken = true;
    }
}

enum status pickle_read(struct pickle *p, const char *path, const unsigned char *bytes, size_t n, struct error *err)
{
    *p = (struct pickle){0};
    struct machine m = {.p = p, .begin = bytes, .at = bytes, .end = bytes + n};
    while (!m.broken && !m.stopped)
        step(&m);
    bool ok = !m.broken && m.n > 0;
    p->root = ok ? m.stack[m.n - 1] : NULL;
    size_t at = (size_t)(m.at - bytes);
    free(m.stack);
    free(m.memo);
    if (ok)
        return OK;
    pickle_free(p);
    return error_set(err, ERR_INPUT, "%s: data.pkl cannot be followed at byte %zu, expected a state dictionary of torch.save",
                     path, at);
}

void pickle_free(struct pickle *p)
{
    for (size_t i = 0; i < p->n_values; i++) {
        free(p->values[i]->text);
        free(p->values[i]->items);
        free(p->values[i]);
    }
    free(p->values);
    *p = (struct pickle){0};
}

const struct pickle_value *pickle_find(const struct pickle_value *dict, const char *key)
{
    for (size_t i = 0; dict->kind == PICKLE_DICT && i + 1 < dict->n; i += 2)
        if (dict->items[i]->text != NULL && strcmp(dict->items[i]->text, key) == 0)
            return dict->items[i + 1];
    return NULL;
}
