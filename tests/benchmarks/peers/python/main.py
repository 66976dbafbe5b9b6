"""The benchmark's works with confluent-kafka and orjson, at-least-once: once a second everything that was produced is
flushed, and only then the offsets are committed."""

import os
import time

import orjson
from confluent_kafka import Consumer, KafkaError, Producer

BATCH = 2000
COMMIT_INTERVAL = 1.0
COMMON = {"bootstrap.servers": os.environ["BENCH_BOOTSTRAP"], "client.id": "bench-python"}
OUTPUT = os.environ["BENCH_OUTPUT"]


def refused(error, _message):
    """Only failures are reported. After one nothing may be committed any more."""
    if error is not None:
        raise SystemExit(f"an output was refused: {error}")


producer = Producer(
    COMMON
    | {
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 5,
        "partitioner": "murmur2_random",
        "message.timeout.ms": 0,
        "delivery.report.only.error": True,
        "on_delivery": refused,
    }
)
consumer = Consumer(
    COMMON
    | {
        "group.id": os.environ["BENCH_GROUP"],
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "fetch.queue.backoff.ms": 5,
    }
)


def produce(message, value, headers):
    while True:
        try:
            return producer.produce(
                OUTPUT, value, message.key(), headers=headers, timestamp=message.timestamp()[1]
            )
        except BufferError:
            producer.poll(0.05)


def passthrough(message):
    produce(message, message.value(), message.headers())


def enrich(message):
    order = orjson.loads(message.value())
    if order["status"] == "cancelled":
        return
    order["amountCents"] = round(order["amount"] * 100)
    order["processedBy"] = "bench"
    headers = [header for header in message.headers() or () if header[0] == "trace-id"]
    produce(message, orjson.dumps(order), headers)


work = {"passthrough": passthrough, "enrich": enrich}[os.environ["BENCH_WORK"]]
consumer.subscribe([os.environ["BENCH_INPUT"]])
committed, dirty = time.monotonic(), False
while True:
    for message in consumer.consume(BATCH, 0.05):
        error = message.error()
        if error is None:
            work(message)
            dirty = True
        elif error.code() != KafkaError._PARTITION_EOF:
            raise SystemExit(f"can't consume: {error}")
    producer.poll(0)
    if dirty and time.monotonic() - committed >= COMMIT_INTERVAL:
        if producer.flush() > 0:
            raise SystemExit("not everything is acknowledged")
        consumer.commit(asynchronous=False)
        committed, dirty = time.monotonic(), False
