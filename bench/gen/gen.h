/* ottla-gen: load for the benchmarks. It replays encoded requests, so that the generator costs less
 * than any broker, and checks every answer. One thread; a failed check ends the program. */
#ifndef BENCH_GEN_GEN_H
#define BENCH_GEN_GEN_H

#include "bench/delay.h"
#include "wire/header.h"
#include "wire/messages.h"

#include <sys/types.h>
#include <sys/uio.h>

enum { GEN_CONFIGS_MAX = 16, GEN_LEVELS_MAX = 8 };

struct options {
    const char *host;
    int port;
    const char *topic;
    int partitions;
    int conns;  /* each has its own partitions, unless they are shared */
    int window; /* requests on their way, a connection */
    int acks;
    double seconds;     /* stop asking after this long; 0: only by count */
    int64_t records;    /* stop after so many; consume: exactly so many must be there */
    size_t value_bytes; /* of a record */
    size_t batch_bytes; /* with its header, at most */
    const char *data;   /* file with what the records say */
    int distinct;       /* batches, over and over */
    const char *codec;  /* of the batches */
    bool is_shared;     /* produce: connections share partitions; every batch is the same */
    double rate;        /* stream: batches that come due in a second */
    int merge_levels;   /* stream: what is late goes out up to 2^n batches in one */
    int readers;        /* stream: how many read what is produced */
    int groups;         /* commit: how many are committed for, in turn */
    int64_t time_ms;    /* timestamp of the first record */
    int max_bytes, partition_max_bytes, min_bytes, max_wait_ms; /* of a fetch */
    bool is_full_check; /* consume: compare contents, not only offsets, sizes and checksums */
    bool may_change;    /* consume: count batches that are not as they were produced; else die */
    pid_t pid;          /* the broker, for its processor time */
    int cpu;            /* where `start` puts the broker; -1: anywhere */
    double settle_s;    /* start, idle: left alone so long; stream: not measured at first */
    const char *log;    /* where the broker's words go */
    struct str configs[GEN_CONFIGS_MAX]; /* key=value, of `create` */
    int config_count;
    char **command; /* of `start` */
};

noreturn_fn void die(const char *fmt, ...) printf_like(1, 2);
double mono_s(void);

/* --- meter.c: what a process used --- */

struct meter {
    pid_t pid;
    double wall_s, cpu_s;
};

void meter_begin(struct meter *m, pid_t pid);
/* The difference since begin. */
void meter_end(struct meter *m);
/* A row of /proc/PID/status in KiB, 0 when it is not there. */
long meter_kib(pid_t pid, const char *row);
/* Members of a JSON object, with a comma in front. */
void meter_print(const struct meter *m);

/* --- content.c: batches that are the same in every run --- */

struct content {
    struct buf *batches;
    int count;
    int records_each; /* of a batch */
    int levels;       /* there are batches with 1, 2, 4, ... times as many records, too */
};

void content_init(struct content *c, const struct options *o);
/* The batch of partition p that begins at off. */
const struct buf *content_at(const struct content *c, int p, int64_t off);
/* The nth batch with records_each << level records. */
const struct buf *content_merged(const struct content *c, int level, int64_t nth);

/* --- call.c: one request at a time --- */

struct peer {
    int fd;
    int32_t correlation_id;
    struct arena arena;
    struct buf in;
    int max_version[256]; /* by API key; -1: not there */
};

int dial(const char *host, int port);
void peer_open(struct peer *p, const struct options *o); /* asks for versions, too */
/* The newest version that the peer and we have. */
int peer_version(const struct peer *p, int key);
void peer_forget(struct peer *p); /* all but its connection */
/* Sends a request and decodes its response into `resp`, which lives until the next call. */
void peer_call(struct peer *p, int key, const void *req, void *resp);
void encode_request(struct buf *out, const struct wire_header *h, const void *req,
                    struct wire_splices *splices);
/* A frame without its length, into what lives until the next call; there is no answer that is not
 * one. */
void decode_answer(struct bytes frame, const struct wire_header *h, struct arena *a, void *resp);
struct wire_header request_header(const struct peer *p, int key, int32_t correlation_id);

