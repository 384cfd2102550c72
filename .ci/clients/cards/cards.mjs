// req: C15. The cards in a real browser, in the reference host of MCP Apps and in hosts with the weaknesses that are
// documented: what a person then sees, and what is written. SCREENSHOTS=docs/images writes the pictures of the documentation.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { test } from 'node:test'
import { openCard } from '../lib/host.mjs'
import { ahead, browser, firstSlot, prepare, program, World } from '../lib/program.mjs'

const slotsCard = 'ui://vennio/slots/v1.html', bookingCard = 'ui://vennio/booking/v1.html'
const cards = { extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } } }
const limit = { timeout: 240_000 }

prepare({ withAhead: true, withBrowser: true })

async function connected(t, { consent = 'human', protocol = '2025-11-25' } = {}) {
  const world = await World.open(t, program)
  return { world, agent: await world.connect('stdio', { consent, protocol, capabilities: cards }) }
}

/** asked returns the result of a booking that waits for a person, and opens its card. */
async function asked(t, { change = {}, consent, protocol, ...options } = {}) {
  const { world, agent } = await connected(t, { consent, protocol })
  const booking = { ...await firstSlot(agent), consent: { granted: false }, ...change }
  const again = () => agent.call('book_slot', booking)
  const result = await again()
  assert.equal(result.structuredContent.status, 'awaiting_consent', JSON.stringify(result))
  assert.ok(!result.isError, 'Claude shows no card for an error')
  const open = async (shown = result, more = {}) => {
    const host = await openCard(t, browser, agent, bookingCard, { ...options, ...more })
    await host.input(booking)
    await host.result(shown)
    return host
  }
  return { world, agent, booking, result, again, open, proposal: result.structuredContent.proposal, page: result.structuredContent.approval_url }
}

async function picture(host, name) {
  const folder = process.env.SCREENSHOTS
  if (!folder) return
  await mkdir(folder, { recursive: true })
  const frame = host.page.locator('iframe')
  await host.page.waitForTimeout(300) // the host adapts the height of the frame
  await frame.screenshot({ path: `${folder}/${name}.png` })
}

async function fits(host) {
  const { scrollWidth, clientWidth } = await host.card.locator('html').evaluate(({ scrollWidth, clientWidth }) => ({ scrollWidth, clientWidth }))
  assert.ok(scrollWidth <= clientWidth, 'nothing lies beyond the right edge')
}

for (const protocol of ['2025-11-25', '2026-07-28']) {
  test(`a person approves on the card, and it is booked (${protocol})`, limit, async (t) => {
    const { world, open, booking, proposal, result, again } = await asked(t, { protocol })
    const host = await open()
    await host.heading('Book this?')
    const shown = await host.text()
    for (const fact of [booking.title, proposal.description, 'Alice Marlow', 'Ada Byron <ada@example.com>', 'Grace Hopper <grace@example.org>', '“Please bring the figures', 'no e-mail']) {
      assert.ok(shown.includes(fact), `the card shows ${fact}:\n${shown}`)
    }
    const key = result._meta['io.github.vennio-mcp/consent'].key
    assert.ok(!shown.includes(key) && !JSON.stringify([result.content, result.structuredContent]).includes(key))
    await host.button('Approve').and(host.card.locator(':enabled')).waitFor()
    if (protocol === '2026-07-28') await picture(host, 'card-approve')
    await host.button('Approve').click()
    await host.heading('Booked')
    assert.equal(await world.writes(), 1)
    const [, answer] = host.calls
    assert.deepEqual(answer.arguments, { proposal_id: result._meta['io.github.vennio-mcp/consent'].proposal_id, answer: 'approve' }, 'no key in the arguments')
    assert.equal(answer._meta['io.github.vennio-mcp/consent-key'], key)
    assert.match(await host.first('said'), /approve.*Booked/, 'the card informs the model')
    await host.button('Add to calendar').click()
    assert.match((await host.first('files')).text, /BEGIN:VEVENT[^]*SUMMARY:Introduction to Vennio/)
    const repeated = await again()
    assert.deepEqual([repeated.structuredContent.consent.method, await world.writes()], ['approved on the card', 1])
    assert.deepEqual(host.errors, [])
  })
}

