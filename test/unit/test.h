/* cmocka with the headers that it wants first, and a few shorthands. */
#ifndef TEST_UNIT_TEST_H
#define TEST_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/err.h"

#define assert_ok(expr) assert_string_equal(err_name(expr), err_name(OK))
#define assert_err(want, expr) assert_string_equal(err_name(want), err_name(expr))

#endif
