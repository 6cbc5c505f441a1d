'use strict';
// A WebSocket client on Node's http2 that shows every frame it gets.

const crypto = require('node:crypto');
const fs = require('node:fs');
const http2 = require('node:http2');
const { OP, frame, closeBody, parseClose, Decoder, Assembler } =
  require('./ws.js');

const DEADLINE = 30000;

// The promise, or an error that says what was waited for.
function within(what, promise, ms = DEADLINE) {
  let timer;
  const late = new Promise((_, reject) => {
    const error = new Error(`${what}: not within ${ms} ms`);
    timer = setTimeout(() => reject(error), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function event(emitter, name) {
  return new Promise((resolve, reject) => {
    emitter.once(name, (...args) => resolve(args));
    emitter.once('error', reject);
    emitter.once('close', () => reject(new Error(`closed before ${name}`)));
  });
}

// Things that come (`put`) and those who wait for them (`take`).
class Queue {
  constructor() {
    this.items = [];
    this.waiting = [];
  }

  put(item) {
    if (this.waiting.length > 0) this.waiting.shift()(item);
    else this.items.push(item);
  }

  take() {
    if (this.items.length > 0) return Promise.resolve(this.items.shift());
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}

// One stream, and what came on it as events:
//   { type: 'text' | 'binary' | 'ping' | 'pong', payload }
//   { type: 'close', code, reason }
//   { type: 'end' }            END_STREAM
//   { type: 'gone', rst }      the stream is closed, by RST_STREAM if rst != 0
//   { type: 'bad', message }   what came is not a frame of a server
class Socket {
  constructor(stream) {
    this.stream = stream;
    this.events = new Queue();
    this.raw = null;
    const decoder = new Decoder(false);
    const assembler = new Assembler();
    stream.on('error', () => {});
    stream.on('data', (bytes) => {
      if (this.raw !== null) return this.raw(bytes);
      try {
        for (const piece of decoder.push(bytes)) {
          const whole = assembler.push(piece);
          if (whole !== null) this.events.put(Socket.name(whole));
        }
      } catch (error) {
        this.events.put({ type: 'bad', message: error.message });
      }
    });
    stream.on('end', () => this.events.put({ type: 'end' }));
    stream.on('close', () => {
      this.events.put({ type: 'gone', rst: stream.rstCode });
    });
  }

  static name({ opcode, payload }) {
    switch (opcode) {
      case OP.TEXT: return { type: 'text', payload };
      case OP.BINARY: return { type: 'binary', payload };
      case OP.PING: return { type: 'ping', payload };
      case OP.PONG: return { type: 'pong', payload };
      case OP.CLOSE: return { type: 'close', ...parseClose(payload) };
      default: throw new Error(`opcode ${opcode}`);
    }
  }

  next(ms) {
    return within('the next frame', this.events.take(), ms);
  }

  send(opcode, payload, options) {
    this.stream.write(frame(opcode, payload, options));
  }

  text(text) {
    this.send(OP.TEXT, text);
  }

  binary(bytes) {
    this.send(OP.BINARY, bytes);
  }

  close(code, reason) {
    this.send(OP.CLOSE, closeBody(code, reason));
  }

  end() {
    this.stream.end();
  }

  reset(code) {
    this.stream.close(code);
  }
}

class Connection {
  // options: url, ca, insecure; settings: the client's SETTINGS
  static async open(options, settings = {}) {
    const self = new Connection();
    self.url = new URL(options.url);
    self.session = http2.connect(options.url, {
      ca: options.ca,
      rejectUnauthorized: !options.insecure,
      maxSessionMemory: 256, // MB: a message waits in it for its window
      settings: { enablePush: false, ...settings },
    });
    self.session.on('error', () => {});
    await within('SETTINGS', event(self.session, 'remoteSettings'), 10000);
    return self;
  }

  // The answer to a request: { stream, headers, status, ended, body() }.
  async request(headers, options = {}) {
    const stream = this.session.request(headers, options);
    const answer = { stream, body: null };
    const chunks = [];
    const collect = (bytes) => chunks.push(bytes);
    const body = new Promise((resolve, reject) => {
      stream.once('end', () => resolve(Buffer.concat(chunks)));
      stream.once('error', reject);
      stream.once('close', () => reject(new Error('closed before its end')));
    });
    body.catch(() => {});
    const [got, flags] =
      await within('the answer', event(stream, 'response'), 20000);
    answer.headers = got;
    answer.status = got[':status'];
    answer.ended = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    answer.body = () => {
      stream.on('data', collect);
      return within('the body', body, 20000);
    };
    return answer;
  }

  async get(path) {
    const answer = await this.request({ ':path': path });
    return { status: answer.status, body: await answer.body() };
  }

  connectHeaders(path, more = {}) {
    return {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': this.url.protocol.slice(0, -1),
      ':authority': this.url.host,
      ':path': path,
      'sec-websocket-version': '13',
      ...more,
    };
  }

  // An extended CONNECT, whatever the answer.
  connect(path, more) {
    const headers = this.connectHeaders(path, more);
    return this.request(headers, { endStream: false });
  }

  // A WebSocket that is open.
  async open(path, more) {
    const answer = await this.connect(path, more);
    if (answer.status !== 200) throw new Error(`status ${answer.status}`);
    if (answer.ended) throw new Error('the answer ended the stream');
    const socket = new Socket(answer.stream);
    socket.headers = answer.headers;
    return socket;
  }

  async close() {
    if (this.session.destroyed) return;
    const done = new Promise((resolve) => this.session.once('close', resolve));
    this.session.close();
    await within('the end of the session', done, 10000)
      .finally(() => this.session.destroy());
  }
}

// Data that looks random and is the same in every run.
function bytes(size) {
  const out = Buffer.alloc(size);
  const cipher = crypto.createCipheriv('aes-128-ctr', Buffer.alloc(16, 7),
    Buffer.alloc(16, size & 255));
  cipher.update(out).copy(out);
  return out;
}

function options(args) {
  const got = { url: '', ca: undefined, insecure: false, peer: 'h2ws',
    prefix: '', names: [] };
  for (let i = 0; i < args.length; i++) {
    switch (args[i]) {
      case '--url': got.url = args[++i]; break;
      case '--cacert': got.ca = fs.readFileSync(args[++i]); break;
      case '--insecure': got.insecure = true; break;
      case '--peer': got.peer = args[++i]; break;
      case '--prefix': got.prefix = args[++i]; break;
      default: got.names.push(args[i]);
    }
  }
  return got;
}

module.exports = { Connection, Socket, bytes, options, within };