/* --- admin.c --- */

int admin_create(const struct options *o);
int admin_delete(const struct options *o);
/* Waits for the topic as admin_find does, and tells how much is in it. */
int admin_print_found(const struct options *o);
/* Waits until all partitions have a leader that answers; *ret_end_offs gets where they end. */
struct uuid admin_find(struct peer *p, const struct options *o, int64_t *ret_end_offs);

/* Waits until the group's coordinator is there. */
void find_coordinator(struct peer *p, struct str group);

/* --- flow.c: many requests on many connections --- */

enum { FLOW_IOV_MAX = 64 };

enum flow_ask {
    FLOW_ASKED,
    FLOW_LATER, /* nothing yet: asked again after an answer, and when the flow's wait is over */
    FLOW_DONE,  /* nothing any more */
};

struct flow_conn {
    int index;
    int fd;
    int in_flight;
    int32_t next_correlation_id, next_answer;
    bool is_done; /* has nothing more to ask */
    bool is_blocked;
    struct iovec iov[FLOW_IOV_MAX]; /* of the request that is being sent */
    int iov_count, iov_at;
    uint8_t *in;
    size_t in_len, in_cap;
};

struct flow {
    const struct options *options;
    struct flow_conn *conns;
    /* Fills conn->iov with the next request. Its correlation id is next_correlation_id. */
    enum flow_ask (*ask)(struct flow *f, struct flow_conn *c);
    /* A whole response without its length. */
    void (*answer)(struct flow *f, struct flow_conn *c, struct bytes frame);
    double deadline_s; /* 0: none */
    double next_s;     /* when those that said LATER are asked again; 0: not by time */
    int64_t requests, bytes_in, bytes_out;
};

void flow_run(struct flow *f);
/* Time is up. */
bool flow_is_late(const struct flow *f);
/* The request is what is in out. */
void flow_put(struct flow_conn *c, const struct buf *out);
/* ..., with the batches that were spliced into it. */
void flow_put_spliced(struct flow_conn *c, const struct buf *out, const struct wire_splices *s);

/* --- traffic.c: what loads of all kinds have --- */

struct traffic_kind {
    int16_t api_key;
    int each_max; /* partitions of a connection */
    enum flow_ask (*ask)(struct flow *f, struct flow_conn *c);
    void (*answer)(struct flow *f, struct flow_conn *c, struct bytes frame);
};

struct traffic {
    struct flow flow;
    struct peer peer; /* for questions before and after */
    const struct traffic_kind *kind;
    struct content content;
    struct arena arena; /* of an answer */
    struct uuid topic_id;
    int version;
    int each; /* partitions of a connection */
    int64_t records;
    int64_t changed; /* batches whose bytes are not those that were produced */
    struct meter meter;
};

/* Shares the partitions out and waits for the topic; *ret_end_offs gets where each ends. */
void traffic_init(struct traffic *t, const struct options *o, const struct traffic_kind *kind,
                  int64_t *ret_end_offs);
/* Partition number i of the connection. */
int traffic_partition(const struct traffic *t, const struct flow_conn *c, int i);
struct wire_header traffic_header(const struct traffic *t, int32_t correlation_id);
/* The answer, which lives until the next; there is no answer that is not one. */
void traffic_decode(struct traffic *t, const struct flow_conn *c, struct bytes frame, void *resp);
void traffic_run(struct traffic *t);
/* A request with one batch for each of t->each partitions from the first on; its correlation id is
 * 0. */
void encode_produce(const struct traffic *t, int first, const struct buf *const *batches,
                    struct buf *head, struct wire_splices *splices);
/* What it was, as JSON. */
void traffic_print(const struct traffic *t, int64_t wire_bytes);
void traffic_print_open(const struct traffic *t, int64_t wire_bytes); /* more members follow */

int gen_produce(const struct options *o);
int gen_consume(const struct options *o);
int gen_stream(const struct options *o);
int gen_commit(const struct options *o);
int gen_rebalance(const struct options *o);
int gen_decode(const struct options *o);
int gen_idle(const struct options *o);
int gen_start(const struct options *o);

#endif
