/* weights_check.h - do the tensors of a model's files fit what its config implies? For weights_load and model_load. */
#ifndef DIFFTF_MODEL_WEIGHTS_CHECK_H
#define DIFFTF_MODEL_WEIGHTS_CHECK_H

#include "model/weights.h"

/* What the files decide about a config, a sentence for each in `notes`, on a line of its own. A tied config may come with a head
 * of the file's own: where that differs from the embedding it is the model's, and the config is no longer tied. A norm of heads
 * of which no layer has the scale has none. */
void weights_settle(struct config *config, const struct shards *files, const char *folder, struct text *notes);
/* Is a tensor a buffer that says nothing: frequencies, masks, states of libraries? By its name, and for a mask its sizes. */
bool weights_is_buffer(const char *name, size_t n_dims);
/* Every row of the list must be there in its shape and in a dtype that is read; a tensor that no row names is an error, unless
 * it is such a buffer: those are left out, with a sentence in `notes`. */
enum status weights_check(const struct weights *w, const struct config *config, const struct shards *files, const char *folder,
                          struct text *notes, struct error *err);

#endif
