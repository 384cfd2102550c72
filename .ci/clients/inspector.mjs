// req: Q4. The command line of the MCP Inspector starts a process for each call, so a slot ID must be valid in other
// processes than the one that created it.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { installed, node22 } from './lib/installed.mjs'
import { findsAndBooks, prepare, program, World } from './lib/program.mjs'

const inspector = installed('@modelcontextprotocol/inspector/clients/launcher/build/index.js')

prepare()

/** targets are the Inspector's arguments for the program's transports. */
const targets = {
  stdio: async (world) => [program.path, ...Object.entries(world.env).flatMap(([name, value]) => ['-e', `${name}=${value}`])],
  http: async (world) => ['--transport', 'http', '--server-url', await world.serve()],
  sse: async (world) => ['--transport', 'sse', '--server-url', new URL('/sse', await world.serve()).href],
}

for (const [transport, era] of [['stdio', 'legacy'], ['stdio', 'modern'], ['http', 'legacy'], ['http', 'modern'], ['sse', 'legacy']]) {
  test(`the Inspector finds and books over ${transport}, era ${era}`, { timeout: 240_000 }, async (t) => {
    const world = await World.open(t, program)
    const target = await targets[transport](world)
    const inspect = (args) => promisify(execFile)(node22, [inspector, '--cli', ...target, '--protocol-era', era, '--format', 'json', ...args], {
      env: world.env, timeout: 120_000, killSignal: 'SIGKILL',
    })
    const run = async (...args) => JSON.parse((await inspect(args)).stdout).result
    const { stdout: skills } = await inspect(['--method', 'skills/list', '--verify', '--require-digests']) // fails if an entry differs from its file
    assert.equal(skills.trim().split('\n').map(JSON.parse).filter(({ outcome }) => outcome === 'verified').length, 3)
    const { tools } = await run('--method', 'tools/list', '--strict') // fails if a schema is not portable
    assert.ok(tools.some(({ name }) => name === 'book_slot'))
    await findsAndBooks(world, {
      call: (name, args = {}) => run('--method', 'tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(args)),
    })
  })
}
