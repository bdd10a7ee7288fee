/* `ottla configs --describe`. One thread. */
#include "cli/configs.h"

#include "base/attr.h"

/* --- which things there are --- */

static void add_topics(struct cli *c, struct cli_names *n, int *e)
{
    struct ottla_topics *t = NULL;
    *e = ottla_list_topics(c->client, &c->options, &t, &c->error);
    for (size_t i = 0; *e == 0 && i < t->count; i++) {
        cli_names_add(n, str_from(t->rows[i]->name));
    }
    ottla_topics_free(t);
}

static void add_brokers(struct cli *c, struct cli_names *n, int *e)
{
    struct ottla_cluster *cl = NULL;
    *e = ottla_describe_cluster(c->client, &c->options, &cl, &c->error);
    for (size_t i = 0; *e == 0 && i < cl->node_count; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", cl->nodes[i]->id);
        cli_names_add(n, str_from(id));
    }
    ottla_cluster_free(cl);
}

static void add_resources(struct cli *c, enum ottla_resource_type type, struct cli_names *n, int *e)
{
    struct ottla_resources *r = NULL;
    *e = ottla_list_config_resources(c->client, &type, 1, &c->options, &r, &c->error);
    for (size_t i = 0; *e == 0 && i < r->count; i++) {
        if (!cli_names_has(n, r->rows[i]->name)) {
            cli_names_add(n, str_from(r->rows[i]->name));
        }
    }
    ottla_resources_free(r);
}

static void add_groups(struct cli *c, struct cli_names *n, int *e)
{
    struct ottla_group_list *g = NULL;
    *e = ottla_list_groups(c->client, NULL, 0, NULL, 0, &c->options, &g, &c->error);
    for (size_t i = 0; *e == 0 && i < g->count; i++) {
        cli_names_add(n, str_from(g->rows[i]->id));
    }
    ottla_group_list_free(g);
    if (*e == 0) {
        add_resources(c, OTTLA_RESOURCE_GROUP, n, e);
    }
    if (*e == OTTLA_ERR_UNSUPPORTED_VERSION || *e == OTTLA_ERR_CLUSTER_AUTHORIZATION_FAILED) {
        *e = 0; /* an older broker has no list of them */
    }
}

/* The names of all things of a kind, in order. */
static bool list(struct cli *c, const struct entity_kind *kind, struct cli_names *n)
{
    int e = 0;
    switch (kind->resource) {
    case OTTLA_RESOURCE_TOPIC:
        add_topics(c, n, &e);
        break;
    case OTTLA_RESOURCE_BROKER:
    case OTTLA_RESOURCE_BROKER_LOGGER:
        add_brokers(c, n, &e);
        break;
    case OTTLA_RESOURCE_CLIENT_METRICS:
        add_resources(c, OTTLA_RESOURCE_CLIENT_METRICS, n, &e);
        break;
    case OTTLA_RESOURCE_GROUP:
        add_groups(c, n, &e);
        break;
    }
    return e == 0 || cli_refuse(c, "%s", c->error.message);
}

/* --- printing --- */

static const char *source_name(enum ottla_config_source s)
{
    static const char *const names[] = {
        [OTTLA_SOURCE_UNKNOWN] = "UNKNOWN",
        [OTTLA_SOURCE_DYNAMIC_TOPIC] = "DYNAMIC_TOPIC_CONFIG",
        [OTTLA_SOURCE_DYNAMIC_BROKER] = "DYNAMIC_BROKER_CONFIG",
        [OTTLA_SOURCE_DYNAMIC_DEFAULT_BROKER] = "DYNAMIC_DEFAULT_BROKER_CONFIG",
        [OTTLA_SOURCE_STATIC_BROKER] = "STATIC_BROKER_CONFIG",
        [OTTLA_SOURCE_DEFAULT] = "DEFAULT_CONFIG",
        [OTTLA_SOURCE_DYNAMIC_BROKER_LOGGER] = "DYNAMIC_BROKER_LOGGER_CONFIG",
        [OTTLA_SOURCE_CLIENT_METRICS] = "DYNAMIC_CLIENT_METRICS_CONFIG",
        [OTTLA_SOURCE_GROUP] = "DYNAMIC_GROUP_CONFIG",
    };
    return (size_t)s < ARRAY_LEN(names) ? names[s] : "UNKNOWN";
}

static const char *or_null(const char *value) { return value ? value : "null"; }

