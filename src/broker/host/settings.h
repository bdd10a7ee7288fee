/* What is said about server.properties at the start. */
#ifndef BROKER_HOST_SETTINGS_H
#define BROKER_HOST_SETTINGS_H

#include "base/buf.h"
#include "meta/config.h"

/* Warns of names that are not settings, and of settings without effect. BAD_CONFIG: some contradict
 * each other, or ask for what this release is not; why gets a sentence. */
must_check enum err settings_check(const struct broker_config *config, struct buf *why);

#endif
