// Runs the script that verifies signatures without the program, docs/verify-signature.mjs.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../../../docs/verify-signature.mjs', import.meta.url))

/** verified runs the script with a line of ledger export and returns its exit code and output. */
export const verified = (line, ...args) => new Promise((resolve) => {
  execFile(process.execPath, [script, ...args], (error, stdout, stderr) => resolve({ code: error?.code ?? 0, text: stdout + stderr })).stdin.end(line)
})

/** changed replaces one character in the middle of a text. */
const changed = (text) => {
  const at = text.length >> 1
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
}

/** rejectsChanges checks that a line is valid, and no longer after a change of one character. */
export async function rejectsChanges(line, publicKey, rp) {
  const good = await verified(line, publicKey, rp)
  assert.equal(good.code, 0, good.text)
  const entry = JSON.parse(line)
  const altered = (change) => {
    const [whole, details] = [{ ...entry }, JSON.parse(entry.details)]
    change(details, whole)
    return JSON.stringify({ ...whole, details: JSON.stringify(details) })
  }
  const wrong = {
    'the act': altered((details) => { details.act = changed(details.act) }),
    'the last byte of the act': altered((details) => { details.act += ' ' }),
    'the request': altered((details) => { details.proposal = changed(details.proposal) }),
    'approved instead of declined': altered((_, whole) => { whole.kind = whole.kind === 'declined' ? 'approved' : 'declined' }),
    ...Object.fromEntries(['nonce', 'expires', 'signature', 'authenticator_data', 'client_data'].map((name) => [name, altered(({ signature }) => { signature[name] = changed(signature[name]) })])),
  }
  for (const [what, text] of Object.entries(wrong)) assert.notEqual((await verified(text, publicKey, rp)).code, 0, what)
  assert.notEqual((await verified(line, publicKey, `${rp}.example`)).code, 0, 'another relying party')
}
