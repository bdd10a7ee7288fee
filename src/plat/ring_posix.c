/* io_uring by its three system calls, for one purpose: the answers that leave at the end of a step
 * are sent by one call. It is no second event loop: nothing is left under way between two calls.
 * That holds because a send that does not wait is carried out, or fails with EAGAIN, while it is
 * submitted; should a completion ever be missing, it is waited for.
 *
 * The rings are memory that the kernel shares: it moves the heads of the submissions and the tail
 * of the completions, we the other two. */
#include "plat/ring_posix.h"

#include "base/assert.h"
#include "base/mem.h"
#include "plat/os_error.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
    int fd;
    void *rings; /* both, in one mapping */
    size_t rings_bytes;
    struct io_uring_sqe *sqes;
    size_t sqes_bytes;
    atomic_uint *sq_head, *sq_tail, *cq_head, *cq_tail;
    unsigned sq_mask, cq_mask;
    const struct io_uring_cqe *cqes;
};

static int setup(unsigned entries, struct io_uring_params *params)
{
    return (int)syscall(SYS_io_uring_setup, entries, params);
}

/* As io_uring_enter(2), signals apart; with `wait` it returns when that many are complete. */
static int enter(const struct ring *r, unsigned submit, unsigned wait)
{
    unsigned flags = wait > 0 ? IORING_ENTER_GETEVENTS : 0;
    int n;
    do {
        n = (int)syscall(SYS_io_uring_enter, r->fd, submit, wait, flags, NULL, 0);
    } while (n < 0 && errno == EINTR);
    return n;
}

static void *map(int fd, size_t bytes, off_t what)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);
    return p == MAP_FAILED ? NULL : p;
}

static void *at(const struct ring *r, uint32_t offset) { return (char *)r->rings + offset; }

static void find_fields(struct ring *r, const struct io_uring_params *params)
{
    const struct io_sqring_offsets *sq = &params->sq_off;
    const struct io_cqring_offsets *cq = &params->cq_off;
    r->sq_head = at(r, sq->head);
    r->sq_tail = at(r, sq->tail);
    r->sq_mask = *(unsigned *)at(r, sq->ring_mask);
    r->cq_head = at(r, cq->head);
    r->cq_tail = at(r, cq->tail);
    r->cq_mask = *(unsigned *)at(r, cq->ring_mask);
    r->cqes = at(r, cq->cqes);
    unsigned *order = at(r, sq->array);
    for (unsigned i = 0; i < params->sq_entries; i++) {
        order[i] = i;
    }
}

static enum err map_rings(struct ring *r, const struct io_uring_params *params)
{
    size_t sq_bytes = params->sq_off.array + params->sq_entries * sizeof(unsigned);
    size_t cq_bytes = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    r->rings_bytes = MAX(sq_bytes, cq_bytes);
    r->sqes_bytes = params->sq_entries * sizeof(struct io_uring_sqe);
    r->rings = map(r->fd, r->rings_bytes, IORING_OFF_SQ_RING);
    r->sqes = map(r->fd, r->sqes_bytes, (off_t)IORING_OFF_SQES);
    return r->rings && r->sqes ? OK : ERR_NO_MEMORY;
}

/* Linux 5.7: since then a send that would wait says so at once. */
enum { FEATURES = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL };

enum err ring_new(struct ring **ret_ring)
{
    struct io_uring_params params = {0};
    int fd = setup(RING_SENDS_MAX, &params);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    struct ring *r = NEW(struct ring);
    r->fd = fd;
    enum err e = (params.features & FEATURES) == FEATURES ? map_rings(r, &params) : ERR_NOT_FOUND;
    if (e) {
        ring_free(r);
        return e;
    }
    find_fields(r, &params);
    *ret_ring = r;
    return OK;
}

void ring_free(struct ring *r)
{
    if (r == NULL) {
        return;
    }
    if (r->sqes != NULL) {
        munmap(r->sqes, r->sqes_bytes);
    }
    if (r->rings != NULL) {
        munmap(r->rings, r->rings_bytes);
    }
    close(r->fd);
    mem_free(r);
}

static void put(struct ring *r, const struct ring_send *sends, int count)
{
    unsigned tail = atomic_load_explicit(r->sq_tail, memory_order_relaxed);
    for (int i = 0; i < count; i++) {
        r->sqes[tail++ & r->sq_mask] = (struct io_uring_sqe){
            .opcode = IORING_OP_SEND,
            .fd = sends[i].fd,
            .addr = (uintptr_t)sends[i].p,
            .len = (uint32_t)MIN(sends[i].len, (size_t)INT32_MAX),
            .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL,
            .user_data = (uint64_t)i,
        };
    }
    atomic_store_explicit(r->sq_tail, tail, memory_order_release);
}

/* Returns how many the kernel took; the others are taken back. */
static int submit(struct ring *r, int count)
{
    int done = 0;
    while (done < count) {
        int n = enter(r, (unsigned)(count - done), 0);
        if (n <= 0) {
            unsigned head = atomic_load_explicit(r->sq_head, memory_order_acquire);
            atomic_store_explicit(r->sq_tail, head, memory_order_release);
            break;
        }
        done += n;
    }
    return done;
}

static void reap(struct ring *r, struct ring_send *sends, int count)
{
    unsigned head = atomic_load_explicit(r->cq_head, memory_order_relaxed);
    for (int left = count; left > 0; left--) {
        while (atomic_load_explicit(r->cq_tail, memory_order_acquire) == head) {
            (void)enter(r, 0, 1);
        }
        const struct io_uring_cqe *cqe = &r->cqes[head++ & r->cq_mask];
        ASSERT(cqe->user_data < (uint64_t)count);
        sends[cqe->user_data].result = cqe->res;
    }
    atomic_store_explicit(r->cq_head, head, memory_order_release);
}

int ring_send_all(struct ring *r, struct ring_send *sends, int count)
{
    ASSERT(count <= RING_SENDS_MAX);
    put(r, sends, count);
    int done = submit(r, count);
    reap(r, sends, done);
    return done;
}
