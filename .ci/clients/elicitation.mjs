// req: C3, C4, P6. A person is asked through other clients, both generations of the TypeScript SDK, over stdio,
// Streamable HTTP and SSE. For every answer the test counts the writes to Vennio.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { sdks } from './lib/clients.mjs'
import { approve, book, firstSlot, link, prepare, program, World } from './lib/program.mjs'

prepare()

const limit = { timeout: 240_000 }
const yes = { action: 'accept', content: { approve: true } }

for (const [protocol, sdk] of Object.entries(sdks)) {
  for (const transport of ['stdio', 'http', 'sse'].filter((name) => sdk[name])) {
    describe(`MCP ${protocol} over ${transport}`, () => cases(protocol, transport))
  }
}

function cases(protocol, transport) {
  /** asking returns an agent whose person gives the answer, and the questions asked. */
  async function asking(t, answer, options = {}) {
    const world = await World.open(t, program)
    const asked = []
    const agent = await world.connect(transport, {
      protocol, capabilities: { elicitation: { form: {} } }, ...options,
      onAsk: async (request) => { asked.push(request.params); await options.before?.(request); return answer() },
    })
    return { world, agent, asked, booking: await firstSlot(agent) }
  }

  // Over HTTP these clients are not authenticated: a form answered there does not count under human.
  for (const consent of transport === 'stdio' ? ['ask', 'human'] : ['ask']) {
    test(`accept books, under ${consent}`, limit, async (t) => {
      const { world, agent, asked, booking } = await asking(t, () => yes, { consent })
      const booked = await book(agent, booking)
      assert.ok(!booked.isError, booked.text)
      assert.equal(booked.status, 'confirmed')
      assert.equal(booked.consent.method, 'asked in the client')
      assert.equal(asked.length, 1)
      for (const fact of ['Introduction to Vennio', 'Alice Marlow', 'Ada Byron', 'grace@example.org', 'last quarter', booked.description]) {
        assert.ok(asked[0].message.includes(fact), `the question says ${fact}: ${asked[0].message}`)
      }
      assert.equal((await book(agent, booking)).booking_id, booked.booking_id)
      assert.equal(asked.length, 1, 'asked once')
      assert.equal(await world.writes(), 1)
    })
  }

  if (transport !== 'stdio') {
    test('a form over an unauthenticated connection does not count, under human', limit, async (t) => {
      const { world, agent, asked, booking } = await asking(t, () => yes, { consent: 'human' })
      const told = await book(agent, booking)
      assert.ok(!told.isError, told.text)
      assert.equal(told.code, 'approval_needed')
      assert.equal(asked.length, 0)
      assert.equal((await fetch(link(told))).status, 403, "the address alone shows nothing")
      assert.equal(await world.writes(), 0)
    })
  }

  test('decline writes nothing, and the person is not asked again', limit, async (t) => {
    const { world, agent, asked, booking } = await asking(t, () => ({ action: 'decline' }))
    for (let call = 0; call < 2; call++) assert.equal((await book(agent, booking)).code, 'consent_declined')
    assert.equal(asked.length, 1)
    assert.equal(await world.writes(), 0)
  })

  test('cancel writes nothing; then the page is the way, not the same form', limit, async (t) => {
    const { world, agent, asked, booking } = await asking(t, () => ({ action: 'cancel' }))
    const told = await book(agent, booking)
    assert.equal(told.code, 'consent_unanswered')
    link(told)
    assert.equal((await book(agent, booking)).code, 'approval_needed')
    assert.equal(asked.length, 1)
    assert.equal(await world.writes(), 0)
  })

  test('without an answer nothing is written, and a late approval does not count', limit, async (t) => {
    let answerLate
    const patience = new AbortController()
    const { world, agent, asked, booking } = await asking(t, () => new Promise((resolve) => {
      answerLate = resolve
      setTimeout(() => patience.abort(), 1_000) // after the person was asked
    }))
    const givenUp = assert.rejects(book(agent, booking, { signal: patience.signal })) // the client cancels its call
    await once(patience.signal, 'abort')
    assert.equal(asked.length, 1)
    assert.equal(await world.writes(), 0)
    answerLate(yes)
    await givenUp
    for (let call = 0; call < 3; call++) assert.ok(!(await agent.call('find_slots')).isError, 'the server goes on')
    assert.equal(await world.writes(), 0)
  })

  test('without elicitation declared nobody is asked: under human it takes the page', limit, async (t) => {
    const world = await World.open(t, program)
    const agent = await world.connect(transport, { protocol, consent: 'human' })
    const booking = await firstSlot(agent)
    for (let call = 0; call < 2; call++) {
      const told = await book(agent, booking)
      assert.equal(told.code, 'approval_needed')
      assert.equal((await fetch(link(told))).status, 403, "the address alone shows nothing")
    }
    assert.equal(await world.writes(), 0)
  })

  test('a client that opens links is handed the page, and books what is approved there', limit, async (t) => {
    const options = { capabilities: { elicitation: { url: {} } }, consent: 'human' }
    const { world, agent, asked, booking } = await asking(t, () => yes, { ...options, before: (request) => approve(world, request.params.url) })
    const booked = await book(agent, booking)
    assert.equal(booked.consent?.method, 'approved on the page', booked.text)
    assert.equal(asked.length, 1)
    assert.equal(asked[0].mode, 'url')
    assert.equal(await world.writes(), 1)
  })

  test('that a link was declined is a no', limit, async (t) => {
    const options = { capabilities: { elicitation: { url: {} } } }
    const { world, agent, asked, booking } = await asking(t, () => ({ action: 'decline' }), options)
    for (let call = 0; call < 2; call++) assert.equal((await book(agent, booking)).code, 'consent_declined')
    assert.equal(asked.length, 1)
    assert.equal(await world.writes(), 0)
  })

  test('without elicitation declared the agent attests under ask, and the result says so', limit, async (t) => {
    const world = await World.open(t, program)
    const agent = await world.connect(transport, { protocol })
    const booked = await book(agent, await firstSlot(agent))
    assert.equal(booked.consent?.method, 'attested by the agent', booked.text)
    assert.equal(await world.writes(), 1)
  })
}
