/* `ottla broker`: from the command line and a properties file to a running server, and its clean
 * end; in the foreground, or in the background when that is asked for. */
#include "broker/command.h"

#include "base/args.h"
#include "base/diag.h"
#include "base/mem.h"
#include "broker/messages.h"
#include "broker/server.h"
#include "broker/storage/storage.h"
#include "plat/boot.h"
#include "plat/daemon.h"
#include "plat/entropy.h"
#include "plat/process.h"
#include "plat/signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    EXIT_USAGE = 2,
    EXIT_FAILED = 1,
    PROPERTIES_MAX_BYTES = 1 << 20,
    OUTPUT_MAX_BYTES = 1 << 26
};

enum { OVERRIDE, DAEMON, OUTPUT, FORMAT, HELP, VERSION, OPTIONS };

static const struct args_option options[OPTIONS] = {
    [OVERRIDE] = {"override", "KEY=VALUE", "Set this, whatever the file says.", ARGS_VALUE,
                  .is_list = true},
    [DAEMON] = {"daemon", NULL, "Go into the background when it is ready.", ARGS_FLAG},
    [OUTPUT] = {"output", "FILE",
                "With --daemon: where its messages go; ottla.out in $LOG_DIR or else in the first "
                "of log.dirs.",
                ARGS_VALUE},
    [FORMAT] = {"format", "text|json", "How its messages are written.", ARGS_VALUE},
    [HELP] = {"help", NULL, "Print this.", ARGS_FLAG, 'h'},
    [VERSION] = {"version", NULL, "Print the version.", ARGS_FLAG},
};

static const struct args_spec spec = {
    .command = "ottla broker",
    .words = "[server.properties]",
    .about = "Runs a broker. Settings have Apache Kafka's names; without any it listens on port "
             "9092 and keeps its data in ./.ottla. SIGTERM or Ctrl-C stops it cleanly.",
    .options = options,
    .option_count = OPTIONS,
};

/* --- the command line --- */

static int complain(const char *fmt, const char *what)
{
    fprintf(stderr, "ottla broker: ");
    fprintf(stderr, fmt, what);
    fprintf(stderr, "\n");
    return EXIT_USAGE;
}

static int read_file(const char *path, struct props *props)
{
    char *text;
    size_t len;
    int line = 0;
    enum err e = fs_read_all(fs_posix(), path, PROPERTIES_MAX_BYTES, &text, &len);
    if (e) {
        fprintf(stderr, "ottla broker: cannot read %s: %s\n", path, err_text(e));
        return EXIT_USAGE;
    }
    e = props_parse(props, (struct str){text, len}, &line);
    mem_free(text);
    if (e) {
        fprintf(stderr, "ottla broker: %s:%d: not a line of a properties file\n", path, line);
        return EXIT_USAGE;
    }
    return 0;
}

static int set_override(struct props *props, const char *text)
{
    const char *eq = strchr(text, '=');
    if (eq == NULL || eq == text) {
        return complain("--override wants key=value, not '%s'", text);
    }
    enum err e = props_set(props, str_trim((struct str){text, (size_t)(eq - text)}),
                           str_trim(str_from(eq + 1)));
    return e ? complain("%s", err_text(e)) : 0;
}

static bool is_json(const struct args *a)
{
    const char *format = args_value(a, FORMAT);
    return format != NULL && strcmp(format, "json") == 0;
}

static int check_args(const struct args *a)
{
    const char *format = args_value(a, FORMAT);
    if (format != NULL && !is_json(a) && strcmp(format, "text") != 0) {
        return complain("--format is text or json, not '%s'", format);
    }
    if (args_has(a, OUTPUT) && !args_has(a, DAEMON)) {
        return complain("--output %s goes with --daemon", args_value(a, OUTPUT));
    }
    return a->word_count > 1 ? complain("one file of settings, not '%s', too", a->words[1]) : 0;
}

/* The file first, then overrides, wherever they stand. */
static int read_settings(const struct args *a, struct props *props)
{
    int line;
    enum err e = props_parse(props, STR(""), &line);
    int status = e ? complain("%s", err_text(e)) : check_args(a);
    if (status == 0 && a->word_count > 0) {
        status = read_file(a->words[0], props);
    }
    for (int i = 0; status == 0 && i < args_count(a, OVERRIDE); i++) {
        status = set_override(props, args_nth(a, OVERRIDE, i));
    }
    return status;
}

/* --- in the foreground --- */

static void on_fatal(void *ctx, enum err e)
{
    *(_Atomic int *)ctx = EXIT_FAILED;
    (void)e;
    signals_raise();
}

/* Lines of JSON are for programs, which have no use for a greeting on another stream. */
static void announce(const struct args *a, const char *text)
{
    if (is_json(a)) {
        diag_info(DIAG_BROKER, "%s", text);
        return;
    }
    printf("%s\n", text);
    fflush(stdout);
}

