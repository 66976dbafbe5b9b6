import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;

/** The benchmark's works with Kafka Streams, by either guarantee. */
public final class Main {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        var bytes = Serdes.ByteArray();
        var builder = new StreamsBuilder();
        KStream<byte[], byte[]> input =
            builder.stream(System.getenv("BENCH_INPUT"), Consumed.with(bytes, bytes));
        var output = System.getenv("BENCH_WORK").equals("enrich") ? input.processValues(Enrich::new) : input;
        output.to(System.getenv("BENCH_OUTPUT"), Produced.with(bytes, bytes));
        var streams = new KafkaStreams(builder.build(), properties());
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
                .SHUTDOWN_APPLICATION;
        });
        streams.start();
    }

    private static Properties properties() throws Exception {
        var guarantee = System.getenv("BENCH_GUARANTEE");
        var properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("BENCH_GROUP"));
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BENCH_BOOTSTRAP"));
        properties.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("bench-streams").toString());
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "2");
        properties.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), "5");
        if (guarantee.equals("exactly-once")) {
            properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        } else {
            properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "1000");
        }
        return properties;
    }

    /** Drops what is cancelled, adds two fields, and leaves one header. */
    private static final class Enrich extends ContextualFixedKeyProcessor<byte[], byte[], byte[]> {
        @Override
        public void process(FixedKeyRecord<byte[], byte[]> message) {
            try {
                var order = (ObjectNode) JSON.readTree(message.value());
                if (order.get("status").textValue().equals("cancelled")) {
                    return;
                }
                order.put("amountCents", Math.round(order.get("amount").doubleValue() * 100));
                order.put("processedBy", "bench");
                var headers = new RecordHeaders();
                for (Header header : message.headers().headers("trace-id")) {
                    headers.add(header);
                }
                context().forward(message.withValue(JSON.writeValueAsBytes(order)).withHeaders(headers));
            } catch (java.io.IOException error) {
                throw new java.io.UncheckedIOException(error);
            }
        }
    }
}
