/* A load on a client library; says what it took as one JSON object.
 *
 *   client-LIBRARY produce SERVERS TOPIC PARTITIONS BYTES COUNT [name=value ...]
 *   client-LIBRARY consume SERVERS TOPIC PARTITIONS COUNT [name=value ...]
 *   client-LIBRARY latency SERVERS TOPIC PARTITIONS BYTES RATE SECONDS [name=value ...]
 *
 * cpu_s is the processor time of the whole process between the first and the last record. Latency
 * is from the time at which a record should have been sent to its arrival at a consumer in the same
 * process, in microseconds. */
#include "load.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { WARM_UP = 1000, CONTENT_BYTES = 1 << 20, BUCKETS = 1 << 20 };

static atomic_llong delivered, failures, received, received_bytes;
static int64_t began_ns; /* latency: of record 0 */
static double rate;
static uint32_t *histogram; /* of microseconds */
static char *content;

void load_die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

void load_delivered(int failed)
{
    atomic_fetch_add_explicit(failed ? &failures : &delivered, 1, memory_order_relaxed);
}

void load_received(const void *value, size_t len)
{
    atomic_fetch_add_explicit(&received, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&received_bytes, (long long)len, memory_order_relaxed);
    if (histogram != NULL && len >= 8) {
        int64_t i;
        memcpy(&i, value, sizeof i);
        if (i >= 0) {
            int64_t us = (now_ns() - began_ns - (int64_t)((double)i * 1e9 / rate)) / 1000;
            histogram[us < 0 ? 0 : us >= BUCKETS ? BUCKETS - 1 : us]++;
        }
    }
}

/* Text that compresses as text does: lines of a log with numbers in them. */
static void make_content(void)
{
    size_t at = 0;
    unsigned x = 12345;
    content = malloc(CONTENT_BYTES + 65536);
    while (at < CONTENT_BYTES) {
        x = x * 1103515245 + 12345;
        at += (size_t)sprintf(
            content + at,
            "{\"ts\":17%08u,\"level\":\"%s\",\"user\":%u,\"path\":\"/api/v%u/item/%u\","
            "\"ms\":%u}\n",
            x >> 4, x & 64 ? "info" : "warn", (x >> 8) % 5000, x % 3, (x >> 12) % 1000,
            (x >> 16) % 400);
    }
}

static const char *value_of(long long i, size_t bytes)
{
    return content + (size_t)(i * 131) % (CONTENT_BYTES - bytes);
}

static void produce(const struct load *l, size_t bytes, long long count)
{
    make_content();
    lib_producer_open(l);
    for (int i = 0; i < WARM_UP; i++) {
        lib_send(value_of(i, bytes), bytes);
    }
    lib_flush();
    double cpu = cpu_s();
    int64_t start = now_ns();
    for (long long i = 0; i < count; i++) {
        lib_send(value_of(i, bytes), bytes);
    }
    lib_flush();
    double seconds = (double)(now_ns() - start) / 1e9;
    cpu = cpu_s() - cpu;
    long long done = delivered - WARM_UP;
    lib_producer_close();
    printf(
        "{\"library\":\"%s\",\"records\":%lld,\"failed\":%lld,\"seconds\":%.4f,\"cpu_s\":%.4f}\n",
        lib_name(), done, (long long)failures, seconds, cpu);
}

static void consume(const struct load *l, long long count)
{
    lib_consumer_open(l, false);
    while (received == 0) {
        lib_poll(100);
    }
    long long first = received;
    double cpu = cpu_s();
    int64_t start = now_ns();
    while (received < count) {
        lib_poll(100);
    }
    double seconds = (double)(now_ns() - start) / 1e9;
    cpu = cpu_s() - cpu;
    printf("{\"library\":\"%s\",\"records\":%lld,\"bytes\":%lld,\"seconds\":%.4f,\"cpu_s\":%.4f}\n",
           lib_name(), (long long)received - first, (long long)received_bytes, seconds, cpu);
    lib_consumer_close();
}

