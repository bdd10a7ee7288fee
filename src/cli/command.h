/* The tools that ask a broker. Each takes argv as main got it, without the word "ottla", and
 * returns the status of the process. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

int topics_command(int argc, char **argv);
int configs_command(int argc, char **argv);
int consumer_groups_command(int argc, char **argv);

#endif
