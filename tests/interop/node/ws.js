'use strict';
// WebSocket frames by hand (RFC 6455 section 5.2), so that a test can make
// every frame, the wrong ones too.

const crypto = require('node:crypto');

const OP = { CONT: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };

function xor(to, from, key) {
  for (let i = 0; i < from.length; i++) to[i] = from[i] ^ key[i & 3];
}

// The bytes of one frame. `announce` puts another length into the header.
function frame(opcode, payload = '', options = {}) {
  const { fin = true, mask = true, rsv = 0, announce } = options;
  const body = Buffer.from(payload);
  const length = announce ?? body.length;
  const masked = mask ? 0x80 : 0;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  if (length < 126) {
    head.push(masked | length);
  } else if (length < 65536) {
    head.push(masked | 126, length >> 8, length & 255);
  } else {
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt(length));
    head.push(masked | 127, ...wide);
  }
  if (!mask) return Buffer.concat([Buffer.from(head), body]);
  const key = crypto.randomBytes(4);
  const out = Buffer.allocUnsafe(head.length + 4 + body.length);
  Buffer.from(head).copy(out);
  key.copy(out, head.length);
  xor(out.subarray(head.length + 4), body, key);
  return out;
}

function closeBody(code, reason = '') {
  if (code === undefined) return Buffer.alloc(0);
  const body = Buffer.alloc(2 + Buffer.byteLength(reason));
  body.writeUInt16BE(code);
  body.write(reason, 2);
  return body;
}

// 1005 stands for a CLOSE without a code.
function parseClose(body) {
  if (body.length === 0) return { code: 1005, reason: '' };
  if (body.length === 1) throw new Error('CLOSE with a body of one byte');
  return { code: body.readUInt16BE(), reason: body.toString('utf8', 2) };
}

// Cuts bytes into frames. `masked` says what the peer's frames must be.
class Decoder {
  constructor(masked) {
    this.masked = masked;
    this.chunks = [];
    this.have = 0;
    this.need = 2;
  }

  // Returns the frames that these bytes complete.
  push(bytes) {
    const frames = [];
    this.chunks.push(bytes);
    this.have += bytes.length;
    while (this.have >= this.need) {
      const [first] = this.chunks;
      const all = this.chunks.length === 1 ? first : Buffer.concat(this.chunks);
      const head = this.head(all);
      if (head !== null && all.length >= head.at + head.length) {
        frames.push(this.cut(all, head));
        this.keep(all.subarray(head.at + head.length), 2);
      } else {
        this.keep(all, head === null ? all.length + 1 : head.at + head.length);
      }
    }
    return frames;
  }

  keep(rest, need) {
    this.chunks = rest.length > 0 ? [rest] : [];
    this.have = rest.length;
    this.need = need;
  }

  head(all) {
    const masked = (all[1] & 0x80) !== 0;
    if ((all[0] & 0x70) !== 0) throw new Error('a reserved bit is set');
    if (masked !== this.masked) {
      throw new Error(masked ? 'a masked frame' : 'a frame without mask');
    }
    let length = all[1] & 0x7f;
    let at = 2;
    if (length === 126) {
      if (all.length < 4) return null;
      length = all.readUInt16BE(2);
      at = 4;
      if (length < 126) throw new Error('a length in too many bytes');
    } else if (length === 127) {
      if (all.length < 10) return null;
      length = Number(all.readBigUInt64BE(2));
      at = 10;
      if (length < 65536) throw new Error('a length in too many bytes');
    }
    return { length, at: at + (masked ? 4 : 0) };
  }

  cut(all, { at, length }) {
    let payload = all.subarray(at, at + length);
    if (this.masked) {
      const plain = Buffer.allocUnsafe(length);
      xor(plain, payload, all.subarray(at - 4, at));
      payload = plain;
    }
    return { fin: (all[0] & 0x80) !== 0, opcode: all[0] & 15, payload };
  }
}

// Joins frames to messages; control frames pass through as they are.
class Assembler {
  constructor() {
    this.opcode = 0;
    this.parts = [];
  }

  // Returns { opcode, payload } if this frame completes something, or null.
  push({ fin, opcode, payload }) {
    if (opcode >= OP.CLOSE) {
      if (!fin || payload.length > 125) throw new Error('a bad control frame');
      return { opcode, payload };
    }
    if ((opcode === OP.CONT) !== (this.opcode !== 0)) {
      throw new Error('fragments out of order');
    }
    if (opcode !== OP.CONT) this.opcode = opcode;
    this.parts.push(payload);
    if (!fin) return null;
    const whole = { opcode: this.opcode, payload: Buffer.concat(this.parts) };
    this.opcode = 0;
    this.parts = [];
    return whole;
  }
}

module.exports = { OP, frame, closeBody, parseClose, Decoder, Assembler };
