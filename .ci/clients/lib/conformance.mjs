// Runs the official conformance suite against an address and parses its results.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installed, node22 } from './installed.mjs'

const suite = installed('@modelcontextprotocol/conformance/dist/index.js')

/** conformance runs a set of scenarios. Failing scenarios are not errors here; a failure of the suite itself is. */
export const conformance = (url, ...set) => run('=== SUMMARY ===', read, url, set)

/** scenario runs one scenario, which may belong to an extension, and returns how many of its checks passed. */
export const scenario = (url, name) => run('Test Results:', (closing) => ({ passed: Number(/Passed: (\d+)/.exec(closing)[1]) }), url, ['--scenario', name])

/** run starts the suite, and parses what it prints from the words of end on. */
async function run(end, parse, url, set) {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'))
  try {
    const args = [suite, 'server', '--url', url, '--output-dir', folder, ...set]
    const said = await new Promise((resolve, reject) => {
      execFile(node22, args, { timeout: 300_000, killSignal: 'SIGKILL', maxBuffer: 1 << 26 },
        (error, stdout, stderr) => (stdout.includes(end) ? resolve(stdout) : reject(new Error(`${error}\n${stdout}${stderr}`))))
    })
    return { ...parse(said.slice(said.indexOf(end))), ...await checks(folder) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** read returns the number of scored scenarios from the suite's closing lines. */
function read(closing) {
  const scenarios = closing.match(/^[✓✗] \S+: \d+ passed, \d+ failed/gm)
  const unscored = new Set([...closing.matchAll(/^ {2}[✓✗] (\S+) \(/gm)].map(([, name]) => name))
  return { closing, required: scenarios.length - unscored.size }
}

/** checks returns, by scenario, failed checks and SHOULD-level warnings, which the closing lines omit. */
async function checks(folder) {
  const found = { FAILURE: {}, WARNING: {} }
  for (const name of await readdir(folder)) {
    const [, scenario] = /^server-(.+?)-\d{4}-\d\d-\d\dT/.exec(name)
    for (const { id, status } of JSON.parse(await readFile(join(folder, name, 'checks.json'), 'utf8'))) {
      if (found[status]) (found[status][scenario] ??= []).push(id)
    }
  }
  return { failed: found.FAILURE, warned: found.WARNING }
}
