/* Failures of system calls. */
#ifndef PLAT_OS_ERROR_H
#define PLAT_OS_ERROR_H

#include "base/err.h"

/* number is errno's; ERR_IO for what we have no word for. */
enum err err_from_errno(int number);

#endif
