/* pthreads behind the seam. */
#include "plat/thread.h"

#include "base/assert.h"
#include "base/mem.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MUST(call) ASSERT((call) == 0)

void mutex_init(struct mutex *m) { MUST(pthread_mutex_init(&m->m, NULL)); }
void mutex_deinit(struct mutex *m) { MUST(pthread_mutex_destroy(&m->m)); }
void mutex_lock(struct mutex *m) { MUST(pthread_mutex_lock(&m->m)); }
void mutex_unlock(struct mutex *m) { MUST(pthread_mutex_unlock(&m->m)); }

void rwlock_init(struct rwlock *l) { MUST(pthread_rwlock_init(&l->l, NULL)); }
void rwlock_deinit(struct rwlock *l) { MUST(pthread_rwlock_destroy(&l->l)); }
void rwlock_read(struct rwlock *l) { MUST(pthread_rwlock_rdlock(&l->l)); }
void rwlock_write(struct rwlock *l) { MUST(pthread_rwlock_wrlock(&l->l)); }
void rwlock_unlock(struct rwlock *l) { MUST(pthread_rwlock_unlock(&l->l)); }

void cond_init(struct cond *c)
{
    pthread_condattr_t attr;
    MUST(pthread_condattr_init(&attr));
    MUST(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    MUST(pthread_cond_init(&c->c, &attr));
    MUST(pthread_condattr_destroy(&attr));
}

void cond_deinit(struct cond *c) { MUST(pthread_cond_destroy(&c->c)); }
void cond_signal(struct cond *c) { MUST(pthread_cond_signal(&c->c)); }
void cond_broadcast(struct cond *c) { MUST(pthread_cond_broadcast(&c->c)); }
void cond_wait(struct cond *c, struct mutex *m) { MUST(pthread_cond_wait(&c->c, &m->m)); }

void cond_wait_ns(struct cond *c, struct mutex *m, int64_t timeout_ns)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + timeout_ns % 1000000000;
    t.tv_sec += timeout_ns / 1000000000 + ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    (void)pthread_cond_timedwait(&c->c, &m->m, &t);
}

struct start {
    void (*fn)(void *);
    void *ctx;
    char name[16];
};

static void *run(void *arg)
{
    struct start s = *(struct start *)arg;
    mem_free(arg);
    (void)pthread_setname_np(pthread_self(), s.name);
    s.fn(s.ctx);
    return NULL;
}

enum err thread_start(struct thread *t, const char *name, void (*fn)(void *), void *ctx)
{
    struct start *s = NEW(struct start);
    *s = (struct start){.fn = fn, .ctx = ctx};
    for (size_t i = 0; i < sizeof s->name - 1 && name[i]; i++) {
        s->name[i] = name[i];
    }
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int n = pthread_create(&t->t, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (n != 0) {
        mem_free(s);
        return ERR_NO_MEMORY;
    }
    return OK;
}

void thread_join(struct thread *t) { MUST(pthread_join(t->t, NULL)); }

/* struct sched_attr of the kernel, which not all C libraries have. */
struct turn_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t turn_ns, deadline_ns, period_ns;
};

void thread_be_prompt(void)
{
    enum { TURN_NS = 100 * 1000 }; /* the least that the kernel takes */
    struct turn_attr a = {.size = sizeof a};
    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) == 0 && a.policy == SCHED_OTHER) {
        a.turn_ns = TURN_NS;
        (void)syscall(SYS_sched_setattr, 0, &a, 0);
    }
}

/* --- the end of a thread of the program's --- */

static pthread_key_t end_key;
static _Atomic bool has_end_key;
static _Thread_local void (*at_end)(void);

static void run_at_end(void *ctx) { at_end(); }

static void make_end_key(void) { has_end_key = pthread_key_create(&end_key, run_at_end) == 0; }

/* A library that is unloaded leaves nothing behind that points into it. */
__attribute__((destructor)) static void drop_end_key(void)
{
    if (has_end_key) {
        (void)pthread_key_delete(end_key);
    }
}

void thread_at_end(void (*fn)(void))
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (at_end == fn) {
        return;
    }
    ASSERT(at_end == NULL);
    (void)pthread_once(&once, make_end_key);
    if (has_end_key && pthread_setspecific(end_key, &at_end) == 0) {
        at_end = fn;
    }
}

int thread_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    return MAX(1, CPU_COUNT(&set));
}

bool thread_is_current(const struct thread *t) { return pthread_equal(t->t, pthread_self()) != 0; }
