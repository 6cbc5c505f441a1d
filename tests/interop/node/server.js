'use strict';
// A WebSocket server on Node's http2, for `h2ws connect` to talk to.
//
//     node server.js [--cert FILE --key FILE] [--no-setting]
//
// Without a certificate it speaks HTTP/2 in cleartext by prior knowledge. With
// --no-setting it does not announce SETTINGS_ENABLE_CONNECT_PROTOCOL. Prints
// `listening on http(s)://127.0.0.1:PORT`, a line `request METHOD PATH` for
// each request, and `closed PATH CODE REASON` for each WebSocket that ends:
// what the peer's CLOSE said, 1005 for an empty one and 1006 for none. SIGTERM
// ends it. The paths are those of the axum peer.

const fs = require('node:fs');
const http2 = require('node:http2');
const { OP, frame, closeBody, parseClose, Decoder, Assembler } =
  require('./ws.js');

function say(line) {
  fs.writeSync(1, line + '\n');
}

class Socket {
  constructor(stream, path, handler) {
    this.stream = stream;
    this.path = path;
    this.handler = handler;
    this.decoder = new Decoder(true);
    this.assembler = new Assembler();
    this.closing = false;
    this.close = null;
    stream.on('data', (bytes) => this.receive(bytes));
    stream.on('end', () => stream.end());
    stream.on('close', () => {
      const { code, reason } = this.close ?? { code: 1006, reason: '' };
      say(`closed ${path} ${code} ${reason}`);
    });
    handler.open?.(this);
  }

  receive(bytes) {
    try {
      for (const piece of this.decoder.push(bytes)) {
        const whole = this.assembler.push(piece);
        if (whole !== null && this.close === null) this.take(whole);
      }
    } catch (error) {
      say(`error ${this.path} ${error.message}`);
      this.stream.close(http2.constants.NGHTTP2_PROTOCOL_ERROR);
    }
  }

  take({ opcode, payload }) {
    if (opcode === OP.PING) {
      this.send(OP.PONG, payload);
    } else if (opcode === OP.PONG) {
      this.handler.pong?.(this, payload);
    } else if (opcode === OP.CLOSE) {
      this.close = parseClose(payload);
      if (!this.closing) this.send(OP.CLOSE, payload);
      this.stream.end();
    } else {
      this.handler.message?.(this, opcode, payload);
    }
  }

  send(opcode, payload) {
    if (opcode === OP.CLOSE) this.closing = true;
    this.stream.write(frame(opcode, payload, { mask: false }));
  }
}

const echo = { message: (socket, op, payload) => socket.send(op, payload) };

const greet = (text) => ({ open: (socket) => socket.send(OP.TEXT, text) });

const close = {
  open: (socket) => socket.send(OP.CLOSE, closeBody(4001, 'bye')),
};

const ping = {
  open: (socket) => socket.send(OP.PING, 'are you there'),
  pong(socket, payload) {
    const right = payload.toString() === 'are you there';
    socket.send(OP.TEXT, right ? 'pong came' : 'no pong, or a wrong one');
  },
};

function offered(headers) {
  const names = (headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
  return names.includes('chat') ? 'chat' : undefined;
}

// What serves a WebSocket on this path, or the status that refuses it.
function route(path, headers) {
  switch (path) {
    case '/echo': return echo;
    case '/protocol': return greet(`protocol=${offered(headers) ?? 'none'}`);
    case '/close': return close;
    case '/ping': return ping;
    case '/header': return greet(headers['x-interop'] ?? 'none');
    case '/get-only': return 405;
    default: return 404;
  }
}

function onStream(stream, headers) {
  const path = headers[':path'];
  say(`request ${headers[':method']} ${path}`);
  stream.on('error', (error) => say(`error ${path} ${error.message}`));
  if (headers[':method'] !== 'CONNECT') {
    const status = path === '/' ? 200 : 404;
    stream.respond({ ':status': status, 'content-type': 'text/plain' });
    stream.end('node\n');
    return;
  }
  let refusal = 0;
  const handler = route(path, headers);
  if (headers[':protocol'] !== 'websocket') refusal = 501;
  else if (headers['sec-websocket-version'] !== '13') refusal = 400;
  else if (typeof handler === 'number') refusal = handler;
  if (refusal !== 0) {
    stream.respond({ ':status': refusal }, { endStream: true });
    return;
  }
  const answer = { ':status': 200 };
  const protocol = offered(headers);
  if (protocol) answer['sec-websocket-protocol'] = protocol;
  stream.respond(answer);
  new Socket(stream, path, handler);
}

function main(args) {
  const settings = { enableConnectProtocol: true };
  const files = {};
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--no-setting') settings.enableConnectProtocol = false;
    else if (args[i] === '--cert') files.cert = fs.readFileSync(args[++i]);
    else if (args[i] === '--key') files.key = fs.readFileSync(args[++i]);
    else throw new Error(`unknown argument ${args[i]}`);
  }
  const secure = files.cert !== undefined;
  const config = { settings, maxSessionMemory: 256, ...files }; // in MB
  const server = secure
    ? http2.createSecureServer(config)
    : http2.createServer(config);
  server.on('stream', onStream);
  server.on('sessionError', (error) => say(`session ${error.message}`));
  server.listen(0, '127.0.0.1', () => {
    const scheme = secure ? 'https' : 'http';
    say(`listening on ${scheme}://127.0.0.1:${server.address().port}`);
  });
  process.on('SIGTERM', () => process.exit(0));
}

main(process.argv.slice(2));
