// SPDX-License-Identifier: MIT
// Bad input, row by row, each with its exact answer; and after each part the node is as it was.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { startCluster } from './lib/signalbox.js';
import { Socket } from './lib/clients.js';

const MAX_HEADER = 4096;
const MAX_BODY = 65536;

/** Writes raw bytes, in pieces if asked to, and returns what came until the end or the whole answer. */
function exchange(port, bytes, { pieces = 1, half = false } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    let got = Buffer.alloc(0);
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(got.toString('latin1'));
    };
    const timer = setTimeout(() => reject(new Error(`no answer; got ${got}`)), 8000);
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      const text = got.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = /\r\ncontent-length: (\d+)/i.exec(text);
      if (head >= 0 && length && got.length >= head + 4 + Number(length[1]) && !text.startsWith('HTTP/1.1 100')) finish();
    });
    socket.on('end', finish);
    socket.on('error', () => finish());
    const data = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1');
    const size = Math.ceil(data.length / pieces);
    for (let at = 0; at < data.length; at += size) socket.write(data.subarray(at, at + size));
    if (half) socket.end();
  });
}

/** [status, body] of a raw answer. */
function parse(answer) {
  if (answer === '') return ['closed', ''];
  const head = answer.indexOf('\r\n\r\n');
  return [Number(answer.slice(9, 12)), answer.slice(head + 4)];
}

const json = (error) => JSON.stringify({ error });
const request = (line, headers = '', body = '') => `${line} HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`;
const post = (path, body, headers = '') =>
  request(`POST ${path}`, `${headers}Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n`, body);

