/* A broker inside a test program: its life, and the way to its faults. The test's threads; `lock`
 * is between what uses the running server and what stops it. */
#include "base/diag.h"
#include "base/mem.h"
#include "broker/server.h"
#include "meta/config.h"
#include "ottla/test.h"
#include "plat/entropy.h"
#include "plat/thread.h"
#include "testkit/faults.h"
#include "testkit/memfs.h"

#include <stdarg.h>
#include <stdio.h>

enum { NODES_MAX = 16 };

struct ottla_test_broker {
    struct mutex lock;
    struct server *server; /* NULL: stopped */
    struct memfs *memfs;   /* NULL: in a directory */
    struct faults *faults;
    char *data_dir;
    char **settings; /* NULL after the last */
    int node_count;
    int ports[NODES_MAX];
    char address[32];
};

static int fail(struct ottla_error *error, int code, const char *fmt, ...) printf_like(3, 4);
static int fail(struct ottla_error *error, int code, const char *fmt, ...)
{
    if (error != NULL) {
        va_list args;
        error->code = code;
        error->flags = ottla_error_flags(code);
        va_start(args, fmt);
        vsnprintf(error->message, sizeof error->message, fmt, args);
        va_end(args);
    }
    return code;
}

void ottla_test_broker_options_init_size(struct ottla_test_broker_options *options, size_t size)
{
    const struct ottla_test_broker_options ours = {.size = size, .nodes = 1};
    mem_init_sized(options, size, &ours, sizeof ours);
}

/* --- messages to people --- */

static enum diag_level level_of(enum ottla_log_level level)
{
    switch (level) {
    case OTTLA_LOG_DEBUG:
        return DIAG_DEBUG;
    case OTTLA_LOG_INFO:
        return DIAG_INFO;
    case OTTLA_LOG_WARN:
        return DIAG_WARN;
    case OTTLA_LOG_ERROR:
        break;
    }
    return DIAG_ERROR;
}

void ottla_test_log_level(enum ottla_log_level level) { diag_set_level(level_of(level)); }

__attribute__((constructor)) static void be_quiet(void) { diag_set_level(DIAG_ERROR); }

/* --- settings --- */

/* A cluster for a test: small, and at once. */
static const char defaults[] = "broker.id=1\n"
                               "node.id=1\n"
                               "offsets.topic.num.partitions=1\n"
                               "offsets.topic.replication.factor=1\n"
                               "group.initial.rebalance.delay.ms=0\n";

