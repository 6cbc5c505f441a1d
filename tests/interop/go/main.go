// Byte streams over HTTP/2 in Go, with net/http and x/net/http2: extended
// CONNECT (RFC 8441) with another :protocol. POST and PUT are in ../h2conn.
//
//	go-peer server [--cert FILE --key FILE]
//	go-peer client [--cacert FILE | --insecure] [--prefix TEXT] URL
//
// Both want GODEBUG=http2xconnect=1: without it, x/net knows no extended
// CONNECT. The client prints a line per case, `ok NAME` or `FAIL NAME: why`,
// and exits 0 if all are ok.
package main

import (
	"fmt"
	"os"
)

func main() {
	verb := ""
	if len(os.Args) > 1 {
		verb = os.Args[1]
	}
	var err error
	switch verb {
	case "server":
		err = serverMain(os.Args[2:])
	case "client":
		err = clientMain(os.Args[2:])
	default:
		err = fmt.Errorf("usage: go-peer server|client")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-peer:", err)
		os.Exit(1)
	}
}