static void print_entry(const struct ottla_config_entry *e)
{
    printf("  %s=%s sensitive=%s synonyms={", e->name, or_null(e->value),
           e->is_sensitive ? "true" : "false");
    for (size_t i = 0; i < e->synonym_count; i++) {
        const struct ottla_config_synonym *s = e->synonyms[i];
        printf("%s%s:%s=%s", i ? ", " : "", source_name(s->source), s->name, or_null(s->value));
    }
    puts("}");
}

static json_t *entry_json(const struct ottla_config_entry *e)
{
    json_t *synonyms = json_array();
    for (size_t i = 0; i < e->synonym_count; i++) {
        const struct ottla_config_synonym *s = e->synonyms[i];
        json_array_append_new(synonyms,
                              json_pack("{s:s, s:s, s:o}", "source", source_name(s->source), "name",
                                        s->name, "value", cli_json_string(s->value)));
    }
    return json_pack("{s:s, s:o, s:s, s:b, s:b, s:o}", "name", e->name, "value",
                     cli_json_string(e->value), "source", source_name(e->source), "sensitive",
                     (int)e->is_sensitive, "read_only", (int)e->is_read_only, "synonyms", synonyms);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct ottla_config_entry *const *)a)->name,
                  (*(const struct ottla_config_entry *const *)b)->name);
}

static bool is_wanted(const struct cli *c, struct entity e, const struct ottla_config_entry *entry)
{
    enum ottla_config_source own = e.kind->own_source;
    if (e.kind->resource == OTTLA_RESOURCE_BROKER && e.name[0] == '\0') {
        own = OTTLA_SOURCE_DYNAMIC_DEFAULT_BROKER;
    }
    return cli_has(c, C_ALL) || own == OTTLA_SOURCE_UNKNOWN || entry->source == own;
}

static void print_title(const struct cli *c, struct entity e)
{
    if (e.name[0] == '\0') {
        printf("Default configs for %s in the cluster are:\n", e.kind->plural);
    } else {
        printf("%s configs for %s %s are:\n", cli_has(c, C_ALL) ? "All" : "Dynamic",
               e.kind->singular, e.name);
    }
}

static bool show(struct cli *c, struct entity e, json_t *all)
{
    struct ottla_configs *configs;
    json_t *list = json_array();
    if (!c->is_json) {
        print_title(c, e);
    }
    configs = configs_ask(c, e);
    if (configs == NULL) {
        json_decref(list);
        return false;
    }
    const struct ottla_resource_configs *row = configs->rows[0];
    const struct ottla_config_entry **sorted =
        mem_realloc_array(NULL, row->count + 1, sizeof(const struct ottla_config_entry *));
    for (size_t i = 0; i < row->count; i++) {
        sorted[i] = row->entries[i];
    }
    qsort(sorted, row->count, sizeof *sorted, by_name);
    for (size_t i = 0; i < row->count; i++) {
        if (is_wanted(c, e, sorted[i]) && c->is_json) {
            json_array_append_new(list, entry_json(sorted[i]));
        } else if (is_wanted(c, e, sorted[i])) {
            print_entry(sorted[i]);
        }
    }
    json_array_append_new(all, json_pack("{s:s, s:s, s:o}", "entity_type", e.kind->plural, "name",
                                         e.name, "configs", list));
    mem_free(sorted);
    ottla_configs_free(configs);
    return true;
}

static bool show_all(struct cli *c, struct entity e, const struct cli_names *n, json_t *all)
{
    bool has_default = e.kind->resource == OTTLA_RESOURCE_BROKER;
    for (size_t i = 0; i < n->count; i++) {
        if (!show(c, (struct entity){e.kind, n->names[i]}, all)) {
            return false;
        }
    }
    return !has_default || show(c, (struct entity){e.kind, ""}, all);
}

int configs_describe(struct cli *c)
{
    struct entity e = configs_entity(c);
    struct cli_names n = {0};
    json_t *all = json_array();
    bool needs_list = e.name == NULL || (!cli_has(c, C_ALL) && e.name[0] != '\0');
    bool ok = !needs_list || list(c, e.kind, &n);
    if (ok && e.name == NULL) {
        ok = show_all(c, e, &n, all);
    } else if (ok && needs_list && !cli_names_has(&n, e.name) && !c->is_json) {
        printf("The %s '%s' doesn't exist and doesn't have dynamic config.\n", e.kind->singular,
               e.name);
    } else if (ok && (!needs_list || cli_names_has(&n, e.name))) {
        ok = show(c, e, all);
    }
    if (ok && c->is_json) {
        cli_print_json(c, json_incref(all));
    }
    json_decref(all);
    cli_names_deinit(&n);
    return ok ? CLI_OK : cli_fail(c, "%s", buf_cstr(&c->why));
}