test('Decline books nothing', limit, async (t) => {
  const { world, open, again } = await asked(t)
  const host = await open()
  await host.button('Decline').click()
  await host.heading('Declined')
  assert.equal((await again()).structuredContent.error.code, 'consent_declined')
  assert.equal(await world.writes(), 0)
})

test('with the keyboard: nothing is focused at first, and Enter on the button approves', limit, async (t) => {
  const { world, open } = await asked(t)
  const host = await open()
  await host.button('Approve').waitFor()
  await host.card.locator('body').press('Enter')
  await host.page.waitForTimeout(800)
  assert.equal(await world.writes(), 0)
  await host.button('Approve').and(host.card.locator(':enabled')).waitFor()
  await host.button('Approve').focus()
  await host.page.keyboard.press('Enter')
  await host.heading('Booked')
  assert.equal(await host.frame().evaluate(() => document.activeElement.textContent), 'Booked', 'the focus goes to the result, not to nowhere')
  assert.equal(await host.card.getByRole('status').count(), 1)
})

test('a scripted click, and a click in the first half second, do not count', limit, async (t) => {
  const { world, open } = await asked(t)
  const host = await open()
  const button = host.button('Approve')
  await button.and(host.card.locator(':enabled')).waitFor()
  assert.ok((await host.frame().evaluate(() => window.wereDisabled)).includes('Approve'), 'it was not armed at first')
  await button.evaluate((element) => { element.click(); element.dispatchEvent(new MouseEvent('click', { bubbles: true })) })
  await host.page.waitForTimeout(500)
  assert.deepEqual(host.calls.map(({ name }) => name), ['show_consent'])
  assert.equal(await world.writes(), 0)
})

// What the person sees in weak hosts. approves: the card can still approve.
const noKey = ({ _meta, ...result }) => result
const bare = ({ structuredContent, _meta, ...result }) => result
const weak = [
  ['strips _meta (Cursor)', { result: noKey }, { approves: false }],
  ['strips _meta and structured content (Claude Desktop)', { result: bare }, { approves: false }],
  ['refuses the calls of apps', { call: () => ({ failed: 'not allowed' }) }, { approves: false }],
  ['never answers the calls of apps', { call: () => new Promise(() => {}) }, { approves: false }],
  ['drops the _meta of requests (LibreChat)', { call: ({ _meta, ...params }, send) => send(params) }, { refused: true }],
  ['moves the _meta of requests into the arguments (old ChatGPT)', { call: ({ _meta, ...params }, send) => send({ ...params, arguments: { ...params.arguments, ...(_meta && { _meta }) } }) }, { refused: true }],
  ['sends each call twice', { call: async (params, send) => { await send(params); return send(params) } }, { approves: true }],
  ['delays each call', { call: async (params, send) => { await new Promise((resolve) => setTimeout(resolve, 700)); return send(params) } }, { approves: true }],
  ['refuses messages to the model', { message: false }, { approves: true }],
]
for (const [name, quirk, { approves, refused }] of weak) {
  test(`a host that ${name}`, limit, async (t) => {
    const { world, open, booking, page } = await asked(t, { weak: quirk })
    const host = await open()
    if (approves || refused) {
      await host.button('Approve').click()
      if (approves) {
        await host.heading('Booked')
        assert.match(await host.text(), /Tell the assistant: “My answer on the card: Booked\.”/)
        assert.equal(await world.writes(), 1)
        return
      }
      await host.card.getByText('only the newest card').or(host.card.getByText('not accepted')).or(host.card.getByText('_meta')).first().waitFor()
    }
    const toPage = host.button(/Answer on a page \(localhost:\d+\)/)
    await toPage.waitFor()
    assert.equal(await host.button('Approve').count(), 0)
    assert.ok((await host.text()).includes(booking.title) , await host.text())
    await toPage.click()
    await host.first('links')
    assert.deepEqual(host.links, [page])
    assert.equal(await world.writes(), 0)
  })
}

