/* chat.h - a model's chat template: messages in, the text that the model was trained to answer out.
 *
 * Read where transformers and llama.cpp have it: chat_template.jinja, else `chat_template` of tokenizer_config.json (of several
 * the one named "default"), else tokenizer.chat_template of a GGUF file. The text has the special tokens in it: it is encoded
 * with tokenizer_encode, without those that a tokenizer adds by itself.
 */
#ifndef DIFFTF_LM_CHAT_H
#define DIFFTF_LM_CHAT_H

#include "lm/jinja.h"

struct chat_template;

/* Of a model folder or a .gguf file; an error where it has none, or one that is not known to the last word. */
enum status chat_template_load(struct chat_template **c, const char *path, struct error *err);
void chat_template_free(struct chat_template *c);

struct chat_request {
    const cJSON *messages; /* array of {role, content, ..} */
    bool reply;            /* ends where the assistant begins to speak (add_generation_prompt) */
    const cJSON *more;     /* further variables of the template: tools, enable_thinking, ..; NULL: none */
    time_t now;            /* for templates that tell the date; 0: 26 July 2024, so that equal runs have equal prompts */
};
/* Appends the text of the messages. Threads may share a template. */
enum status chat_template_render(const struct chat_template *c, const struct chat_request *request, struct text *out,
                                 struct error *err);

/* [{system}, {user}]; system may be NULL. The caller deletes it. */
cJSON *chat_messages(const char *system, const char *user);

#endif
