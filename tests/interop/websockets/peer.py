"""The Python package websockets, which speaks HTTP/1.1 only.

    peer.py server [--cert FILE --key FILE]
    peer.py client [--cacert FILE] [--prefix TEXT] URL

The server prints "listening on URL" and ends with SIGTERM: /echo, /protocol,
/header, others 404. The client prints a line per case, `ok NAME` or
`FAIL NAME: why`, and exits with 0 if all are ok.
"""

import argparse
import asyncio
import http
import os
import signal
import ssl
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

MAX = 64 * 1024 * 1024


async def answer(ws):
    path = ws.request.path
    if path == "/protocol":
        await ws.send(f"protocol={ws.subprotocol}")
    elif path == "/header":
        await ws.send(ws.request.headers.get("x-interop", "none"))
    else:
        async for message in ws:
            await ws.send(message)
    await ws.wait_closed()
    print(f"closed {path} {ws.close_code}", flush=True)


def choose(ws, offered):
    return "chat" if "chat" in offered else None


def refuse(ws, request):
    if request.path not in ("/echo", "/protocol", "/header"):
        return ws.respond(http.HTTPStatus.NOT_FOUND, "not here\n")
    return None


async def run_server(args):
    tls = None
    if args.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(args.cert, args.key)
    over = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, over.set_result, None
    )
    async with serve(
        answer,
        "127.0.0.1",
        0,
        ssl=tls,
        max_size=MAX,
        process_request=refuse,
        select_subprotocol=choose,
    ) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on {'https' if tls else 'http'}://127.0.0.1:{port}", flush=True)
        await over


async def text(open_ws):
    async with open_ws("/echo") as ws:
        for sent in ("", "hello", "κόσμε 🌍", "x" * 70000):
            await ws.send(sent)
            assert await ws.recv() == sent


async def binary(open_ws):
    async with open_ws("/echo") as ws:
        for size in (0, 1, 125, 126, 65535, 65536, 1048576, 16777216):
            sent = os.urandom(size)
            await ws.send(sent)
            assert await ws.recv() == sent, size


async def fragments(open_ws):
    async with open_ws("/echo") as ws:
        await ws.send(["one ", "two ", "three"])
        assert await ws.recv() == "one two three"


async def many(open_ws):
    async with open_ws("/echo") as ws:
        for i in range(2000):
            await ws.send(str(i))
        for i in range(2000):
            assert await ws.recv() == str(i)


async def ping(open_ws):
    async with open_ws("/echo") as ws:
        await asyncio.wait_for(await ws.ping(b"are you there"), 10)


async def close(open_ws):
    async with open_ws("/echo") as ws:
        await ws.close(4001, "that is all")
        assert ws.close_code == 4001, ws.close_code


async def refused(open_ws):
    try:
        async with open_ws("/nowhere"):
            raise AssertionError("it was accepted")
    except websockets.InvalidStatus as error:
        assert error.response.status_code == 404, error.response.status_code


async def at_once(open_ws):
    await asyncio.gather(*(text(open_ws) for _ in range(50)))


async def run_client(args):
    tls = None
    failed = 0
    if args.url.startswith("https:"):
        tls = ssl.create_default_context(cafile=args.cacert)
    url = args.url.replace("http", "ws", 1)

    def open_ws(path):
        return connect(url + path, ssl=tls, max_size=MAX)

    for case in (text, binary, fragments, many, ping, close, refused, at_once):
        try:
            await asyncio.wait_for(case(open_ws), 60)
            print(f"ok {args.prefix}{case.__name__}", flush=True)
        except Exception as error:  # each case tells why by itself
            failed += 1
            print(f"FAIL {args.prefix}{case.__name__}: {error!r}", flush=True)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    server = verbs.add_parser("server")
    server.add_argument("--cert")
    server.add_argument("--key")
    client = verbs.add_parser("client")
    client.add_argument("--cacert")
    client.add_argument("--prefix", default="")
    client.add_argument("url")
    args = parser.parse_args()
    run = run_server if args.verb == "server" else run_client
    sys.exit(asyncio.run(run(args)))


main()