test('a host that sends the result before the card is ready, twice, without content and out of order', limit, async (t) => {
  const { world, result, booking, agent } = await asked(t)
  const note = (method, params) => ({ jsonrpc: '2.0', method: `ui/notifications/${method}`, params })
  const early = [note('tool-result', result), note('tool-result', { content: [] }), note('tool-input', { arguments: booking }), note('tool-result', result)]
  const host = await openCard(t, browser, agent, bookingCard, { weak: { early } })
  await host.button('Approve').click()
  await host.heading('Booked')
  await host.result(result)
  await host.result({ content: [] })
  await host.page.waitForTimeout(300)
  await host.heading('Booked')
  assert.equal(await world.writes(), 1)
  assert.equal(host.calls.filter(({ name }) => name === 'answer_consent').length, 1)
})

test('two cards for one request: only the newer one approves', limit, async (t) => {
  const { world, open, again } = await asked(t)
  const old = await open()
  await old.button('Approve').waitFor()
  const newer = await open(await again())
  await old.button('Approve').click()
  await old.card.getByText('only the newest card of a request can answer it').waitFor()
  assert.equal(await world.writes(), 0)
  await newer.button('Approve').click()
  await newer.heading('Booked')
  const reopened = await open() // the chat is opened again: the old result, and the state of today
  await reopened.heading('Booked')
  assert.equal(await world.writes(), 1)
})

test('a card that is opened again later shows that it is too late', limit, async (t) => {
  const { world, result, booking } = await asked(t)
  const later = await world.connect('http', { consent: 'human', capabilities: cards, program: ahead })
  const host = await openCard(t, browser, later, bookingCard)
  await host.input(booking)
  await host.result(result)
  await host.heading('Too late')
  assert.equal(await host.button('Approve').count(), 0)
  assert.equal(await world.writes(), 0)
})

test('what others wrote stays text, in the dark, at 320 pixels', limit, async (t) => {
  const title = '<img src=x onerror="document.title=1"><b>Approved</b> ' + 'Donaudampfschifffahrtsgesellschaft'.repeat(2)
  const attendees = [{ email: 'eve@example.com', name: '</dd></dl><button>Approve</button>' }]
  const { open } = await asked(t, { change: { title: title.slice(0, 120), attendees, notes: '<script>document.title=1</script>\n'.repeat(9) }, width: 320, dark: true })
  const host = await open()
  await host.button('Approve').waitFor()
  assert.equal(await host.card.locator('img, b, dl button, body script:not([src]) ~ script').count(), 0)
  assert.equal(await host.card.getByRole('button', { name: 'Approve' }).count(), 1)
  assert.equal(await host.frame().title(), 'Booking')
  await fits(host)
  await picture(host, 'card-hostile-dark-320')
})

test('payment: the card names the site, opens it, and shows when it is paid', limit, async (t) => {
  const world = await World.open(t, program)
  const { hosts } = await (await fetch(`${world.vennio}/_sandbox/state`)).json()
  world.env.VENNIO_HOSTS = hosts.filter((h) => h.price ?? h.Price).map((h) => `${h.name ?? h.Name}=${h.id ?? h.ID};${h.price ?? h.Price}`)[0] ?? 'Bob Hale='
  const agent = await world.connect('stdio', { consent: 'human', capabilities: cards })
  const booking = { ...await firstSlot(agent), consent: { granted: false } }
  const host = await openCard(t, browser, agent, bookingCard, { dark: true })
  await host.input(booking)
  await host.result(await agent.call('book_slot', booking))
  await host.button('Approve').click()
  await host.heading('Held, not paid yet')
  const pay = host.button(/^Pay \(.+\)$/)
  await picture(host, 'card-pay-dark')
  await pay.click()
  const link = await host.first('links')
  assert.match(link, /^https?:/)
  assert.ok((await pay.innerText()).includes(new URL(link).host))
  const [, id] = /\/checkout\/([^/?]+)/.exec(link)
  await world.sandbox('pay', { booking_id: id })
  await host.heading('Booked')
})

test('a call that the person stops', limit, async (t) => {
  const { agent } = await connected(t)
  for (const [uri, shown] of [[bookingCard, 'The call was cancelled.'], [slotsCard, 'The search was cancelled.']]) {
    const host = await openCard(t, browser, agent, uri)
    await host.cancel()
    await host.card.getByText(shown).waitFor()
  }
})

