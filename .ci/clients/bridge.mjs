// req: Q4. mcp-remote connects a client that only supports stdio to our HTTP transports. Elicitation works through it
// too.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sdks } from './lib/clients.mjs'
import { installed } from './lib/installed.mjs'
import { findsAndBooks, prepare, program, World } from './lib/program.mjs'

prepare()

/** bridge returns an agent behind mcp-remote. The server requires no login, so no browser is opened. */
async function bridge(world, transport, options) {
  const address = await world.serve()
  const target = transport === 'sse' ? new URL('/sse', address).href : address
  return world.attach(sdks['2025-11-25'].stdio({
    command: process.execPath,
    args: [installed('mcp-remote/dist/proxy.js'), target, '--allow-http', '--transport', `${transport}-only`],
    env: { ...world.env, MCP_REMOTE_CONFIG_DIR: world.home, BROWSER: 'false' }, stderr: 'ignore',
  }), options)
}

for (const transport of ['http', 'sse']) {
  test(`a client of stdio finds and books through mcp-remote, over ${transport}`, { timeout: 240_000 }, async (t) => {
    const world = await World.open(t, program)
    await findsAndBooks(world, await bridge(world, transport))
  })

  test(`a person is asked through mcp-remote, over ${transport}`, { timeout: 240_000 }, async (t) => {
    const world = await World.open(t, program)
    const asked = []
    const agent = await bridge(world, transport, {
      capabilities: { elicitation: { form: {} } },
      onAsk: async (request) => { asked.push(request.params); return { action: 'accept', content: { approve: true } } },
    })
    await findsAndBooks(world, agent, 'asked in the client')
    assert.equal(asked.length, 1)
  })
}
