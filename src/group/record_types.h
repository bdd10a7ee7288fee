/* Types and versions of the records in __consumer_offsets. A key begins with its type, a value with
 * its version. Types from 3 on belong to other kinds of groups. */
#ifndef GROUP_RECORD_TYPES_H
#define GROUP_RECORD_TYPES_H

enum group_record_type {
    GROUP_KEY_OFFSET_OLD = 0,
    GROUP_KEY_OFFSET = 1,
    GROUP_KEY_METADATA = 2,
};

enum {
    GROUP_KEY_VERSION = 0, /* of the message behind the type */
    GROUP_OFFSET_VERSION_EXPIRING = 1,
    GROUP_OFFSET_VERSION = 4,
    GROUP_METADATA_VERSION = 3,
};

#endif
