/* What the settings of a topic mean to its partitions. Any thread that has the image. */
#include "broker/storage/storage_priv.h"

#include "base/limit.h"

static int codec_level(const struct topic_config *t)
{
    switch (t->compression_type) {
    case CODEC_GZIP:
        return t->compression_gzip_level == -1 ? CODEC_LEVEL_DEFAULT : t->compression_gzip_level;
    case CODEC_LZ4:
        return t->compression_lz4_level;
    case CODEC_ZSTD:
        return t->compression_zstd_level;
    default:
        return CODEC_LEVEL_DEFAULT;
    }
}

static void log_config_of(const struct topic_config *t, int64_t producer_expiration_ms,
                          struct log_config *c)
{
    log_config_init(c);
    c->segment_bytes = t->segment_bytes;
    c->segment_ms = t->segment_ms;
    c->segment_jitter_ms = t->segment_jitter_ms;
    c->segment_index_bytes = t->segment_index_bytes;
    c->index_interval_bytes = t->index_interval_bytes;
    c->retention_ms = t->retention_ms;
    c->retention_bytes = t->retention_bytes;
    c->file_delete_delay_ms = t->file_delete_delay_ms;
    c->producer_expiration_ms = producer_expiration_ms;
    c->is_deleted_by_retention = t->cleanup_policy & CLEANUP_DELETE;
    c->has_gaps = t->cleanup_policy & CLEANUP_COMPACT;
}

void storage_partition_config(struct storage *s, const struct image *img, struct str topic,
                              struct partition_config *ret)
{
    struct topic_config t;
    topic_config_resolve(img, s->config, topic, &t);
    *ret = (struct partition_config){
        .flush_before_ack = t.flush_before_ack,
        .flush_messages = t.flush_messages,
        .flush_ms = t.flush_ms,
        .rules =
            {
                .ts_type = (enum timestamp_type)t.message_timestamp_type,
                .ts_before_max_ms = t.message_timestamp_before_max_ms,
                .ts_after_max_ms = t.message_timestamp_after_max_ms,
                .needs_keys = t.cleanup_policy & CLEANUP_COMPACT,
                .recompress = t.compression_type != COMPRESSION_PRODUCER,
                .codec = t.compression_type == COMPRESSION_PRODUCER
                             ? CODEC_NONE
                             : (enum codec)t.compression_type,
                .codec_level = codec_level(&t),
                .max_batch_bytes = (size_t)t.max_message_bytes,
                .max_plain_bytes = LIMIT_BATCH_PLAIN_BYTES,
            },
    };
    log_config_of(&t, broker_config_now(img, s->config, STR("producer.id.expiration.ms")),
                  &ret->log);
}
