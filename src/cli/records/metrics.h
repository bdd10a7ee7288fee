/* Numbers of the library as the tools print them with --print-metrics. */
#ifndef CLI_RECORDS_METRICS_H
#define CLI_RECORDS_METRICS_H

/* A table of Kafka's form on standard output, one row a number of {"group": {"name": 1}}:
 * "group-metrics:name:{client-id=ID} : 1.000". */
void metrics_print(const char *json, const char *client_id);

#endif
