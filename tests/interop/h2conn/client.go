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
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/posener/h2conn"
	"golang.org/x/net/http2"
)

const (
	deadline   = 120 * time.Second
	bufferSize = 65536
	memoryMax  = 64 << 20
)

type test struct {
	url  string
	pool *x509.CertPool
}

// A stream: a connection of h2conn, and what was answered.
type stream struct {
	*h2conn.Conn
	answer *http.Response
}

// client makes an h2conn.Client with a connection of its own.
func (t *test) client(method string) h2conn.Client {
	transport := &http2.Transport{TLSClientConfig: &tls.Config{RootCAs: t.pool}}
	return h2conn.Client{Method: method, Client: &http.Client{Transport: transport}}
}

// open opens a stream to path: POST as h2conn does it by itself, what else
// there is with a Client.
func (t *test) open(path, method string) (*stream, error) {
	if method == http.MethodPost {
		return opened(h2conn.Connect(context.Background(), t.url+path))
	}
	client := t.client(method)
	return opened(client.Connect(context.Background(), t.url+path))
}

func opened(conn *h2conn.Conn, answer *http.Response, err error) (*stream, error) {
	if err == nil && answer.ProtoMajor != 2 {
		err = fmt.Errorf("it is %s", answer.Proto)
	}
	return &stream{conn, answer}, err
}

func (t *test) accepted(path, method string) (*stream, error) {
	s, err := t.open(path, method)
	if err == nil && s.answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", s.answer.StatusCode)
	}
	return s, err
}

// source gives size bytes, always the same; change is applied to them.
func source(size int64, change func([]byte) []byte) io.Reader {
	return &changed{io.LimitReader(rand.New(rand.NewSource(size)), size), change}
}

type changed struct {
	io.Reader
	change func([]byte) []byte
}

func (c *changed) Read(data []byte) (int, error) {
	n, err := c.Reader.Read(data)
	copy(data, c.change(data[:n]))
	return n, err
}

func asTheyAre(data []byte) []byte { return data }

func smallLetters(data []byte) []byte {
	for i := range data {
		data[i] = 'a' + data[i]%26
	}
	return data
}

func capitals(data []byte) []byte { return bytes.ToUpper(smallLetters(data)) }

// compare wants all of wanted to come, and then the end.
func compare(s io.Reader, wanted io.Reader) error {
	got, same := make([]byte, bufferSize), make([]byte, bufferSize)
	came := 0
	for {
		n, err := s.Read(got)
		if _, bad := io.ReadFull(wanted, same[:n]); bad != nil {
			return fmt.Errorf("more came than went, from %d on", came)
		}
		if !bytes.Equal(got[:n], same[:n]) {
			return fmt.Errorf("other bytes after %d", came)
		}
		came += n
		if err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("after %d bytes: %w", came, err)
		}
	}
	if n, _ := wanted.Read(same); n > 0 {
		return fmt.Errorf("only %d bytes came", came)
	}
	return nil
}

// send writes from a buffer of bufferSize, and ends.
func send(s io.WriteCloser, data io.Reader) error {
	if _, err := io.CopyBuffer(struct{ io.Writer }{s}, data, make([]byte, bufferSize)); err != nil {
		return err
	}
	return s.Close()
}

func exchange(s *stream, data, wanted io.Reader) error {
	sent := make(chan error, 1)
	go func() { sent <- send(s, data) }()
	if err := compare(s, wanted); err != nil {
		return err
	}
	return <-sent
}

func echo(method string, size int64) func(*test) error {
	return func(t *test) error {
		s, err := t.accepted("/raw", method)
		if err != nil {
			return err
		}
		return exchange(s, source(size, asTheyAre), source(size, asTheyAre))
	}
}

func echoInLittleMemory(t *test) error {
	var memory runtime.MemStats
	if err := echo("POST", 100<<20)(t); err != nil {
		return err
	}
	if runtime.ReadMemStats(&memory); memory.Sys > memoryMax {
		return fmt.Errorf("%d bytes of memory", memory.Sys)
	}
	return nil
}

func echoCapitals(t *test) error {
	s, err := t.accepted("/ECHO", "PUT")
	if err != nil {
		return err
	}
	return exchange(s, source(1<<20, smallLetters), source(1<<20, capitals))
}

// halfClose reads nothing before its own side has ended.
func halfClose(t *test) error {
	s, err := t.accepted("/raw", "POST")
	if err == nil {
		err = send(s, source(60000, asTheyAre))
	}
	if err != nil {
		return err
	}
	return compare(s, source(60000, asTheyAre))
}

