/* How a broker becomes one of its cluster: it registers and is unfenced. */
#ifndef BROKER_HOST_REGISTRATION_H
#define BROKER_HOST_REGISTRATION_H

#include "broker/broker.h"
#include "broker/metalog/metalog.h"
#include "broker/storage/storage.h"

struct registration {
    const struct broker *broker;
    struct metalog *metalog;
    struct storage *storage;
    struct clock *clock;
    struct uuid incarnation;
    struct arena *arena;
};

/* Before any thread runs: it steps the metadata log itself. why gets a sentence. */
must_check enum err registration_join(const struct registration *r, int64_t *ret_epoch,
                                      struct buf *why);

#endif
