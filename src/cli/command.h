/* The tools that ask a broker. Each takes argv as main got it, without the word "ottla", and
 * returns the status of the process. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

int topics_command(int argc, char **argv);
int configs_command(int argc, char **argv);
int consumer_groups_command(int argc, char **argv);
int groups_command(int argc, char **argv);
int client_metrics_command(int argc, char **argv);
int get_offsets_command(int argc, char **argv);
int delete_records_command(int argc, char **argv);
int leader_election_command(int argc, char **argv);
int log_dirs_command(int argc, char **argv);
int broker_api_versions_command(int argc, char **argv);
int cluster_command(int argc, char **argv);
int features_command(int argc, char **argv);
int metadata_quorum_command(int argc, char **argv);
int reassign_partitions_command(int argc, char **argv);
int console_producer_command(int argc, char **argv);
int console_consumer_command(int argc, char **argv);
int producer_perf_test_command(int argc, char **argv);
int consumer_perf_test_command(int argc, char **argv);
int produce_command(int argc, char **argv);
int consume_command(int argc, char **argv);
int verifiable_producer_command(int argc, char **argv);
int verifiable_consumer_command(int argc, char **argv);

/* Ours alone: what makes the others handy. */
int profiles_command(int argc, char **argv);
int completion_command(int argc, char **argv);
int complete_command(int argc, char **argv); /* hidden: asked by the scripts of completion */

#endif
