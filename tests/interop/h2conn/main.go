// Byte streams with github.com/posener/h2conn itself, over TLS.
//
//	h2conn-peer server --cert FILE --key FILE
//	h2conn-peer client --cacert FILE [--prefix TEXT] URL [CASE...]
//
// The client wants SSL_CERT_FILE to name the CA too: h2conn.Connect takes no
// CA, it trusts the system. It prints a line per case, `ok NAME` or
// `FAIL NAME: why`, and exits 0 if all are ok.
package main

import (
	"fmt"
	"os"
)

// note is what /json exchanges.
type note struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

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
		err = fmt.Errorf("usage: h2conn-peer server|client")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "h2conn-peer:", err)
		os.Exit(1)
	}
}
