/* A main for a fuzz target in builds without libFuzzer: feeds it each file of a corpus, and mutants
 * of it made from a fixed seed, so that every compiler and sanitizer runs what the fuzzer once
 * found.
 *
 * replay CORPUS: a folder; one that is not there is an empty one. Prints TAP. Single-threaded. */
#include "fuzz.h"

#include "base/rand.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX_BYTES = 1 << 20, MUTANT_COUNT = 50, BLIND_COUNT = 500, BLIND_MAX_BYTES = 512 };

/* A copy of its exact size, so that ASan sees a read one byte past its end. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* Flips, overwrites, or cuts. Returns the new size. */
static size_t mutate(struct rand *r, uint8_t *data, size_t size)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    for (uint64_t n = 1 + rand_below(r, 4); n > 0 && size > 0; n--) {
        size_t at = (size_t)rand_below(r, size);
        switch (rand_below(r, 4)) {
        case 0:
            data[at] ^= (uint8_t)(1u << rand_below(r, 8));
            break;
        case 1:
            data[at] = (uint8_t)rand_u64(r);
            break;
        case 2:
            data[at] = telling[rand_below(r, sizeof telling)];
            break;
        default:
            size = rand_below(r, 8) == 0 ? at : size;
        }
    }
    return size;
}

static void feed_mutants(struct rand *r, const uint8_t *data, size_t size)
{
    uint8_t *mutant = malloc(size ? size : 1);
    if (mutant == NULL) {
        abort();
    }
    for (int i = 0; i < MUTANT_COUNT; i++) {
        memcpy(mutant, data, size);
        feed(mutant, mutate(r, mutant, size));
    }
    free(mutant);
}

static void feed_noise(struct rand *r)
{
    uint8_t noise[BLIND_MAX_BYTES];
    for (int i = 0; i < BLIND_COUNT; i++) {
        size_t size = (size_t)rand_below(r, sizeof noise + 1);
        for (size_t at = 0; at < size; at++) {
            noise[at] = (uint8_t)rand_u64(r);
        }
        feed(noise, size);
    }
}

static void feed_file(struct rand *r, const char *path, uint8_t *room)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(1);
    }
    size_t size = fread(room, 1, INPUT_MAX_BYTES, f);
    fclose(f);
    feed(room, size);
    feed_mutants(r, room, size);
}

/* Returns how many files there were. */
static int feed_corpus(struct rand *r, const char *corpus)
{
    struct dirent **entries = NULL;
    int count = scandir(corpus, &entries, NULL, alphasort);
    int fed = 0;
    uint8_t *room = malloc(INPUT_MAX_BYTES);
    for (int i = 0; i < count && room != NULL; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", corpus, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            feed_file(r, path, room);
            fed++;
        }
        free(entries[i]);
    }
    free(room);
    free(entries);
    return fed;
}

int main(int argc, char **argv)
{
    struct rand r;
    rand_init(&r, 1);
    int fed = argc > 1 ? feed_corpus(&r, argv[1]) : 0;
    printf("ok 1 %d corpus files and their mutants\n", fed);
    feed_noise(&r);
    printf("ok 2 noise\n1..2\n");
    return 0;
}
