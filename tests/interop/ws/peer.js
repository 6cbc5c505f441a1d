'use strict';
// Node's package ws, which speaks HTTP/1.1 only.
//
//     node peer.js server [--cert FILE --key FILE]
//     node peer.js client [--cacert FILE] [--prefix TEXT] URL
//
// The server prints "listening on URL" and, for each WebSocket that ends,
// "closed PATH CODE REASON"; SIGTERM ends it. The client prints a line per
// case, `ok NAME` or `FAIL NAME: why`, and exits 0 if all are ok.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { WebSocket, WebSocketServer } = require('ws');

const MAX = 64 << 20;

// --name value pairs, and the words that are left.
function options(args) {
  const all = { words: [] };
  for (let i = 0; i < args.length; i++) {
    if (args[i].startsWith('--')) all[args[i].slice(2)] = args[++i];
    else all.words.push(args[i]);
  }
  return all;
}

// --- The server --------------------------------------------------------------

const paths = {
  '/echo': (socket) => socket.on('message', (data, binary) =>
    socket.send(data, { binary })),
  '/protocol': (socket) => socket.send(`protocol=${socket.protocol}`),
  '/header': (socket, { headers }) =>
    socket.send(headers['x-interop'] ?? 'none'),
  '/close': (socket) => socket.close(4001, 'bye'),
  '/ping': (socket) => {
    socket.on('pong', (data) => {
      if (data.toString() === 'are you there') socket.send('pong came');
    });
    socket.ping('are you there');
  },
};

function refuse(socket, status) {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n` +
    'Connection: close\r\n\r\n');
}

function serve({ cert, key }) {
  const files = cert && { cert: fs.readFileSync(cert),
    key: fs.readFileSync(key) };
  const server = files ? https.createServer(files) : http.createServer();
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX,
    perMessageDeflate: true,
    handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
  });
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/get-only') return refuse(socket, '405 Not This Way');
    const run = paths[request.url];
    if (!run) return refuse(socket, '404 Not Found');
    return sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on('close', (code, reason) =>
        console.log(`closed ${request.url} ${code} ${reason}`));
      ws.on('error', (error) => console.error(error.message));
      run(ws, request);
    });
  });
  server.listen(0, '127.0.0.1', () => {
    const scheme = files ? 'https' : 'http';
    console.log(`listening on ${scheme}://127.0.0.1:${server.address().port}`);
  });
  process.on('SIGTERM', () => process.exit(0));
}

// --- The client --------------------------------------------------------------

function event(socket, name) {
  return new Promise((resolve, reject) => {
    socket.once(name, (...args) => resolve(args));
    if (name !== 'close') {
      socket.once('close', (code) => reject(new Error(`closed: ${code}`)));
    }
    if (name !== 'error') socket.once('error', reject);
  });
}

function connector({ words: [url], cacert }) {
  const base = { maxPayload: MAX };
  if (cacert) base.ca = fs.readFileSync(cacert);
  return (path, more = {}, protocols = []) => new WebSocket(
    url.replace(/^http/, 'ws') + path, protocols, { ...base, ...more });
}

async function open(connect, path, more, protocols) {
  const socket = connect(path, more, protocols);
  await event(socket, 'open');
  return socket;
}

async function echo(socket, data, fragments = 1) {
  const back = event(socket, 'message');
  const step = Math.ceil(data.length / fragments) || 1;
  for (let at = 0, n = 1; n <= fragments; n++, at += step) {
    socket.send(data.slice(at, at + step), { fin: n === fragments });
  }
  const [got, binary] = await back;
  assert.equal(binary, typeof data !== 'string', 'the type');
  assert.ok(got.equals(Buffer.from(data)), `other ${data.length} bytes`);
}

async function close(socket, code, reason) {
  const over = event(socket, 'close');
  socket.close(code, reason);
  const [got] = await over;
  assert.equal(got, code ?? 1005, 'close code');
}

const cases = {
  async text(connect) {
    const socket = await open(connect, '/echo');
    for (const line of ['', 'hello', 'κόσμε 🌍', 'ÿ'.repeat(70000)]) {
      await echo(socket, line);
    }
    await close(socket, 1000);
  },

  async binary(connect) {
    const socket = await open(connect, '/echo');
    for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20, 16 << 20]) {
      await echo(socket, crypto.randomBytes(size));
    }
    await close(socket, 1000);
  },

  async fragments(connect) {
    const socket = await open(connect, '/echo');
    await echo(socket, 'line '.repeat(20000), 7);
    await echo(socket, crypto.randomBytes(100000), 1000);
    await close(socket, 1000);
  },

  async ping(connect) {
    const socket = await open(connect, '/echo');
    const pong = event(socket, 'pong');
    socket.ping(Buffer.alloc(125, 7));
    assert.ok((await pong)[0].equals(Buffer.alloc(125, 7)), 'the pong');
    await close(socket, 1000);
  },

  async 'close-codes'(connect) {
    for (const code of [undefined, 1000, 1001, 1011, 3000, 4999]) {
      await close(await open(connect, '/echo'), code, code && 'später');
    }
  },

  async refused(connect) {
    for (const [path, status] of [['/nowhere', 404], ['/raw', 405]]) {
      const [, answer] = await event(connect(path), 'unexpected-response');
      assert.equal(answer.statusCode, status);
      answer.resume();
    }
  },

  async 'fifty-at-once'(connect) {
    await Promise.all(Array.from({ length: 50 }, async (_, i) => {
      const socket = await open(connect, '/echo');
      await echo(socket, crypto.randomBytes(50000 + i));
      await close(socket, 1000);
    }));
  },

  async 'not-compressed'(connect) {
    const socket = await open(connect, '/echo', { perMessageDeflate: false });
    assert.equal(socket.extensions, '');
    await echo(socket, 'x'.repeat(100000));
    await close(socket, 1000);
  },
};

// With `--compress yes` the server must take what ws offers.
const compressed = {
  async compressed(connect) {
    for (const more of [{}, { serverNoContextTakeover: true },
      { clientNoContextTakeover: true }, { serverMaxWindowBits: 9 },
      { clientMaxWindowBits: 10 }]) {
      const perMessageDeflate = { threshold: 0, ...more };
      const socket = await open(connect, '/echo', { perMessageDeflate });
      assert.match(socket.extensions, /^permessage-deflate/);
      await echo(socket, 'line '.repeat(20000));
      await echo(socket, crypto.randomBytes(100000));
      await echo(socket, 'again and '.repeat(20000), 5);
      await close(socket, 1000);
    }
  },
};

async function client(base) {
  const connect = connector(base);
  const all = base.compress ? { ...cases, ...compressed } : cases;
  let failed = 0;
  for (const [name, run] of Object.entries(all)) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('too late')), 60000);
    });
    try {
      await Promise.race([run(connect), late]);
      console.log(`ok ${base.prefix ?? ''}${name}`);
    } catch (error) {
      failed++;
      const why = error.message.replace(/\s+/g, ' ');
      console.log(`FAIL ${base.prefix ?? ''}${name}: ${why}`);
    }
    clearTimeout(timer);
  }
  process.exit(failed > 0 ? 1 : 0);
}

const base = options(process.argv.slice(3));
if (process.argv[2] === 'server') {
  serve(base);
} else {
  process.exitCode = 1; // if nothing is left to wait for before the end
  client(base);
}
