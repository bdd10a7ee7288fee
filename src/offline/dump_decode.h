/* Keys and values of records as text: the decoders of dump-log. */
#ifndef OFFLINE_DUMP_DECODE_H
#define OFFLINE_DUMP_DECODE_H

#include "offline/dump.h"
#include "record/record.h"

/* A key or a value as text. */
struct decoded_text {
    struct buf text;
    bool is_there;
    bool is_json;
};

struct decoded {
    struct decoded_text key, value;
};

/* Fills ret, which is empty. False and a sentence in d->why when that ends the dump; a record that
 * a decoder does not understand is told of in ret. */
bool decode_record(struct dump *d, const struct record *r, struct decoded *ret);
void decoded_deinit(struct decoded *x);

/* Appends a control record's content: the name that it is printed under (NULL if it has none), and
 * the value as JSON. False and a sentence when it is none that can be read. */
bool decode_control(struct dump *d, int type, struct bytes value, const char **ret_name,
                    struct buf *ret_json);

#endif
