'use strict';
// Another origin than that of `h2ws serve`: the page, and the place for its
// report.
//
//     node server.js --cert FILE --key FILE --log FILE
//
// Prints "listening on URL" and the lines of the report. The page reads what
// the server under test has said, FILE, from /log. SIGTERM ends it.

const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const { parseArgs } = require('node:util');

const text = { type: 'string' };
const { values } = parseArgs({ options: { cert: text, key: text, log: text } });

function answer(request, response) {
  const { pathname } = new URL(request.url, 'https://localhost');
  if (request.method === 'POST' && pathname === '/report') {
    request.on('data', (bytes) => fs.writeSync(1, bytes));
    request.on('end', () => response.end());
  } else if (pathname === '/log') {
    response.setHeader('cache-control', 'no-store');
    response.end(fs.readFileSync(values.log));
  } else if (pathname === '/') {
    response.setHeader('content-type', 'text/html');
    response.end(fs.readFileSync(path.join(__dirname, 'page.html')));
  } else {
    response.statusCode = 404;
    response.end();
  }
}

const server = https.createServer({
  cert: fs.readFileSync(values.cert),
  key: fs.readFileSync(values.key),
}, answer);
server.listen(0, '127.0.0.1', () => {
  fs.writeSync(1, `listening on https://127.0.0.1:${server.address().port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