const CORE = [
  ['an empty request line', ' \r\n\r\n', 400, json('Malformed request line.')],
  ['one word', 'GET\r\n\r\n', 400, json('Malformed request line.')],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400, json('Malformed request line.')],
  ['two blanks', 'GET  / HTTP/1.1\r\nHost: x\r\n\r\n', 400, json('Malformed request line.')],
  ['a tab between', 'GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n', 400, json('Malformed request line.')],
  ['four words', 'GET / x HTTP/1.1\r\nHost: x\r\n\r\n', 400, json('Malformed request line.')],
  ['a method with a colon', 'G:T / HTTP/1.1\r\nHost: x\r\n\r\n', 400, json('Malformed request line.')],
  ['TLS on a plain port', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3, 10]), 400, json('Malformed request line.')],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, json('HTTP version not supported.')],
  ['HTTP/3.0', 'GET / HTTP/3.0\r\nHost: x\r\n\r\n', 505, json('HTTP version not supported.')],
  ['a version that is none', 'GET / HTTP/x\r\nHost: x\r\n\r\n', 400, json('Malformed request line.')],
  ['lower-case http', 'GET / http/1.1\r\nHost: x\r\n\r\n', 400, json('Malformed request line.')],
  ['a bare line feed', 'GET / HTTP/1.1\nHost: x\n\n', 400, json('Lines must end in CRLF.')],
  ['a bare line feed later', 'GET / HTTP/1.1\r\nHost: x\n\r\n', 400, json('Lines must end in CRLF.')],
  ['a target without slash', 'GET x HTTP/1.1\r\nHost: x\r\n\r\n', 400, json('Malformed request target.')],
  ['a byte above 127 in the target', 'GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n', 400, json('Malformed request target.')],
  ['NUL in the target', 'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n', 400, json('Malformed request target.')],
  ['a fragment', 'GET /health#x HTTP/1.1\r\nHost: x\r\n\r\n', 400, json('Malformed request target.')],
  ['no Host', 'GET /health HTTP/1.1\r\n\r\n', 400, json('Exactly one valid Host header is required.')],
  ['two Hosts', 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, json('Exactly one valid Host header is required.')],
  ['a Host with a blank', 'GET /health HTTP/1.1\r\nHost: a b\r\n\r\n', 400, json('Exactly one valid Host header is required.')],
  ['a header without colon', request('GET /health', 'nonsense\r\n'), 400, json('Malformed header name.')],
  ['a header without name', request('GET /health', ': x\r\n'), 400, json('Malformed header name.')],
  ['a blank before the colon', request('GET /health', 'a : x\r\n'), 400, json('Malformed header name.')],
  ['a folded header', request('GET /health', 'a: x\r\n y\r\n'), 400, json('Malformed header name.')],
  ['NUL in a header', request('GET /health', 'a: \0\r\n'), 400, json('Malformed header value.')],
  ['a bare CR in a header', request('GET /health', 'a: b\rc\r\n'), 400, json('Malformed header value.')],
  ['DEL in a header', request('GET /health', 'a: \x7f\r\n'), 400, json('Malformed header value.')],
  ['a header line that is too long', request('GET /health', `a: ${'x'.repeat(MAX_HEADER)}\r\n`), 431, json('Request header too large.')],
  ['a flood of headers', request('GET /health', 'a: b\r\n'.repeat(2000)), 431, json('Request header too large.')],
  ['a head without end', `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(2000)}`, 431, json('Request header too large.')],
  ['a target that is too long', `GET /${'x'.repeat(MAX_HEADER)} HTTP/1.1\r\n`, 431, json('Request header too large.')],
  ['Content-Length twice', request('POST /publish', 'Content-Length: 1\r\nContent-Length: 1\r\n', 'x'), 400, json('Invalid Content-Length.')],
  ['a negative Content-Length', request('POST /publish', 'Content-Length: -1\r\n'), 400, json('Invalid Content-Length.')],
  ['a hexadecimal Content-Length', request('POST /publish', 'Content-Length: 0x10\r\n'), 400, json('Invalid Content-Length.')],
  ['a signed Content-Length', request('POST /publish', 'Content-Length: +1\r\n'), 400, json('Invalid Content-Length.')],
  ['a list as Content-Length', request('POST /publish', 'Content-Length: 1, 1\r\n'), 400, json('Invalid Content-Length.')],
  ['a Content-Length beyond 64 bits', request('POST /publish', 'Content-Length: 99999999999999999999999\r\n'), 400, json('Invalid Content-Length.')],
  ['a Content-Length over the bound', request('POST /publish', `Content-Length: ${MAX_BODY + 1}\r\n`), 413, json('Request body too large.')],
  ['length and chunks', request('POST /publish', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400, json('Ambiguous body length.')],
  ['chunks in HTTP/1.0', 'POST /publish HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, json('Ambiguous body length.')],
  ['another transfer encoding', request('POST /publish', 'Transfer-Encoding: gzip\r\n'), 501, json('Transfer-Encoding not supported.')],
  ['chunked twice', request('POST /publish', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400, json('Ambiguous body length.')],
  ['a chunk size that is none', request('POST /publish', 'Transfer-Encoding: chunked\r\n', 'zz\r\n'), 400, json('Malformed chunk.')],
  ['a chunk size without end', request('POST /publish', 'Transfer-Encoding: chunked\r\n', `${'0'.repeat(300)}`), 400, json('Malformed chunk.')],
  ['a chunk that is longer than it says', request('POST /publish', 'Transfer-Encoding: chunked\r\n', '1\r\nxx\r\n'), 400, json('Malformed chunk.')],
  ['a chunk over the bound', request('POST /publish', 'Transfer-Encoding: chunked\r\n', 'fffff\r\n'), 413, json('Request body too large.')],
  ['a chunk size beyond 64 bits', request('POST /publish', 'Transfer-Encoding: chunked\r\n', 'ffffffffffffffffff\r\n'), 413, json('Request body too large.')],
  ['another expectation', request('POST /publish', 'Expect: 200-maybe\r\nContent-Length: 1\r\n'), 417, json('Expectation not supported.')],
  ['a slow head', 'GET /health HTTP/1.1\r\nHost: x\r\n', 408, json('Request timed out.')],
  ['a slow body', request('POST /publish', 'Content-Length: 10\r\n', 'half'), 408, json('Request timed out.')],
  ['nowhere', request('GET /nothing'), 404, json('Not found.')],
  ['a path with dots', request('GET /x/../health'), 404, json('Not found.')],
  ['an encoded path', request('GET /%68ealth'), 404, json('Not found.')],
  ['a trailing slash', request('GET /health/'), 404, json('Not found.')],
  ['a doubled slash', request('GET //health'), 404, json('Not found.')],
  ['another case', request('GET /Health'), 404, json('Not found.')],
  ['another method', request('POST /health', 'Content-Length: 0\r\n'), 405, json('Method not allowed.')],
  ['a method that nobody knows', request('BREW /health'), 405, json('Method not allowed.')],
  ['TRACE', request('TRACE /health'), 405, json('Method not allowed.')],
  ['DELETE on a poll', request('DELETE /api/v1/commands'), 405, json('Method not allowed.')],
  ['a parameter with a broken escape', request('GET /api/v1/jobs/%zz', 'Authorization: Bearer @SERVER@\r\n'), 400, json('Malformed percent-encoding.')],
];

const MAILBOX_POLL = (() => {
  const poll = (headers, query = '') => request(`GET /api/v1/commands${query}`, headers);
  const identity = 'x-universe-id: u\r\nx-api-key: @UNIVERSE@\r\n';
  const missing = json('Missing identity headers.');
  return [
    ['no headers', poll(''), 401, missing],
    ['no universe', poll('x-api-key: k\r\nx-job-id: j\r\n'), 401, missing],
    ['no key', poll('x-universe-id: u\r\nx-job-id: j\r\n'), 401, missing],
    ['no job', poll(identity), 401, missing],
    ['an empty universe', poll('x-universe-id:\r\nx-api-key: k\r\nx-job-id: j\r\n'), 401, missing],
    ['an empty key', poll('x-universe-id: u\r\nx-api-key: \r\nx-job-id: j\r\n'), 401, missing],
    ['a blank job', poll(`${identity}x-job-id:   \r\n`), 401, missing],
    ['a job id of 129 bytes', poll(`${identity}x-job-id: ${'j'.repeat(129)}\r\n`), 400, json('Invalid job id.')],
    ['a job id with a tab inside', poll(`${identity}x-job-id: a\tb\r\n`), 400, json('Invalid job id.')],
    ['a job id that is not UTF-8', poll(`${identity}x-job-id: \xff\xfe\r\n`), 400, json('Invalid job id.')],
    ['a wrong key', poll('x-universe-id: u\r\nx-api-key: no\r\nx-job-id: j\r\n'), 403, json('Invalid credentials.')],
    ['a key with a byte more', poll('x-universe-id: u\r\nx-api-key: @UNIVERSE@x\r\nx-job-id: j\r\n'), 403, json('Invalid credentials.')],
    ['a universe of 200 bytes', poll(`x-universe-id: ${'u'.repeat(200)}\r\nx-api-key: k\r\nx-job-id: j\r\n`), 403, json('Invalid credentials.')],
    ['a universe that is not UTF-8', poll('x-universe-id: \xff\r\nx-api-key: k\r\nx-job-id: j\r\n'), 403, json('Invalid credentials.')],
    ['a key of 600 bytes', poll(`x-universe-id: u\r\nx-api-key: ${'k'.repeat(600)}\r\nx-job-id: j\r\n`), 403, json('Invalid credentials.')],
    ...['0', '26', '-1', '1.5', 'x', '', '1e1', '%20', '%zz', '%', '+1', '1%00', '99999999999999999999'].map((wait) =>
      [`wait=${wait}`, poll(`${identity}x-job-id: j\r\n`, `?wait=${wait}`), 400, json('Invalid wait.')]),
    ...['-1', 'x', '1.0', '0x1', '99999999999999999999', '18446744073709551615', ' 1 2'].map((ack) =>
      [`x-ack: ${ack}`, poll(`${identity}x-job-id: j\r\nx-ack: ${ack}\r\n`), 400, json('Invalid cursor.')]),
  ];
})();

const ENQUEUE = (() => {
  const own = 'x-universe-id: u\r\nx-api-key: @UNIVERSE@\r\n';
  const bearer = 'Authorization: Bearer @SERVER@\r\n';
  const send = (body, headers = bearer) => post('/api/v1/commands', body, headers);
  const good = '{"jobId":"j","payload":1}';
  const missing = [401, json('Missing credentials.')];
  const wrong = [403, json('Invalid credentials.')];
  const rule = 'must be a string of 1 to 128 bytes without control characters';
  const body = json('body: is not JSON, or nested too deeply');
  const object = json('body: must be a JSON object');
  const target = json('jobId, jobIds, universe: exactly one of them is needed');
  const list = json('jobIds: must be 1 to 1000 job ids');
  const ttl = json('ttl: must be a whole number of seconds from 1 to 86400');
  return [
    ['nobody', send(good, ''), ...missing],
    ['nobody, and not JSON', send('x', ''), ...missing],
    ['a universe without a key', send(good, 'x-universe-id: u\r\n'), ...missing],
    ['a key without a universe', send(good, 'x-api-key: @UNIVERSE@\r\n'), ...missing],
    ['an empty universe', send(good, 'x-universe-id:\r\nx-api-key: @UNIVERSE@\r\n'), ...missing],
    ['an empty bearer', send(good, 'Authorization: Bearer \r\n'), ...missing],
    ['basic', send(good, 'Authorization: Basic eDp5\r\n'), ...missing],
    ['a wrong token', send(good, 'Authorization: Bearer nope\r\n'), ...wrong],
    ['a wrong token, and not JSON', send('x', 'Authorization: Bearer nope\r\n'), ...wrong],
    ['a wrong token beside a good universe', send(good, `${own}Authorization: Bearer nope\r\n`), ...wrong],
    ["a player's token", send(good, 'Authorization: Bearer @PLAYER@\r\n'), ...wrong],
    ["a relay's key", send(good, 'Authorization: Bearer @RELAY@\r\n'), ...wrong],
    ["a universe's key as a bearer", send(good, 'Authorization: Bearer @UNIVERSE@\r\n'), ...wrong],
    ["a universe with another's key", send(good, 'x-universe-id: v\r\nx-api-key: @UNIVERSE@\r\n'), ...wrong],
    ...[
      ['no body', '', body], ['blanks', '  ', body], ['a word', 'x', body], ['an open brace', '{', body],
      ['a trailing comma', '{"jobId":"j","payload":1,}', body], ['two values', `${good}{}`, body],
      ['a payload of 65 levels', `{"jobId":"j","payload":${'['.repeat(65)}${']'.repeat(65)}}`, body],
      ['a control character in the payload', '{"jobId":"j","payload":"\x01"}', body],
      ['bytes that are no UTF-8', '{"jobId":"j","payload":"\xff"}', body], ['NaN', '{"jobId":"j","payload":NaN}', body],
      ['a list', '[]', object], ['a text', '"x"', object], ['null', 'null', object], ['a number', '1', object],
      ['an empty object', '{}', target], ['no target', '{"payload":1}', target],
      ['a job and a list', '{"jobId":"j","jobIds":["k"],"payload":1}', target],
      ['a job and a universe', '{"jobId":"j","universe":"u","payload":1}', target],
      ['a list and a universe', '{"jobIds":["j"],"universe":"u","payload":1}', target],
      ['a job and null as universe', '{"jobId":"j","universe":null,"payload":1}', target],
      ['a number as job', '{"jobId":1,"payload":1}', json(`jobId: ${rule}`)], ['null as job', '{"jobId":null,"payload":1}', json(`jobId: ${rule}`)],
      ['an empty job', '{"jobId":"","payload":1}', json(`jobId: ${rule}`)], ['a list as job', '{"jobId":["j"],"payload":1}', json(`jobId: ${rule}`)],
      ['a job of 129 bytes', `{"jobId":"${'j'.repeat(129)}","payload":1}`, json(`jobId: ${rule}`)],
      ['a job of 43 characters and 129 bytes', `{"jobId":"${'\\u20ac'.repeat(43)}","payload":1}`, json(`jobId: ${rule}`)],
      ['a NUL in the job', '{"jobId":"a\\u0000","payload":1}', json(`jobId: ${rule}`)],
      ['an unpaired surrogate in the job', '{"jobId":"\\udc00","payload":1}', json(`jobId: ${rule}`)],
      ['the last of two jobs is empty', '{"jobId":"j","jobId":"","payload":1}', json(`jobId: ${rule}`)],
      ['a text as list', '{"jobIds":"j","payload":1}', json('jobIds: must be an array of job ids')],
      ['null as list', '{"jobIds":null,"payload":1}', json('jobIds: must be an array of job ids')],
      ['an empty list', '{"jobIds":[],"payload":1}', list],
      ['1001 jobs', JSON.stringify({ jobIds: Array(1001).fill('j'), payload: 1 }), list],
      ['a number in the list', '{"jobIds":["j",1],"payload":1}', json(`jobIds: each ${rule}`)],
      ['a list in the list', '{"jobIds":[["j"]],"payload":1}', json(`jobIds: each ${rule}`)],
      ['an empty job in the list', '{"jobIds":["j",""],"payload":1}', json(`jobIds: each ${rule}`)],
      ['an empty universe', '{"universe":"","payload":1}', json(`universe: ${rule}`)],
      ['a number as universe', '{"universe":1,"payload":1}', json(`universe: ${rule}`)],
      ['no payload', '{"jobId":"j"}', json('payload: is missing')],
      ['a bad job and no payload', '{"jobId":1}', json(`jobId: ${rule}`)],
      ['no payload and a bad ttl', '{"jobId":"j","ttl":0}', json('payload: is missing')],
      ...['0', '-1', '86401', '1.5', '1e1', '"60"', 'null', 'true', '[]', '99999999999999999999'].map((value) =>
        [`ttl ${value}`, `{"jobId":"j","payload":1,"ttl":${value}}`, ttl]),
      ['an empty id', '{"jobId":"j","payload":1,"id":""}', json(`id: ${rule}`)], ['a number as id', '{"jobId":"j","payload":1,"id":1}', json(`id: ${rule}`)],
      ['null as id', '{"jobId":"j","payload":1,"id":null}', json(`id: ${rule}`)],
      ['an id of 129 bytes', `{"jobId":"j","payload":1,"id":"${'i'.repeat(129)}"}`, json(`id: ${rule}`)],
    ].map(([name, text, answer]) => [name, send(text), 400, answer]),
    ['a body that is too large', send(`{"jobId":"j","payload":"${'x'.repeat(MAX_BODY)}"}`), 413, json('Request body too large.')],
    ['the same without credentials', send(`{"jobId":"j","payload":"${'x'.repeat(MAX_BODY)}"}`, ''), 413, json('Request body too large.')],
    ['another universe, by its name', send('{"universe":"v","payload":1}', own), 403, json('Job belongs to another universe.')],
    ['another universe, by a bound token', send('{"universe":"v","payload":1}', 'Authorization: Bearer @BOUND@\r\n'), 403, json('Job belongs to another universe.')],
  ];
})();

const JOBS = (() => {
  const get = (path, headers = 'Authorization: Bearer @SERVER@\r\n') => request(`GET /api/v1/jobs${path}`, headers);
  const own = 'x-universe-id: u\r\nx-api-key: @UNIVERSE@\r\n';
  const universe = json('universe: must be 1 to 128 bytes without control characters');
  return [
    ['one, by nobody', get('/j', ''), 401, json('Missing credentials.')],
    ['all, by nobody', get('?universe=u', ''), 401, json('Missing credentials.')],
    ['one, by a wrong token', get('/j', 'Authorization: Bearer no\r\n'), 403, json('Invalid credentials.')],
    ['all, by a wrong key', get('?universe=u', 'x-universe-id: u\r\nx-api-key: no\r\n'), 403, json('Invalid credentials.')],
    ['none of that name', get('/never'), 404, json('No such job.')],
    ['an encoded name', get('/a%2Fb%20c'), 404, json('No such job.')],
    ['a name that is encoded wrongly', get('/%4'), 400, json('Malformed percent-encoding.')],
    ['a name with a control character', get('/a%0ab'), 400, json('Invalid job id.')],
    ['a name with a NUL', get('/%00'), 400, json('Invalid job id.')],
    ['a name that is no UTF-8', get('/%ff'), 400, json('Invalid job id.')],
    ['a name of 129 bytes', get(`/${'j'.repeat(129)}`), 400, json('Invalid job id.')],
    ['no name', get('/'), 404, json('Not found.')],
    ['two segments', get('/a/b'), 404, json('Not found.')],
    ['all of none', get(''), 400, universe],
    ['all of an empty one', get('?universe='), 400, universe],
    ['all of a broken one', get('?universe=%zz'), 400, universe],
    ['all of a long one', get(`?universe=${'u'.repeat(129)}`), 400, universe],
    ['all of one with a control character', get('?universe=%0d'), 400, universe],
    ['all of one with no UTF-8', get('?universe=%c3%28'), 400, universe],
    ['all of another', get('?universe=v', own), 403, json('Job belongs to another universe.')],
    ['all of another, by a bound token', get('?universe=v', 'Authorization: Bearer @BOUND@\r\n'), 403, json('Job belongs to another universe.')],
    ['all of one without jobs', get('?universe=nobody'), 200, '{"jobs":[]}'],
    ['POST', post('/api/v1/jobs', '{}'), 405, json('Method not allowed.')],
    ['DELETE of one', request('DELETE /api/v1/jobs/j'), 405, json('Method not allowed.')],
    ['HEAD of a poll', request('HEAD /api/v1/commands', 'Connection: close\r\n'), 405, ''],
    ['HEAD of one, by nobody', request('HEAD /api/v1/jobs/j', 'Connection: close\r\n'), 401, ''],
  ];
})();

const PUBLISH = (() => {
  const bearer = 'Authorization: Bearer @SERVER@\r\n';
  const bad = [400, 'bad request\n'];
  const deep = (n) => '['.repeat(n) + ']'.repeat(n);
  return [
    ['no bearer', post('/publish', '{}'), 401, 'missing token\n'],
    ['basic instead of bearer', post('/publish', '{}', 'Authorization: Basic eDp5\r\n'), 401, 'missing token\n'],
    ['an empty bearer', post('/publish', '{}', 'Authorization: Bearer \r\n'), 401, 'missing token\n'],
    ['a wrong token', post('/publish', '{}', 'Authorization: Bearer nope\r\n'), 403, 'invalid server token\n'],
    ['a token of 600 bytes', post('/publish', '{}', `Authorization: Bearer ${'x'.repeat(600)}\r\n`), 403, 'invalid server token\n'],
    ['a player token', post('/publish', '{}', 'Authorization: Bearer @PLAYER@\r\n'), 403, 'invalid server token\n'],
    ...[
      ['no body', ''], ['blanks', '   '], ['not JSON', 'hello'], ['a number', '1'], ['a string', '"x"'], ['null', 'null'],
      ['an open brace', '{'], ['an open string', '{"player_id":"p'], ['a trailing comma', '{"player_id":"p","event":"e",}'],
      ['two values', '{"player_id":"p","event":"e"}{}'], ['single quotes', "{'player_id':'p','event':'e'}"],
      ['a comment', '{"player_id":"p",/**/"event":"e"}'], ['NaN', '{"player_id":"p","event":"e","payload":NaN}'],
      ['a leading zero', '{"player_id":"p","event":"e","payload":01}'], ['a plus sign', '{"player_id":"p","event":"e","payload":+1}'],
      ['a dot without digits', '{"player_id":"p","event":"e","payload":1.}'], ['a half literal', '{"player_id":"p","event":"e","payload":tru}'],
      ['a control character in a string', '{"player_id":"p","event":"e","payload":"\x01"}'],
      ['a NUL in a string', '{"player_id":"p","event":"e","payload":"\0"}'],
      ['an unknown escape', '{"player_id":"p","event":"e","payload":"\\x"}'], ['a short \\u', '{"player_id":"p","event":"e","payload":"\\u12"}'],
      ['an overlong UTF-8 sequence', '{"player_id":"p","event":"e","payload":"\xc0\xaf"}'],
      ['a UTF-8 surrogate', '{"player_id":"p","event":"e","payload":"\xed\xa0\x80"}'],
      ['a lone continuation byte', '{"player_id":"p","event":"e","payload":"\x80"}'],
      ['a byte order mark', '\xef\xbb\xbf{"player_id":"p","event":"e"}'],
      ['a payload of 65 levels', `{"player_id":"p","event":"e","payload":${deep(65)}}`], ['10,000 levels', deep(10000)],
      ['no event', '{"player_id":"p"}'], ['an empty event', '{"player_id":"p","event":""}'], ['a number as event', '{"player_id":"p","event":1}'],
      ['null as event', '{"player_id":"p","event":null}'], ['no player', '{"event":"e"}'], ['an empty player', '{"player_id":"","event":"e"}'],
      ['null as player', '{"player_id":null,"event":"e"}'], ['a fraction as player', '{"player_id":1.5,"event":"e"}'],
      ['an exponent as player', '{"player_id":1e3,"event":"e"}'], ['an integer beyond 64 bits as player', '{"player_id":9223372036854775808,"event":"e"}'],
      ['a negative integer beyond 64 bits as player', '{"player_id":-9223372036854775809,"event":"e"}'],
      ['true as player', '{"player_id":true,"event":"e"}'], ['the last of two players is none', '{"player_id":"p","player_id":null,"event":"e"}'],
      ['a list as player', '{"player_id":["p"],"event":"e"}'],
      ['a player of 129 bytes', `{"player_id":"${'p'.repeat(129)}","event":"e"}`], ['a control character in the player', '{"player_id":"a\\u0007","event":"e"}'],
      ['an unpaired surrogate in the player', '{"player_id":"\\ud800","event":"e"}'],
      ['a ttl of 0', '{"player_id":"p","event":"e","ttl":0}'], ['a ttl that is too long', '{"player_id":"p","event":"e","ttl":86401}'],
      ['a ttl as text', '{"player_id":"p","event":"e","ttl":"5"}'], ['a huge ttl', '{"player_id":"p","event":"e","ttl":1e400}'],
      ['an empty id', '{"player_id":"p","event":"e","id":""}'], ['an id of 129 bytes', `{"player_id":"p","event":"e","id":"${'i'.repeat(129)}"}`],
      ['an array that does not end', '[{"player_id":"p","event":"e"}'], ['an array of 1001', JSON.stringify(Array(1001).fill({ player_id: 'p', event: 'e' }))],
      ['duplicate members: the last one counts', '{"player_id":"p","event":"e","event":""}'],
    ].map(([name, body]) => [name, post('/publish', body, bearer), ...bad]),
    ['broadcast without event', post('/broadcast', '{"payload":1}', bearer), ...bad],
    ['broadcast of a list', post('/broadcast', '[{"event":"e"}]', bearer), ...bad],
  ];
})();

const UPGRADE = (() => {
  const upgrade = (path, headers) => request(`GET ${path}`, headers);
  const good = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const sync = '/sync?api_key=@RELAY@';
  return [
    ['a plain GET with a good key', upgrade(sync, ''), 400],
    ['no Connection', upgrade(sync, good.replace('Connection: Upgrade\r\n', '')), 400],
    ['no key header', upgrade(sync, good.replace(/Sec-WebSocket-Key.*\r\n/, '')), 400],
    ['a short key header', upgrade(sync, good.replace('dGhlIHNhbXBsZSBub25jZQ==', 'dGhl')), 400],
    ['a key header that is no base64', upgrade(sync, good.replace('dGhlIHNhbXBsZSBub25jZQ==', '!'.repeat(24))), 400],
    ['version 8', upgrade(sync, good.replace('Version: 13', 'Version: 8')), 426],
    ['no version', upgrade(sync, good.replace('Sec-WebSocket-Version: 13\r\n', '')), 426],
    ['another upgrade', upgrade(sync, good.replace('websocket', 'h2c')), 400],
    ['HTTP/1.0', upgrade(sync, good).replace('HTTP/1.1', 'HTTP/1.0'), 400],
    ['a wrong key before a wrong handshake', upgrade('/sync?api_key=no', ''), 401],
    ['a broken escape in the key', upgrade('/sync?api_key=%zz', good), 401],
    ['a NUL in the key', upgrade('/sync?api_key=%00', good), 401],
  ];
})();

/** Frames after a good handshake of a mod: the close code that they get. */
const FRAMES = (() => {
  const frame = (first, second, ...rest) => Buffer.from([first, second, ...rest]);
  const mask = [0, 0, 0, 0];
  return [
    ['a reserved opcode', frame(0x83, 0x80, ...mask), [1002]],
    ['a reserved bit', frame(0xc1, 0x80, ...mask), [1002]],
    ['a control frame in pieces', frame(0x09, 0x80, ...mask), [1002]],
    ['a long control frame', frame(0x89, 0xfe, 0, 126, ...mask, ...Array(126).fill(0)), [1002]],
    ['a continuation of nothing', frame(0x80, 0x80, ...mask), [1002]],
    ['text inside a text', Buffer.concat([frame(0x01, 0x80, ...mask), frame(0x81, 0x80, ...mask)]), [1002]],
    ['text that is not UTF-8', frame(0x81, 0x82, ...mask, 0xc0, 0xaf), [1007]],
    ['UTF-8 cut at the end', frame(0x81, 0x81, ...mask, 0xc3), [1007]],
    ['a length with the top bit', frame(0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, ...mask), [1002, 1009]],
    ['a length that is too big', frame(0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, ...mask, ...Array(2000).fill(0x20)), [1009]],
    ['a close with one byte', frame(0x88, 0x81, ...mask, 3), [1002]],
    ['a close with a code that must not be sent', frame(0x88, 0x82, ...mask, 3, 0xed), [1002]],
  ];
})();

/** The code of the first close frame in unmasked frames, or undefined. */
function closeIn(bytes) {
  for (let at = 0; at + 2 <= bytes.length;) {
    const short = bytes[at + 1];
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < at + head) return undefined;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if ((bytes[at] & 15) === 8 && bytes.length >= at + head + length) return length >= 2 ? bytes.readUInt16BE(at + head) : 1005;
    at += head + length;
  }
  return undefined;
}

/** Upgrades, writes `bytes`, and returns the code with which the other side closes; 1006 when it just goes. */
function closeCode(port, path, bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    let got = Buffer.alloc(0);
    let isOpen = false;
    const timer = setTimeout(() => reject(new Error('no close')), 8000);
    const finish = (code) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(code);
    };
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      const head = got.indexOf('\r\n\r\n');
      if (!isOpen && head >= 0) {
        isOpen = true;
        got = got.subarray(head + 4);
        socket.write(bytes);
      }
      if (isOpen && closeIn(got) !== undefined) finish(closeIn(got));
    });
    socket.on('end', () => finish(1006));
    socket.on('error', () => finish(1006));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
  });
}

