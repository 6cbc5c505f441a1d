'use strict';
// Cases that a WebSocket server over HTTP/2 must pass, with Node's http2 as
// the client and frames made here.
//
//     node client.js --url URL [--cacert FILE | --insecure]
//                    [--peer h2ws|axum|node|haproxy] [--prefix TEXT] [CASE...]
//
// One line per case, `ok NAME` or `FAIL NAME: why`; exits 0 if all are ok.

const assert = require('node:assert/strict');
const http2 = require('node:http2');
const { Connection, bytes, options, within } = require('./h2.js');
const { OP, frame, closeBody } = require('./ws.js');

const { NGHTTP2_CANCEL } = http2.constants;
const CASE_DEADLINE = 120000;

// The next event must be of this type.
async function expect(socket, type, ms) {
  const got = await socket.next(ms);
  if (got.type !== type) {
    const { payload, ...rest } = got;
    throw new Error(`wanted ${type}, got ${JSON.stringify(rest)}`);
  }
  return got;
}

function same(got, wanted) {
  if (!got.equals(wanted)) {
    throw new Error(`${wanted.length} bytes sent, ${got.length} others came`);
  }
}

async function echo(socket, type, payload) {
  const wanted = Buffer.from(payload);
  socket[type](wanted);
  same((await expect(socket, type)).payload, wanted);
}

let peer = 'h2ws';

// After both CLOSE frames: the server ends the stream, and so do we. HAProxy,
// with h2ws behind it, now and then resets what h2ws has ended.
async function finish(socket) {
  await expect(socket, 'end', 10000);
  socket.end();
  const { rst } = await expect(socket, 'gone', 10000);
  if (peer === 'haproxy' && rst === NGHTTP2_CANCEL) return;
  assert.equal(rst, 0, 'RST_STREAM at the end');
}

async function shut(socket, code = 1000, reason = '') {
  socket.close(code, reason);
  const got = await expect(socket, 'close', 10000);
  assert.equal(got.code, code, 'close code');
  await finish(socket);
  return got;
}

