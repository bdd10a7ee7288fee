/* The listeners of a broker, and who is let in: connections are handed to its workers in turn. */
#ifndef BROKER_HOST_ACCEPTOR_H
#define BROKER_HOST_ACCEPTOR_H

#include "broker/broker.h"

/* Opens every endpoint on the first worker's loop and fills in ports that were 0; why gets a
 * sentence. Connections wait in the backlog until the loop runs. */
must_check enum err acceptor_listen(struct broker *b, struct buf *why);
void acceptor_close(struct broker *b);

/* max.connections and the like, as they are set in the image. */
void acceptor_set_limits(struct broker *b, const struct image *img);

#endif
