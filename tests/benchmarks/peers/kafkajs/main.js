// The benchmark's works with KafkaJS, at-least-once: a batch is resolved when all of its outputs are acknowledged, and
// what is resolved is committed once a second.
'use strict';

const { Kafka, logLevel } = require('kafkajs');

const { BENCH_BOOTSTRAP, BENCH_GROUP, BENCH_INPUT, BENCH_OUTPUT, BENCH_WORK } = process.env;

const works = {
  passthrough: ({ key, value, headers, timestamp }) => ({ key, value, headers, timestamp }),
  enrich: ({ key, value, headers, timestamp }) => {
    const order = JSON.parse(value);
    if (order.status === 'cancelled') return null;
    order.amountCents = Math.round(order.amount * 100);
    order.processedBy = 'bench';
    return { key, value: JSON.stringify(order), headers: { 'trace-id': headers['trace-id'] }, timestamp };
  },
};

async function main() {
  const work = works[BENCH_WORK];
  const kafka = new Kafka({ brokers: [BENCH_BOOTSTRAP], clientId: 'bench-kafkajs', logLevel: logLevel.WARN });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false });
  const consumer = kafka.consumer({ groupId: BENCH_GROUP, maxBytesPerPartition: 1048576 });
  await producer.connect();
  await consumer.connect();
  await consumer.subscribe({ topic: BENCH_INPUT, fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 1000,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: 12,
    eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
      const messages = batch.messages.map(work).filter((message) => message !== null);
      if (messages.length > 0) await producer.send({ topic: BENCH_OUTPUT, acks: -1, messages });
      resolveOffset(batch.lastOffset());
      await heartbeat();
    },
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
