/* parquet_json.h - one value of a Parquet column as JSON. */
#ifndef DIFFTF_FORMATS_PARQUET_JSON_H
#define DIFFTF_FORMATS_PARQUET_JSON_H

#include "formats/parquet_values.h"

#include <cjson/cJSON.h>

/* Makes the null `slot` what the value stands for. */
parquet_fault parquet_json(cJSON *slot, struct parquet_slice value, const struct parquet_node *node);

#endif
