/* The order in which a java.util.HashMap of ASCII strings gives its keys: slot by slot, in a slot
 * as they came. Apache Kafka's tools print in it. */
#ifndef OFFLINE_JAVA_MAP_H
#define OFFLINE_JAVA_MAP_H

#include <stddef.h>
#include <stdint.h>

/* How many slots a map has that grew to count keys. */
static inline uint32_t java_map_slots(size_t count)
{
    uint32_t n = 16;
    while (count > n / 4 * 3) {
        n *= 2;
    }
    return n;
}

/* String.hashCode, spread as HashMap does. */
static inline uint32_t java_map_slot(const char *key, uint32_t slots)
{
    uint32_t h = 0;
    for (; *key != '\0'; key++) {
        h = h * 31 + (uint8_t)*key;
    }
    return (h ^ h >> 16) & (slots - 1);
}

#endif
