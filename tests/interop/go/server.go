package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/net/http2"
)

// flushed writes what it is given at once.
type flushed struct {
	http.ResponseWriter
}

func (f flushed) Write(data []byte) (int, error) {
	n, err := f.ResponseWriter.Write(data)
	f.ResponseWriter.(http.Flusher).Flush()
	return n, err
}

// open answers 200 at once, so that both directions are free.
func open(w http.ResponseWriter) flushed {
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	return flushed{w}
}

func serveRaw(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "not this method", http.StatusMethodNotAllowed)
		return
	}
	n, err := io.CopyBuffer(open(w), struct{ io.Reader }{r.Body}, make([]byte, 65536))
	fmt.Printf("closed /raw %d %v\n", n, err)
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/raw", serveRaw)
	mux.HandleFunc("PUT /ECHO", http.NotFound) // what matters: CONNECT is not allowed
	mux.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(open(w), "bye")
	})
	mux.HandleFunc("/reset", func(w http.ResponseWriter, r *http.Request) {
		open(w)
		panic(http.ErrAbortHandler)
	})
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
	h2 := &http2.Server{MaxConcurrentStreams: 200}
	if err = http2.ConfigureServer(server, h2); err != nil {
		return err
	}
	scheme := "http"
	if *cert == "" {
		go func() { failed <- acceptCleartext(listener, server, h2) }()
	} else {
		scheme = "https"
		pair, bad := tls.LoadX509KeyPair(*cert, *key)
		if bad != nil {
			return bad
		}
		server.TLSConfig.Certificates = []tls.Certificate{pair}
		go func() { failed <- server.ServeTLS(listener, "", "") }()
	}
	fmt.Printf("listening on %s://%s\n", scheme, listener.Addr())
	select {
	case err = <-failed:
		return err
	case <-stop:
		return nil
	}
}

// HTTP/2 by prior knowledge, and nothing else.
func acceptCleartext(listener net.Listener, server *http.Server, h2 *http2.Server) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go h2.ServeConn(conn, &http2.ServeConnOpts{BaseConfig: server})
	}
}
