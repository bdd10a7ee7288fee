/* Producer ids: handed out one by one from blocks that the controller gives (KIP-730). */
#ifndef BROKER_PRODUCER_IDS_H
#define BROKER_PRODUCER_IDS_H

#include "broker/controller.h"

struct producer_ids;

struct producer_ids *producer_ids_new(struct controller *controller, int32_t node_id);
void producer_ids_free(struct producer_ids *ids);

/* The epoch that the controller gave this broker: it gives blocks to no other. Before any id is
 * asked for. */
void producer_ids_set_epoch(struct producer_ids *ids, int64_t broker_epoch);

/* Who asked for an id: memory of the caller until done runs, in `loop`. */
struct producer_id_wait {
    struct list_node node;
    struct mail mail;
    struct loop *loop;
    enum err err;
    int64_t producer_id;
    void (*done)(struct producer_id_wait *w);
};

/* The next id at once, or false: then w waits for a new block and done is called. Any thread. */
bool producer_ids_next(struct producer_ids *ids, struct producer_id_wait *w);

#endif
