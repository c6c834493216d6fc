/* clock.h - how long something takes. */
#ifndef DIFFTF_BASE_CLOCK_H
#define DIFFTF_BASE_CLOCK_H

/* Seconds on a clock that never jumps; only differences mean something. */
double clock_seconds(void);

#endif
