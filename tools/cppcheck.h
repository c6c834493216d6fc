/* cppcheck.h - macros of libraries whose headers cppcheck does not read. */
#define cJSON_ArrayForEach(element, array)                                                                                       \
    for (element = (array) != NULL ? (array)->child : NULL; element != NULL; element = element->next)
