/* For programs that test what lies below a broker and a client: snappy is there for them as well.
 */
#include "plat/snappy.h"
#include "record/record.h"

__attribute__((constructor)) static void set_snappy(void) { codec_set_snappy(snappy_library); }
