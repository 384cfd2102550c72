// req: C3, C4, C9. A person approves or declines in a real, paired browser without scripts, while an agent waits.
// SCREENSHOTS=docs/images writes the screenshots of the documentation.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { test } from 'node:test'
import { paired, tab } from './lib/browser.mjs'
import { ahead, book, browser, firstSlot, link, prepare, program, World } from './lib/program.mjs'

prepare({ withAhead: true, withBrowser: true })

const limit = { timeout: 240_000 }

/** waiting returns an agent whose call returned an approval link. */
async function waiting(t, change = {}, transport = 'stdio') {
  const world = await World.open(t, program)
  const agent = await world.connect(transport, { consent: 'human' })
  const booking = { ...await firstSlot(agent), ...change }
  const told = await book(agent, booking)
  assert.equal(told.code, 'approval_needed', told.text)
  return { world, agent, booking, proposal: told.proposal, address: link(told), again: () => book(agent, booking) }
}

const button = (page, name) => page.getByRole('button', { name, exact: true })
const heading = (page, text) => page.getByRole('heading', { name: text, exact: true }).waitFor()
const inbox = (address) => address.slice(0, address.lastIndexOf('/') + 1)

async function picture(world, page, name) {
  const folder = process.env.SCREENSHOTS ?? world.home
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true })
}

async function fitsTheScreen(page) {
  const { scrollWidth, clientWidth } = await page.locator('html').evaluate(({ scrollWidth, clientWidth }) => ({ scrollWidth, clientWidth }))
  assert.ok(scrollWidth <= clientWidth, 'nothing lies beyond the right edge')
}

test('the page shows everything that will be written', limit, async (t) => {
  const { world, booking, proposal, address } = await waiting(t)
  const page = await paired(t, browser, world, address)
  await heading(page, 'Approve this booking?')
  const shown = await page.locator('body').innerText()
  for (const fact of [
    booking.title, proposal.description, 'Alice Marlow', 'Ada Byron <ada@example.com>', 'Grace Hopper <grace@example.org>', booking.notes,
    'Vennio sends them no e-mail', '30 minutes', 'Asked by', 'Nothing is booked until you approve.',
  ]) assert.ok(shown.includes(fact), `the page shows ${fact}:\n${shown}`)
  for (const name of ['Approve', 'Decline']) assert.ok(await button(page, name).isVisible())
  assert.equal(await page.getByLabel('Your name').inputValue(), 'Ada Byron', 'the name is that of the pairing')
  await picture(world, page, 'approval-page')
})

for (const transport of ['stdio', 'http']) {
  test(`a double click on Approve books once, over ${transport}`, limit, async (t) => {
    const { world, agent, address, again } = await waiting(t, {}, transport)
    const page = await paired(t, browser, world, address)
    await page.getByLabel('Your name').fill('')
    await button(page, 'Approve').click()
    await heading(page, 'Approve this booking?') // without a name the browser does not send the form
    assert.equal((await again()).code, 'approval_needed')
    await page.getByLabel('Your name').fill('Ada Byron')
    await button(page, 'Approve').dblclick()
    await heading(page, 'Booked')
    assert.equal(await world.writes(), 1, 'the page itself books')
    const first = await again()
    assert.equal(first.status, 'confirmed', first.text)
    assert.ok(first.text.startsWith('Already booked'), first.text)
    assert.deepEqual([first.consent.method, first.consent.given_by], ['approved on the page', 'Ada Byron'])
    await page.goto(address)
    await heading(page, 'Booked')
    assert.equal(await button(page, 'Approve').count(), 0)
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /calendar/ }).click()])
    assert.equal(download.suggestedFilename(), 'booking.ics')
    if (transport === 'stdio') await picture(world, page, 'approval-outcome')
    await page.goto(inbox(address))
    await heading(page, 'Approvals')
    const shown = await page.locator('main').innerText()
    assert.match(shown, /No request is waiting[^]*Booked · asked[^]*Upcoming bookings[^]*Introduction to Vennio/)
    assert.equal(await world.writes(), 1)
    await book(agent, { ...await firstSlot(agent), title: 'Review of the figures' })
    await page.setViewportSize({ width: 700, height: 600 })
    await page.reload()
    assert.match(await page.locator('main').innerText(), /Waiting for you[^]*Review of the figures[^]*Decided[^]*Booked · asked/)
    if (transport === 'stdio') await picture(world, page, 'approval-inbox')
  })
}

test('Decline books nothing, even with the name left out', limit, async (t) => {
  const { world, address, again } = await waiting(t)
  const page = await paired(t, browser, world, address)
  await page.getByLabel('Your name').fill('')
  await button(page, 'Decline').click()
  await heading(page, 'Declined')
  assert.equal((await again()).code, 'consent_declined')
  assert.equal(await world.writes(), 0)
})

test('two tabs: the first of two answers stands, and the other shows it', limit, async (t) => {
  const { world, address, again } = await waiting(t)
  const one = await paired(t, browser, world, address)
  const other = await one.again()
  await button(one, 'Decline').click()
  await heading(one, 'Declined')
  await button(other, 'Approve').click()
  await heading(other, 'Declined')
  assert.equal((await again()).code, 'consent_declined')
  assert.equal(await world.writes(), 0)
})