static int serve(const struct args *a, struct server_args *args, struct daemon *daemon,
                 int64_t began_ns)
{
    struct server *server = NULL;
    struct buf text = BUF_INIT;
    _Atomic int status = 0;
    args->on_fatal = on_fatal;
    args->ctx = &status;
    enum err e = server_start(args, &server, &text);
    if (e) {
        fprintf(stderr, "ottla broker: %s\n", text.len ? buf_cstr(&text) : err_text(e));
        buf_deinit(&text);
        return e == ERR_BAD_CONFIG ? EXIT_USAGE : EXIT_FAILED;
    }
    int64_t took_us = (clock_mono_ns(args->clock) - began_ns) / 1000;
    buf_clear(&text);
    buf_printf(&text, "ottla is ready on %s (%.1f ms)", server_address(server),
               (double)took_us / 1000);
    announce(a, buf_cstr(&text));
    if (daemon != NULL) {
        daemon_tell(daemon, buf_cstr(&text));
    }
    buf_deinit(&text);
    signals_wait();
    server_stop(server);
    announce(a, "ottla has stopped");
    return status;
}

/* --- in the background --- */

static enum err output_path(const struct args *a, const struct props *props, struct buf *ret_path)
{
    if (args_has(a, OUTPUT)) {
        buf_put_str(ret_path, str_from(args_value(a, OUTPUT)));
        return OK;
    }
    const char *log_dir = getenv("LOG_DIR");
    struct str dirs = storage_dirs_of(props), first;
    if (log_dir != NULL && log_dir[0] != '\0') {
        first = str_from(log_dir);
    } else if (!str_next_item(&dirs, ',', &first)) {
        return ERR_BAD_CONFIG;
    }
    buf_put_str(ret_path, first);
    enum err e = fs_mkdir_all(fs_posix(), buf_cstr(ret_path));
    buf_put_str(ret_path, STR("/ottla.out"));
    return e;
}

/* What a start that failed has said. */
static void print_output(const char *path, int64_t from)
{
    char *text;
    size_t len;
    if (fs_read_all(fs_posix(), path, OUTPUT_MAX_BYTES, &text, &len) == OK) {
        size_t at = MIN((size_t)from, len);
        fwrite(text + at, 1, len - at, stderr);
        mem_free(text);
    }
}

static int watch(struct daemon *d, const char *path, int64_t began)
{
    struct buf said = BUF_INIT;
    int status = 0;
    if (daemon_wait(d, &said, &status)) {
        printf("%s in the background: pid %d, messages in %s\n", buf_cstr(&said), d->pid, path);
    } else {
        print_output(path, began);
        fprintf(stderr, "ottla broker: it did not start; its messages are in %s, too\n", path);
    }
    buf_deinit(&said);
    return status;
}

static int go_to_background(const struct args *a, struct server_args *args, int64_t began_ns)
{
    struct buf path = BUF_INIT;
    struct daemon daemon;
    int64_t began = 0;
    enum err e = output_path(a, &args->props, &path);
    e = e ? e : daemon_fork(buf_cstr(&path), &daemon, &began);
    int status;
    if (e) {
        fprintf(stderr, "ottla broker: %s cannot be written: %s\n", buf_cstr(&path), err_text(e));
        status = EXIT_FAILED;
    } else if (daemon.pid == 0) {
        status = serve(a, args, &daemon, began_ns);
        buf_deinit(&path);
        return status;
    } else {
        status = watch(&daemon, buf_cstr(&path), began);
    }
    buf_deinit(&path);
    props_deinit(&args->props);
    return status;
}

/* --- the command --- */

static int run(const struct args *a, int64_t began_ns)
{
    struct server_args args = {
        .fs = fs_posix(), .net = net_posix(), .clock = clock_system(), .seed = entropy_u64()};
    boot_id(args.boot_id.b);
    signals_block();
    process_raise_fd_limit();
    messages_begin(args.clock, is_json(a));
    int status = read_settings(a, &args.props);
    if (status != 0) {
        props_deinit(&args.props);
        return status;
    }
    return args_has(a, DAEMON) ? go_to_background(a, &args, began_ns)
                               : serve(a, &args, NULL, began_ns);
}

static int print_help(void)
{
    struct buf text = BUF_INIT;
    args_help(&spec, &text);
    fputs(buf_cstr(&text), stdout);
    buf_deinit(&text);
    return 0;
}

int broker_command(int argc, char **argv)
{
    int64_t began_ns = clock_mono_ns(clock_system());
    struct args a;
    struct buf why = BUF_INIT;
    int status;
    if (args_wants_help(argc, argv)) {
        return print_help();
    }
    if (!args_parse(&a, &spec, argc, argv, &why)) {
        status = complain("%s; ottla broker --help says more", buf_cstr(&why));
    } else if (args_has(&a, VERSION)) {
        status = printf("%s\n", OTTLA_VERSION) < 0;
    } else {
        status = run(&a, began_ns);
    }
    args_deinit(&a);
    buf_deinit(&why);
    return status;
}
