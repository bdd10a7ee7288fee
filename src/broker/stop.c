/* `ottla stop`: ends brokers of this machine as SIGTERM does. A broker is a process of our program
 * that holds the lock of a data directory; whose that directory is, its meta.properties says. */
#include "base/args.h"
#include "base/mem.h"
#include "broker/command.h"
#include "log/logdir.h"
#include "plat/clock.h"
#include "plat/process.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXIT_FAILED = 1, TIMEOUT_S = 60 };

enum { NODE_ID, ROLE, LOG_DIR, TIMEOUT, HELP, VERSION, OPTIONS };

static const struct args_option options[OPTIONS] = {
    [NODE_ID] = {"node-id", "N", "Only the node of this id.", ARGS_VALUE},
    [ROLE] = {"process-role", "broker|controller", "Only nodes of this role: all have both.",
              ARGS_VALUE},
    [LOG_DIR] = {"log-dir", "DIR", "Only the broker that has this data directory.", ARGS_VALUE},
    [TIMEOUT] = {"timeout", "SECONDS", "How long to wait until it has stopped (60).", ARGS_VALUE},
    [HELP] = {"help", NULL, "Print this.", ARGS_FLAG, 'h'},
    [VERSION] = {"version", NULL, "Print the version.", ARGS_FLAG},
};

static const struct args_spec spec = {
    .command = "ottla stop",
    .about = "Stops brokers of this machine cleanly and waits for them: all that run and that this "
             "user may stop, unless told otherwise.",
    .options = options,
    .option_count = OPTIONS,
};

struct broker_process {
    int pid, fd;
    int64_t node_id; /* -1: its directory does not tell */
    bool has_dir;    /* of --log-dir */
};

struct stop {
    const struct args *args;
    int64_t node_id; /* wanted; -1: any */
    int64_t timeout_s;
    const char *dir; /* wanted, absolute; NULL: any */
    struct broker_process *found;
    size_t count;
};

/* --- which --- */

static int64_t node_id_of(const char *dir)
{
    struct logdir_meta meta;
    return logdir_read_meta(fs_posix(), dir, &meta) == OK ? meta.node_id : -1;
}

static void add_holder(void *ctx, int pid, const char *dir)
{
    struct stop *s = ctx;
    struct broker_process *p = s->count > 0 ? &s->found[s->count - 1] : NULL;
    if (p == NULL || p->pid != pid) {
        s->found = mem_realloc_array(s->found, s->count + 1, sizeof *s->found);
        p = &s->found[s->count++];
        *p = (struct broker_process){.pid = pid, .fd = process_open(pid), .node_id = -1};
    }
    p->node_id = p->node_id < 0 ? node_id_of(dir) : p->node_id;
    p->has_dir = p->has_dir || (s->dir != NULL && strcmp(dir, s->dir) == 0);
}

static bool is_wanted(const struct stop *s, const struct broker_process *p)
{
    return p->fd >= 0 && (s->node_id < 0 || p->node_id == s->node_id) &&
           (s->dir == NULL || p->has_dir);
}

/* --- the end of one --- */

static void print_name(const struct broker_process *p, FILE *out, const char *fmt)
{
    char name[64];
    snprintf(name, sizeof name, p->node_id < 0 ? "a broker" : "broker %lld", (long long)p->node_id);
    fprintf(out, fmt, name, p->pid);
}

static bool tell(const struct broker_process *p, int *status)
{
    if (process_terminate(p->fd)) {
        return true;
    }
    print_name(p, stderr, "ottla stop: %s (pid %d) belongs to another user\n");
    *status = EXIT_FAILED;
    return false;
}

static bool wait_for(const struct broker_process *p, int64_t end_ms)
{
    int64_t left_ms = end_ms - clock_mono_ms(clock_system());
    if (process_wait(p->fd, (int)MAX(left_ms, 0))) {
        print_name(p, stdout, "%s (pid %d) has stopped\n");
        return true;
    }
    print_name(p, stderr, "ottla stop: %s (pid %d) is still stopping\n");
    return false;
}

/* All are told before any is waited for. */
static int stop_all(struct stop *s)
{
    int status = 0;
    size_t told = 0;
    for (size_t i = 0; i < s->count; i++) {
        bool is_told = is_wanted(s, &s->found[i]) && tell(&s->found[i], &status);
        if (is_told) {
            s->found[told++] = s->found[i];
        } else {
            process_close(s->found[i].fd);
        }
    }
    int64_t end_ms = clock_mono_ms(clock_system()) + s->timeout_s * 1000;
    for (size_t i = 0; i < told; i++) {
        status = wait_for(&s->found[i], end_ms) ? status : EXIT_FAILED;
        process_close(s->found[i].fd);
    }
    if (told == 0 && status == 0) {
        fprintf(stderr, "No kafka server to stop\n"); /* Kafka's words: scripts look for them */
        status = EXIT_FAILED;
    }
    return status;
}

/* --- the command --- */

static int refuse(struct buf *why)
{
    fprintf(stderr, "ottla stop: %s; ottla stop --help says more\n", buf_cstr(why));
    return EXIT_FAILED;
}

static bool read_options(struct stop *s, struct buf *why)
{
    const char *role = args_value(s->args, ROLE);
    if (role != NULL && strcmp(role, "broker") != 0 && strcmp(role, "controller") != 0) {
        buf_printf(why, "--process-role is broker or controller, not '%s'", role);
        return false;
    }
    return args_number(s->args, NODE_ID, (struct args_range){0, INT32_MAX}, &s->node_id, why) &&
           args_number(s->args, TIMEOUT, (struct args_range){0, INT32_MAX / 1000}, &s->timeout_s,
                       why);
}

static int run(const struct args *a, struct buf *why)
{
    struct stop s = {.args = a, .node_id = -1, .timeout_s = TIMEOUT_S};
    if (!read_options(&s, why)) {
        return refuse(why);
    }
    char *dir = NULL;
    if (args_has(a, LOG_DIR) && (dir = realpath(args_value(a, LOG_DIR), NULL)) == NULL) {
        buf_printf(why, "there is no directory %s", args_value(a, LOG_DIR));
        return refuse(why);
    }
    s.dir = dir;
    process_each_holder(".lock", add_holder, &s);
    int status = stop_all(&s);
    mem_free(s.found);
    free(dir);
    return status;
}

int stop_command(int argc, char **argv)
{
    struct args a;
    struct buf text = BUF_INIT;
    int status = 0;
    if (args_wants_help(argc, argv)) {
        args_help(&spec, &text);
        fputs(buf_cstr(&text), stdout);
        buf_deinit(&text);
        return 0;
    }
    if (!args_parse(&a, &spec, argc, argv, &text)) {
        status = refuse(&text);
    } else if (args_has(&a, VERSION)) {
        printf("%s\n", OTTLA_VERSION);
    } else {
        status = run(&a, &text);
    }
    args_deinit(&a);
    buf_deinit(&text);
    return status;
}
