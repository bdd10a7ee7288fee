/* `ottla broker [server.properties] [--override key=value]...` */
#ifndef BROKER_COMMAND_H
#define BROKER_COMMAND_H

/* argv[0] is the command's name. Returns the process's exit status. */
int broker_command(int argc, char **argv);

#endif
