/* The commands that start and stop brokers. argv[0] is the command's name; the result is the
 * process's exit status. */
#ifndef BROKER_COMMAND_H
#define BROKER_COMMAND_H

/* `ottla broker [server.properties] [--override key=value]...` (kafka-server-start) */
int broker_command(int argc, char **argv);

/* `ottla stop` (kafka-server-stop) */
int stop_command(int argc, char **argv);

#endif
