/* convert.c - difftf-convert: a PyTorch checkpoint with the official Diff Transformer's names into a model folder, and a
 * Transformer into a Diff Transformer (to_diff.c).
 *
 *   difftf-convert CONFIG CHECKPOINT... FOLDER
 *   difftf-convert --to-diff v1|v2|diffllama|dex MODEL FOLDER
 *
 * CONFIG is a config.json that describes the model (docs of `model_type`: difftf-eval list models). Nothing in the checkpoint is
 * run. */
#include "base/file.h"
#include "base/memory.h"
#include "base/program.h"
#include "base/visible.h"
#include "cli/face.h"
#include "formats/safetensors.h"
#include "formats/torch_file.h"
#include "model/model.h"
#include "model/weights_check.h"
#include "to_diff.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parts of names, as the official code and its relatives have them, and ours. */
static const struct {
    const char *from, *to;
} LAYER_NAMES[] = {{"attn.", "self_attn."},
                   {"self_attn.out_proj.", "self_attn.o_proj."},
                   {"self_attn_layer_norm.", "input_layernorm."},
                   {"attention_norm.", "input_layernorm."},
                   {"final_layer_norm.", "post_attention_layernorm."},
                   {"ffn_norm.", "post_attention_layernorm."},
                   {"ffn.", "mlp."},
                   {"feed_forward.", "mlp."},
                   {"mlp.gate.", "mlp.gate_proj."},
                   {"mlp.w1.", "mlp.gate_proj."},
                   {"mlp.fc1.", "mlp.up_proj."},
                   {"mlp.w3.", "mlp.up_proj."},
                   {"mlp.fc2.", "mlp.down_proj."},
                   {"mlp.w2.", "mlp.down_proj."}},
  WHOLE_NAMES[] = {{"embed_tokens.", "model.embed_tokens."},
                   {"tok_embeddings.", "model.embed_tokens."},
                   {"layer_norm.", "model.norm."},
                   {"norm.", "model.norm."},
                   {"output_projection.", "lm_head."},
                   {"output.", "lm_head."},
                   {"lm_head.", "lm_head."}};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Is the first part of a dotted name one of `parts`? */
static bool is_part(const char *name, const char *const *parts)
{
    size_t n = strcspn(name, ".");
    for (size_t i = 0; parts[i] != NULL; i++)
        if (name[n] == '.' && strlen(parts[i]) == n && strncmp(name, parts[i], n) == 0)
            return true;
    return false;
}

/* The name without what wraps models: compilers, DDP, FSDP, checkpointing anywhere in it; the attributes that hold a model before
 * it; any of them in any order and as often as they come. */
static void unwrap(struct text *out, const char *name)
{
    static const char *const anywhere[] = {
        "module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_fpw_module", NULL};
    static const char *const before[] = {"model",   "decoder",    "transformer",    "net",
                                         "network", "base_model", "language_model", NULL};
    text_puts(out, "");
    for (size_t n; *name != '\0'; name += n) {
        n = strcspn(name, ".") + 1;
        n = strnlen(name, n);
        if (!is_part(name, anywhere) && (out->len > 0 || !is_part(name, before)))
            text_add(out, name, n);
    }
}

/* The name of a layer's tensor, `digits` the length of the layer's number; the others' keep their order. */
static void rename_in_layer(struct text *out, const char *name, size_t digits)
{
    struct text rest = {0}, next = {0};
    text_puts(&rest, name + 8 + digits);
    for (size_t i = 0; i < sizeof LAYER_NAMES / sizeof *LAYER_NAMES; i++) /* one after another: ffn.gate. takes two steps */
        if (begins(rest.data, LAYER_NAMES[i].from)) {
            next.len = 0;
            text_printf(&next, "%s%s", LAYER_NAMES[i].to, rest.data + strlen(LAYER_NAMES[i].from));
            struct text swap = rest;
            rest = next;
            next = swap;
        }
    text_printf(out, "model.layers.%.*s.%s", (int)digits, name + 7, rest.data);
    text_free(&rest);
    text_free(&next);
}

