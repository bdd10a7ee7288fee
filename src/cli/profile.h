/* Profiles: settings of the client under a name, a properties file each, in the person's
 * configuration (doc/decisions/0014). */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H

#include "cli/cli.h"

/* The settings of the profile that the command line, OTTLA_PROFILE or nobody names, into c->config:
 * nobody's is "default", if there is one, and only where no --bootstrap-server is given. False, and
 * why: it was named and is not there, or cannot be used. */
bool profile_load(struct cli *c);

/* Their names, sorted. */
void profile_names(struct cli_names *ret);

#endif