const cases = {
  async settings({ connection, url }) {
    assert.equal(connection.session.remoteSettings.enableConnectProtocol, true);
    const wanted = url.startsWith('https:') ? 'h2' : 'h2c';
    assert.equal(connection.session.alpnProtocol, wanted);
  },

  async answer({ connection }) {
    const socket = await connection.open('/echo');
    for (const name of ['content-length', 'connection', 'upgrade',
      'sec-websocket-accept', 'transfer-encoding']) {
      assert.equal(socket.headers[name], undefined, name);
    }
    await shut(socket);
  },

  async text({ connection }) {
    const socket = await connection.open('/echo');
    for (const line of ['', 'hello', 'κόσμε 🌍', 'ÿ'.repeat(70000)]) {
      await echo(socket, 'text', line);
    }
    await shut(socket);
  },

  async binary({ connection }) {
    const socket = await connection.open('/echo');
    for (const size of [0, 1, 125, 126, 127, 16383, 16384, 16385, 65535, 65536,
      131072, 1 << 20]) {
      await echo(socket, 'binary', bytes(size));
    }
    await shut(socket);
  },

  async 'binary-16m'({ connection }) {
    const socket = await connection.open('/echo');
    await echo(socket, 'binary', bytes(16 << 20));
    await shut(socket);
  },

  async 'text-16m'({ connection }) {
    const socket = await connection.open('/echo');
    await echo(socket, 'text', 'é'.repeat(8 << 20));
    await shut(socket);
  },

  async 'fragments-with-ping-between'({ connection }) {
    const socket = await connection.open('/echo');
    const whole = Buffer.from('κόσμε 🌍');
    socket.send(OP.TEXT, whole.subarray(0, 1), { fin: false });
    socket.send(OP.PING, 'first');
    assert.equal((await expect(socket, 'pong')).payload.toString(), 'first');
    socket.send(OP.CONT, '', { fin: false });
    socket.send(OP.CONT, whole.subarray(1, 4), { fin: false });
    socket.send(OP.PING, 'second');
    assert.equal((await expect(socket, 'pong')).payload.toString(), 'second');
    socket.send(OP.CONT, whole.subarray(4));
    same((await expect(socket, 'text')).payload, whole);
    await shut(socket);
  },

  async 'fragments-1m'({ connection }) {
    const socket = await connection.open('/echo');
    const whole = bytes(1 << 20);
    const step = 4000;
    for (let at = 0; at < whole.length; at += step) {
      socket.send(at === 0 ? OP.BINARY : OP.CONT,
        whole.subarray(at, at + step), { fin: at + step >= whole.length });
    }
    same((await expect(socket, 'binary')).payload, whole);
    await shut(socket);
  },

  async 'one-byte-per-data-frame'({ connection }) {
    const socket = await connection.open('/echo');
    const wire = frame(OP.TEXT, 'κόσμε');
    for (const byte of wire) {
      await new Promise((done) => {
        socket.stream.write(Buffer.of(byte), done);
      });
    }
    same((await expect(socket, 'text')).payload, Buffer.from('κόσμε'));
    await shut(socket);
  },

  async 'many-small-messages'({ connection }) {
    const socket = await connection.open('/echo');
    const count = 5000;
    for (let i = 0; i < count; i++) socket.text(`message ${i}`);
    for (let i = 0; i < count; i++) {
      const { payload } = await expect(socket, 'text');
      assert.equal(payload.toString(), `message ${i}`);
    }
    await shut(socket);
  },

  async ping({ connection }) {
    const socket = await connection.open('/echo');
    for (const payload of [Buffer.alloc(0), bytes(125)]) {
      socket.send(OP.PING, payload);
      same((await expect(socket, 'pong')).payload, payload);
    }
    socket.send(OP.PONG, 'nobody asked');
    await echo(socket, 'text', 'after a pong');
    await shut(socket);
  },

  async 'close-codes'({ connection }) {
    for (const code of [1000, 1001, 1003, 1008, 1011, 3000, 4001, 4999]) {
      await shut(await connection.open('/echo'), code, 'bye');
    }
  },

  async 'close-without-code'({ connection }) {
    const socket = await connection.open('/echo');
    socket.close();
    assert.equal((await expect(socket, 'close')).code, 1005);
    await finish(socket);
  },

  async 'close-after-data'({ connection }) {
    const socket = await connection.open('/echo');
    const wanted = bytes(300000);
    socket.binary(wanted);
    socket.close(1000, 'done');
    same((await expect(socket, 'binary')).payload, wanted);
    assert.equal((await expect(socket, 'close')).code, 1000);
    await finish(socket);
  },

  // As Chromium does it.
  async 'close-with-end-stream'({ connection }) {
    const socket = await connection.open('/echo');
    await echo(socket, 'text', 'hello');
    socket.stream.end(frame(OP.CLOSE, closeBody(1000)));
    assert.equal((await expect(socket, 'close')).code, 1000);
    await expect(socket, 'end', 10000);
    assert.equal((await expect(socket, 'gone', 10000)).rst, 0);
  },

  // As Firefox does it: it never ends its side. Whether the server then waits
  // or resets, the connection has to stay.
  async 'close-without-end-stream'({ connection }) {
    const socket = await connection.open('/echo');
    socket.close(1000);
    assert.equal((await expect(socket, 'close')).code, 1000);
    await expect(socket, 'end', 10000);
    const other = await connection.open('/echo');
    await echo(other, 'text', 'still here');
    await shut(other);
    socket.reset(NGHTTP2_CANCEL);
  },

  async 'reset-in-a-message'({ connection }) {
    const socket = await connection.open('/echo');
    const other = await connection.open('/echo');
    socket.send(OP.BINARY, bytes(100000), { announce: 200000 });
    await echo(other, 'text', 'beside it');
    socket.reset(NGHTTP2_CANCEL);
    await echo(other, 'text', 'still here');
    await shut(other);
  },

  async 'end-stream-without-close'({ connection }) {
    const socket = await connection.open('/echo');
    const other = await connection.open('/echo');
    socket.end();
    while ((await socket.next(20000)).type !== 'gone') { /* any goodbye */ }
    await echo(other, 'text', 'still here');
    await shut(other);
  },

  async 'hundred-at-once'({ connection }) {
    const opening = [];
    for (let i = 0; i < 100; i++) opening.push(connection.open('/echo'));
    const sockets = await Promise.all(opening);
    sockets.forEach((socket, i) => socket.text(`socket ${i}`));
    for (let i = 0; i < 100; i++) {
      const { payload } = await expect(sockets[i], 'text');
      assert.equal(payload.toString(), `socket ${i}`);
    }
    await Promise.all(sockets.map((socket) => shut(socket)));
  },

  async 'thousand-one-after-another'({ connection }) {
    for (let i = 0; i < 1000; i++) {
      const socket = await connection.open('/echo');
      await echo(socket, 'text', String(i));
      await shut(socket);
    }
  },

  async 'large-side-by-side'({ connection }) {
    const wanted = bytes(2 << 20);
    const work = [];
    for (let i = 0; i < 8; i++) {
      work.push((async () => {
        const socket = await connection.open('/echo');
        await echo(socket, 'binary', wanted.subarray(i));
        await shut(socket);
      })());
    }
    await Promise.all(work);
  },

  // One byte of credit at a time: a DATA frame for each byte of the echo.
  async 'window-of-one-byte'({ fresh }) {
    const connection = await fresh({ initialWindowSize: 1 });
    const socket = await connection.open('/echo');
    await echo(socket, 'binary', bytes(500));
    await shut(socket);
    await connection.close();
  },

  async 'window-of-100-bytes'({ fresh }) {
    const connection = await fresh({ initialWindowSize: 100 });
    const socket = await connection.open('/echo');
    await echo(socket, 'binary', bytes(100000));
    await shut(socket);
    await connection.close();
  },

  // Nobody reads one stream. Its window fills; the others must go on.
  async 'slow-stream-holds-up-nobody'({ fresh }) {
    const connection = await fresh();
    connection.session.setLocalWindowSize(8 << 20);
    const slow = await connection.open('/echo');
    const quick = await connection.open('/echo');
    const wanted = bytes(1 << 20);
    slow.stream.pause();
    slow.binary(wanted);
    for (let i = 0; i < 200; i++) await echo(quick, 'binary', bytes(2000));
    await echo(quick, 'binary', wanted);
    slow.stream.resume();
    same((await expect(slow, 'binary')).payload, wanted);
    await shut(slow);
    await shut(quick);
    await connection.close();
  },

  async 'not-found'({ connection }) {
    const answer = await connection.connect('/nowhere');
    assert.equal(answer.status, 404);
    await answer.body();
    answer.stream.close(NGHTTP2_CANCEL);
    const socket = await connection.open('/echo');
    await echo(socket, 'text', 'still here');
    await shut(socket);
  },

  async 'wrong-version'({ connection, peer }) {
    const more = { 'sec-websocket-version': '12' };
    const answer = await connection.connect('/echo', more);
    assert.equal(answer.status, 400);
    if (peer === 'h2ws' || peer === 'haproxy') {
      assert.equal(answer.headers['sec-websocket-version'], '13');
    }
    await answer.body();
  },

  async 'unknown-protocol'({ connection, peer }) {
    const more = { ':protocol': 'mqtt' };
    const answer = await connection.connect('/echo', more);
    assert.equal(answer.status, peer === 'axum' ? 400 : 501);
    await answer.body();
  },

  async 'page-beside-sockets'({ connection }) {
    const socket = await connection.open('/echo');
    const page = await connection.get('/');
    assert.equal(page.status, 200);
    assert.ok(page.body.length > 0, 'an empty page');
    assert.equal((await connection.get('/nowhere')).status, 404);
    await echo(socket, 'text', 'still here');
    await shut(socket);
  },
};