/* --- latency --- */

static atomic_bool is_over;

static void *poll_all(void *unused)
{
    while (!is_over) {
        lib_poll(50);
    }
    return NULL;
}

static void wait_until(int64_t ns)
{
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* The smallest that so many are not above. */
static long long percentile(double share, long long count)
{
    long long left = (long long)((double)count * share), i = 0;
    for (left = left < 1 ? 1 : left; i < BUCKETS - 1 && left > histogram[i]; i++) {
        left -= histogram[i];
    }
    return i;
}

static void send_paced(size_t bytes, long long count)
{
    char *value = calloc(1, bytes);
    for (long long i = 0; i < count; i++) {
        int64_t due = began_ns + (int64_t)((double)i * 1e9 / rate);
        if (now_ns() < due) {
            lib_idle();
            wait_until(due);
        }
        memcpy(value, &i, sizeof i);
        lib_send(value, bytes);
    }
    free(value);
}

static void latency(const struct load *l, size_t bytes, double seconds)
{
    pthread_t thread;
    long long count = (long long)(rate * seconds);
    struct load to = *l, from = *l;
    int64_t warm = -1;
    char *value = calloc(1, bytes);
    to.setting_count = l->setting_count;
    from.setting_count = 0; /* the settings are the producer's */
    lib_consumer_open(&from, true);
    pthread_create(&thread, NULL, poll_all, NULL);
    wait_until(now_ns() + 1000000000);
    lib_producer_open(&to);
    memcpy(value, &warm, sizeof warm);
    for (int i = 0; i < WARM_UP; i++) {
        lib_send(value, bytes);
    }
    lib_flush();
    histogram = calloc(BUCKETS, sizeof *histogram);
    began_ns = now_ns();
    double cpu = cpu_s();
    send_paced(bytes, count);
    lib_flush();
    for (int i = 0; i < 100 && received < count + WARM_UP; i++) {
        wait_until(now_ns() + 20000000);
    }
    cpu = cpu_s() - cpu;
    is_over = true;
    pthread_join(thread, NULL);
    long long got = 0;
    for (int i = 0; i < BUCKETS; i++) {
        got += histogram[i];
    }
    printf("{\"library\":\"%s\",\"records\":%lld,\"missing\":%lld,\"cpu_s\":%.4f,\"p50\":%lld,"
           "\"p99\":%lld,\"p999\":%lld,\"max\":%lld}\n",
           lib_name(), got, count - got, cpu, percentile(0.5, got), percentile(0.99, got),
           percentile(0.999, got), percentile(1, got));
    free(value);
}

static void settings(struct load *l, char **argv)
{
    for (; *argv != NULL; argv++) {
        char *eq = strchr(*argv, '=');
        if (eq == NULL || l->setting_count == SETTINGS_MAX) {
            load_die("%s is not name=value", *argv);
        }
        *eq = '\0';
        l->names[l->setting_count] = *argv;
        l->values[l->setting_count++] = eq + 1;
    }
}

int main(int argc, char **argv)
{
    struct load l = {.bootstrap = argc > 3 ? argv[2] : ""};
    if (argc >= 7 && strcmp(argv[1], "produce") == 0) {
        l.topic = argv[3];
        l.partitions = atoi(argv[4]);
        settings(&l, argv + 7);
        produce(&l, (size_t)atoi(argv[5]), atoll(argv[6]));
    } else if (argc >= 6 && strcmp(argv[1], "consume") == 0) {
        l.topic = argv[3];
        l.partitions = atoi(argv[4]);
        settings(&l, argv + 6);
        consume(&l, atoll(argv[5]));
    } else if (argc >= 8 && strcmp(argv[1], "latency") == 0) {
        l.topic = argv[3];
        l.partitions = atoi(argv[4]);
        rate = atof(argv[6]);
        settings(&l, argv + 8);
        latency(&l, (size_t)atoi(argv[5]), atof(argv[7]));
    } else {
        load_die("client: see the head of bench/client/main.c");
    }
    return 0;
}
