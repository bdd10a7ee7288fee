/* Text files of data directories: checkpoints, leader epochs, meta.properties, partition.metadata,
 * the mark of a clean stop. Nothing is told of a file that is not whole; what is told and written
 * again reads the same. The first byte says which file the rest is. */
#include "crashfs.h"
#include "fuzz.h"

#include "base/assert.h"
#include "base/mem.h"
#include "log/checkpoint.h"
#include "log/epoch.h"
#include "log/logdir.h"

#include <string.h>

static struct crashfs *disk;

static void put_file(const char *path, struct bytes in)
{
    struct file *f;
    struct fs *fs = crashfs_fs(disk);
    enum err e = fs_open(fs, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f);
    ASSERT(e == OK);
    e = file_pwrite(f, in.p, in.len, 0);
    ASSERT(e == OK);
    file_close(f);
}

struct copying {
    struct checkpoint_writer w;
    uint64_t sum;
    uint32_t count;
};

static void copy_row(void *ctx, const struct checkpoint_row *row)
{
    struct copying *c = ctx;
    ASSERT(row->topic.len > 0 && row->partition >= 0);
    checkpoint_add(&c->w, row->topic, row->partition, row->off);
    c->sum = c->sum * 31 + (uint64_t)row->off + (uint64_t)row->partition + row->topic.len;
    c->count++;
}

static void checkpoint(struct bytes in)
{
    struct copying first = {.sum = 0}, second = {.sum = 0};
    struct fs *fs = crashfs_fs(disk);
    checkpoint_begin(&first.w);
    put_file("c", in);
    enum err e = checkpoint_read(fs, "c", copy_row, &first);
    ASSERT(e == OK || first.count == 0);
    ASSERT(checkpoint_finish(&first.w, fs, "d") == OK);
    checkpoint_begin(&second.w);
    ASSERT(checkpoint_read(fs, "d", copy_row, &second) == OK);
    ASSERT(second.sum == first.sum && second.count == first.count);
    ASSERT(checkpoint_finish(&second.w, fs, "d") == OK);
}

static void epochs(struct bytes in)
{
    struct epochs x, y;
    struct buf text = BUF_INIT;
    epochs_init(&x);
    epochs_init(&y);
    if (epochs_decode(&x, (struct str){(const char *)in.p, in.len}) == OK) {
        epochs_encode(&x, &text);
        ASSERT(epochs_decode(&y, buf_str(&text)) == OK && y.count == x.count);
        for (uint32_t i = 1; i < x.count; i++) {
            ASSERT(x.rows[i - 1].epoch < x.rows[i].epoch);
            ASSERT(x.rows[i - 1].start_off < x.rows[i].start_off);
        }
        epochs_cut_start(&x, x.count ? x.rows[0].start_off + 7 : 0);
        epochs_cut_end(&x, x.count ? x.rows[x.count - 1].start_off : 0);
    } else {
        ASSERT(x.count == 0);
    }
    buf_deinit(&text);
    epochs_deinit(&x);
    epochs_deinit(&y);
}

static void tell_nobody(void *ctx, const struct logdir_partition *p)
{
    (void)ctx;
    (void)p;
}

static void directory(const char *file, struct bytes in)
{
    struct fs *fs = crashfs_fs(disk);
    struct logdir *d;
    bool was_clean;
    int64_t epoch;
    put_file(file, in);
    enum err e = logdir_open(fs, "data", &d);
    if (e == OK) {
        struct logdir_meta meta = *logdir_meta(d);
        ASSERT(logdir_take_clean_mark(d, &was_clean, &epoch) == OK);
        ASSERT(logdir_each_partition(d, tell_nobody, NULL) == OK);
        ASSERT(memchr(meta.cluster_id, '\0', sizeof meta.cluster_id) != NULL && meta.node_id >= -1);
        logdir_close(d);
    }
    put_file(file, (struct bytes){NULL, 0});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (disk == NULL) {
        disk = crashfs_new();
        ASSERT(fs_mkdir_all(crashfs_fs(disk), "data/t-0") == OK);
    }
    if (size == 0) {
        return 0;
    }
    struct bytes in = {data + 1, size - 1};
    switch (data[0] % 5) {
    case 0:
        checkpoint(in);
        break;
    case 1:
        epochs(in);
        break;
    case 2:
        directory("data/meta.properties", in);
        break;
    case 3:
        directory("data/t-0/partition.metadata", in);
        break;
    default:
        directory("data/.kafka_cleanshutdown", in);
    }
    ASSERT(crashfs_open_count(disk) == 0);
    return 0;
}
