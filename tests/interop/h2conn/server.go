package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/posener/h2conn"
)

// accepted has serve called with a connection of h2conn, which lasts as long
// as that runs.
func accepted(serve func(*h2conn.Conn, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := h2conn.Accept(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusHTTPVersionNotSupported)
			return
		}
		defer conn.Close()
		serve(conn, r)
	}
}

func serveRaw(conn *h2conn.Conn, _ *http.Request) {
	io.CopyBuffer(conn, conn, make([]byte, bufferSize))
}

func serveCapitals(conn *h2conn.Conn, _ *http.Request) {
	buffer := make([]byte, bufferSize)
	for {
		n, err := conn.Read(buffer)
		if _, bad := conn.Write(bytes.ToUpper(buffer[:n])); bad != nil || err != nil {
			return
		}
	}
}

func serveJSON(conn *h2conn.Conn, _ *http.Request) {
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var got note
		if in.Decode(&got) != nil {
			return
		}
		if out.Encode(note{got.N + 1, strings.ToUpper(got.Text)}) != nil {
			return
		}
	}
}

// room hands every line to all that are in it.
type room struct {
	mutex   sync.Mutex
	members map[*h2conn.Conn]bool
}

func (c *room) enter(w http.ResponseWriter, r *http.Request) (*h2conn.Conn, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	conn, err := h2conn.Accept(w, r)
	if err == nil {
		c.members[conn] = true
	}
	return conn, err
}

func (c *room) say(line string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for member := range c.members {
		io.WriteString(member, line+"\n")
	}
}

func (c *room) leave(conn *h2conn.Conn) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.members, conn)
}

func (c *room) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := c.enter(w, r)
	if err != nil {
		return
	}
	defer c.leave(conn)
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		c.say(lines.Text())
	}
}

func serveEarly(conn *h2conn.Conn, _ *http.Request) {
	io.WriteString(conn, "bye")
}

func serveReset(*h2conn.Conn, *http.Request) {
	panic(http.ErrAbortHandler)
}

func serveHeader(conn *h2conn.Conn, r *http.Request) {
	io.WriteString(conn, r.Header.Get("X-Interop"))
}

func serveNowhere(w http.ResponseWriter, r *http.Request) {
	other := h2conn.Server{StatusCode: http.StatusNotFound}
	if conn, err := other.Accept(w, r); err == nil {
		io.WriteString(conn, "not here\n")
	}
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /raw", accepted(serveRaw))
	mux.HandleFunc("PUT /raw", accepted(serveRaw))
	mux.HandleFunc("PUT /ECHO", accepted(serveCapitals))
	mux.HandleFunc("POST /json", accepted(serveJSON))
	mux.Handle("POST /chat", &room{members: map[*h2conn.Conn]bool{}})
	mux.HandleFunc("POST /early", accepted(serveEarly))
	mux.HandleFunc("POST /reset", accepted(serveReset))
	mux.HandleFunc("POST /header", accepted(serveHeader))
	mux.HandleFunc("PUT /header", accepted(serveHeader))
	mux.HandleFunc("/nowhere", serveNowhere)
	return mux
}

func serverMain(args []string) error {
	flags := flag.NewFlagSet("server", flag.ExitOnError)
	cert := flags.String("cert", "", "PEM")
	key := flags.String("key", "", "PEM")
	flags.Parse(args)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	failed := make(chan error, 1)
	server := &http.Server{Handler: routes()}
	go func() { failed <- server.ServeTLS(listener, *cert, *key) }()
	fmt.Printf("listening on https://%s\n", listener.Addr())
	select {
	case err = <-failed:
		return err
	case <-stop:
		return nil
	}
}
