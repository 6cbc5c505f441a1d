package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

const deadline = 120 * time.Second

type target struct {
	url      string
	cacert   string
	insecure bool
}

// transport makes a connection of its own per case.
func (t target) transport() (*http2.Transport, error) {
	config := &tls.Config{InsecureSkipVerify: t.insecure}
	if t.cacert != "" {
		pem, err := os.ReadFile(t.cacert)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	transport := &http2.Transport{TLSClientConfig: config, StrictMaxConcurrentStreams: true}
	if strings.HasPrefix(t.url, "http:") {
		transport.AllowHTTP = true
		transport.DialTLSContext = func(_ context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			return net.Dial(network, address)
		}
	}
	return transport, nil
}

// A stream: what is written goes out as the request's body, what is read is
// the answer's.
type stream struct {
	io.WriteCloser
	body   io.ReadCloser
	status int
}

func (s *stream) Read(data []byte) (int, error) { return s.body.Read(data) }

type test struct {
	ctx       context.Context
	target    target
	transport *http2.Transport
}

// open opens a stream to path, by extended CONNECT.
func (t *test) open(path, protocol string) (*stream, error) {
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(t.ctx, http.MethodConnect, t.target.url+path, reader)
	if err != nil {
		return nil, err
	}
	request.Header.Set(":protocol", protocol)
	answer, err := t.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	return &stream{writer, answer.Body, answer.StatusCode}, nil
}

func (t *test) accepted(path string) (*stream, error) {
	s, err := t.open(path, "interop")
	if err == nil && s.status != http.StatusOK {
		err = fmt.Errorf("status %d", s.status)
	}
	return s, err
}

// exchange sends size bytes in steps of a buffer's size while it compares what
// comes back, ends, and wants the other end.
func exchange(s *stream, seed int64, size int64) error {
	sent := make(chan error, 1)
	go func() {
		source := io.LimitReader(rand.New(rand.NewSource(seed)), size)
		_, err := io.CopyBuffer(struct{ io.Writer }{s.WriteCloser}, source, make([]byte, 65536))
		if err == nil {
			err = s.Close()
		}
		sent <- err
	}()
	wanted := io.LimitReader(rand.New(rand.NewSource(seed)), size)
	got, same := make([]byte, 65536), make([]byte, 65536)
	came := int64(0)
	for {
		n, err := s.Read(got)
		if _, bad := io.ReadFull(wanted, same[:n]); bad != nil {
			return fmt.Errorf("more than %d bytes came", size)
		}
		if !bytes.Equal(got[:n], same[:n]) {
			return fmt.Errorf("other bytes after %d", came)
		}
		came += int64(n)
		if err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("after %d bytes: %w", came, err)
		}
	}
	if came != size {
		return fmt.Errorf("%d bytes of %d came", came, size)
	}
	return <-sent
}

func echo(size int64) func(*test) error {
	return func(t *test) error {
		s, err := t.accepted("/raw")
		if err != nil {
			return err
		}
		return exchange(s, size, size)
	}
}

func hundred(t *test) error {
	done := make(chan error, 100)
	for i := range 100 {
		go func() {
			s, err := t.accepted("/raw")
			if err == nil {
				err = exchange(s, int64(i), 300001)
			}
			done <- err
		}()
	}
	var all error
	for range 100 {
		all = errors.Join(all, <-done)
	}
	return all
}

// cancel resets one stream in the middle; the connection serves another.
func cancel(t *test) error {
	s, err := t.accepted("/raw")
	if err != nil {
		return err
	}
	if _, err = io.WriteString(s.WriteCloser, "hello"); err == nil {
		_, err = io.ReadFull(s, make([]byte, 5))
	}
	if err != nil {
		return err
	}
	s.body.Close()
	if _, err = io.WriteString(s.WriteCloser, "more"); err == nil {
		return errors.New("it took bytes after the reset")
	}
	return echo(1000)(t)
}

func refused(path, protocol string, status int) func(*test) error {
	return func(t *test) error {
		s, err := t.open(path, protocol)
		if err != nil {
			return err
		}
		if s.status != status {
			return fmt.Errorf("status %d", s.status)
		}
		if _, err = io.Copy(io.Discard, s); err != nil {
			return err
		}
		return echo(1000)(t)
	}
}

type testCase struct {
	name string
	run  func(*test) error
}

var cases = []testCase{
	{"connect", echo(3 << 20)},
	{"connect-nothing", echo(0)},
	{"connect-a-byte", echo(1)},
	{"connect-100m", echo(100 << 20)},
	{"hundred-at-once", hundred},
	{"cancel", cancel},
	{"refused-404", refused("/nowhere", "interop", 404)},
	{"refused-websocket", refused("/raw", "websocket", 405)},
	{"refused-other-protocol", refused("/echo", "interop", 501)},
}

func runCase(at target, run func(*test) error) error {
	transport, err := at.transport()
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	ctx, stop := context.WithTimeout(context.Background(), deadline)
	defer stop()
	return run(&test{ctx, at, transport})
}

func clientMain(args []string) error {
	var at target
	flags := flag.NewFlagSet("client", flag.ExitOnError)
	flags.StringVar(&at.cacert, "cacert", "", "PEM to trust")
	flags.BoolVar(&at.insecure, "insecure", false, "trust anyone")
	prefix := flags.String("prefix", "", "of each case's name")
	flags.Parse(args)
	at.url = flags.Arg(0)
	bad := 0
	for _, c := range cases {
		if err := runCase(at, c.run); err != nil {
			bad++
			text, _, _ := strings.Cut(err.Error(), "\n")
			fmt.Printf("FAIL %s%s: %s\n", *prefix, c.name, text)
		} else {
			fmt.Printf("ok %s%s\n", *prefix, c.name)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d cases failed", bad)
	}
	return nil
}
