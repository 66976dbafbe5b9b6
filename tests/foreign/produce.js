// Produces the messages on standard input, one JSON object a line, with KafkaJS as its users run it.
//   node produce.js BOOTSTRAP TOPIC default|legacy
// {"key": text|null, "value": text|null, "headers": {name: text | [text, ...]}, "timestamp": millis?, "partition": number?}
// Prints where they went, one "partition offset" pair a batch line, as KafkaJS reports it.
const { Kafka, Partitioners, logLevel } = require('kafkajs')
const readline = require('node:readline')

const [bootstrap, topic, partitioner] = process.argv.slice(2)
const partitioners = { default: Partitioners.DefaultPartitioner, legacy: Partitioners.LegacyPartitioner }

async function main() {
  const messages = []
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const message = JSON.parse(line)
    messages.push({ ...message, timestamp: message.timestamp?.toString() })
  }
  const kafka = new Kafka({ clientId: 'kafkajs-producer', brokers: [bootstrap], logLevel: logLevel.ERROR })
  const producer = kafka.producer({ createPartitioner: partitioners[partitioner], allowAutoTopicCreation: false })
  await producer.connect()
  const batch = 500
  for (let from = 0; from < messages.length; from += batch) {
    const sent = await producer.send({ topic, acks: -1, messages: messages.slice(from, from + batch) })
    console.log(JSON.stringify(sent.map(({ partition, baseOffset }) => [partition, Number(baseOffset)])))
  }
  await producer.disconnect()
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
