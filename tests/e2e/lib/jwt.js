// SPDX-License-Identifier: MIT
// Tokens as an identity provider makes them, and its JWKS document.
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** HS256 with a secret. */
export function secretToken(secret, claims, header = {}) {
  const text = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** A key pair with an id: RS256 or ES256. */
export class SigningKey {
  constructor(alg, kid) {
    Object.assign(this, { alg, kid });
    const pair = alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.private = pair.privateKey;
    this.jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
  }

  token(claims, header = {}) {
    const text = `${encode({ alg: this.alg, typ: 'JWT', kid: this.kid, ...header })}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(text), { key: this.private, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }
}

/** An identity provider that serves the keys it has at the moment. */
export async function startJwks(t, keys) {
  const provider = { keys, fetched: 0 };
  const server = createServer((request, response) => {
    provider.fetched++;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ keys: provider.keys.map(({ jwk }) => jwk) }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  provider.url = `http://127.0.0.1:${server.address().port}/jwks.json`;
  return provider;
}

export const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;
