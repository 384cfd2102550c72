// req: C15. The MCP Inspector opens both cards. A person books by the form as a card, and by the card of a request whose
// form they closed. SCREENSHOTS=folder keeps pictures.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { installed, node22 } from '../lib/installed.mjs'
import { browser, prepare, program, World } from '../lib/program.mjs'

const limit = { timeout: 300_000 }

prepare({ withBrowser: true })

/** unusedPort returns a port below those that systems choose by themselves, and none that Chromium refuses (10080). Without
 * it every Inspector takes 6274; it accepts no 0. */
async function unusedPort() {
  for (;;) {
    const port = 11_000 + Math.floor(19_000 * Math.random()), server = createServer()
    const unused = await new Promise((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (unused) return port
  }
}

/** inspector opens the Apps tab of the Inspector's page, connected to the program. */
async function inspector(t, form) {
  const world = await World.open(t, program)
  world.env.VENNIO_CONSENT_FORM = form
  const address = await world.serve('ask')
  const agent = await world.attach(new (await import('@modelcontextprotocol/sdk/client/streamableHttp.js')).StreamableHTTPClientTransport(new URL(address)))
  const child = spawn(node22, [installed('@modelcontextprotocol/inspector/clients/launcher/build/index.js'), '--web', '--transport', 'http', '--server-url', address], {
    env: { ...world.env, MCP_AUTO_OPEN_ENABLED: 'false', CLIENT_PORT: String(await unusedPort()), MCP_SANDBOX_PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
  })
  world.ends.push(() => process.kill(-child.pid, 'SIGKILL')) // with the processes that it started
  const page = await browser.newPage({ viewport: { width: 1400, height: 1100 } })
  t.after(() => page.close())
  page.setDefaultTimeout(60_000)
  await page.goto(await new Promise((resolve, reject) => {
    let said = ''
    child.on('exit', (code) => reject(new Error(`the Inspector ended with ${code}: ${said}`)))
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { said += data; const found = /http:\/\/127\.0\.0\.1:\d+\?MCP\S{40,}/.exec(said); if (found) resolve(found[0]) })
  }))
  await page.addStyleTag({ content: '* { backdrop-filter: none !important; transition: none !important; animation: none !important }' })
  await page.locator('label:has([role=switch]), [role=switch]').first().click({ force: true })
  await page.getByText('Apps', { exact: true }).first().click()
  const picture = (name) => process.env.SCREENSHOTS && page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png`, timeout: 60_000 })
  const card = () => page.locator('iframe').last().contentFrame().locator('iframe').contentFrame()
  const open = async (tool, fill) => {
    await page.getByText(tool, { exact: true }).first().click()
    await fill?.()
    await page.getByRole('button', { name: /Open App/ }).click()
  }
  const slot = (await agent.call('find_slots', { when: 'next week' })).structuredContent.slots[0]
  const book = () => open('Book a slot', async () => {
    await page.getByRole('textbox', { name: 'slot_id' }).fill(slot.slot_id)
    await page.getByRole('textbox', { name: 'title' }).fill('Introduction to Vennio')
    await page.getByRole('button', { name: 'Add item' }).first().click()
    await page.getByRole('textbox', { name: 'email' }).fill('ada@example.com')
    const granted = page.getByRole('checkbox', { name: 'granted' })
    await granted.check() // an untouched checkbox has no value
    await granted.uncheck()
  })
  return { world, page, card, open, book, picture }
}

test('the Inspector shows free times, and the form as a card', limit, async (t) => {
  const { world, card, open, book, picture } = await inspector(t, 'card')
  await open('Find free times')
  await card().getByRole('heading', { name: 'Free times' }).waitFor()
  await picture('inspector-slots')
  await book()
  await card().getByRole('heading', { name: 'Do you agree?' }).waitFor()
  await picture('inspector-form')
  await card().getByRole('button', { name: 'Approve' }).click()
  await card().getByRole('heading', { name: 'Booked' }).waitFor()
  await picture('inspector-booked')
  assert.equal(await world.writes(), 1)
})

test('the Inspector shows a request as a card, and its Approve books', limit, async (t) => {
  const { world, page, card, book, picture } = await inspector(t, 'native')
  await book()
  await page.getByRole('button', { name: 'Cancel', exact: true }).last().click() // the form
  await card().getByRole('heading', { name: 'Book this?' }).waitFor()
  await picture('inspector-request')
  await card().getByRole('button', { name: 'Approve' }).click()
  await card().getByRole('heading', { name: 'Booked' }).waitFor()
  assert.equal(await world.writes(), 1)
})
