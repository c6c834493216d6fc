/* convert.c - difftf-convert: a PyTorch checkpoint with the official Diff Transformer's names into a model folder.
 *
 *   difftf-convert CONFIG CHECKPOINT... FOLDER
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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The name of a tensor in a model folder, in fresh memory. */
static char *rename_tensor(const char *name)
{
    static const char *const wrappers[] = {"module.", "_orig_mod.", "model.", "decoder.", "transformer."};
    struct text out = {0};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        name += begins(name, wrappers[i]) ? strlen(wrappers[i]) : 0;
    size_t digits = begins(name, "layers.") ? strspn(name + 7, "0123456789") : 0;
    if (digits == 0 || name[7 + digits] != '.') {
        for (size_t i = 0; i < sizeof WHOLE_NAMES / sizeof *WHOLE_NAMES && out.data == NULL; i++)
            if (begins(name, WHOLE_NAMES[i].from))
                text_printf(&out, "%s%s", WHOLE_NAMES[i].to, name + strlen(WHOLE_NAMES[i].from));
        if (out.data == NULL)
            text_puts(&out, name);
        return out.data;
    }
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
    text_printf(&out, "model.layers.%.*s.%s", (int)digits, name + 7, rest.data);
    text_free(&rest);
    text_free(&next);
    return out.data;
}

static enum status write_all(const char *path, const struct torch_file *files, size_t n_files, struct error *err)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < n_files; i++)
        n += files[i].n_tensors;
    struct tensor_out *out = calloc(n + 1, sizeof *out);
    char **names = calloc(n + 1, sizeof *names);
    enum status status = out && names ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i < n_files && status == OK; i++)
        for (size_t j = 0; j < files[i].n_tensors; j++, at++) {
            const struct tensor *t = &files[i].tensors[j];
            names[at] = rename_tensor(t->name);
            out[at] = (struct tensor_out){
                .name = names[at] ? names[at] : t->name, .dtype = t->dtype, .n_dims = t->n_dims, .stored = t->data};
            memcpy(out[at].shape, t->shape, sizeof t->shape);
        }
    if (status == OK)
        status = safetensors_write(path, out, n, err);
    for (size_t i = 0; names != NULL && i < n; i++)
        free(names[i]);
    free(names);
    free(out);
    return status;
}

static enum status write_folder(const char *weights, const char *copy, const char *config, char **checkpoints, size_t n,
                                const char *folder, struct error *err)
{
    struct torch_file *files = calloc(n, sizeof *files);
    cJSON *json = NULL;
    enum status status = files ? json_read(&json, config, err) : error_set(err, ERR_SYSTEM, "convert: out of memory");
    for (size_t i = 0; i < n && status == OK; i++)
        status = torch_file_open(&files[i], checkpoints[i], err);
    if (status == OK)
        status = file_make_directory(folder, err);
    if (status == OK)
        status = write_all(weights, files, n, err);
    if (status == OK)
        status = json_write(copy, json, err);
    for (size_t i = 0; files != NULL && i < n; i++)
        torch_file_close(&files[i]);
    cJSON_Delete(json);
    free(files);
    return status;
}

/* The folder must load: then names, shapes and dtypes are right. One that does not is taken away. */
static enum status convert(const char *config, char **checkpoints, size_t n, const char *folder, struct error *err)
{
    struct model model;
    char *weights = path_join(folder, "model.safetensors"), *copy = path_join(folder, "config.json");
    enum status status = weights && copy ? OK : error_set(err, ERR_SYSTEM, "convert: out of memory");
    bool fresh = status == OK && !file_exists(weights) && !file_exists(copy), made = !file_is_directory(folder);
    if (status == OK && !fresh)
        status = error_set(err, ERR_INPUT, "%s: holds a model already, expected a new folder", folder);
    if (status == OK)
        status = write_folder(weights, copy, config, checkpoints, n, folder, err);
    if (status == OK)
        status = model_load(&model, folder, err);
    if (status == OK) {
        say(stderr, "%s", model.notes.data ? model.notes.data : "");
        printf("%s: %s, %zu parameters\n", folder, model.config.family->model_type, model.weights.n_params);
        model_free(&model);
    } else if (fresh) {
        unlink(weights);
        unlink(copy);
        if (made)
            rmdir(folder);
    }
    free(weights);
    free(copy);
    return status;
}

static const struct face FACE = {
    .name = "difftf-convert",
    .summary = "makes a model folder of checkpoints of the official code",
    .arguments = "CONFIG CHECKPOINT... FOLDER",
    .description =
        "Writes FOLDER/model.safetensors and FOLDER/config.json from PyTorch files (.bin, .pt, .pth) with the official\n"
        "names, without running what is in them; CONFIG is the model's config.json. The tokenizer is yours to add.",
};

int main(int argc, char **argv)
{
    program_start(FACE.name, false);
    struct error err = {0};
    enum status status;
    if (face_answers(&FACE, argc, argv, &status, &err))
        return program_end(status, &err);
    status = argc < 4 ? face_misused(&FACE, NULL, &err) : convert(argv[1], argv + 2, (size_t)argc - 3, argv[argc - 1], &err);
    return program_end(status, &err);
}