const MESSAGES = (() => {
  const good = '"msg_id":"1","id":"s","destination":{"channel_id":"c"},"author":{"id":"a"},"content":"x"';
  const without = (name) => `{${good.replace(new RegExp(`"${name}":("[^"]*"|\\{[^}]*\\}),?`), '').replace(/,$/, '')}}`;
  return [
    ['nothing', ''], ['a word', 'x'], ['a number', '1'], ['null', 'null'], ['a list', '[]'], ['an open brace', '{'], ['an empty object', '{}'],
    ['text behind it', `{${good}} x`], ['no msg_id', without('msg_id')], ['no id', without('id')], ['no destination', without('destination')],
    ['no author', without('author')], ['no content', without('content')],
    ['an empty msg_id', `{${good},"msg_id":""}`], ['a number as msg_id', `{${good},"msg_id":1}`], ['an empty content', `{${good},"content":""}`],
    ['null as content', `{${good},"content":null}`], ['another server', `{${good},"id":"t"}`], ['another channel', `{${good},"destination":{"channel_id":"d"}}`],
    ['a list as destination', `{${good},"destination":["c"]}`], ['an author without id', `{${good},"author":{"name":"n"}}`],
    ['an author with an empty id', `{${good},"author":{"id":""}}`], ['a text as author', `{${good},"author":"a"}`],
    ['a number as name', `{${good},"author":{"id":"a","name":1}}`], ['a list as meta', `{${good},"meta":[]}`], ['a text as meta', `{${good},"meta":"m"}`],
    ['65 levels of meta', `{${good},"meta":${'{"a":'.repeat(65)}1${'}'.repeat(65)}}`],
    ['a ts without zone', `{${good},"ts":"2026-01-02T03:04:05"}`], ['a ts without time', `{${good},"ts":"2026-01-02"}`],
    ['a 30th of February', `{${good},"ts":"2026-02-30T00:00:00Z"}`], ['hour 24', `{${good},"ts":"2026-01-02T24:00:00Z"}`],
    ['second 61', `{${good},"ts":"2026-01-02T00:00:61Z"}`], ['a number as ts', `{${good},"ts":1}`], ['an empty ts', `{${good},"ts":""}`],
    ['a control character', `{${good},"content":"\u0001"}`],
  ];
})();

