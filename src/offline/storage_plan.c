/* Which feature levels a new cluster begins with. Pure but for the sentence. */
#include "offline/storage_format.h"

#include <inttypes.h>

static bool refuse_setting(struct format_plan *p, const char *text, const char *why,
                           struct str about)
{
    buf_printf(&p->tool->why, "Can't parse feature=level string %s: ", text);
    buf_printf(&p->tool->why, why, STR_ARG(about));
    return false;
}

static struct feature_setting *setting_of(struct format_plan *p, struct str name)
{
    for (int i = 0; i < p->setting_count; i++) {
        if (str_eq(p->settings[i].name, name)) {
            return &p->settings[i];
        }
    }
    return NULL;
}

/* The names in the order of Apache Kafka's sentence: without metadata.version. */
static bool refuse_unknown(struct format_plan *p, struct str name)
{
    struct buf *why = &p->tool->why;
    const char *comma = "";
    buf_printf(why, "Unsupported feature: %.*s. Supported features are: ", STR_ARG(name));
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (!str_eq(str_from(features_known[i].name), FEATURE_METADATA)) {
            buf_printf(why, "%s%s", comma, features_known[i].name);
            comma = ", ";
        }
    }
    return false;
}

/* A name that is not known is refused later: other things are looked at first. */
bool format_parse_setting(struct format_plan *p, const char *text)
{
    struct str s = str_from(text);
    size_t eq = str_find(s, '=');
    int64_t level;
    if (eq == s.len) {
        return refuse_setting(p, text, "equals sign not found.%.*s", STR(""));
    }
    struct str number = str_sub(s, eq + 1, s.len - eq - 1);
    if (!str_to_i64(number, &level) || level < INT16_MIN || level > INT16_MAX) {
        return refuse_setting(p, text, "unable to parse %.*s as a short.", number);
    }
    struct feature_setting *setting = setting_of(p, str_sub(s, 0, eq));
    if (setting == NULL && p->setting_count == FEATURE_COUNT) {
        return refuse_unknown(p, str_sub(s, 0, eq)); /* more names than there are features */
    }
    setting = setting ? setting : &p->settings[p->setting_count++];
    *setting = (struct feature_setting){str_sub(s, 0, eq), (int16_t)level};
    return true;
}

/* --- metadata.version --- */

static bool decide_version(struct format_plan *p)
{
    const struct feature_setting *s = setting_of(p, FEATURE_METADATA);
    if (s == NULL) {
        return true;
    }
    if (p->has_release) {
        buf_printf(&p->tool->why,
                   "Use --release-version instead of --feature metadata.version=X to "
                   "avoid ambiguity.");
        return false;
    }
    if (metadata_version_name(s->level) == NULL) {
        buf_printf(&p->tool->why,
                   "No MetadataVersion with feature level %d. Valid feature levels are from %d to "
                   "%d.",
                   s->level, METADATA_VERSION_MIN, METADATA_VERSION_UNSTABLE);
        return false;
    }
    if (s->level > METADATA_VERSION_MAX) {
        buf_printf(&p->tool->why, "metadata.version %s is not yet stable.",
                   metadata_version_name(s->level));
        return false;
    }
    p->version = s->level;
    return true;
}

/* --- the others --- */

static bool refuse_kraft(struct format_plan *p, int level)
{
    struct buf *why = &p->tool->why;
    if (level == 0) {
        buf_printf(why,
                   "Cannot set kraft.version to 0 if controller.quorum.voters is empty and one "
                   "of the flags --standalone, --initial-controllers, or "
                   "--no-initial-controllers is used. For dynamic controllers support, try "
                   "removing the --feature flag for kraft.version.");
    } else {
        buf_printf(why,
                   "Cannot set kraft.version to %d unless controller.quorum.voters is empty and "
                   "one of the flags --standalone, --initial-controllers, or "
                   "--no-initial-controllers is used. For dynamic controllers support, try using "
                   "one of --standalone, --initial-controllers, or --no-initial-controllers and "
                   "removing controller.quorum.voters.",
                   level);
    }
    return false;
}

static bool decide_level(struct format_plan *p, int i)
{
    const struct feature *f = &features_known[i];
    struct str name = str_from(f->name);
    const struct feature_setting *s = setting_of(p, name);
    if (str_eq(name, FEATURE_METADATA)) {
        p->levels[i] = (int16_t)p->version;
    } else if (str_eq(name, FEATURE_KRAFT)) {
        p->levels[i] = s ? s->level : p->has_dynamic_quorum;
        if ((p->levels[i] != 0) != p->has_dynamic_quorum) {
            return refuse_kraft(p, p->levels[i]);
        }
    } else {
        p->levels[i] = s ? s->level : (int16_t)feature_level_at(f, p->version);
    }
    return true;
}

static bool check_level(struct format_plan *p, int i)
{
    const struct feature *f = &features_known[i];
    int level = p->levels[i];
    int needs = storage_feature_needs(f, level);
    if (level < f->min || level > f->max) {
        buf_printf(&p->tool->why, "No feature:%s with feature level %d", f->name, level);
        return false;
    }
    if (needs > p->version) {
        buf_printf(&p->tool->why,
                   "%s could not be set to %d because it depends on metadata.version level %d",
                   f->name, level, needs);
        return false;
    }
    return true;
}

bool format_decide_levels(struct format_plan *p)
{
    if (!decide_version(p)) {
        return false;
    }
    for (int i = 0; i < p->setting_count; i++) {
        if (feature_find(p->settings[i].name) == NULL) {
            return refuse_unknown(p, p->settings[i].name);
        }
    }
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (!decide_level(p, i)) {
            return false;
        }
    }
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (!check_level(p, i)) {
            return false;
        }
    }
    return true;
}
