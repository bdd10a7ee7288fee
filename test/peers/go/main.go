// franz-go as a peer; ../README.md tells the command line.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

type options map[string][]string

func (o options) get(name, otherwise string) string {
	if v := o[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return otherwise
}

func (o options) num(name string, otherwise int64) int64 {
	n, err := strconv.ParseInt(o.get(name, strconv.FormatInt(otherwise, 10)), 10, 64)
	must(err)
	return n
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

var (
	outMu sync.Mutex
	out   = bufio.NewWriterSize(os.Stdout, 1<<16)
)

type object map[string]any

func emit(o object) {
	b, err := json.Marshal(o)
	must(err)
	outMu.Lock()
	defer outMu.Unlock()
	out.Write(b)
	out.WriteByte('\n')
}

func flush() {
	outMu.Lock()
	defer outMu.Unlock()
	out.Flush()
}

func decode(s string) []byte {
	if s == "-" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	must(err)
	if b == nil {
		b = []byte{}
	}
	return b
}

func client(o options, more ...kgo.Opt) *kgo.Client {
	opts := []kgo.Opt{kgo.SeedBrokers(o.get("bootstrap", "")), kgo.BrokerMaxReadBytes(1 << 30)}
	switch o.get("proto", "") {
	case "2.1":
		opts = append(opts, kgo.MaxVersions(kversion.V2_1_0()))
	case "3.0":
		opts = append(opts, kgo.MaxVersions(kversion.V3_0_0()))
	}
	c, err := kgo.NewClient(append(opts, more...)...)
	must(err)
	return c
}

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}

func parse(topic, line string) *kgo.Record {
	f := strings.Split(line, "\t")
	p, err := strconv.Atoi(f[0])
	must(err)
	r := &kgo.Record{Topic: topic, Partition: int32(p), Key: decode(f[2]), Value: decode(f[3])}
	if f[1] != "-" {
		ms, err := strconv.ParseInt(f[1], 10, 64)
		must(err)
		r.Timestamp = time.UnixMilli(ms)
	}
	if f[4] != "-" {
		for _, h := range strings.Split(f[4], ",") {
			name, value, _ := strings.Cut(h, ":")
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: string(decode(name)), Value: decode(value)})
		}
	}
	return r
}

func produce(ctx context.Context, o options) {
	opts := []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codec(o.get("codec", "none"))),
		kgo.ProducerBatchMaxBytes(int32(o.num("batch-bytes", 20_000_000))),
		kgo.ProducerLinger(time.Duration(o.num("linger", 5)) * time.Millisecond),
		kgo.AllowAutoTopicCreation(),
		kgo.MetadataMinAge(100 * time.Millisecond),
	}
	if o.num("idempotent", 0) == 0 {
		opts = append(opts, kgo.DisableIdempotentWrite())
	}
	c := client(o, opts...)
	defer c.Close()
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	n := 0
	for ; ; n++ {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		i := n
		c.Produce(ctx, parse(o.get("topic", ""), strings.TrimRight(line, "\n")), func(r *kgo.Record, err error) {
			if err != nil {
				emit(object{"i": i, "error": err.Error()})
			} else {
				emit(object{"i": i, "p": r.Partition, "o": r.Offset})
			}
		})
	}
	must(c.Flush(ctx))
	emit(object{"done": n})
}

func emitRecord(r *kgo.Record) {
	headers := [][]any{}
	for _, h := range r.Headers {
		headers = append(headers, []any{[]byte(h.Key), h.Value})
	}
	emit(object{"topic": r.Topic, "p": r.Partition, "o": r.Offset, "t": r.Timestamp.UnixMilli(),
		"tt": r.Attrs.TimestampType(), "k": r.Key, "v": r.Value, "h": headers})
}

func consume(ctx context.Context, o options) {
	type place struct {
		topic string
		p     int32
	}
	end := map[place]int64{}
	assign := map[string]map[int32]kgo.Offset{}
	for _, s := range strings.Split(o.get("ranges", ""), ",") {
		f := strings.Split(s, ":")
		p, _ := strconv.Atoi(f[1])
		first, _ := strconv.ParseInt(f[2], 10, 64)
		last, _ := strconv.ParseInt(f[3], 10, 64)
		if assign[f[0]] == nil {
			assign[f[0]] = map[int32]kgo.Offset{}
		}
		assign[f[0]][int32(p)] = kgo.NewOffset().At(first)
		if first < last {
			end[place{f[0], int32(p)}] = last
		}
	}
	c := client(o, kgo.ConsumePartitions(assign), kgo.FetchMaxBytes(60_000_000))
	defer c.Close()
	n := 0
	for len(end) > 0 && ctx.Err() == nil {
		fetches := c.PollFetches(ctx)
		fetches.EachError(func(t string, p int32, err error) { emit(object{"error": err.Error()}) })
		fetches.EachRecord(func(r *kgo.Record) {
			emitRecord(r)
			n++
			at := place{r.Topic, r.Partition}
			if last, ok := end[at]; ok && r.Offset+1 >= last {
				delete(end, at)
			}
		})
	}
	emit(object{"done": n, "left": len(end)})
}