const HANDSHAKES = (() => {
  const malformed = 'Malformed handshake.';
  const mod = 'Malformed mod handshake.';
  const bot = 'Malformed bot handshake.';
  const long = 'x'.repeat(129);
  return [
    ['nothing', '', malformed], ['a word', 'x', malformed], ['null', 'null', malformed], ['a list', '[]', malformed], ['a text', '"mod"', malformed],
    ['an open brace', '{', malformed], ['an empty object', '{}', malformed], ['no data', '{"type":"mod"}', malformed],
    ['no type', '{"data":{}}', malformed], ['null as type', '{"type":null,"data":{}}', malformed], ['a number as type', '{"type":1,"data":{}}', malformed],
    ['null as data', '{"type":"mod","data":null}', malformed], ['a list as data', '{"type":"bot","data":[]}', malformed],
    ['a text as data', '{"type":"mod","data":"{}"}', malformed], ['text behind it', '{"type":"bot","data":{"bot_id":"b"}}x', malformed],
    ['an unknown type without data', '{"type":"cat"}', malformed], ['the last of two datas is none', '{"type":"bot","data":{"bot_id":"b"},"data":1}', malformed],
    ['65 levels', `{"type":"bot","data":${'{"a":'.repeat(64)}1${'}'.repeat(64)}}`, malformed],
    ['bytes instead of text', Buffer.from('{"type":"bot","data":{"bot_id":"b"}}'), malformed],
    ['an empty type', '{"type":"","data":{}}', 'Unknown handshake.'], ['another type', '{"type":"cat","data":{}}', 'Unknown handshake.'],
    ['another case', '{"type":"Mod","data":{}}', 'Unknown handshake.'], ['a blank behind', '{"type":"mod ","data":{}}', 'Unknown handshake.'],
    ['a mod of nothing', '{"type":"mod","data":{}}', mod], ['no server', '{"type":"mod","data":{"channel_id":"c"}}', mod],
    ['no channel', '{"type":"mod","data":{"server_id":"s"}}', mod], ['an empty channel', '{"type":"mod","data":{"server_id":"s","channel_id":""}}', mod],
    ['a number as server', '{"type":"mod","data":{"server_id":1,"channel_id":"c"}}', mod],
    ['null as server', '{"type":"mod","data":{"server_id":null,"channel_id":"c"}}', mod],
    ['a server of 129 bytes', `{"type":"mod","data":{"server_id":"${long}","channel_id":"c"}}`, mod],
    ['a control character in the channel', '{"type":"mod","data":{"server_id":"s","channel_id":"a\\nb"}}', mod],
    ['an unpaired surrogate', '{"type":"mod","data":{"server_id":"s","channel_id":"\\ud83d"}}', mod],
    ['a mod that gives a bot', '{"type":"mod","data":{"bot_id":"b"}}', mod],
    ['a bot of nothing', '{"type":"bot","data":{}}', bot], ['an empty bot', '{"type":"bot","data":{"bot_id":""}}', bot],
    ['a number as bot', '{"type":"bot","data":{"bot_id":7}}', bot], ['a bot of 129 bytes', `{"type":"bot","data":{"bot_id":"${long}"}}`, bot],
    ['no channels', '{"type":"bot","data":{"bot_id":"b","channels":[]}}', bot], ['null as channels', '{"type":"bot","data":{"bot_id":"b","channels":null}}', bot],
    ['a text as channels', '{"type":"bot","data":{"bot_id":"b","channels":"c"}}', bot], ['an empty one among them', '{"type":"bot","data":{"bot_id":"b","channels":["c",""]}}', bot],
    ['a number among them', '{"type":"bot","data":{"bot_id":"b","channels":["c",1]}}', bot],
    ['1001 channels', JSON.stringify({ type: 'bot', data: { bot_id: 'b', channels: Array.from({ length: 1001 }, (_, i) => `c${i}`) } }), bot],
  ];
})();

