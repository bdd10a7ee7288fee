/* The client library beside what Apache Kafka's clients say of themselves
 * (test/golden/client/facts.txt, made by test/peers/client-facts.sh): each of their settings is
 * here, of the same type and with the same default, or def/foreign.def says why not; the same
 * errors are worth another try. */
#include "unit/test.h"

#include "base/attr.h"
#include "base/str.h"

#include <ottla/client.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 1024, ERROR_COUNT_MIN = 130, SETTING_COUNT_MIN = 250 };

static const char *facts_path;

struct other {
    const char *name, *dflt;
};

static const struct other others[] = {
#define JAVA(name, doc)
#define RDKAFKA(name, doc)
#define OTHER(name, dflt, doc) {name, dflt},
#include "def/foreign.def"
#undef JAVA
#undef RDKAFKA
#undef OTHER
};

static bool find(const char *name, struct ottla_setting *ret)
{
    for (size_t i = 0; ottla_config_setting(i, ret); i++) {
        if (strcmp(ret->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Ours of a type of Java's. */
static const char *kind_of(const char *type)
{
    return strcmp(type, "short") == 0 ? "int" : strcmp(type, "class") == 0 ? "string" : type;
}

static bool is_told(const struct ottla_setting *s, const char *dflt)
{
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (strcmp(others[i].name, s->name) == 0) {
            return strcmp(others[i].dflt, dflt) == 0 && strcmp(s->default_value, dflt) != 0;
        }
    }
    return false;
}

/* The administration client's own, which the page says. */
static bool is_of_admin(const char *client, const char *name)
{
    return strcmp(client, "admin") == 0 && strcmp(name, "connections.max.idle.ms") == 0;
}

static void check_setting(const char *client, const char *name, const char *type, const char *dflt)
{
    struct ottla_setting s;
    struct ottla_error error;
    struct ottla_config *c = ottla_config_new();
    if (!find(name, &s)) {
        assert_int_equal(ottla_config_set(c, name, dflt, &error), OTTLA_ERR_BAD_CONFIG);
        if (strstr(error.message, " here: ") == NULL) {
            fail_msg("%s of Java's %s is neither here nor in def/foreign.def", name, client);
        }
    } else if (strcmp(kind_of(type), s.kind) != 0) {
        fail_msg("%s is a %s, and %s in Java", name, s.kind, type);
    } else if (strcmp(dflt, s.default_value) != 0 && !is_told(&s, dflt) &&
               !is_of_admin(client, name)) {
        fail_msg("%s is '%s' by itself, and '%s' in Java", name, s.default_value, dflt);
    }
    ottla_config_free(c);
}

static void check_error(int code, const char *word)
{
    bool is_retriable = strcmp(word, "retriable") == 0;
    if (code == OTTLA_ERR_ELECTION_NOT_NEEDED) {
        is_retriable = false; /* in Java it is, because it says that metadata were old */
    }
    if (is_retriable != ((ottla_error_flags(code) & OTTLA_RETRIABLE) != 0)) {
        fail_msg("%s is %s in Java", ottla_error_name(code), word);
    }
}

static void read_facts(int *ret_settings, int *ret_errors)
{
    char line[LINE_BYTES], client[16], name[128], type[16], word[16];
    int code, at;
    FILE *in = fopen(facts_path, "r");
    assert_non_null(in);
    *ret_settings = *ret_errors = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "setting %15s %127s %15s %n", client, name, type, &at) == 3) {
            check_setting(client, name, type, line + at);
            ++*ret_settings;
        } else if (sscanf(line, "error %d %15s", &code, word) == 2) {
            check_error(code, word);
            ++*ret_errors;
        } else if (strncmp(line, "method ", 7) != 0) { /* those are for test_guides.py */
            fail_msg("what is this? %s", line);
        }
    }
    fclose(in);
}

static void test_facts(void **state)
{
    int settings, errors;
    read_facts(&settings, &errors);
    assert_true(settings >= SETTING_COUNT_MIN);
    assert_true(errors >= ERROR_COUNT_MIN);
}

/* What is told as a difference is one of a setting that is here. */
static void test_others(void **state)
{
    struct ottla_setting s;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_true(find(others[i].name, &s));
        assert_string_not_equal(s.default_value, others[i].dflt);
    }
}

/* What is told as missing is missing, and what stands instead of it, where it is a setting, is
 * here. */
static void test_foreign(void **state)
{
    static const char *const missing[][2] = {
#define JAVA(name, doc) {name, doc},
#define RDKAFKA(name, doc) {name, doc},
#define OTHER(name, dflt, doc)
#include "def/foreign.def"
    };
    struct ottla_setting s;
    for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
        struct str doc = str_from(missing[i][1]);
        assert_false(find(missing[i][0], &s));
        bool is_name = !str_has_prefix(doc, STR("ottla_")) && str_find(doc, ' ') == doc.len &&
                       str_find(doc, '.') < doc.len;
        if (is_name && !find(missing[i][1], &s)) {
            fail_msg("%s: there is no %s", missing[i][0], missing[i][1]);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_foreign),
    };
    assert_int_equal(argc, 2);
    facts_path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