// What only the axum and node peers serve.
const peerCases = {
  async 'get-only'({ connection }) {
    const answer = await connection.connect('/get-only');
    assert.equal(answer.status, 405);
    await answer.body();
  },

  async subprotocol({ connection }) {
    const more = { 'sec-websocket-protocol': 'other, chat' };
    const socket = await connection.open('/protocol', more);
    assert.equal(socket.headers['sec-websocket-protocol'], 'chat');
    const { payload } = await expect(socket, 'text');
    assert.equal(payload.toString(), 'protocol=chat');
    await shut(socket);
  },

  async 'server-closes'({ connection }) {
    const socket = await connection.open('/close');
    const got = await expect(socket, 'close');
    assert.deepEqual([got.code, got.reason], [4001, 'bye']);
    socket.close(4001);
    await finish(socket);
  },

  async 'server-pings'({ connection }) {
    const socket = await connection.open('/ping');
    const { payload } = await expect(socket, 'ping');
    socket.send(OP.PONG, payload);
    const text = (await expect(socket, 'text')).payload.toString();
    assert.equal(text, 'pong came');
    await shut(socket);
  },

  async header({ connection }) {
    const socket = await connection.open('/header', { 'x-interop': 'a b' });
    const { payload } = await expect(socket, 'text');
    assert.equal(payload.toString(), 'a b');
    await shut(socket);
  },
};