test('bad input', { timeout: 180000 }, async (t) => {
  const cluster = await startCluster(t, {
    args: ['--auth-failures', '0', '--rate-limit', '0', '--max-header', String(MAX_HEADER), '--max-body', String(MAX_BODY),
      '--header-timeout', '1s', '--body-timeout', '1s'],
  });
  const [node] = cluster.replicas;
  const secrets = {
    SERVER: await cluster.token('server', 's'), PLAYER: await cluster.token('player', 'p'),
    UNIVERSE: await cluster.token('universe', 'u'), RELAY: await cluster.token('relay', 'r'),
    BOUND: await cluster.token('server', 'bound', '--universe', 'u'),
  };
  const fill = (bytes) => (Buffer.isBuffer(bytes) ? bytes : bytes.replace(/@([A-Z]+)@/g, (_, name) => secrets[name]));
  let rows = 0;
  const check = async (list, options) => {
    const wrong = [];
    for (const [name, bytes, status, body] of list) {
      const got = parse(await exchange(node.port, fill(bytes), options)).slice(0, body === undefined ? 1 : 2);
      const want = body === undefined ? [status] : [status, body];
      if (JSON.stringify(got) !== JSON.stringify(want)) wrong.push(`${name}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
      rows++;
    }
    assert.deepEqual(wrong, []);
  };

  await t.test('the HTTP core', () => check(CORE));
  await t.test('the HTTP core, in pieces', () => check(CORE.filter(([name]) => !name.startsWith('a slow')), { pieces: 17 }));
  await t.test('polls', () => check(MAILBOX_POLL));
  await t.test('enqueueing', () => check(ENQUEUE));
  await t.test('jobs', () => check(JOBS));
  await t.test('nothing of all that was stored', async () => {
    const poll = request('GET /api/v1/commands', 'x-universe-id: u\r\nx-api-key: @UNIVERSE@\r\nx-job-id: j\r\n');
    assert.deepEqual(parse(await exchange(node.port, fill(poll))), [200, '[]']);
  });
  await t.test('publish and broadcast', () => check(PUBLISH));
  await t.test('upgrades', () => check(UPGRADE));
  await t.test('frames', async () => {
    const wrong = [];
    for (const [name, bytes, codes] of FRAMES) {
      const code = await closeCode(node.port, fill('/sync?api_key=@RELAY@'), bytes).catch((error) => error.message);
      if (!codes.includes(code)) wrong.push(`${name}: closed with ${code}, want ${codes}`);
      rows++;
    }
    assert.deepEqual(wrong, []);
  });
  await t.test('relay handshakes', async () => {
    const wrong = [];
    for (const [name, handshake, message] of HANDSHAKES) {
      const socket = await Socket.open(`${node.wsUrl}/sync?api_key=${secrets.RELAY}`);
      socket.send(handshake);
      const got = [await socket.next(), await socket.ended()];
      const want = [JSON.stringify({ message, code: 400 }), { code: 1000, reason: 'Disconnecting.' }];
      if (JSON.stringify(got) !== JSON.stringify(want)) wrong.push(`${name}: ${JSON.stringify(got)}`);
      rows++;
    }
    assert.deepEqual(wrong, []);
  });
  await t.test('relay messages', async () => {
    const mod = await Socket.open(`${node.wsUrl}/sync?api_key=${secrets.RELAY}`);
    mod.send('{"type":"mod","data":{"server_id":"s","channel_id":"c"}}');
    await mod.next();
    const wrong = [];
    for (const [name, message] of MESSAGES) {
      mod.send(message);
      const answer = await mod.next();
      if (answer !== '{"message":"Malformed message.","code":400}') wrong.push(`${name}: ${answer}`);
      rows++;
    }
    assert.deepEqual(wrong, []);
    await mod.close();
  });
  t.diagnostic(`${rows} rows`);
  await node.untilReady();
});
