/* Which record versions a finalized metadata.version allows. */
#ifndef META_VERSIONS_H
#define META_VERSIONS_H

#include "base/release.h"

static inline int version_of_partition(int metadata_version)
{
    return metadata_version >= METADATA_4_0_IV1 ? 2 : metadata_version >= METADATA_3_7_IV2 ? 1 : 0;
}

static inline int version_of_register_broker(int metadata_version)
{
    return metadata_version >= METADATA_4_3_IV0   ? 4
           : metadata_version >= METADATA_3_7_IV2 ? 3
           : metadata_version >= METADATA_3_4_IV0 ? 2
                                                  : 1;
}

/* Brokers say which log directories they have. */
static inline bool version_has_dirs(int metadata_version)
{
    return metadata_version >= METADATA_3_7_IV2;
}

static inline bool version_has_controllers(int metadata_version)
{
    return metadata_version >= METADATA_3_7_IV0;
}

#endif
