// bar: C3, C4, C9. A person agrees, or does not, on the approval page in a real
// browser with scripts off, while an agent that was told human waits for them.
// SCREENSHOT=docs/approval-page.png takes the picture in the documentation anew.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, tab } from './lib/browser.mjs'
import { book, build, firstSlot, link, World } from './lib/program.mjs'

let program, browser
before(async () => {
  program = await build()
  browser = await launch()
}, { timeout: 120_000 })
after(async () => { await browser?.close(); await program?.remove() })

const limit = { timeout: 60_000 }

/** waiting is an agent that was refused and given a link for the person. */
async function waiting(t, change = {}, transport = 'stdio') {
  const world = await World.open(t, program)
  const agent = await world.connect(transport, { consent: 'human' })
  const booking = { ...await firstSlot(agent), ...change }
  const told = await book(agent, booking)
  assert.equal(told.code, 'approval_needed', told.text)
  return { world, booking, proposal: told.proposal, address: link(told), again: () => book(agent, booking) }
}

const button = (page, name) => page.getByRole('button', { name, exact: true })
const heading = (page, text) => page.getByRole('heading', { name: text, exact: true }).waitFor()

test('the page shows everything that will be written', limit, async (t) => {
  const { world, booking, proposal, address } = await waiting(t)
  const page = await tab(t, browser, address)
  await heading(page, 'Approve this booking?')
  const shown = await page.locator('body').innerText()
  for (const fact of [
    booking.title, proposal.description, 'Alice Marlow', 'Ada Byron <ada@example.com>', 'Grace Hopper <grace@example.org>', booking.notes,
    'Vennio does not write to them', 'Nothing is booked until you approve.',
  ]) assert.ok(shown.includes(fact), `the page shows ${fact}:\n${shown}`)
  for (const name of ['Approve', 'Decline']) assert.ok(await button(page, name).isVisible())
  await page.screenshot({ path: process.env.SCREENSHOT ?? `${world.home}/page.png`, fullPage: true })
  await page.setViewportSize({ width: 360, height: 740 }) // a telephone
  const { scrollWidth, clientWidth } = await page.locator('html').evaluate(({ scrollWidth, clientWidth }) => ({ scrollWidth, clientWidth }))
  assert.ok(scrollWidth <= clientWidth, 'nothing lies beyond the right edge')
})

for (const transport of ['stdio', 'http']) {
  test(`a double click on Approve books once, over ${transport}`, limit, async (t) => {
    const { world, address, again } = await waiting(t, {}, transport)
    const page = await tab(t, browser, address)
    await button(page, 'Approve').click()
    await heading(page, 'Approve this booking?') // without a name the browser does not send the form
    assert.equal((await again()).code, 'approval_needed')
    await page.getByLabel('Your name').fill('Ada Byron')
    await button(page, 'Approve').dblclick()
    await heading(page, 'Approved')
    assert.equal(await world.writes(), 0, 'the page itself books nothing')
    const first = await again()
    assert.equal(first.status, 'confirmed', first.text)
    assert.deepEqual([first.consent.rung, first.consent.given_by], ['approved on the page', 'Ada Byron'])
    assert.equal((await again()).booking_id, first.booking_id)
    await page.goto(address)
    await heading(page, 'Approved, and used')
    assert.equal(await button(page, 'Approve').count(), 0)
    assert.equal(await world.writes(), 1)
  })
}

test('Decline books nothing, even with the name left out', limit, async (t) => {
  const { world, address, again } = await waiting(t)
  const page = await tab(t, browser, address)
  await button(page, 'Decline').click()
  await heading(page, 'Declined')
  assert.equal((await again()).code, 'consent_declined')
  assert.equal(await world.writes(), 0)
})

test('the first of two answers stands', limit, async (t) => {
  const { world, address, again } = await waiting(t)
  const [one, other] = [await tab(t, browser, address), await tab(t, browser, address)]
  await button(one, 'Decline').click()
  await heading(one, 'Declined')
  await other.getByLabel('Your name').fill('Ada Byron')
  await button(other, 'Approve').click()
  await heading(other, 'Declined')
  assert.equal((await again()).code, 'consent_declined')
  assert.equal(await world.writes(), 0)
})

test('a link preview changes nothing', limit, async (t) => {
  const { world, address, again } = await waiting(t)
  for (const method of ['GET', 'HEAD', 'GET']) {
    assert.equal((await fetch(address, { method, headers: { 'User-Agent': 'Slackbot-LinkExpanding 1.0' } })).status, 200)
  }
  assert.equal((await again()).code, 'approval_needed')
  await heading(await tab(t, browser, address), 'Approve this booking?')
  assert.equal(await world.writes(), 0)
})

test('a form on another page cannot approve, not even with the right token', limit, async (t) => {
  const { world, address, again } = await waiting(t)
  const page = await tab(t, browser, address, { script: true })
  const token = await page.locator('input[name=token]').inputValue()
  await page.goto(`${world.vennio}/_sandbox/state`) // another port of the same machine: the cookie goes along
  await page.setContent(`<form method="post" action="${address}"><input name="token" value="${token}"><input name="name" value="Eve"><button name="decision" value="approve">Win</button></form>`)
  const [response] = await Promise.all([page.waitForResponse(address), button(page, 'Win').click()])
  assert.equal(response.status(), 403)
  assert.equal((await again()).code, 'approval_needed')
  assert.equal(await world.writes(), 0)
})

test('what the agent wrote stays text', limit, async (t) => {
  const title = '<img src=x onerror="document.title=1"><b>Approved</b>'
  const { address } = await waiting(t, { title, notes: '</dd></dl><form><button>Approve</button></form><script>document.title=1</script>' })
  const page = await tab(t, browser, address, { script: true })
  const shown = await page.locator('dl').innerText() // the title is quoted, so its own quotation marks are replaced
  for (const part of ['<img src=x onerror=', '<b>Approved</b>']) assert.ok(shown.includes(part), shown)
  assert.equal(await page.locator('img, b, script, dl button').count(), 0)
  assert.equal(await button(page, 'Approve').count(), 1)
  assert.equal(await page.title(), 'Approve this booking?')
})