func fifty(t *test) error {
	done := make(chan error, 50)
	for i := range cap(done) {
		go func() { done <- echo("POST", int64(300001+i))(t) }()
	}
	var all error
	for range cap(done) {
		all = errors.Join(all, <-done)
	}
	return all
}

func ended(in io.Reader) error {
	if n, err := in.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return fmt.Errorf("no end: %d bytes, %v", n, err)
	}
	return nil
}

func tell(out io.Writer, line string) error {
	_, err := io.WriteString(out, line+"\n")
	return err
}

func hear(in *bufio.Reader, wanted string) error {
	got, err := in.ReadString('\n')
	if err != nil || got != wanted+"\n" {
		return fmt.Errorf("'%s' came, not '%s' (%v)", strings.TrimSuffix(got, "\n"), wanted, err)
	}
	return nil
}

// lines wants each line back before the next one goes.
func lines(path, method string, change func(string) string) func(*test) error {
	return func(t *test) error {
		s, err := t.accepted(path, method)
		if err != nil {
			return err
		}
		in := bufio.NewReader(s)
		for i := range 1000 {
			line := fmt.Sprintf("line %d", i)
			if err = tell(s, line); err != nil {
				return err
			}
			if err = hear(in, change(line)); err != nil {
				return err
			}
		}
		s.Close()
		return ended(in)
	}
}

func same(line string) string { return line }

// constantSize exchanges pieces of one size, each in one buffer.
func constantSize(t *test) error {
	s, err := t.accepted("/raw", "POST")
	if err != nil {
		return err
	}
	out, in := make([]byte, 100), make([]byte, 100)
	for i := range 1000 {
		rand.New(rand.NewSource(int64(i))).Read(out)
		if _, err = s.Write(out); err != nil {
			return err
		}
		if _, err = io.ReadFull(s, in); err != nil {
			return err
		}
		if !bytes.Equal(in, out) {
			return fmt.Errorf("piece %d is another one", i)
		}
	}
	s.Close()
	return ended(s)
}

func jsonNotes(path string, change func(note) note) func(*test) error {
	return func(t *test) error {
		s, err := t.accepted(path, "POST")
		if err != nil {
			return err
		}
		in, out := json.NewDecoder(s), json.NewEncoder(s)
		for i := range 100 {
			var got note
			sent := note{i, strings.Repeat("a \"word\" 🌍 ", i)}
			if err = out.Encode(sent); err != nil {
				return err
			}
			if err = in.Decode(&got); err != nil || got != change(sent) {
				return fmt.Errorf("%v became %v (%v)", sent, got, err)
			}
		}
		s.Close()
		if err = in.Decode(&note{}); err != io.EOF {
			return fmt.Errorf("no end: %v", err)
		}
		return nil
	}
}

func sameNote(n note) note { return n }

func nextNote(n note) note { return note{n.N + 1, strings.ToUpper(n.Text)} }

type member struct {
	*stream
	in *bufio.Reader
}

// enter opens a stream to the room: those with an even number share a
// connection. What is said before this one is known there, it does not hear.
func (t *test) enter(i int) (*member, error) {
	var s *stream
	var err error
	if i%2 == 0 {
		s, err = t.open("/chat", "POST")
	} else {
		client := t.client("POST")
		s, err = opened(client.Connect(context.Background(), t.url+"/chat"))
	}
	if err != nil {
		return nil, err
	}
	m := &member{s, bufio.NewReader(s)}
	if err = tell(m, fmt.Sprintf("in %d", i)); err != nil {
		return nil, err
	}
	return m, hear(m.in, fmt.Sprintf("in %d", i))
}

// say has the first tell something, and all hear it.
func say(members []*member, line string) error {
	if err := tell(members[0], line); err != nil {
		return err
	}
	for i, m := range members {
		if err := hear(m.in, line); err != nil {
			return fmt.Errorf("%d of %d: %w", i, len(members), err)
		}
	}
	return nil
}

// chat: five come one by one, each says something, they go one by one.
func chat(t *test) error {
	var members []*member
	for i := range 5 {
		m, err := t.enter(i)
		if err != nil {
			return err
		}
		for _, other := range members {
			if err = hear(other.in, fmt.Sprintf("in %d", i)); err != nil {
				return err
			}
		}
		members = append(members, m)
	}
	for i := range members {
		turned := slices.Concat(members[i:], members[:i])
		if err := say(turned, fmt.Sprintf("hello from %d", i)); err != nil {
			return err
		}
	}
	for ; len(members) > 0; members = members[1:] {
		if err := say(members, fmt.Sprintf("we are %d", len(members))); err != nil {
			return err
		}
		members[0].Close()
		if err := ended(members[0].in); err != nil {
			return err
		}
	}
	return nil
}