test('a slot that was taken meanwhile: nothing is booked, and the page says so', limit, async (t) => {
  const { world, address, proposal } = await waiting(t)
  const page = await paired(t, browser, world, address)
  const { hosts } = await (await fetch(`${world.vennio}/_sandbox/state`)).json()
  await world.sandbox('take', { host: hosts[0].id ?? hosts[0], start: proposal.start, end: proposal.end })
  await button(page, 'Approve').click()
  await heading(page, 'Not booked')
  assert.match(await page.locator('main').innerText(), /somebody else took this time/)
  assert.equal(await page.getByText('Approved').count(), 0)
})

test('a request that has expired cannot be approved', limit, async (t) => {
  const { world, address, again } = await waiting(t)
  const page = await paired(t, browser, world, address)
  const [later] = await world.start(['serve', '--addr', '127.0.0.1:0', '--consent', 'human'], 'stderr', /http:\/\/127\.0\.0\.1:\d+\/mcp/, ahead)
  const elsewhere = new URL(address)
  elsewhere.port = new URL(later).port // the same request, eleven minutes later
  await page.goto(elsewhere.href)
  await heading(page, 'Too late')
  assert.equal(await button(page, 'Approve').count(), 0)
  await page.goto(address)
  await heading(page, 'Too late') // an expired proposal remains expired
  assert.equal((await again()).code, 'approval_needed')
  assert.equal(await world.writes(), 0)
})

test('on a telephone, in the dark, with twelve guests and long notes the buttons are in view', limit, async (t) => {
  const attendees = Array.from({ length: 12 }, (_, i) => ({ email: `guest${i}@example.com`, name: `Guest Number ${i} of a Rather Long Name` }))
  const { world, address } = await waiting(t, { attendees, notes: 'Line of notes. '.repeat(120) })
  const page = await paired(t, browser, world, address, { dark: true, width: 360 })
  await fitsTheScreen(page)
  for (const name of ['Approve', 'Decline']) {
    const box = await button(page, name).boundingBox()
    assert.ok(box.y >= 0 && box.y + box.height <= 740, `${name} is in view without scrolling: ${JSON.stringify(box)}`)
  }
  await page.screenshot({ path: `${process.env.SCREENSHOTS ?? world.home}/approval-phone.png` })
  await page.goto(inbox(address))
  await heading(page, 'Approvals')
  await fitsTheScreen(page)
})

test('a browser that is not paired sees nothing and changes nothing', limit, async (t) => {
  const { world, booking, address, again } = await waiting(t)
  for (const method of ['GET', 'HEAD', 'GET', 'POST']) {
    const body = method === 'POST' ? new URLSearchParams({ name: 'Eve', decision: 'approve' }) : undefined
    const response = await fetch(address, { method, body, headers: { 'User-Agent': 'Slackbot-LinkExpanding 1.0' } })
    assert.equal(response.status, 403)
    assert.ok(!(await response.text()).includes(booking.title))
  }
  const page = await tab(t, browser, address)
  await heading(page, 'This browser is not paired')
  assert.equal((await again()).code, 'approval_needed')
  assert.equal(await world.writes(), 0)
})

test('a link from another site leads to the page, though the cookie is SameSite=Strict', limit, async (t) => {
  const { world, address } = await waiting(t)
  const page = await paired(t, browser, world, 'about:blank')
  await page.goto(`${world.vennio}/_sandbox/state`) // 127.0.0.1 is another site than localhost
  await page.setContent(`<a href="${address}">the request</a>`)
  await page.getByRole('link').click()
  await heading(page, 'Approve this booking?')
})

test('a form on another page cannot approve', limit, async (t) => {
  const { world, address, again } = await waiting(t)
  const page = await paired(t, browser, world, address, { script: true })
  const elsewhere = new URL(world.vennio)
  for (const host of ['127.0.0.1', 'localhost']) { // another site, and another port of the same one
    elsewhere.hostname = host
    await page.goto(`${elsewhere.href}_sandbox/state`)
    await page.setContent(`<form method="post" action="${address}"><input name="name" value="Eve"><button name="decision" value="approve">Win</button></form>`)
    const [response] = await Promise.all([page.waitForResponse(address), button(page, 'Win').click()])
    assert.equal(response.status(), 403, host)
  }
  assert.equal((await again()).code, 'approval_needed')
  assert.equal(await world.writes(), 0)
})

test('what the agent wrote stays text', limit, async (t) => {
  const title = '<img src=x onerror="document.title=1"><b>Approved</b>'
  const { world, address } = await waiting(t, { title, notes: '</dd></dl><form><button>Approve</button></form><script>document.title=1</script>' })
  const page = await paired(t, browser, world, address, { script: true })
  const shown = await page.locator('dl').innerText() // the title is quoted, so its own quotation marks are replaced
  for (const part of ['<img src=x onerror=', '<b>Approved</b>']) assert.ok(shown.includes(part), shown)
  assert.equal(await page.locator('img, b, script, dl button').count(), 0)
  assert.equal(await button(page, 'Approve').count(), 1)
  assert.equal(await page.title(), 'Approve this booking?')
})
