/* Command lines: what is taken, what is refused, and in which words. */
#include "test.h"

#include "base/args.h"

enum { FILES, SIZE, DEEP, DECODER, FEATURE, HELP };

static const struct args_option options[] = {
    [FILES] = {"files", "FILE,...", "What to read.", .kind = ARGS_VALUE, .letter = 'i',
               .is_needed = true},
    [SIZE] = {"max-bytes", "N", "How much of it.", .kind = ARGS_VALUE},
    [DEEP] = {"deep-iteration", NULL, "Look into it.", .kind = ARGS_FLAG, .letter = 'd'},
    [DECODER] = {"decoder", "CLASS", "How.", .kind = ARGS_MAYBE},
    [FEATURE] = {"feature", "NAME=LEVEL", "Which.", .kind = ARGS_VALUE, .letter = 'f',
                 .is_list = true},
    [HELP] = {"old-name", NULL, NULL, .kind = ARGS_FLAG},
};
static const struct args_spec plain = {
    .command = "tool", .about = "A tool.", .options = options, .option_count = ARRAY_LEN(options)};
static const struct args_spec with_words = {.command = "tool",
                                            .words = "[WORD...]",
                                            .about = "A tool.",
                                            .options = options,
                                            .option_count = ARRAY_LEN(options)};

struct line {
    struct args args;
    struct buf why;
};

#define PARSE(l, spec, ...)                                                                        \
    parse(l, spec, (const char *[]){"tool", __VA_ARGS__},                                          \
          (int)(sizeof((const char *[]){"tool", __VA_ARGS__}) / sizeof(char *)))

static bool parse(struct line *l, const struct args_spec *spec, const char **argv, int argc)
{
    l->why = BUF_INIT;
    return args_parse(&l->args, spec, argc, (char **)(uintptr_t)argv, &l->why);
}

static void drop(struct line *l)
{
    args_deinit(&l->args);
    buf_deinit(&l->why);
}

static void refused(struct line *l, const char *why)
{
    assert_string_equal(buf_cstr(&l->why), why);
    drop(l);
}

static void values_come_behind_a_space_or_an_equals_sign(void **state)
{
    struct line l;
    assert_true(PARSE(&l, &plain, "--files", "a", "--max-bytes=5", "-d"));
    assert_string_equal(args_value(&l.args, FILES), "a");
    assert_string_equal(args_value(&l.args, SIZE), "5");
    assert_true(args_has(&l.args, DEEP));
    assert_false(args_has(&l.args, DECODER));
    drop(&l);
    assert_true(PARSE(&l, &plain, "-files", "a=b", "--max-bytes="));
    assert_string_equal(args_value(&l.args, FILES), "a=b");
    assert_string_equal(args_value(&l.args, SIZE), "");
    drop(&l);
    assert_true(PARSE(&l, &plain, "-i", "-", "-deep-iteration"));
    assert_string_equal(args_value(&l.args, FILES), "-");
    drop(&l);
}

static void a_value_may_be_left_out_where_the_table_says_so(void **state)
{
    struct line l;
    assert_true(PARSE(&l, &plain, "--decoder", "--files", "a"));
    assert_true(args_has(&l.args, DECODER));
    assert_null(args_value(&l.args, DECODER));
    drop(&l);
    assert_true(PARSE(&l, &plain, "--files", "a", "--decoder", "x"));
    assert_string_equal(args_value(&l.args, DECODER), "x");
    drop(&l);
}

static void lists_keep_their_order(void **state)
{
    struct line l;
    assert_true(PARSE(&l, &plain, "-f", "a=1", "--files=x", "--feature=b=2"));
    assert_int_equal(args_count(&l.args, FEATURE), 2);
    assert_string_equal(args_nth(&l.args, FEATURE, 0), "a=1");
    assert_string_equal(args_nth(&l.args, FEATURE, 1), "b=2");
    assert_null(args_nth(&l.args, FEATURE, 2));
    drop(&l);
}

static void letters_take_their_values_in_the_same_word(void **state)
{
    struct line l;
    assert_true(PARSE(&l, &plain, "-fa=b", "--files", "x", "-f-1"));
    assert_string_equal(args_nth(&l.args, FEATURE, 0), "a=b");
    assert_string_equal(args_nth(&l.args, FEATURE, 1), "-1");
    drop(&l);
    assert_false(PARSE(&l, &plain, "-dx", "--files", "x")); /* a flag has none */
    refused(&l, "dx is not a recognized option");
}

