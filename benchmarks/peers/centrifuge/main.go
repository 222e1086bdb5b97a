// Centrifuge at its best: in one process with its publisher, on its memory broker, without a Redis between.
//
//	centrifuge -port P [-delay 10ms] [-frame -1] [-history 0]
//
// By stdin: `publish FIRST COUNT RATE CHANNELS`, RATE 0 for all at once; answered with one JSON line.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/centrifugal/centrifuge"
	"golang.org/x/sys/unix"
)

// See native/event.h.
const stamp = `"n":1000000000,"t":1000000000000000`
const payload = `{"type":"bench","download_id":"12345","progress":0.75,"speed":1024000,` + stamp + `}`

func now() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

func publish(node *centrifuge.Node, first, count int64, rate float64, channels int64, history int) {
	var options []centrifuge.PublishOption
	if history > 0 {
		options = append(options, centrifuge.WithHistory(history, time.Hour))
	}
	at := bytes.Index([]byte(payload), []byte(stamp))
	began := now()
	errors := 0
	for made := int64(0); made < count; made++ {
		if rate > 0 {
			if wait := began + int64(float64(made)/rate*1e9) - now(); wait > 0 {
				time.Sleep(time.Duration(wait))
			}
		}
		data := []byte(payload) // its own copy: Centrifuge keeps it
		copy(data[at:], fmt.Sprintf(`"n":%010d,"t":%016d`, 1000000000+first+made/channels, 1000000000000000+now()))
		channel := "bench"
		if channels > 1 {
			channel = fmt.Sprintf("c%03d", made%channels)
		}
		if _, err := node.Publish(channel, data, options...); err != nil {
			errors++
		}
	}
	fmt.Printf("{\"published\":%d,\"errors\":%d,\"seconds\":%.6f}\n", count, errors, float64(now()-began)/1e9)
}

func main() {
	port := flag.Int("port", 8000, "")
	delay := flag.Duration("delay", 0, "WriteDelay")
	frame := flag.Int("frame", -1, "MaxMessagesInFrame")
	history := flag.Int("history", 0, "publications kept, for recovery")
	flag.Parse()
	node, err := centrifuge.New(centrifuge.Config{
		ClientQueueMaxSize: 256 << 20, // never closes a slow client: a row with fewer deliveries would be void
		LogLevel:           centrifuge.LogLevelError,
		LogHandler:         func(e centrifuge.LogEntry) { log.Println(e.Message, e.Fields) },
	})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(ctx context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		channel, _ := ctx.Value("channel").(string)
		return centrifuge.ConnectReply{
			Credentials:        &centrifuge.Credentials{},
			Subscriptions:      map[string]centrifuge.SubscribeOptions{channel: {EnableRecovery: *history > 0}},
			WriteDelay:         *delay,
			MaxMessagesInFrame: *frame,
			WriteWithTimer:     *delay > 0,
		}, nil
	})
	node.OnConnect(func(*centrifuge.Client) {})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	websocket := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		WriteTimeout:               time.Minute,
		UseWriteBufferPool:         true,
		ProcessCommandsOffReadLoop: true,
		CheckOrigin:                func(*http.Request) bool { return true },
	})
	http.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		channel := r.URL.Query().Get("channel")
		if channel == "" {
			channel = "bench"
		}
		websocket.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), "channel", channel)))
	})
	go func() { log.Fatal(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", *port), nil)) }()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var first, count, channels int64
		var rate float64
		if n, _ := fmt.Sscanf(lines.Text(), "publish %d %d %g %d", &first, &count, &rate, &channels); n == 4 {
			publish(node, first, count, rate, channels, *history)
		}
	}
}