// closeUnread leaves with its echo on the way.
func closeUnread(t *test) error {
	s, err := t.accepted("/raw", "POST")
	if err == nil {
		err = send(s, source(60000, asTheyAre))
	}
	if err != nil {
		return err
	}
	if err = s.answer.Body.Close(); err != nil {
		return err
	}
	return echo("POST", 1000)(t)
}

// cancel resets a stream that both sides hold open. A context would not do: as
// long as nothing is written, x/net does not look at it.
func cancel(t *test) error {
	s, err := t.accepted("/raw", "POST")
	if err != nil {
		return err
	}
	if err = tell(s, "hello"); err == nil {
		err = hear(bufio.NewReader(s), "hello")
	}
	if err != nil {
		return err
	}
	s.answer.Body.Close()
	if err = tell(s, "more"); err == nil {
		return errors.New("it took bytes after the reset")
	}
	return echo("POST", 1000)(t)
}

// early: the server says a word and ends, and wants nothing.
func early(t *test) error {
	s, err := t.accepted("/early", "POST")
	if err != nil {
		return err
	}
	if err = compare(s, strings.NewReader("bye")); err != nil {
		return err
	}
	s.Close()
	return echo("POST", 1000)(t)
}

func header(t *test) error {
	client := t.client("PUT")
	client.Header = http.Header{"X-Interop": {"a b"}}
	s, err := opened(client.Connect(context.Background(), t.url+"/header"))
	if err != nil {
		return err
	}
	s.Close()
	return compare(s, strings.NewReader("a b"))
}

func refused(path, method string, status int) func(*test) error {
	return func(t *test) error {
		s, err := t.open(path, method)
		if err != nil {
			return err
		}
		if s.answer.StatusCode != status {
			return fmt.Errorf("status %d", s.answer.StatusCode)
		}
		s.Close()
		if _, err = io.Copy(io.Discard, s); err != nil {
			return err
		}
		return echo("POST", 1000)(t)
	}
}

func untrusted(t *test) error {
	var unknown x509.UnknownAuthorityError
	other := test{t.url, x509.NewCertPool()}
	if _, err := other.open("/raw", "PUT"); !errors.As(err, &unknown) {
		return fmt.Errorf("without our CA: %v", err)
	}
	return nil
}

type testCase struct {
	name string
	run  func(*test) error
}

var cases = []testCase{
	{"post", echo("POST", 3<<20+1)},
	{"put", echo("PUT", 3<<20+1)},
	{"nothing", echo("POST", 0)},
	{"a-byte", echo("POST", 1)},
	{"post-100m", echoInLittleMemory},
	{"fifty-at-once", fifty},
	{"lines", lines("/raw", "POST", same)},
	{"constant-size", constantSize},
	{"json-echo", jsonNotes("/raw", sameNote)},
	{"half-close", halfClose},
	{"close-unread", closeUnread},
	{"cancel", cancel},
	{"refused-404", refused("/nowhere", "POST", 404)},
	{"refused-405", refused("/raw", "DELETE", 405)},
	{"untrusted", untrusted},
	{"put-capitals", echoCapitals},
	{"put-capital-lines", lines("/ECHO", "PUT", strings.ToUpper)},
	{"json", jsonNotes("/json", nextNote)},
	{"chat", chat},
	{"early", early},
	{"header", header},
}

func clientMain(args []string) error {
	flags := flag.NewFlagSet("client", flag.ExitOnError)
	cacert := flags.String("cacert", "", "PEM to trust")
	prefix := flags.String("prefix", "", "of each case's name")
	flags.Parse(args)
	pem, err := os.ReadFile(*cacert)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	bad := 0
	for _, c := range cases {
		if flags.NArg() > 1 && !slices.Contains(flags.Args()[1:], c.name) {
			continue
		}
		late := time.AfterFunc(deadline, func() {
			fmt.Printf("FAIL %s%s: it took too long\n", *prefix, c.name)
			os.Exit(1)
		})
		if err = c.run(&test{flags.Arg(0), pool}); err != nil {
			bad++
			text, _, _ := strings.Cut(err.Error(), "\n")
			fmt.Printf("FAIL %s%s: %s\n", *prefix, c.name, text)
		} else {
			fmt.Printf("ok %s%s\n", *prefix, c.name)
		}
		late.Stop()
	}
	if bad > 0 {
		return fmt.Errorf("%d cases failed", bad)
	}
	return nil
}
