/* What a test wants done to a broker's calls, as the broker's tap. */
#ifndef TESTKIT_FAULTS_H
#define TESTKIT_FAULTS_H

#include "broker/tap.h"
#include "testkit/leaders.h"

enum fault_kind { FAULT_ERROR, FAULT_DELAY, FAULT_DROP, FAULT_LOSE };

struct fault {
    enum fault_kind kind;
    int api;   /* -1: any */
    int value; /* ERROR: the code; DELAY: milliseconds */
    int count; /* how often; < 0: always */
};

struct faults;

struct faults *faults_new(void);
void faults_free(struct faults *f); /* its broker must have stopped */
const struct call_tap *faults_tap(struct faults *f);

/* Any thread. */
void faults_add(struct faults *f, const struct fault *fault);
void faults_clear(struct faults *f);
/* The broker must not be stopping meanwhile. */
void faults_pause(struct faults *f, bool is_paused);
struct leaders *faults_leaders(struct faults *f);
uint64_t faults_requests(struct faults *f, int api);

#endif