// Sends these bytes and wants a CLOSE with this code, on this stream only.
async function refused({ connection }, wire, code) {
  const socket = await connection.open('/echo');
  const other = await connection.open('/echo');
  socket.stream.write(wire);
  assert.equal((await expect(socket, 'close')).code, code, 'close code');
  socket.close(code);
  socket.end();
  while ((await socket.next(20000)).type !== 'gone') { /* END_STREAM first */ }
  await echo(other, 'text', 'still here');
  await shut(other);
}

// What our server does and others do not, or do otherwise.
const h2wsCases = {
  'unmasked-frame': (peer) =>
    refused(peer, frame(OP.TEXT, 'hello', { mask: false }), 1002),
  'reserved-bit': (peer) =>
    refused(peer, frame(OP.TEXT, 'hello', { rsv: 2 }), 1002),
  'unknown-opcode': (peer) => refused(peer, frame(3, 'hello'), 1002),
  'unknown-control-opcode': (peer) => refused(peer, frame(11, 'hello'), 1002),
  'long-ping': (peer) => refused(peer, frame(OP.PING, bytes(126)), 1002),
  'text-not-utf8': (peer) =>
    refused(peer, frame(OP.TEXT, Buffer.from('c328', 'hex')), 1007),
  'message-over-the-limit': (peer) => {
    const announce = (16 << 20) + 1;
    return refused(peer, frame(OP.BINARY, 'x', { announce }), 1009);
  },
  'close-code-1005': (peer) =>
    refused(peer, frame(OP.CLOSE, closeBody(1005)), 1002),

  async 'any-case-protocol'({ connection }) {
    const more = { ':protocol': 'WebSocket' };
    const socket = await connection.open('/echo', more);
    await echo(socket, 'text', 'hello');
    await shut(socket);
  },

  // In cleartext, h2ws serve may stand behind what ends TLS.
  async 'scheme-must-fit'({ connection, url }) {
    const secure = url.startsWith('https:');
    const more = { ':scheme': secure ? 'http' : 'https' };
    const answer = await connection.connect('/echo', more);
    assert.equal(answer.status, secure ? 400 : 200);
    if (secure) await answer.body();
    else answer.stream.close(NGHTTP2_CANCEL);
  },

  // Bytes without frames, and END_STREAM from one side alone.
  async 'raw-bytes'({ connection }) {
    const more = { ':protocol': 'bytestream' };
    const headers = connection.connectHeaders('/raw', more);
    delete headers['sec-websocket-version'];
    const answer = await connection.request(headers, { endStream: false });
    assert.equal(answer.status, 200);
    assert.ok(!answer.ended, 'the answer ended the stream');
    const wanted = bytes(3 << 20);
    const body = answer.body();
    answer.stream.end(wanted);
    same(await within('the echo', body), wanted);
  },
};

async function run(name, test, base) {
  const extra = [];
  const fresh = async (settings) => {
    extra.push(await Connection.open(base, settings));
    return extra.at(-1);
  };
  try {
    const connection = await fresh();
    const work = test({ ...base, connection, fresh });
    await within('the case', work, CASE_DEADLINE);
    assert.ok(!connection.session.destroyed, 'the connection is gone');
    await connection.close();
    return true;
  } catch (error) {
    const why = String(error?.message ?? error).replace(/\s+/g, ' ');
    console.log(`FAIL ${base.prefix}${name}: ${why}`);
    return false;
  } finally {
    for (const connection of extra) connection.session.destroy();
  }
}

async function main() {
  const base = options(process.argv.slice(2));
  peer = base.peer;
  const ours = peer === 'h2ws' || peer === 'haproxy';
  const all = { ...cases, ...(ours ? h2wsCases : peerCases) };
  let failed = 0;
  for (const [name, test] of Object.entries(all)) {
    if (base.names.length > 0 && !base.names.includes(name)) continue;
    if (await run(name, test, base)) console.log(`ok ${base.prefix}${name}`);
    else failed++;
  }
  process.exit(failed > 0 ? 1 : 0);
}

process.exitCode = 1; // if nothing is left to wait for before main() is done
main();
