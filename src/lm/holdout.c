/* holdout.c - see holdout.h. */
#include "lm/holdout.h"

#include <string.h>

const char *const HOLDOUT_CITIES[] = {
    "Amsterdam", "Ankara",    "Auckland", "Bangkok",   "Barcelona", "Beijing",   "Bogota",    "Brussels", "Bucharest", "Budapest",
    "Caracas",   "Dakar",     "Denver",   "Dubai",     "Glasgow",   "Hamburg",   "Hanoi",     "Havana",   "Helsinki",  "Houston",
    "Istanbul",  "Jakarta",   "Kampala",  "Kyoto",     "Lagos",     "Lima",      "Ljubljana", "Lusaka",   "Managua",   "Manila",
    "Marseille", "Melbourne", "Montreal", "Mumbai",    "Munich",    "Nairobi",   "Osaka",     "Oslo",     "Ottawa",    "Prague",
    "Quito",     "Reykjavik", "Riga",     "Rotterdam", "Santiago",  "Sarajevo",  "Seattle",   "Seoul",    "Shanghai",  "Sofia",
    "Stockholm", "Sydney",    "Tallinn",  "Tokyo",     "Toronto",   "Vancouver", "Vilnius",   "Yangon",   "Zagreb",    "Zurich",
};
const size_t N_HOLDOUT_CITIES = sizeof HOLDOUT_CITIES / sizeof *HOLDOUT_CITIES;

bool holdout_is_city(const char *name)
{
    for (size_t i = 0; i < N_HOLDOUT_CITIES; i++)
        if (strcmp(HOLDOUT_CITIES[i], name) == 0)
            return true;
    return false;
}

long holdout_number(struct rng *rng, int digits, bool evaluation)
{
    uint64_t low = 1;
    for (int i = 1; i < digits; i++)
        low *= 10;
    uint64_t n;
    do
        n = low + rng_below(rng, 9 * low);
    while ((hash_u64(n) & 1) != evaluation);
    return (long)n;
}
