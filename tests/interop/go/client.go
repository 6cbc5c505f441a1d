package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
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

// openStream opens a stream to path; a method with a colon is extended CONNECT with
// the :protocol that follows it.
func openStream(ctx context.Context, transport *http2.Transport, base, path, method string) (*stream, error) {
	reader, writer := io.Pipe()
	method, protocol, _ := strings.Cut(method, ":")
	request, err := http.NewRequestWithContext(ctx, method, base+path, reader)
	if err != nil {
		return nil, err
	}
	if protocol != "" {
		request.Header.Set(":protocol", protocol)
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	return &stream{writer, answer.Body, answer.StatusCode}, nil
}

type test struct {
	ctx       context.Context
	target    target
	transport *http2.Transport
}

func (t *test) open(path, method string) (*stream, error) {
	return openStream(t.ctx, t.transport, t.target.url, path, method)
}

func (t *test) accepted(path, method string) (*stream, error) {
	s, err := t.open(path, method)
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

func echo(method string, size int64) func(*test) error {
	return func(t *test) error {
		s, err := t.accepted("/raw", method)
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
			s, err := t.accepted("/raw", "CONNECT:interop")
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

// lines wants each line back before the next one goes.
func lines(t *test) error {
	s, err := t.accepted("/raw", "POST")
	if err != nil {
		return err
	}
	in := bufio.NewReader(s)
	for i := range 1000 {
		line := fmt.Sprintf("line %d\n", i)
		if _, err = io.WriteString(s.WriteCloser, line); err != nil {
			return err
		}
		got, bad := in.ReadString('\n')
		if bad != nil || got != line {
			return fmt.Errorf("'%s' came back as '%s' (%v)", line, got, bad)
		}
	}
	s.Close()
	_, err = in.ReadByte()
	if err != io.EOF {
		return fmt.Errorf("no end: %v", err)
	}
	return nil
}

func jsonNotes(t *test) error {
	s, err := t.accepted("/raw", "POST")
	if err != nil {
		return err
	}
	in, out := json.NewDecoder(s), json.NewEncoder(s.WriteCloser)
	for i := range 100 {
		var got note
		sent := note{i, strings.Repeat("é\"", i)}
		if err = out.Encode(sent); err != nil {
			return err
		}
		if err = in.Decode(&got); err != nil || got != sent {
			return fmt.Errorf("%v came back as %v (%v)", sent, got, err)
		}
	}
	s.Close()
	if err = in.Decode(&note{}); err != io.EOF {
		return fmt.Errorf("no end: %v", err)
	}
	return nil
}

// cancel resets one stream in the middle; the connection serves another.
func cancel(t *test) error {
	s, err := t.accepted("/raw", "CONNECT:interop")
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
	return echo("CONNECT:interop", 1000)(t)
}

func refused(path, method string, status int) func(*test) error {
	return func(t *test) error {
		s, err := t.open(path, method)
		if err != nil {
			return err
		}
		if s.status != status {
			return fmt.Errorf("status %d", s.status)
		}
		if _, err = io.Copy(io.Discard, s); err != nil {
			return err
		}
		return echo("CONNECT:interop", 1000)(t)
	}
}

func untrusted(t *test) error {
	var unknown x509.UnknownAuthorityError
	transport, err := target{url: t.target.url}.transport()
	if err == nil {
		_, err = openStream(t.ctx, transport, t.target.url, "/raw", "POST")
	}
	if !errors.As(err, &unknown) {
		return fmt.Errorf("without our CA: %v", err)
	}
	return nil
}

type testCase struct {
	name string
	run  func(*test) error
}

var cases = []testCase{
	{"connect", echo("CONNECT:interop", 3<<20)},
	{"connect-nothing", echo("CONNECT:interop", 0)},
	{"connect-a-byte", echo("CONNECT:interop", 1)},
	{"post", echo("POST", 3<<20)},
	{"put", echo("PUT", 3<<20)},
	{"connect-100m", echo("CONNECT:interop", 100<<20)},
	{"post-100m", echo("POST", 100<<20)},
	{"hundred-at-once", hundred},
	{"lines", lines},
	{"json", jsonNotes},
	{"cancel", cancel},
	{"refused-404", refused("/nowhere", "CONNECT:interop", 404)},
	{"refused-405", refused("/raw", "DELETE", 405)},
	{"refused-websocket", refused("/raw", "CONNECT:websocket", 405)},
	{"refused-other-protocol", refused("/echo", "CONNECT:interop", 501)},
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
	if at.cacert != "" {
		cases = append(cases, testCase{"untrusted", untrusted})
	}
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
