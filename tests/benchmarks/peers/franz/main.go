// The benchmark's works with franz-go, at-least-once: once a second everything that was produced is flushed, and only
// then the offsets are committed.
package main

import (
	"context"
	"encoding/json"
	"log"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	most           = 10_000
	commitInterval = time.Second
)

var output = os.Getenv("BENCH_OUTPUT")

func main() {
	work := map[string]func(*kgo.Record) (*kgo.Record, error){"passthrough": passthrough, "enrich": enrich}[os.Getenv("BENCH_WORK")]
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Getenv("BENCH_BOOTSTRAP")),
		kgo.ClientID("bench-franz"),
		kgo.ConsumerGroup(os.Getenv("BENCH_GROUP")),
		kgo.ConsumeTopics(os.Getenv("BENCH_INPUT")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.DisableAutoCommit(),
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
	)
	check(err)
	defer client.Close()
	ctx := context.Background()
	acknowledged := func(_ *kgo.Record, err error) { check(err) }
	committed, dirty := time.Now(), false
	for {
		wait, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		fetches := client.PollRecords(wait, most)
		cancel()
		fetches.EachError(func(_ string, _ int32, err error) {
			if err != context.DeadlineExceeded {
				check(err)
			}
		})
		fetches.EachRecord(func(message *kgo.Record) {
			made, err := work(message)
			check(err)
			if made != nil {
				client.Produce(ctx, made, acknowledged)
			}
			dirty = true
		})
		if dirty && time.Since(committed) >= commitInterval {
			check(client.Flush(ctx))
			check(client.CommitUncommittedOffsets(ctx))
			committed, dirty = time.Now(), false
		}
	}
}

func passthrough(message *kgo.Record) (*kgo.Record, error) {
	return &kgo.Record{Topic: output, Key: message.Key, Value: message.Value, Headers: message.Headers, Timestamp: message.Timestamp}, nil
}

// Only the top level is parsed, as in Rust.
func enrich(message *kgo.Record) (*kgo.Record, error) {
	var order map[string]json.RawMessage
	if err := json.Unmarshal(message.Value, &order); err != nil {
		return nil, err
	}
	if string(order["status"]) == `"cancelled"` {
		return nil, nil
	}
	amount, err := strconv.ParseFloat(string(order["amount"]), 64)
	if err != nil {
		return nil, err
	}
	order["amountCents"] = strconv.AppendInt(nil, int64(math.Round(amount*100)), 10)
	order["processedBy"] = json.RawMessage(`"bench"`)
	value, err := json.Marshal(order)
	if err != nil {
		return nil, err
	}
	var headers []kgo.RecordHeader
	for _, header := range message.Headers {
		if header.Key == "trace-id" {
			headers = append(headers, header)
		}
	}
	return &kgo.Record{Topic: output, Key: message.Key, Value: value, Headers: headers, Timestamp: message.Timestamp}, nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