test('pick a time: the day strip, the number of the text, and a message for the model', limit, async (t) => {
  const { world, agent } = await connected(t)
  const args = { when: 'next week', guest_timezone: 'America/New_York', limit: 5 }
  const found = await agent.call('find_slots', args)
  const { slots: [, second] } = found.structuredContent
  const host = await openCard(t, browser, agent, slotsCard)
  await host.input(args)
  await host.result(found)
  await host.heading('Free times')
  const strip = host.card.getByRole('img', { name: /Alice Marlow: free .*; offered / })
  assert.ok(await strip.count() >= 1, 'a strip of each day')
  assert.ok(!JSON.stringify(found.structuredContent).includes('"free"'), 'free times stay out of what the model sees')
  assert.match(found.content[0].text, /2\. /)
  await host.button(/^2\. /).click()
  await host.card.getByText(`Tell the assistant: “Book number 2: ${second.start_local}”`).waitFor()
  assert.equal(await host.button(/^2\. /).getAttribute('aria-pressed'), 'true')
  const said = await host.first('said')
  assert.ok(said.includes(second.slot_id) && said.includes('number 2'), said)
  await picture(host, 'card-slots')
  assert.doesNotMatch(await host.text(), /timezone was given|raise limit/, 'advice for the model is not for the person')
  await host.button('More times').click()
  await host.card.getByText('More times are shown.').waitFor()
  await fits(host)
  assert.equal(await world.writes(), 0, 'choosing writes nothing')
  assert.deepEqual(host.errors, [])
})

test("a guest's busy times are shown, in the dark, at 320 pixels", limit, async (t) => {
  const { agent } = await connected(t)
  const first = (await agent.call('find_slots', { when: 'next week' })).structuredContent.slots[0]
  const day = first.start.slice(0, 10), args = { from: day, to: `${day}T18:00`, busy: [{ start: `${day}T12:00`, end: `${day}T14:00` }] }
  const host = await openCard(t, browser, agent, slotsCard, { dark: true, width: 320 })
  await host.input(args)
  await host.result(await agent.call('find_slots', args))
  await host.card.getByRole('img', { name: 'Guest: busy 12:00–14:00' }).waitFor()
  await fits(host)
  await picture(host, 'card-slots-dark-320')
})

test('a host that strips everything: the card searches by itself and keeps the numbers', limit, async (t) => {
  const { agent } = await connected(t)
  const found = await agent.call('find_slots', { when: 'next week' })
  const host = await openCard(t, browser, agent, slotsCard, { weak: { result: bare } })
  await host.input({ when: 'next week' })
  await host.result(found)
  await host.button(/^1\. /).click()
  await host.card.getByText(/Tell the assistant: “Book number 1: /).waitFor()
  const refusing = await openCard(t, browser, agent, slotsCard, { weak: { result: bare, call: () => ({ failed: 'not allowed' }) } })
  await refusing.input({ when: 'next week' })
  await refusing.result(found)
  await refusing.card.getByText(/^3 free times for 30 minutes/).waitFor()
})

test('a form that the host shows as a card', limit, async (t) => {
  const world = await World.open(t, program)
  const asked = []
  const capabilities = { elicitation: { form: {} }, extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'], elicitation: {} } } }
  world.env.VENNIO_CONSENT_FORM = 'card'
  const agent = await world.connect('stdio', {
    consent: 'human', capabilities,
    onAsk: async ({ params }) => { // as the Inspector does: the card gets the question, and its result is the answer
      asked.push(params)
      const host = await openCard(t, browser, agent, params._meta.ui.resourceUri)
      const answer = host.page.evaluate((params) => bridge.request({ method: 'elicitation/create', params }, { parse: (v) => v, '~standard': { version: 1, vendor: 'x', validate: (value) => ({ value }) } }), params)
      await host.heading('Do you agree?')
      await picture(host, 'card-form')
      await host.button('Approve').click()
      return answer
    },
  })
  const booked = await agent.call('book_slot', { ...await firstSlot(agent), consent: { granted: false } })
  assert.equal(booked.structuredContent.consent?.method, 'asked in the client', JSON.stringify(booked))
  assert.equal(asked.length, 1)
  assert.equal(await world.writes(), 1)
})