/* The name of a tensor in a model folder, in fresh memory. */
static char *rename_tensor(const char *wrapped)
{
    struct text out = {0}, bare = {0};
    unwrap(&bare, wrapped);
    const char *name = bare.data;
    size_t digits = begins(name, "layers.") ? strspn(name + 7, "0123456789") : 0;
    if (digits > 0 && name[7 + digits] == '.')
        rename_in_layer(&out, name, digits);
    for (size_t i = 0; i < sizeof WHOLE_NAMES / sizeof *WHOLE_NAMES && out.data == NULL; i++)
        if (begins(name, WHOLE_NAMES[i].from))
            text_printf(&out, "%s%s", WHOLE_NAMES[i].to, name + strlen(WHOLE_NAMES[i].from));
    if (out.data == NULL)
        text_puts(&out, name);
    text_free(&bare);
    return out.data;
}

/* The tensors of a model folder, their names and what is made for it, owned here. */
struct tensors {
    struct tensor_out *out;
    char **names;
    size_t n;
    float *ones;
};

static enum status collect(struct tensors *t, const struct torch_file *file, const char *path, struct error *err)
{
    for (size_t i = 0; i < file->n_tensors; i++) {
        const struct tensor *from = &file->tensors[i];
        char *name = rename_tensor(from->name);
        bool buffer = weights_is_buffer(name, from->n_dims);
        if (buffer)
            fprintf(stderr, "warning: %s: left out, as no weights: tensor '%s'\n", path, from->name);
        if (buffer || from->dtype == DTYPE_OTHER)
            free(name);
        if (!buffer && from->dtype == DTYPE_OTHER)
            return error_set(err, ERR_INPUT, "%s: tensor '%s' is of torch's %s, expected Float, Half or BFloat16", path,
                             from->name, from->dtype_name);
        if (buffer)
            continue;
        t->names[t->n] = name;
        t->out[t->n] = (struct tensor_out){.name = name, .dtype = from->dtype, .n_dims = from->n_dims, .stored = from->data};
        memcpy(t->out[t->n++].shape, from->shape, sizeof from->shape);
    }
    return OK;
}

/* The first release's norm of each head had no scale: where no layer has one, it is ones. */
static void add_head_norms(struct tensors *t, const struct config *c)
{
    size_t width = c->n_parts * c->v_dim;
    for (size_t i = 0; i < t->n; i++)
        if (strstr(t->names[i], ".self_attn.subln.") != NULL)
            return;
    if (!c->head_norm_scaled)
        return;
    fputs(
        "warning: no tensor self_attn.subln.weight, as in the first release of the official code: its scale is written as ones\n",
        stderr);
    t->ones = calloc(width, sizeof *t->ones);
    for (size_t i = 0; i < width; i++)
        t->ones[i] = 1;
    for (size_t l = 0; l < c->n_layers; l++, t->n++) {
        struct text name = {0};
        text_printf(&name, "model.layers.%zu.self_attn.subln.weight", l);
        t->names[t->n] = name.data;
        t->out[t->n] = (struct tensor_out){.name = name.data, .dtype = DTYPE_F32, .n_dims = 1, .shape = {width}, .data = t->ones};
    }
}

static enum status write_all(const char *path, const struct config *config, const struct torch_file *files, size_t n_files,
                             char **checkpoints, struct error *err)
{
    struct tensors t = {0};
    size_t n = config->n_layers;
    enum status status = OK;
    for (size_t i = 0; i < n_files; i++)
        n += files[i].n_tensors;
    t.out = calloc(n + 1, sizeof *t.out);
    t.names = calloc(n + 1, sizeof *t.names);
    for (size_t i = 0; i < n_files && status == OK; i++)
        status = collect(&t, &files[i], checkpoints[i], err);
    if (status == OK) {
        add_head_norms(&t, config);
        status = safetensors_write(path, t.out, t.n, err);
    }
    for (size_t i = 0; i < t.n; i++)
        free(t.names[i]);
    free(t.names);
    free(t.out);
    free(t.ones);
    return status;
}

static enum status write_folder(const char *weights, const char *copy, const char *config, char **checkpoints, size_t n,
                                struct error *err)
{
    struct torch_file *files = calloc(n, sizeof *files);
    struct config parsed;
    cJSON *json = NULL;
    enum status status = json_read(&json, config, err);
    if (status == OK)
        status = config_from_json(&parsed, json, config, err);
    for (size_t i = 0; i < n && status == OK; i++)
        status = torch_file_open(&files[i], checkpoints[i], err);
    if (status == OK)
        status = write_all(weights, &parsed, files, n, checkpoints, err);
    if (status == OK)
        status = json_write(copy, json, err);
    for (size_t i = 0; i < n; i++)
        torch_file_close(&files[i]);
    cJSON_Delete(json);
    free(files);
    return status;
}

