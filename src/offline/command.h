/* The tools that work on files and need no broker. Each takes argv as main got it, without the
 * word "ottla", and returns the status of the process. */
#ifndef OFFLINE_COMMAND_H
#define OFFLINE_COMMAND_H

int dump_log_command(int argc, char **argv);
int storage_command(int argc, char **argv);

#endif
