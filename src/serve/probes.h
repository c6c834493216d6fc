/* probes.h - several observers of one forward pass. */
#ifndef DIFFTF_SERVE_PROBES_H
#define DIFFTF_SERVE_PROBES_H

#include "model/probe.h"

enum { MOST_PROBES = 4 };

struct probes {
    struct probe probe[MOST_PROBES];
    size_t n;
};

/* One probe that shows each of them what it wants; it lives no longer than `probes`. */
struct probe probes_combine(struct probes *probes);

#endif
