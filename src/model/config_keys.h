/* config_keys.h - keys of a config.json that change numbers in a way that is not computed here.
 *
 * A key that scales, caps, clips, routes, quantises or moves attention must not be passed over in silence: it passes at the
 * value that changes nothing, and is refused by name otherwise. Every other key that no family reads is ignored.
 */
#ifndef DIFFTF_MODEL_CONFIG_KEYS_H
#define DIFFTF_MODEL_CONFIG_KEYS_H

#include "model/config.h"

/* The check of a config.json whose own keys are in `config` already. */
enum status config_keys_check(const struct config *config, const cJSON *json, const char *path, struct error *err);

#endif