static void what_means_nothing_is_passed_over_where_the_table_says_so(void **state)
{
    struct args_spec spec = plain;
    struct line l;
    spec.words = "";
    assert_true(PARSE(&l, &spec, "--deep-iteration", "true", "--files", "a"));
    drop(&l);
    assert_true(PARSE(&l, &spec, "--deep-iteration=true", "--files", "a"));
    assert_true(args_has(&l.args, DEEP));
    assert_null(args_value(&l.args, DEEP));
    drop(&l);
}

static void words_are_taken_where_there_may_be_some(void **state)
{
    struct line l;
    assert_true(PARSE(&l, &with_words, "one", "--files", "a", "--", "--two"));
    assert_int_equal(l.args.word_count, 2);
    assert_string_equal(l.args.words[0], "one");
    assert_string_equal(l.args.words[1], "--two");
    drop(&l);
    assert_false(PARSE(&l, &plain, "--files", "a", "one"));
    refused(&l, "'one' is not understood: options begin with --");
}

static void what_is_wrong_is_told_in_a_sentence(void **state)
{
    struct line l;
    assert_false(PARSE(&l, &plain, "--fils", "a"));
    refused(&l, "fils is not a recognized option. Did you mean files?");
    assert_false(PARSE(&l, &plain, "--zzzzzzzzzz"));
    refused(&l, "zzzzzzzzzz is not a recognized option");
    assert_false(PARSE(&l, &plain, "--files"));
    refused(&l, "Option files requires an argument");
    assert_false(PARSE(&l, &plain, "--files=a", "--files=b"));
    refused(&l, "Found multiple arguments for option files, but you asked for only one");
    assert_false(PARSE(&l, &plain, "--deep-iteration=yes", "--files=a"));
    refused(&l, "Option deep-iteration takes no argument");
    assert_false(PARSE(&l, &plain, "-d"));
    refused(&l, "Missing required argument \"[files]\"");
}

static void beginnings_of_names_are_taken_where_the_table_says_so(void **state)
{
    struct args_spec spec = plain;
    struct line l;
    assert_false(PARSE(&l, &spec, "--file", "a"));
    refused(&l, "file is not a recognized option. Did you mean files?");
    spec.takes_prefixes = true;
    assert_true(PARSE(&l, &spec, "--fi", "a", "--max=3"));
    assert_string_equal(args_value(&l.args, FILES), "a");
    assert_string_equal(args_value(&l.args, SIZE), "3");
    drop(&l);
    assert_false(PARSE(&l, &spec, "--de"));
    refused(&l, "de is not a recognized option");
}

static void numbers_are_whole_and_within_their_range(void **state)
{
    struct line l;
    struct args_range range = {0, INT32_MAX};
    int64_t v = 7;
    assert_true(PARSE(&l, &plain, "--files=a"));
    assert_true(args_number(&l.args, SIZE, range, &v, &l.why));
    assert_int_equal(v, 7);
    drop(&l);
    assert_true(PARSE(&l, &plain, "--files=a", "--max-bytes", "100"));
    assert_true(args_number(&l.args, SIZE, range, &v, &l.why));
    assert_int_equal(v, 100);
    drop(&l);
    assert_true(PARSE(&l, &plain, "--files=a", "--max-bytes", "2147483648"));
    assert_false(args_number(&l.args, SIZE, range, &v, &l.why));
    refused(&l, "Cannot parse argument '2147483648' of option max-bytes");
    assert_int_equal(v, 100);
}

static void help_fits_the_page_and_hides_old_spellings(void **state)
{
    struct buf out = BUF_INIT;
    args_help(&plain, &out);
    const char *text = buf_cstr(&out);
    assert_non_null(strstr(text, "usage: tool --files FILE,... [OPTION...]\n\nA tool.\n"));
    assert_non_null(strstr(text, "  -i, --files FILE,...        What to read.\n"));
    assert_non_null(strstr(text, "  -f, --feature NAME=LEVEL    Which.\n"));
    assert_null(strstr(text, "old-name"));
    buf_deinit(&out);
    assert_true(args_wants_help(3, (char *[]){"tool", "--bogus", "--help"}));
    assert_false(args_wants_help(3, (char *[]){"tool", "--", "--help"}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_behind_a_space_or_an_equals_sign),
        cmocka_unit_test(a_value_may_be_left_out_where_the_table_says_so),
        cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(letters_take_their_values_in_the_same_word),
        cmocka_unit_test(what_means_nothing_is_passed_over_where_the_table_says_so),
        cmocka_unit_test(words_are_taken_where_there_may_be_some),
        cmocka_unit_test(what_is_wrong_is_told_in_a_sentence),
        cmocka_unit_test(beginnings_of_names_are_taken_where_the_table_says_so),
        cmocka_unit_test(numbers_are_whole_and_within_their_range),
        cmocka_unit_test(help_fits_the_page_and_hides_old_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
