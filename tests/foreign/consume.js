// Reads a topic from its beginning with KafkaJS until so many messages have come; one JSON object a line.
//   node consume.js BOOTSTRAP TOPIC COUNT
// Bytes are in hexadecimal, so that nothing is lost on the way; null stays null.
// KafkaJS gives headers as an object: a repeated name is an array, and order holds only within a name.
const { Kafka, logLevel } = require('kafkajs')

const [bootstrap, topic, count] = process.argv.slice(2)
const hex = bytes => (bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('hex'))

async function main() {
  const kafka = new Kafka({ clientId: 'kafkajs-consumer', brokers: [bootstrap], logLevel: logLevel.ERROR })
  const consumer = kafka.consumer({ groupId: `kafkajs-${topic}-${process.pid}`, rebalanceTimeout: 5000 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let left = Number(count)
  await new Promise((done, failed) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => failed(payload.error))
    consumer
      .run({
        eachMessage: async ({ partition, message }) => {
          if (left === 0) return
          const headers = Object.entries(message.headers ?? {}).flatMap(([name, value]) =>
            (Array.isArray(value) ? value : [value]).map(one => [name, hex(one)])
          )
          const { offset, timestamp } = message
          const key = hex(message.key)
          const value = hex(message.value)
          console.log(JSON.stringify({ partition, offset: Number(offset), timestamp: Number(timestamp), key, value, headers }))
          left -= 1
          if (left === 0) done()
        },
      })
      .catch(failed)
  })
  await consumer.disconnect()
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
