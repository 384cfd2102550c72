// req: C13. The script of docs/consent.md verifies signatures without the program, by each kind of passkey, and finds every change.
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { rejectsChanges, verified } from '../lib/signatures.mjs'

const negative = (n) => [0x20 - 1 - n] // CBOR of -1 to -24
const cborBytes = (data) => [...(data.length < 256 ? [0x58, data.length] : [0x59, data.length >> 8, data.length & 255]), ...data]
const part = (text) => cborBytes(Buffer.from(text, 'base64url'))
const kinds = {
  ES256: { pair: ['ec', { namedCurve: 'P-256' }], hash: 'sha256', cose: ({ x, y }) => [0xa5, 1, 2, 3, ...negative(-7), ...negative(-1), 1, ...negative(-2), ...part(x), ...negative(-3), ...part(y)] },
  EdDSA: { pair: ['ed25519'], hash: null, cose: ({ x }) => [0xa4, 1, 1, 3, ...negative(-8), ...negative(-1), 6, ...negative(-2), ...part(x)] },
  RS256: { pair: ['rsa', { modulusLength: 2048 }], hash: 'sha256', cose: ({ n, e }) => [0xa4, 1, 3, 3, 0x39, 1, 0, ...negative(-1), ...part(n), ...negative(-2), ...part(e)] },
}

for (const [name, { pair, hash, cose }] of Object.entries(kinds)) {
  test(`a signature by ${name} is verified, and each change is found`, { timeout: 240_000 }, async () => {
    const { publicKey, privateKey } = generateKeyPairSync(...pair)
    const digest = (data, encoding) => createHash('sha256').update(data).digest(encoding)
    const act = '{"v":1,"tool":"book_slot","title":"Analytical engines","start":"2026-12-01T17:00:00Z"}'
    const request = { subject: 'PROPOSAL', expires: '2026-12-01T10:00:00.000Z', nonce: Buffer.alloc(32, 5).toString('base64url') }
    const challenge = digest(['vennio-mcp passkey v1', 'approve', digest(act, 'hex'), request.subject, request.expires, request.nonce].join('\n'), 'base64url')
    const client = Buffer.from(JSON.stringify({ type: 'webauthn.get', challenge, origin: 'https://book.example.com:8443' }))
    const line = (flags) => {
      const authenticator = Buffer.concat([digest('book.example.com'), Buffer.from([flags, 0, 0, 0, 1])])
      const signature = sign(hash, Buffer.concat([authenticator, digest(client)]), privateKey).toString('base64url')
      const details = { act, proposal: request.subject, signature: { ...request, signature, authenticator_data: authenticator.toString('base64url'), client_data: client.toString('base64url') } }
      return JSON.stringify({ seq: 3, kind: 'approved', details: JSON.stringify(details) })
    }
    const key = Buffer.from(cose(publicKey.export({ format: 'jwk' }))).toString('base64url')
    await rejectsChanges(line(5), key, 'book.example.com')
    assert.match((await verified(line(1), key, 'book.example.com')).text, /NOT VALID: the device verified the person/)
  })
}

test('a line without a signature', async () => {
  const { code, text } = await verified('{"kind":"approved","details":"{}"}', 'AA', 'localhost')
  assert.equal(code, 1)
  assert.match(text, /This line has no signature by a passkey/)
})
