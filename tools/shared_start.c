/* shared_start.c - in the place of base/startup.c in libdifftf.so: how a process starts is the business of its program. */
#include "base/startup.h"

void startup(void)
{
}