/* The folder must load: then names, shapes and dtypes are right. One that does not is taken away. */
static enum status convert(const char *config, char **checkpoints, size_t n, const char *folder, struct error *err)
{
    static const char *const files[] = {"model.safetensors", "config.json", NULL};
    struct model model;
    struct file_folder made;
    char *weights = path_join(folder, files[0]), *copy = path_join(folder, files[1]);
    enum status status = file_folder_begin(&made, folder, files, err);
    if (status == OK) {
        status = write_folder(weights, copy, config, checkpoints, n, err);
        if (status == OK)
            status = model_load(&model, folder, err);
        status = file_folder_end(&made, status);
    }
    if (status == OK) {
        say(stderr, "%s", model.notes.data ? model.notes.data : "");
        printf("%s: %s, %zu parameters\n", folder, model.config.family->model_type, model.weights.n_params);
        model_free(&model);
    }
    free(weights);
    free(copy);
    return status;
}

struct settings {
    unsigned to_diff; /* of its words */
    const char *text;
    struct sizes heads;
};

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"to-diff", OPTION_CHOICE, NULL, 0, 0, "v1|v2|diffllama|dex",
     "a Transformer, MODEL, as a Diff Transformer: v2 and dex compute the same, v1 and diffllama nearly: arguments MODEL FOLDER",
     false, AT(to_diff)},
    {"text", OPTION_STRING, NULL, 0, 0, "FILE",
     "with --to-diff: UTF-8 text that losses, and sizes of heads for v1 and diffllama, are measured on; the haystack that comes "
     "with the program",
     false, AT(text)},
    {"heads", OPTION_INTS, NULL, 0, 4095, "H1,H2,..", "with --to-diff dex: the heads of every layer that are extended; all",
     false, AT(heads)},
    OPTIONS_END,
};

static const struct face FACE = {
    .name = "difftf-convert",
    .summary = "makes a model folder of checkpoints of the official code",
    .arguments = "CONFIG CHECKPOINT... FOLDER",
    .description =
        "Writes FOLDER/model.safetensors and FOLDER/config.json from PyTorch files (.bin, .pt, .pth) with the official\n"
        "names, without running what is in them; CONFIG is the model's config.json. The tokenizer is yours to add.\n"
        "With --to-diff, a model of your own becomes differential, and difftf-train goes on from FOLDER; the loss before and\n"
        "after is printed. docs/from-your-model.md says what becomes of the weights.",
    .options = OPTIONS,
};

int main(int argc, char **argv)
{
    program_start(FACE.name, false);
    struct error err = {0};
    enum status status;
    if (face_answers(&FACE, argc, argv, &status, &err))
        return program_end(status, &err);
    cJSON *values = NULL, *rest = cJSON_CreateArray(), *item;
    status = options_parse(&values, rest, NULL, OPTIONS, argc - 1, argv + 1, &err);
    struct settings settings = {0};
    static const char *const ways[] = {"v1", "v2", "diffllama", "dex"};
    bool differential = status == OK && json_has(values, "to-diff");
    if (status == OK)
        options_fill(&settings, OPTIONS, values);
    size_t n = 0;
    char **operands = calloc((size_t)argc, sizeof *operands);
    cJSON_ArrayForEach(item, rest) operands[n++] = item->valuestring;
    if (status == OK && (differential ? n != 2 : n < 3))
        status = face_misused(&FACE, NULL, &err);
    if (status == OK)
        status = differential
                     ? to_diff(&(struct to_diff){ways[settings.to_diff], settings.text, settings.heads.data, settings.heads.n},
                               operands[0], operands[1], &err)
                     : convert(operands[0], operands + 1, n - 2, operands[n - 1], &err);
    free(operands);
    options_release(&settings, OPTIONS);
    cJSON_Delete(values);
    cJSON_Delete(rest);
    return program_end(status, &err);
}