// group is a member of a group until standard input ends; it commits what it has printed.
func group(ctx context.Context, o options) {
	var mu sync.Mutex
	have := map[int32]bool{}
	tell := func(parts map[string][]int32, isMine bool) {
		mu.Lock()
		defer mu.Unlock()
		for _, p := range parts[o.get("topic", "")] {
			if isMine {
				have[p] = true
			} else {
				delete(have, p)
			}
		}
		all := []int32{}
		for p := range have {
			all = append(all, p)
		}
		sort.Slice(all, func(i, k int) bool { return all[i] < all[k] })
		emit(object{"have": all})
		flush()
	}
	balancer := kgo.RangeBalancer()
	if o.get("strategy", "range") == "cooperative-sticky" {
		balancer = kgo.CooperativeStickyBalancer()
	}
	opts := []kgo.Opt{
		kgo.ConsumerGroup(o.get("group", "")), kgo.ConsumeTopics(o.get("topic", "")), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.Balancers(balancer),
		kgo.SessionTimeout(6 * time.Second), kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { tell(m, true) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { tell(m, false) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { tell(m, false) }),
	}
	if id := o.get("instance", ""); id != "" {
		opts = append(opts, kgo.InstanceID(id))
	}
	c := client(o, opts...)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	n := 0
	for ctx.Err() == nil {
		got := c.PollFetches(ctx)
		got.EachRecord(func(r *kgo.Record) {
			emit(object{"p": r.Partition, "o": r.Offset, "v": r.Value})
			n++
		})
		flush()
		if !got.Empty() {
			_ = c.CommitRecords(context.Background(), got.Records()...)
		}
	}
	c.Close()
	emit(object{"done": n})
}

func list(ctx context.Context, o options) {
	c := client(o)
	defer c.Close()
	a := kadm.NewClient(c)
	topic, p := o.get("topic", ""), int32(o.num("partition", 0))
	var found kadm.ListedOffsets
	var err error
	switch t := o.get("time", "latest"); t {
	case "earliest":
		found, err = a.ListStartOffsets(ctx, topic)
	case "latest":
		found, err = a.ListEndOffsets(ctx, topic)
	default:
		ms, perr := strconv.ParseInt(t, 10, 64)
		must(perr)
		found, err = a.ListOffsetsAfterMilli(ctx, ms, topic)
		// franz-go answers the end where no record is that late
		if l, ok := found.Lookup(topic, p); err == nil && ok && l.Timestamp < 0 {
			emit(object{"p": p, "o": -1})
			return
		}
	}
	must(err)
	l, ok := found.Lookup(topic, p)
	if !ok {
		panic("no such partition")
	}
	must(l.Err)
	emit(object{"p": p, "o": l.Offset})
}

func metadata(ctx context.Context, o options) {
	c := client(o)
	defer c.Close()
	m, err := kadm.NewClient(c).Metadata(ctx, o.get("topic", ""))
	must(err)
	t := m.Topics[o.get("topic", "")]
	must(t.Err)
	emit(object{"topic": t.Topic, "partitions": len(t.Partitions)})
}

func admin(ctx context.Context, what string, o options) {
	c := client(o)
	defer c.Close()
	a := kadm.NewClient(c)
	topic := o.get("topic", "")
	switch what {
	case "create":
		conf := map[string]*string{}
		for _, kv := range o["config"] {
			k, v, _ := strings.Cut(kv, "=")
			conf[k] = &v
		}
		r, err := a.CreateTopics(ctx, int32(o.num("partitions", 1)), 1, conf, strings.Split(topic, ",")...)
		must(err)
		must(r.Error())
	case "delete":
		r, err := a.DeleteTopics(ctx, topic)
		must(err)
		must(r.Error())
	case "grow":
		r, err := a.UpdatePartitions(ctx, int(o.num("partitions", 1)), topic)
		must(err)
		must(r.Error())
	case "trim":
		p := int32(o.num("partition", 0))
		var at kadm.Offsets
		at.Add(kadm.Offset{Topic: topic, Partition: p, At: o.num("before", -1)})
		r, err := a.DeleteRecords(ctx, at)
		must(err)
		must(r.Error())
		l, _ := r.Lookup(topic, p)
		emit(object{"low": l.LowWatermark})
		return
	}
	emit(object{"done": 1})
}

func run(cmd string, o options) (rc int) {
	defer out.Flush()
	defer func() {
		if r := recover(); r != nil {
			emit(object{"error": fmt.Sprint(r)})
			rc = 1
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(o.num("timeout", 60))*time.Second)
	defer cancel()
	switch cmd {
	case "produce":
		produce(ctx, o)
	case "consume":
		consume(ctx, o)
	case "group":
		group(ctx, o)
	case "list":
		list(ctx, o)
	case "metadata":
		metadata(ctx, o)
	default:
		admin(ctx, cmd, o)
	}
	return 0
}

func main() {
	o := options{}
	for i := 2; i+1 < len(os.Args); i += 2 {
		name := strings.TrimPrefix(os.Args[i], "--")
		o[name] = append(o[name], os.Args[i+1])
	}
	os.Exit(run(os.Args[1], o))
}
