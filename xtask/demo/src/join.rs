//! The commands that join in from outside, word for word: whoever copies one has a foreign client on the stream.

/// A way to join in.
pub struct Way {
    /// What it does.
    pub what: &'static str,
    /// The command, on one line.
    pub command: String,
}

/// All ways, for a broker at this address.
pub fn ways(bootstrap: &str) -> [Way; 5] {
    [
        Way {
            what: "produce an order with kcat",
            command: format!(
                r#"echo 'order-7001|{{"orderId":"order-7001","userId":"user-7","amount":49.9,"currency":"EUR","status":"created"}}' | kcat -b {bootstrap} -P -t order-events -K '|' -H content-type=application/json -H source=kcat"#
            ),
        },
        Way {
            what: "read the notifications with kcat",
            command: format!(
                r"kcat -b {bootstrap} -C -t notifications -o end -q -u -f '%p@%o %k %s\n'"
            ),
        },
        Way {
            what: "get KafkaJS, once, into the folder where the next two run",
            command: "npm install kafkajs@2".to_owned(),
        },
        Way {
            what: "produce an order with KafkaJS",
            command: format!(
                r#"node -e 'const {{Kafka, Partitioners}} = require("kafkajs"); (async () => {{ const producer = new Kafka({{brokers: ["{bootstrap}"]}}).producer({{createPartitioner: Partitioners.DefaultPartitioner}}); await producer.connect(); const order = {{orderId: "order-7002", userId: "user-7", amount: 12.5, currency: "EUR", status: "shipped"}}; await producer.send({{topic: "order-events", messages: [{{key: order.orderId, value: JSON.stringify(order), headers: {{"content-type": "application/json", source: "kafkajs"}}}}]}}); await producer.disconnect() }})()'"#
            ),
        },
        Way {
            what: "read the notifications with KafkaJS, as a consumer group",
            command: format!(
                r#"node -e 'const {{Kafka}} = require("kafkajs"); (async () => {{ const consumer = new Kafka({{brokers: ["{bootstrap}"]}}).consumer({{groupId: "visitor"}}); await consumer.connect(); await consumer.subscribe({{topics: ["notifications"]}}); await consumer.run({{eachMessage: async ({{partition, message}}) => console.log(partition, message.offset, String(message.key), String(message.value))}}) }})()'"#
            ),
        },
    ]
}
