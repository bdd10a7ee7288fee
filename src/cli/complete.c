/* `ottla completion SHELL`, which prints the shell's script, and `ottla __complete KIND`, which
 * that script asks for names. One thread. */
#include "cli/profile.h"

#include "base/attr.h"
#include "cli/command.h"
#include "cli/completion_texts.h"

enum { ANSWER_MS = 3000 }; /* a person waits */

/* --- scripts --- */

int completion_command(int argc, char **argv)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    static const char *const texts[] = {completion_bash, completion_zsh, completion_fish};
    struct buf why = BUF_INIT;
    const char *shell = argc == 2 ? argv[1] : "";
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (strcmp(shell, shells[i]) == 0) {
            fputs(texts[i], stdout);
            return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
        }
    }
    buf_printf(&why, "usage: ottla completion bash|zsh|fish");
    args_put_hint(&why, str_from(shell), shells, ARRAY_LEN(shells));
    fprintf(args_wants_help(argc, argv) ? stdout : stderr,
            "%s\n\nPrints completion for a shell: source <(ottla completion bash), or for zsh into "
            "a file\n_ottla on $fpath, for fish into ~/.config/fish/completions/ottla.fish.\n",
            buf_cstr(&why));
    buf_deinit(&why);
    return args_wants_help(argc, argv) ? CLI_OK : CLI_FAILED;
}

/* --- names --- */

static const struct args_option options[CLI_OPTIONS] = {CLI_OPTION_ROWS};

static int print_topics(struct cli *c)
{
    struct ottla_topics *t = NULL;
    if (ottla_list_topics(c->client, &c->options, &t, &c->error) != 0) {
        return CLI_FAILED;
    }
    for (size_t i = 0; i < t->count; i++) {
        puts(t->rows[i]->name);
    }
    ottla_topics_free(t);
    return CLI_OK;
}

static int print_groups(struct cli *c)
{
    struct ottla_group_list *g = NULL;
    if (ottla_list_groups(c->client, NULL, 0, NULL, 0, &c->options, &g, &c->error) != 0) {
        return CLI_FAILED;
    }
    for (size_t i = 0; i < g->count; i++) {
        puts(g->rows[i]->id);
    }
    ottla_group_list_free(g);
    return CLI_OK;
}

static int print_profiles(void)
{
    struct cli_names n = {0};
    profile_names(&n);
    for (size_t i = 0; i < n.count; i++) {
        puts(n.names[i]);
    }
    cli_names_deinit(&n);
    return CLI_OK;
}

static bool is_kind(const struct cli *c, const char *kind)
{
    return c->args.word_count == 1 && strcmp(c->args.words[0], kind) == 0;
}

static bool is_offline(const struct cli *c) { return is_kind(c, "profiles"); }

static int run(struct cli *c)
{
    c->options.timeout_ms = ANSWER_MS;
    return is_kind(c, "topics")     ? print_topics(c)
           : is_kind(c, "groups")   ? print_groups(c)
           : is_kind(c, "profiles") ? print_profiles()
                                    : CLI_FAILED;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla __complete",
             .words = "commands|scripts|topics|groups|profiles",
             .about = "Names for the completion of shells.",
             .options = options,
             .option_count = CLI_OPTIONS},
    .run = run,
    .is_offline = is_offline,
    .is_silent = true,
};

int complete_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
