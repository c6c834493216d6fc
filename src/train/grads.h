/* grads.h - gradients of one sequence, written for comparison with other implementations. */
#ifndef DIFFTF_TRAIN_GRADS_H
#define DIFFTF_TRAIN_GRADS_H

#include "base/status.h"

/* Mean cross-entropy over the ids of a JSON file: writes `loss`, `grad_norm`, `grad.{tensor}`, and with the settings of
 * `adamw_path` (or NULL) also `adamw.{tensor}`, the weights after one step. */
enum status grads_write(const char *model_folder, const char *ids_path, const char *adamw_path, const char *out_path, int threads,
                        struct error *err);

#endif