static int set_one(struct props *props, const char *text, struct ottla_error *error)
{
    const char *eq = strchr(text, '=');
    if (eq == NULL || eq == text) {
        return fail(error, ERR_BAD_CONFIG, "'%s' is not name=value", text);
    }
    struct str name = str_trim((struct str){text, (size_t)(eq - text)});
    if (config_find(CONFIG_BROKER, name) == NULL) {
        const char *meant = config_did_you_mean(CONFIG_BROKER, name);
        return fail(error, ERR_BAD_CONFIG, "the broker has no setting '%.*s'%s%s%s", STR_ARG(name),
                    meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
    }
    enum err e = props_set(props, name, str_trim(str_from(eq + 1)));
    return e ? fail(error, e, "%s", err_text(e)) : 0;
}

/* One for each node that it plays. */
static void put_listeners(const struct ottla_test_broker *b, struct buf *text)
{
    buf_printf(text, "listeners=PLAINTEXT://127.0.0.1:%d", b->ports[0]);
    for (int i = 1; i < b->node_count; i++) {
        buf_printf(text, ",NODE%d://127.0.0.1:%d", i + 1, b->ports[i]);
    }
    buf_printf(text, "\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT");
    for (int i = 1; i < b->node_count; i++) {
        buf_printf(text, ",NODE%d:PLAINTEXT", i + 1);
    }
    buf_printf(text, "\n");
}

static int fill_props(const struct ottla_test_broker *b, struct props *props,
                      struct ottla_error *error)
{
    struct buf text = BUF_INIT;
    int line;
    buf_printf(&text, "%slog.dirs=%s\n", defaults, b->data_dir);
    put_listeners(b, &text);
    enum err e = props_parse(props, buf_str(&text), &line);
    buf_deinit(&text);
    int code = e ? fail(error, e, "%s", err_text(e)) : 0;
    for (size_t i = 0; code == 0 && b->settings[i] != NULL; i++) {
        code = set_one(props, b->settings[i], error);
    }
    return code;
}

/* --- life --- */

static int start(struct ottla_test_broker *b, struct ottla_error *error)
{
    struct server_args args = {
        .fs = b->memfs ? memfs_fs(b->memfs) : fs_posix(),
        .net = net_posix(),
        .clock = clock_system(),
        .seed = entropy_u64(),
        .worker_count = 1,
        .tap = faults_tap(b->faults),
    };
    struct server *server = NULL;
    struct buf why = BUF_INIT;
    int code = fill_props(b, &args.props, error);
    if (code) {
        props_deinit(&args.props);
        return code;
    }
    enum err e = server_start(&args, &server, &why);
    if (e) {
        fail(error, e, "the broker does not start: %s", why.len ? buf_cstr(&why) : err_text(e));
    } else {
        for (int i = 0; i < b->node_count; i++) {
            b->ports[i] = server_port(server, i);
        }
        snprintf(b->address, sizeof b->address, "127.0.0.1:%d", b->ports[0]);
        b->server = server;
    }
    buf_deinit(&why);
    return e;
}

static char **copy_settings(const char *const *settings)
{
    size_t count = 0;
    while (settings != NULL && settings[count] != NULL) {
        count++;
    }
    char **v = mem_zalloc((count + 1) * sizeof *v);
    for (size_t i = 0; i < count; i++) {
        v[i] = str_dup(str_from(settings[i]));
    }
    return v;
}

/* What the caller's structure has, the rest at its default. */
static struct ottla_test_broker_options known(const struct ottla_test_broker_options *options)
{
    struct ottla_test_broker_options o;
    ottla_test_broker_options_init(&o);
    if (options != NULL) {
        mem_read_sized(&o, sizeof o, options);
    }
    return o;
}

struct ottla_test_broker *ottla_test_broker_start(const struct ottla_test_broker_options *options,
                                                  struct ottla_error *error)
{
    struct ottla_test_broker_options o = known(options);
    if (o.nodes < 0 || o.nodes > NODES_MAX) {
        fail(error, ERR_BAD_CONFIG, "nodes is %d: from 1 to %d can be played", o.nodes, NODES_MAX);
        return NULL;
    }
    struct ottla_test_broker *b = NEW(struct ottla_test_broker);
    mutex_init(&b->lock);
    b->faults = faults_new();
    b->memfs = o.data_dir ? NULL : memfs_new();
    b->data_dir = str_dup(str_from(o.data_dir ? o.data_dir : "data"));
    b->settings = copy_settings(o.settings);
    b->ports[0] = o.port;
    b->node_count = MAX(o.nodes, 1);
    if (start(b, error)) {
        ottla_test_broker_free(b);
        return NULL;
    }
    return b;
}

const char *ottla_test_broker_address(const struct ottla_test_broker *b)
{
    return b != NULL ? b->address : NULL;
}

static void stop(struct ottla_test_broker *b)
{
    if (b->server != NULL) {
        server_stop(b->server);
        b->server = NULL;
    }
    faults_pause(b->faults, false);
}

void ottla_test_broker_stop(struct ottla_test_broker *b)
{
    if (b != NULL) {
        mutex_lock(&b->lock);
        stop(b);
        mutex_unlock(&b->lock);
    }
}

int ottla_test_broker_restart(struct ottla_test_broker *b, struct ottla_error *error)
{
    if (b == NULL) {
        return fail(error, ERR_INVALID_REQUEST, "the broker is NULL");
    }
    mutex_lock(&b->lock);
    stop(b);
    int code = start(b, error);
    mutex_unlock(&b->lock);
    return code;
}

void ottla_test_broker_free(struct ottla_test_broker *b)
{
    if (b == NULL) {
        return;
    }
    stop(b);
    faults_free(b->faults);
    memfs_free(b->memfs);
    for (size_t i = 0; b->settings[i] != NULL; i++) {
        mem_free(b->settings[i]);
    }
    mem_free(b->settings);
    mem_free(b->data_dir);
    mutex_deinit(&b->lock);
    mem_free(b);
}

/* --- faults --- */

static void add(struct ottla_test_broker *b, struct fault fault)
{
    if (b != NULL) {
        faults_add(b->faults, &fault);
    }
}

void ottla_test_broker_fail(struct ottla_test_broker *b, int api, int error, int count)
{
    add(b, (struct fault){FAULT_ERROR, api, error, count});
}

void ottla_test_broker_delay(struct ottla_test_broker *b, int api, int delay_ms, int count)
{
    add(b, (struct fault){FAULT_DELAY, api, delay_ms, count});
}

void ottla_test_broker_drop(struct ottla_test_broker *b, int api, bool has_effect, int count)
{
    add(b, (struct fault){has_effect ? FAULT_LOSE : FAULT_DROP, api, 0, count});
}

void ottla_test_broker_clear(struct ottla_test_broker *b)
{
    if (b != NULL) {
        faults_clear(b->faults);
    }
}

void ottla_test_broker_disconnect(struct ottla_test_broker *b)
{
    if (b == NULL) {
        return;
    }
    mutex_lock(&b->lock);
    if (b->server != NULL) {
        server_disconnect(b->server);
    }
    mutex_unlock(&b->lock);
}

static void set_paused(struct ottla_test_broker *b, bool is_paused)
{
    if (b == NULL) {
        return;
    }
    mutex_lock(&b->lock);
    if (b->server != NULL) {
        faults_pause(b->faults, is_paused);
    }
    mutex_unlock(&b->lock);
}

void ottla_test_broker_pause(struct ottla_test_broker *b) { set_paused(b, true); }
void ottla_test_broker_resume(struct ottla_test_broker *b) { set_paused(b, false); }

void ottla_test_broker_set_leader_away(struct ottla_test_broker *b, const char *topic,
                                       int partition, bool is_away)
{
    if (b != NULL && topic != NULL) {
        leaders_set_away(faults_leaders(b->faults), str_from(topic), partition, is_away);
    }
}

void ottla_test_broker_move_leader(struct ottla_test_broker *b, const char *topic, int partition,
                                   int node)
{
    if (b != NULL && topic != NULL && node >= 1 && node <= b->node_count) {
        leaders_move(faults_leaders(b->faults), str_from(topic), partition, node);
    }
}

uint64_t ottla_test_broker_requests(const struct ottla_test_broker *b, int api)
{
    return b != NULL ? faults_requests(b->faults, api) : 0;
}
