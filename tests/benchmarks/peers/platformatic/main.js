// The benchmark's works with @platformatic/kafka, at-least-once: what was read is sent in batches, one after the other,
// and once a second the last message of each partition whose output is acknowledged is committed.
'use strict';

const { once } = require('node:events');
const { compatibilityPartitioner, Consumer, Producer } = require('@platformatic/kafka');

const { BENCH_BOOTSTRAP, BENCH_GROUP, BENCH_INPUT, BENCH_OUTPUT, BENCH_WORK } = process.env;
const BATCH = 5000;
const COMMIT_INTERVAL = 1000;

const works = {
  passthrough: ({ key, value, headers, timestamp }) => ({ topic: BENCH_OUTPUT, key, value, headers, timestamp }),
  enrich: ({ key, value, headers, timestamp }) => {
    const order = JSON.parse(value);
    if (order.status === 'cancelled') return null;
    order.amountCents = Math.round(order.amount * 100);
    order.processedBy = 'bench';
    const copied = new Map();
    for (const [name, content] of headers) {
      if (name.toString() === 'trace-id') copied.set(name, content);
    }
    return { topic: BENCH_OUTPUT, key, value: Buffer.from(JSON.stringify(order)), headers: copied, timestamp };
  },
};

async function main() {
  const work = works[BENCH_WORK];
  const common = { clientId: 'bench-platformatic', bootstrapBrokers: [BENCH_BOOTSTRAP] };
  // Keys where Java's clients put them, as all the others do.
  const partitioner = compatibilityPartitioner;
  const producer = new Producer({ ...common, partitioner, idempotent: true, acks: -1, autocreateTopics: false });
  const consumer = new Consumer({ ...common, groupId: BENCH_GROUP });
  const stream = await consumer.consume({
    topics: [BENCH_INPUT],
    autocommit: false,
    mode: 'committed',
    fallbackMode: 'earliest',
    highWaterMark: 2 * BATCH,
  });
  let last = new Map();
  let committed = Date.now();
  for (;;) {
    const batch = [];
    for (let message; batch.length < BATCH && (message = stream.read()) !== null; ) {
      batch.push(message);
      last.set(message.partition, message);
    }
    const messages = batch.map(work).filter((message) => message !== null);
    if (messages.length > 0) await producer.send({ messages });
    if (last.size > 0 && Date.now() - committed >= COMMIT_INTERVAL) {
      await Promise.all(Array.from(last.values(), (message) => message.commit()));
      last = new Map();
      committed = Date.now();
    }
    if (batch.length === 0) {
      const tick = new Promise((resolve) => setTimeout(resolve, 50));
      await Promise.race([once(stream, 'readable'), tick]);
    }
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
