// Verifies a signature in one line of `vennio-mcp ledger export` with Node.js alone:
//   vennio-mcp ledger export | grep '"kind":"approved"' | tail -1 | node verify-signature.mjs PUBLIC_KEY RP
// PUBLIC_KEY and RP are those of the passkey in `vennio-mcp passkeys list`. The exit code is 1 if a check fails.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const [publicKey, rp] = process.argv.slice(2)
const bytes = (text) => Buffer.from(text, 'base64url')
const sha256 = (data, encoding) => createHash('sha256').update(data).digest(encoding)

const { kind, details } = JSON.parse(readFileSync(0, 'utf8'))
const { act, passkey, proposal, signature } = JSON.parse(details) // act: what was agreed to, as canonical JSON
if (!signature) throw new Error('This line has no signature by a passkey.')
const verb = { approved: 'approve', declined: 'decline', passkey_added: 'add', passkey_removed: 'remove' }[kind]
const statement = ['vennio-mcp passkey v1', verb, sha256(act ?? passkey, 'hex'), proposal ?? signature.subject, signature.expires, signature.nonce]
const [authenticator, client] = [bytes(signature.authenticator_data), bytes(signature.client_data)]
const { type, challenge, origin } = JSON.parse(client)
/** cose reads a COSE key (RFC 9052, 7): a CBOR map of integers to integers and byte strings. */
function cose(data, at = 0) {
  const next = () => {
    const [major, short] = [data[at] >> 5, data[at++] & 31]
    const length = short < 24 ? 0 : 2 ** (short - 24)
    const value = length ? data.readUIntBE((at += length) - length, length) : short
    return major === 2 ? data.subarray(at, at += value) : major === 1 ? -1 - value : value
  }
  return Object.fromEntries(Array.from({ length: next() }, () => [next(), next()]))
}
const key = cose(bytes(publicKey))
const form = { 1: { kty: 'OKP', crv: 'Ed25519', x: -2 }, 2: { kty: 'EC', crv: 'P-256', x: -2, y: -3 }, 3: { kty: 'RSA', n: -1, e: -2 } }[key[1]]
const jwk = Object.fromEntries(Object.entries(form).map(([name, from]) => [name, from < 0 ? key[from].toString('base64url') : from]))
const signed = Buffer.concat([authenticator, sha256(client)])
for (const [check, holds] of Object.entries({
  'the passkey signed exactly this act, request and expiry': type === 'webauthn.get' && challenge === sha256(statement.join('\n'), 'base64url'),
  [`it was used on ${origin}, a page of ${rp}`]: new URL(origin).hostname === rp && authenticator.subarray(0, 32).equals(sha256(rp)),
  'the device verified the person': (authenticator[32] & 5) === 5, // UP and UV (WebAuthn, 6.1)
  'the signature is that of the public key': verify(key[1] === 1 ? null : 'sha256', signed, createPublicKey({ key: jwk, format: 'jwk' }), bytes(signature.signature)),
})) {
  console.log(holds ? 'valid:    ' : 'NOT VALID:', check)
  if (!holds) process.exitCode = 1
}
