'use strict';
// Holds WebSockets open while something else talks to the server.
//
//     node hold.js --url URL [--cacert FILE | --insecure]
//
// Opens 3 connections with 5 WebSockets each, says `holding 15`, and at the
// end of stdin has each of them echo a message and close. Exits 0 if all did.

const { Connection, options } = require('./h2.js');

const CONNECTIONS = 3;
const SOCKETS = 5;

async function farewell(socket, text) {
  socket.text(text);
  const echo = await socket.next(20000);
  if (echo.type !== 'text' || echo.payload.toString() !== text) {
    throw new Error(`wanted the echo, got ${echo.type}`);
  }
  socket.close(1000);
  const { type, code } = await socket.next(20000);
  if (type !== 'close' || code !== 1000) {
    throw new Error(`wanted CLOSE 1000, got ${type} ${code}`);
  }
  socket.end();
}

async function main() {
  const base = options(process.argv.slice(2));
  const connections = [];
  const sockets = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const connection = await Connection.open(base);
    connections.push(connection);
    for (let j = 0; j < SOCKETS; j++) {
      sockets.push(await connection.open('/echo'));
    }
  }
  process.stdout.write(`holding ${sockets.length}\n`);
  for await (const ignored of process.stdin) void ignored;
  await Promise.all(sockets.map((socket, i) => farewell(socket, `held ${i}`)));
  for (const connection of connections) await connection.close();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
