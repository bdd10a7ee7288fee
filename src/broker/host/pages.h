/* What the broker shows over HTTP: /metrics and /health. */
#ifndef BROKER_HOST_PAGES_H
#define BROKER_HOST_PAGES_H

#include "broker/broker.h"
#include "net/http.h"

/* An http_fn; ctx is the struct broker. */
void pages_serve(void *ctx, const char *path, struct http_page *page);

#endif
