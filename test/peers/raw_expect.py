"""Where ottla answers otherwise than Apache Kafka on purpose, and why. A row is a part of the label, a part
of the field's path, and the reason; both parts must be there."""

EXPECTED = (
    ("", "[flush.before.ack]", "a topic setting of ours: acks=all means synced"),
)


def is_expected(label, path, _kafka, _ottla):
    return any(in_label in label and in_path in path for in_label, in_path, _why in EXPECTED)
