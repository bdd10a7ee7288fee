/* Settings that contradict each other. Any thread. */
#ifndef CLIENT_CHECK_H
#define CLIENT_CHECK_H

#include "client/config.h"

/* Defaults that give way to what was set. Once, before the configuration is used. */
void config_settle(struct ottla_config *config);

/* 0, or BAD_CONFIG and a sentence. */
int config_check_producer(const struct ottla_config *config, struct ottla_error *error);
int config_check_consumer(const struct ottla_config *config, struct ottla_error *error);

#endif
