/* key_partitions: reads lines "key in hexadecimal, partition of 7, of 50, of 1000" that Apache
 * Kafka's producer chose, and says how many there were; the first that differs is an error. */
#include <ottla/client.h>

#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 4096 };

static size_t unhex(const char *text, unsigned char *to)
{
    size_t n = 0;
    unsigned byte;
    for (; n < KEY_MAX && sscanf(text + 2 * n, "%2x", &byte) == 1; n++) {
        to[n] = (unsigned char)byte;
    }
    return n;
}

int main(void)
{
    static const int32_t counts[3] = {7, 50, 1000};
    static char line[2 * KEY_MAX + 64];
    unsigned char key[KEY_MAX];
    long total = 0;
    for (; fgets(line, sizeof line, stdin) != NULL; total++) {
        int32_t want[3];
        char *rest = strchr(line, ' ');
        if (rest == NULL || sscanf(rest, "%d %d %d", &want[0], &want[1], &want[2]) != 3) {
            fprintf(stderr, "no partitions: %s", line);
            return 1;
        }
        *rest = '\0';
        size_t len = unhex(line, key);
        for (int i = 0; i < 3; i++) {
            int32_t got = ottla_partition_for_key(key, len, counts[i]);
            if (got != want[i]) {
                fprintf(stderr, "%s: %d of %d, not %d\n", line, want[i], counts[i], got);
                return 1;
            }
        }
    }
    printf("%ld keys have Apache Kafka's partitions\n", total);
    return total == 0;
}
