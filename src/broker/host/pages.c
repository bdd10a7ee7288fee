/* The pages. In the HTTP thread. */
#include "broker/host/pages.h"

#include "broker/metrics.h"
#include "broker/partition.h"

#include <jansson.h>

struct state {
    int partitions, offline;
};

static void count(void *ctx, struct partition *p)
{
    struct state *s = ctx;
    s->partitions++;
    s->offline += atomic_load(&p->offline) != OK;
}

/* Fine, or "degraded" when some of what is here cannot be served: 503, so that whoever watches
 * looks twice. */
static void put_health(struct broker *b, struct http_page *page)
{
    struct state s = {0};
    topic_table_each(&b->topics, count, &s);
    bool is_stopping = atomic_load(&b->is_stopping);
    const char *status = is_stopping ? "stopping" : s.offline ? "degraded" : "up";
    json_t *root = json_pack("{s:s, s:i, s:s, s:i, s:i}", "status", status, "node_id", b->node_id,
                             "cluster_id", b->cluster_id, "partitions", s.partitions,
                             "offline_partitions", s.offline);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    page->status = is_stopping || s.offline ? 503 : 200;
    page->content_type = "application/json";
    buf_printf(&page->body, "%s\n", text ? text : "{}");
    free(text);
    json_decref(root);
}

void pages_serve(void *ctx, const char *path, struct http_page *page)
{
    struct broker *b = ctx;
    if (strcmp(path, "/metrics") == 0) {
        page->content_type = "text/plain; version=0.0.4; charset=utf-8";
        metrics_write(b, &page->body);
    } else if (strcmp(path, "/health") == 0) {
        put_health(b, page);
    } else {
        page->status = 404;
        buf_printf(&page->body, "there are /metrics and /health\n");
    }
}
