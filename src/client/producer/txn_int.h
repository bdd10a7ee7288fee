/* Between the files of the transactions. */
#ifndef CLIENT_PRODUCER_TXN_INT_H
#define CLIENT_PRODUCER_TXN_INT_H

#include "client/producer/txn.h"

enum { TXN_VERSION_2 = 2 };

void txn_fail(struct txn *t, enum txn_state state, int code); /* ABORTABLE or FATAL */
void txn_complete(struct txn *t);
void txn_forget_parts(struct txn *t);
void txn_forget_offsets(struct txn *t);
void txn_free_offset(struct txn_offset *o);

#endif
