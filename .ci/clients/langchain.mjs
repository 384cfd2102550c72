// req: Q4. An agent framework over SSE: LangChain loads the tools with its MCP adapters and calls them like an agent,
// with tool calls of a model.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { MultiServerMCPClient } from '@langchain/mcp-adapters'
import { findsAndBooks, firstSlot, prepare, program, World } from './lib/program.mjs'

prepare()

/** load returns LangChain's tools by name, from a server over SSE, and an agent that calls them. */
async function load(world) {
  const url = new URL('/sse', await world.serve()).href
  const client = new MultiServerMCPClient({ mcpServers: { vennio: { transport: 'sse', url } }, throwOnLoadError: true })
  world.ends.push(() => client.close())
  const tools = Object.fromEntries((await client.getTools()).map((tool) => [tool.name, tool]))
  const call = async (name, args = {}) => {
    const message = await tools[name].invoke({ type: 'tool_call', id: name, name, args })
    assert.equal(message.status, 'success')
    return { structuredContent: message.artifact[0].data, content: [{ text: message.text }] }
  }
  return { tools, call }
}

test('LangChain finds and books over SSE', { timeout: 240_000 }, async (t) => {
  const world = await World.open(t, program)
  await findsAndBooks(world, await load(world))
})

test('LangChain hears from a refusal what to do next', { timeout: 240_000 }, async (t) => {
  const world = await World.open(t, program)
  const agent = await load(world)
  const booking = await firstSlot(agent)
  await assert.rejects(agent.tools.book_slot.invoke({ ...booking, slot_id: 'tomorrow-at-nine' }), /find_slots/)
  const preview = await agent.call('book_slot', { ...booking, consent: { granted: false } })
  assert.match(preview.content[0].text, /NOT BOOKED YET/)
  assert.equal(await world.writes(), 0)
})

test('the Python of the documentation compiles', async () => {
  const snippets = [...(await readFile(new URL('../../README.md', import.meta.url), 'utf8')).matchAll(/^```python\n([^]*?)^```$/gm)]
  assert.ok(snippets.length)
  for (const [, input] of snippets) {
    const { status, stderr } = spawnSync('python3', ['-c', 'import sys; compile(sys.stdin.read(), "README.md", "exec")'], { input, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
})
