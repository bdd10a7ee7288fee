/* dump-log over any bytes in any of its files: it prints or refuses, and what it prints as JSON has
 * an object in each line.
 *
 * Input: kind of file, options, decoder (a byte each), length of the file (2 bytes) and its bytes;
 * what follows is the segment beside an index. */
#include "crashfs.h"
#include "fuzz.h"

#include "base/assert.h"
#include "base/endian.h"
#include "offline/dump.h"

#include <stdlib.h>

enum { HEAD_BYTES = 5, IS_DEEP = 1, PRINTS = 2, SKIPS = 4, VERIFIES = 8, SANITY = 16, JSON = 32 };

static const char *const names[] = {
    "0.log", "0.index", "0.timeindex", "0.txnindex", "0.snapshot", "bootstrap.checkpoint",
};

static void put_file(struct fs *fs, const char *path, struct bytes b)
{
    struct file *f;
    enum err e = fs_open(fs, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f);
    ASSERT(e == OK);
    e = file_pwrite(f, b.p, b.len, 0);
    ASSERT(e == OK);
    file_close(f);
}

static void check_json(const char *text, size_t len)
{
    struct str rest = {text, len}, line;
    while (str_next_item(&rest, '\n', &line)) {
        ASSERT(line.p[0] == '{');
    }
}

static void dump_it(struct fs *fs, const char *name, const uint8_t *head)
{
    struct dump d;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len), *errors = fopen("/dev/null", "w");
    ASSERT(out != NULL && errors != NULL);
    dump_init(&d, fs, out, errors);
    d.out.is_json = head[1] & JSON;
    d.options.is_deep = head[1] & (IS_DEEP | PRINTS);
    d.options.prints_data = head[1] & PRINTS;
    d.options.skips_metadata = head[1] & SKIPS;
    d.options.verifies_only = head[1] & VERIFIES;
    d.options.checks_sanity = head[1] & SANITY;
    d.options.decoder = head[2] % (DECODE_SHARE + 1);
    d.options.decoder = d.options.decoder == DECODE_REMOTE_LOG ? DECODE_PLAIN : d.options.decoder;
    d.options.key_class = head[2] / 8 % (CLASS_BYTES + 1);
    d.options.value_class = head[2] / 32 % (CLASS_BYTES + 1);
    dump_files(&d, name);
    dump_deinit(&d);
    fclose(out);
    fclose(errors);
    if (head[1] & JSON) {
        check_json(text, len);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES) {
        return 0;
    }
    struct crashfs *disk = crashfs_new();
    const char *name = names[data[0] % ARRAY_LEN(names)];
    struct bytes all = {data + HEAD_BYTES, size - HEAD_BYTES};
    bool is_index = strstr(name, "index") != NULL;
    size_t n = is_index ? MIN((size_t)be16_get(data + 3), all.len) : all.len;
    put_file(crashfs_fs(disk), name, (struct bytes){all.p, n});
    if (is_index) {
        struct bytes rest = {all.p + n, all.len - n};
        put_file(crashfs_fs(disk), "0.log", rest);
        if (strcmp(name, "0.timeindex") == 0) {
            put_file(crashfs_fs(disk), "0.index", (struct bytes){all.p, n});
        }
    }
    dump_it(crashfs_fs(disk), name, data);
    crashfs_free(disk);
    return 0;
}
