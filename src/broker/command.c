/* `ottla broker`: from the command line and a properties file to a running server, and its clean
 * end. */
#include "broker/command.h"

#include "base/diag.h"
#include "base/mem.h"
#include "broker/server.h"
#include "plat/entropy.h"
#include "plat/process.h"
#include "plat/signals.h"

#include <stdio.h>

enum { EXIT_USAGE = 2, EXIT_FAILED = 1, PROPERTIES_MAX_BYTES = 1 << 20 };

static const char usage[] =
    "usage: ottla broker [server.properties] [--override key=value]...\n"
    "\n"
    "Runs a broker in the foreground. Settings have Apache Kafka's names; without any the broker\n"
    "listens on port 9092 and keeps its data in ./.ottla. SIGTERM or Ctrl-C stops it cleanly.\n";

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

/* The file first, then overrides, wherever they stand. */
static int parse_args(int argc, char **argv, struct props *props)
{
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        bool is_override = strcmp(argv[i], "--override") == 0;
        if (is_override && i + 1 == argc) {
            return complain("%s wants key=value behind it", argv[i]);
        }
        if (!is_override && (argv[i][0] == '-' || path != NULL)) {
            return complain("'%s' is not understood; see ottla broker --help", argv[i]);
        }
        path = is_override ? path : argv[i];
        i += is_override;
    }
    int status = path ? read_file(path, props) : 0;
    for (int i = 1; status == 0 && i < argc; i++) {
        if (strcmp(argv[i], "--override") == 0) {
            status = set_override(props, argv[++i]);
        }
    }
    return status;
}

static bool wants_help(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

static void on_fatal(void *ctx, enum err e)
{
    *(_Atomic int *)ctx = EXIT_FAILED;
    (void)e;
    signals_raise();
}

static int serve(struct server_args *args, int64_t began_ns)
{
    struct server *server = NULL;
    struct buf why = BUF_INIT;
    _Atomic int status = 0;
    args->on_fatal = on_fatal;
    args->ctx = &status;
    enum err e = server_start(args, &server, &why);
    if (e) {
        fprintf(stderr, "ottla broker: %s\n", why.len ? buf_cstr(&why) : err_text(e));
        buf_deinit(&why);
        return e == ERR_BAD_CONFIG ? EXIT_USAGE : EXIT_FAILED;
    }
    buf_deinit(&why);
    int64_t took_us = (clock_mono_ns(args->clock) - began_ns) / 1000;
    printf("ottla is ready on %s (%.1f ms)\n", server_address(server), (double)took_us / 1000);
    fflush(stdout);
    signals_wait();
    server_stop(server);
    printf("ottla has stopped\n");
    return status;
}

int broker_command(int argc, char **argv)
{
    struct server_args args = {
        .fs = fs_posix(), .net = net_posix(), .clock = clock_system(), .seed = entropy_u64()};
    int64_t began_ns = clock_mono_ns(args.clock);
    int line;
    if (wants_help(argc, argv)) {
        fputs(usage, stdout);
        return 0;
    }
    signals_block();
    process_raise_fd_limit();
    enum err e = props_parse(&args.props, STR(""), &line);
    int status = e ? complain("%s", err_text(e)) : parse_args(argc, argv, &args.props);
    if (status != 0) {
        props_deinit(&args.props);
        return status;
    }
    return serve(&args, began_ns);
}
