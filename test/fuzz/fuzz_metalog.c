/* The metadata log of a directory with one damaged file. Opening it either works, and then it takes
 * a new topic and opens again with it, or gives an error that says why.
 *
 * Input: file, how (2 bytes); then what the file holds, or edits of it: position (2 bytes), byte.
 */
#include "test.h"

#include "metalog_world.h"

#include "fuzz.h"

#include "base/assert.h"
#include "base/crc.h"
#include "base/diag.h"
#include "base/endian.h"
#include "base/mem.h"

enum { HEAD_BYTES = 2, EDIT_BYTES = 3, FILES_MAX = 16, FILE_MAX_BYTES = 1 << 20, TOPIC = 99 };
enum { IS_EDITED = 1, HAS_RIGHT_CRCS = 2, IS_STATIC = 4 };
enum { LENGTH_POS = 8, LENGTH_FROM = 12, CRC_POS = 17, CRC_FROM = 21 };

struct names {
    char *v[FILES_MAX];
    size_t count;
};

/* A directory before the damage; of a dynamic quorum and of a static one. */
struct whole {
    struct crashfs *disk;
    struct names names;
};

static struct whole wholes[2];
static const char *const confs[] = {
    "metadata.log.max.record.bytes.between.snapshots=600\n",
    "metadata.log.max.record.bytes.between.snapshots=600\n"
    "controller.quorum.voters=1@localhost:9093\n",
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool on_name(void *ctx, const char *name, bool is_dir)
{
    struct names *n = ctx;
    char path[256];
    if (!is_dir && n->count < FILES_MAX - 2) {
        snprintf(path, sizeof path, "%s/%s", METALOG_DIR, name);
        n->v[n->count++] = str_dup(str_from(path));
    }
    return true;
}

static void make_whole(struct whole *whole, const char *conf)
{
    struct metalog_world w;
    metalog_world_init(&w, conf);
    metalog_world_begin(&w);
    for (int i = 0; i < 6; i++) {
        ASSERT(metalog_world_create(&w, i) == OK);
    }
    metalog_world_close(&w);
    ASSERT(fs_list(crashfs_fs(w.disk), METALOG_DIR, on_name, &whole->names) == OK);
    qsort(whole->names.v, whole->names.count, sizeof whole->names.v[0], by_name);
    whole->names.v[whole->names.count++] = str_dup(STR(METALOG_ROOT "/bootstrap.checkpoint"));
    whole->names.v[whole->names.count++] = str_dup(STR(METALOG_ROOT "/meta.properties"));
    whole->disk = crashfs_clone(w.disk);
    metalog_world_deinit(&w);
}

static const struct whole *whole_of(bool is_static)
{
    struct whole *whole = &wholes[is_static];
    if (whole->disk == NULL) {
        diag_set_level(DIAG_ERROR + 1);
        make_whole(whole, confs[is_static]);
    }
    return whole;
}

/* --- damage --- */

static void edit(uint8_t *p, size_t len, struct bytes edits)
{
    for (; len > 0 && edits.len >= EDIT_BYTES; edits.p += EDIT_BYTES, edits.len -= EDIT_BYTES) {
        p[be16_get(edits.p) % len] ^= edits.p[2];
    }
}

/* So that what lies behind the check is reached. */
static void fix_crcs(uint8_t *p, size_t len)
{
    while (len >= CRC_FROM) {
        size_t size = (size_t)be32_get(p + LENGTH_POS) + LENGTH_FROM;
        if (size < CRC_FROM || size > len) {
            return;
        }
        be32_put(p + CRC_POS, crc32c(0, p + CRC_FROM, size - CRC_FROM));
        p += size;
        len -= size;
    }
}

static uint8_t *copy(const void *p, size_t len)
{
    uint8_t *c = mem_alloc(len + 1);
    memcpy(c, p, len);
    return c;
}

static void damage(struct fs *fs, const char *path, uint8_t how, struct bytes rest)
{
    char *text;
    size_t len;
    uint8_t *p;
    ASSERT(fs_read_all(fs, path, FILE_MAX_BYTES, &text, &len) == OK);
    if (how & IS_EDITED) {
        p = copy(text, len);
        edit(p, len, rest);
    } else {
        p = copy(rest.p, rest.len);
        len = rest.len;
    }
    if (how & HAS_RIGHT_CRCS) {
        fix_crcs(p, len);
    }
    ASSERT(fs_write_atomic(fs, path, p, len) == OK);
    mem_free(p);
    mem_free(text);
}

/* --- the run --- */

static void run(struct metalog_world *w)
{
    enum err e = metalog_world_open(w);
    if (e) {
        ASSERT(w->why.len > 0 || e == ERR_MALFORMED); /* meta.properties: the host tells */
        return;
    }
    e = metalog_world_register(w);
    e = e || w->ml == NULL ? e : metalog_world_create(w, TOPIC);
    bool is_made = !e && metalog_world_has(w, TOPIC);
    metalog_world_close(w);
    ASSERT(metalog_world_open(w) == OK);
    ASSERT(!is_made || metalog_world_has(w, TOPIC));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct metalog_world w;
    if (size < HEAD_BYTES) {
        return 0;
    }
    bool is_static = data[1] & IS_STATIC;
    const struct whole *whole = whole_of(is_static);
    metalog_world_init(&w, confs[is_static]);
    crashfs_free(w.disk);
    w.disk = crashfs_clone(whole->disk);
    w.seed = 100; /* another incarnation than before */
    damage(crashfs_fs(w.disk), whole->names.v[data[0] % whole->names.count], data[1],
           (struct bytes){data + HEAD_BYTES, size - HEAD_BYTES});
    run(&w);
    metalog_world_deinit(&w);
    return 0;
}
