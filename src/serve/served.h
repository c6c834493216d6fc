/* served.h - the models that a server has, each with its tokenizer. */
#ifndef DIFFTF_SERVE_SERVED_H
#define DIFFTF_SERVE_SERVED_H

#include "lm/chat.h"
#include "lm/tokenizer.h"
#include "model/model.h"

struct served {
    char *name;
    struct model model;
    struct tokenizer *tokenizer;
    struct chat_template *chat; /* NULL: it has none that is understood; no_chat says why */
    char *no_chat;
    size_t context; /* prompt and new tokens together, at most */
};

struct served_list {
    struct served *model;
    size_t n;
};

/* Loads one more, NAME=DIR (or DIR, under the folder's name); `context` bounds what its config says unless it is 0. */
enum status served_add(struct served_list *list, const char *name_and_folder, size_t context, enum compute compute,
                       struct error *err);
void served_free(struct served_list *list);
/* The model of a name; the first for NULL; NULL when there is none. */
const struct served *served_find(const struct served_list *list, const char *name);
/* Appends what a token stands for in a text; special ones give nothing unless `special`. */
void served_piece(const struct served *s, int32_t id, bool special, struct text *out);

#endif
