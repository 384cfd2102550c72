// req: C4, C5, C13. A person signs with a passkey in a real browser with a virtual authenticator, and no wrong signature counts.
// SCREENSHOTS=docs/images writes the screenshots of the documentation.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { test } from 'node:test'
import { device, tab } from '../lib/browser.mjs'
import { ahead, book, browser, firstSlot, link, prepare, program, World } from '../lib/program.mjs'
import { rejectsChanges } from '../lib/signatures.mjs'

prepare({ withAhead: true, withBrowser: true })

const limit = { timeout: 240_000 }
const serve = ['serve', '--addr', '127.0.0.1:0', '--consent', 'signed']

const button = (page, name) => page.getByRole('button', { name, exact: true })
const approving = (page) => button(page, 'Approve with a passkey')
const heading = (page, text) => page.getByRole('heading', { name: text, exact: true }).waitFor()
const shown = (page) => page.locator('main').innerText()

async function picture(world, page, name) {
  const folder = process.env.SCREENSHOTS ?? world.home
  await mkdir(folder, { recursive: true })
  const { height, y } = await page.locator('main').boundingBox()
  const { width, height: most } = page.viewportSize()
  await page.screenshot({ path: `${folder}/${name}.png`, clip: { x: 0, y: 0, width, height: Math.min(most, y + height + 30) } })
}

/** addPasskey adds a passkey with vennio-mcp passkeys add. confirming is the device with an earlier passkey of the tenant. */
async function addPasskey(world, page, confirming) {
  await page.goto(await world.passkeyLink('add --name "Ada Byron"'))
  await button(page, 'Add a passkey').click()
  if (confirming) {
    await heading(page, 'Confirm the new passkey')
    await page.borrow(confirming, () => confirm(page, 'The passkey was added'))
  }
  await heading(page, 'The passkey was added')
}

async function confirm(page, done) {
  await button(page, 'Confirm with a passkey').click()
  await heading(page, done)
}

/** signedWorld returns a world under the policy signed with one agent, and the device of Ada, who has a passkey. */
async function signedWorld(t, transport = 'http') {
  const world = await World.open(t, program)
  const ada = await device(t, browser)
  await addPasskey(world, ada)
  const agent = await world.connect(transport, { consent: 'signed' })
  return { world, ada, agent }
}

/** request has the agent ask for a booking, which the page of the returned address approves. */
async function request(agent, change = {}) {
  const booking = { ...await firstSlot(agent), ...change }
  const told = await book(agent, booking)
  assert.equal(told.code, 'approval_needed', told.text)
  return { address: link(told), again: () => book(agent, booking) }
}

/** unwritten checks that nothing was booked or approved, and that the ledger holds. */
async function unwritten(world) {
  assert.equal(await world.writes(), 0, 'nothing is written')
  const kinds = (await world.run('ledger', 'list', '--json')).trim().split('\n').map((line) => JSON.parse(line).kind)
  assert.deepEqual(kinds.filter((kind) => !['passkey_added', 'passkey_removed', 'proposed', 'expired'].includes(kind)), [], 'nothing is approved')
  await world.run('ledger', 'verify')
}

for (const transport of ['stdio', 'http']) {
  test(`a person adds a passkey and approves with it, over ${transport}`, limit, async (t) => {
    const { world, ada, agent } = await signedWorld(t, transport)
    const { address, again } = await request(agent)
    await ada.goto(address)
    await heading(ada, 'Approve this booking?')
    await unwritten(world)
    if (transport === 'http') await picture(world, ada, 'passkey-approval')
    await approving(ada).dblclick()
    await heading(ada, 'Booked')
    assert.equal(await world.writes(), 1)
    const booked = await again()
    assert.deepEqual([booked.status, booked.consent.method, booked.consent.given_by], ['confirmed', 'signed with a passkey', 'Ada Byron'], booked.text)
    assert.match(await world.run('ledger', 'verify'), /Signatures by passkeys: 1, all valid/)
    const [{ public_key: key, rp }] = (await world.run('passkeys', 'list', '--json')).trim().split('\n').map((line) => JSON.parse(line))
    const line = (await world.run('ledger', 'export')).split('\n').find((each) => each.includes('"kind":"approved"'))
    await rejectsChanges(line, key, rp)
  })
}

test('a person declines with the passkey', limit, async (t) => {
  const { world, ada, agent } = await signedWorld(t)
  const { address, again } = await request(agent)
  await ada.goto(address)
  await button(ada, 'Decline').click()
  await heading(ada, 'Declined')
  assert.equal((await again()).code, 'consent_declined')
  assert.equal(await world.writes(), 0)
  assert.match(await world.run('ledger', 'verify'), /Signatures by passkeys: 1, all valid/)
})

/** sign uses a passkey of a tab with the options of another page. */
const sign = (page, options) => page.evaluate(async (text) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(text))
  return JSON.stringify((await navigator.credentials.get({ publicKey })).toJSON())
}, options)

/** alter changes the next form that a page sends, between the browser and the server. */
async function alter(page, change) {
  let done = false
  await page.route((url) => url.pathname.startsWith('/approvals/'), async (route) => {
    if (done || route.request().method() !== 'POST') return route.continue()
    done = true
    const form = new URLSearchParams(route.request().postData())
    await change(form)
    return route.continue({ postData: form.toString() })
  })
}

/** altered returns the answer of a browser with a changed response. */
function altered(text, change) {
  const answer = JSON.parse(text)
  change(answer.response)
  return JSON.stringify(answer)
}

const flipped = (text) => (text[20] === 'A' ? 'B' : 'A') // base64url
const approve = (page) => approving(page).click()
const options = (page) => approving(page).getAttribute('data-sign')

/** Answers that must not count. by does what is wrong with the page of a request, on Ada's device; says is a part of the explanation that
 * the page then shows; unsent means that the browser refuses, so that the server gets no answer. another is the page of another request on the same device; earlier is a form that approved a third one. */
const wrong = {
  'a replayed signature': {
    says: /signature is for something else[^]*look again and decide/,
    async by({ page, earlier }) {
      await alter(page, (form) => { for (const [name, value] of earlier) form.set(name, value) })
      await approve(page)
    },
  },
  'a replayed signature with the nonce of this page': {
    says: /signature is for something else/,
    async by({ page, earlier }) {
      await alter(page, (form) => form.set('passkey', earlier.get('passkey')))
      await approve(page)
    },
  },
  'a signature swapped with that of another open request': {
    says: /signature is for something else/,
    async by({ page, another }) {
      const signed = await sign(another, await options(another))
      await alter(page, (form) => form.set('passkey', signed))
      await approve(page)
    },
  },
  'a signature over another act, made on this page': {
    says: /signature is for something else/,
    async by({ page, another }) {
      await approving(page).evaluate((element, text) => { element.dataset.sign = text }, await options(another))
      await approve(page)
    },
  },
  'a refusal that is sent as an approval': {
    says: /signature is for something else/,
    async by({ page }) {
      await alter(page, (form) => form.set('decision', 'approve'))
      await button(page, 'Decline').click()
    },
  },
  'a nonce that the server did not make': {
    says: /signature is for something else/,
    async by({ page }) {
      await alter(page, (form) => form.set('nonce', Buffer.alloc(32, 7).toString('base64url')))
      await approve(page)
    },
  },
  'a truncated answer': {
    says: /answer about the passkey was incomplete. Please try again/,
    async by({ page }) {
      await alter(page, (form) => form.set('passkey', form.get('passkey').slice(0, -30)))
      await approve(page)
    },
  },
  'a truncated signature': {
    says: /not that of the passkey on record. Please try again/,
    async by({ page }) {
      await alter(page, (form) => form.set('passkey', altered(form.get('passkey'), (response) => { response.signature = response.signature.slice(0, 40) })))
      await approve(page)
    },
  },
  'a changed signature': {
    says: /not that of the passkey on record. Please try again/,
    async by({ page }) {
      await alter(page, (form) => form.set('passkey', altered(form.get('passkey'), (response) => {
        response.signature = response.signature.slice(0, 20) + flipped(response.signature) + response.signature.slice(21)
      })))
      await approve(page)
    },
  },
  'a page of another origin on this machine': {
    says: /used at another address[^]*open the page at the address that you were given/,
    async by({ page, world, twin }) {
      const elsewhere = await twin()
      await elsewhere.goto(`${world.vennio.replace('127.0.0.1', 'localhost')}/_sandbox/state`)
      const signed = await sign(elsewhere, await options(page))
      await alter(page, (form) => form.set('passkey', signed))
      await approve(page)
    },
  },
  'a page of another relying party': {
    says: /used at another address/,
    async by({ page, twin }) {
      const elsewhere = await twin((credential) => ({ ...credential, rpId: 'shop.example' }))
      await elsewhere.route('https://shop.example/', (route) => route.fulfill({ body: 'A shop' }))
      await elsewhere.goto('https://shop.example/')
      const asked = await options(page)
      await assert.rejects(sign(elsewhere, asked), /SecurityError/, 'the browser refuses to use a passkey of another site')
      const signed = await sign(elsewhere, JSON.stringify({ ...JSON.parse(asked), rpId: 'shop.example' }))
      await alter(page, (form) => form.set('passkey', signed))
      await approve(page)
    },
  },
  'no user verification: the browser refuses': {
    says: /no passkey was used[^]*could not check that it is you. Try again/, unsent: true,
    async by({ twin, address }) {
      const unverified = await twin(undefined, { isUserVerified: false })
      await unverified.goto(address)
      await approve(unverified)
      return unverified
    },
  },
  'no user verification, on a page that does not ask for it': {
    says: /did not check that it is you. Set up its PIN, fingerprint or face recognition/,
    async by({ twin, address }) {
      const unverified = await twin(undefined, { isUserVerified: false })
      await unverified.goto(address)
      await approving(unverified).evaluate((element) => {
        element.dataset.sign = JSON.stringify({ ...JSON.parse(element.dataset.sign), userVerification: 'discouraged' })
      })
      await approve(unverified)
      return unverified
    },
  },
  'a decreased counter, as a copy of the passkey has it': {
    says: /somebody may have a copy of it. Use another passkey, and remove this one/,
    async by({ page, twin, address }) {
      const copy = await twin((credential) => ({ ...credential, signCount: 0 }))
      await copy.goto(address)
      await approve(copy)
      return copy
    },
  },
  'a passkey with the right id and another key': {
    says: /not that of the passkey on record/,
    async by({ twin, stranger, address }) {
      const { privateKey } = (await stranger.credentials())[0]
      const forged = await twin((credential) => ({ ...credential, privateKey, signCount: 100 }))
      await forged.goto(address)
      await approve(forged)
      return forged
    },
  },
  'a passkey that nobody added': {
    says: /not one of those that may sign here[^]*vennio-mcp passkeys add/,
    async by({ page, stranger, address }) {
      await stranger.goto(address)
      const signed = await sign(stranger, JSON.stringify({ ...JSON.parse(await options(stranger)), allowCredentials: [] }))
      await alter(page, (form) => form.set('passkey', signed))
      await approve(page)
    },
  },
  'a device without the passkey: the browser refuses': {
    says: /this device has no passkey for this page[^]*open this address on the device with your passkey/, unsent: true,
    async by({ stranger, address }) {
      await stranger.goto(address)
      await approve(stranger)
      return stranger
    },
  },
  'no signature, in a browser without scripts': {
    says: /must be signed with a passkey, which needs JavaScript[^]*allow it for this page/,
    async by({ t, address }) {
      const plain = await tab(t, browser, address)
      await approve(plain)
      return plain
    },
  },
}

test('no wrong signature approves, and the page says what to do', { timeout: 240_000 }, async (t) => {
  const { world, ada, agent } = await signedWorld(t)
  const twin = async (change = (credential) => credential, more = {}) =>
    device(t, browser, { credentials: (await ada.credentials()).map(change), ...more })
  const slots = (await agent.call('find_slots', { when: 'next week' })).structuredContent.slots.map((slot) => slot.slot_id)

  // An approval that succeeds, to be replayed.
  const first = await request(agent, { slot_id: slots[0] })
  let earlier
  await ada.goto(first.address)
  await alter(ada, (form) => { earlier = [...form] })
  await approve(ada)
  await heading(ada, 'Booked')
  earlier = new URLSearchParams(earlier)

  const { address } = await request(agent, { slot_id: slots[1] })
  const other = (await request(agent, { slot_id: slots[2] })).address
  const another = await twin()
  await another.goto(other)
  const stranger = await device(t, browser)
  await stranger.goto(`${address}/none`)
  await stranger.evaluate(() => navigator.credentials.create({ publicKey: {
    challenge: new Uint8Array(32), rp: { name: 'x', id: 'localhost' }, user: { id: new Uint8Array(16), name: 'Eve', displayName: 'Eve' },
    pubKeyCredParams: [{ type: 'public-key', alg: -7 }], authenticatorSelection: { residentKey: 'required' },
  } }))
  const before = await world.run('ledger', 'list', '--json')
  for (const [name, { says, unsent, by }] of Object.entries(wrong)) {
    await t.test(name, async () => {
      const page = await twin()
      await page.goto(address)
      const tried = await by({ t, world, page, stranger, address, another, earlier, twin }) ?? page
      await tried.getByRole(unsent ? 'alert' : 'status').filter({ hasText: /^Nothing was changed: / }).waitFor() // the script's, or the server's
      assert.match(await shown(tried), says)
      assert.match(await tried.getByRole('heading', { level: 1 }).innerText(), /^Approve this booking\?$/, 'the person can try again')
      if (name.startsWith('a decreased counter')) await picture(world, tried, 'passkey-refused')
      assert.equal(await world.writes(), 1, 'nothing more is written')
      assert.equal(await world.run('ledger', 'list', '--json'), before, 'the ledger is unchanged')
    })
  }
  await world.run('ledger', 'verify')
  const page = await twin((credential) => ({ ...credential, signCount: credential.signCount + 50 }))
  await page.goto(address)
  await approve(page)
  await heading(page, 'Booked') // the same request, with a right signature
  assert.equal(await world.writes(), 2)
})

test('a passkey is added by its link only, once, and after user verification', limit, async (t) => {
  const world = await World.open(t, program)
  const address = await world.passkeyLink('add --name "Ada Byron"')
  const unverified = await device(t, browser, { isUserVerified: false })
  await unverified.goto(address)
  await button(unverified, 'Add a passkey').click()
  await unverified.getByText(/no passkey was used[^]*could not check that it is you. Try again/).waitFor()
  const ada = await device(t, browser)
  await ada.goto(address)
  await picture(world, ada, 'passkey-add')
  for (const [field, value, says] of [['made', '{}', /incomplete. Please try again/], ['made_nonce', 'AAAA', /something else/]]) {
    await ada.goto(address)
    await alter(ada, (form) => form.set(field, value))
    await button(ada, 'Add a passkey').click()
    await ada.getByText(says).waitFor()
  }
  assert.match(await world.run('passkeys', 'list'), /No passkey was added/)
  const clean = await device(t, browser) // the first one has a passkey by now, though it was not accepted
  await clean.goto(address)
  await button(clean, 'Add a passkey').click()
  await heading(clean, 'The passkey was added')
  const server = await world.serve('signed') // it serves these links too
  await ada.goto(new URL(new URL(address).pathname, server.replace('127.0.0.1', 'localhost')).href)
  await heading(ada, 'This link cannot be used')
  assert.match(await shown(ada), /Run vennio-mcp passkeys again for a new one/)

  const eve = await device(t, browser)
  await eve.goto(await world.passkeyLink('add --name "Ada Byron"'))
  await button(eve, 'Add a passkey').click()
  await heading(eve, 'Confirm the new passkey')
  await button(eve, 'Confirm with a passkey').click()
  await eve.getByText(/this device has no passkey for this page/).waitFor() // its new one is not asked
  await clean.goto(await world.passkeyLink('add --name "Ada Byron"'))
  await button(clean, 'Add a passkey').click()
  await clean.getByText(/this device has a passkey for this page already/).waitFor()
  assert.equal((await world.run('passkeys', 'list', '--json')).trim().split('\n').length, 1)
})

test('two passkeys of one person: either signs, and one that was removed while its page was open does not', limit, async (t) => {
  const { world, ada, agent } = await signedWorld(t)
  const telephone = await device(t, browser, { dark: true, width: 360 })
  await addPasskey(world, telephone, ada)
  const { address } = await request(agent)
  await ada.goto(address)
  const [{ id }] = (await world.run('passkeys', 'list', '--json')).split('\n', 1).map((line) => JSON.parse(line))
  await telephone.goto(await world.passkeyLink(`remove ${id}`))
  await heading(telephone, 'Remove a passkey')
  await confirm(telephone, 'The passkey was removed')
  await approve(ada)
  await ada.getByText(/not one of those that may sign here, or it was removed. Use another one/).waitFor()
  await unwritten(world)
  await telephone.goto(address)
  await picture(world, telephone, 'passkey-phone')
  await approve(telephone)
  await heading(telephone, 'Booked')
  assert.equal(await world.writes(), 1)
  assert.match(await world.run('ledger', 'verify'), /Signatures by passkeys: 3, all valid/)
})

test('a lost device: its passkey is removed in a terminal, which the record shows', limit, async (t) => {
  const { world, agent } = await signedWorld(t)
  const { address } = await request(agent)
  const bought = await device(t, browser)
  await bought.goto(address)
  await approve(bought)
  await bought.getByText(/this device has no passkey for this page/).waitFor()
  const [{ id }] = (await world.run('passkeys', 'list', '--json')).split('\n', 1).map((line) => JSON.parse(line))
  await assert.rejects(world.run('passkeys', 'remove', id, '--lost'), /run this in a terminal/)
  await world.inTerminal(`passkeys remove ${id} --lost`, /removed without a signature/)
  await unwritten(world)
  await addPasskey(world, bought)
  await bought.goto(address)
  await approve(bought)
  await heading(bought, 'Booked')
  assert.equal((await world.run('ledger', 'verify')).match(/Attention: /g).length, 2)
})

test('a signature that arrives after the request has expired', limit, async (t) => {
  const { world, ada, agent } = await signedWorld(t, 'stdio')
  const { address } = await request(agent)
  const server = (program, port) => world.start(['serve', '--addr', `127.0.0.1:${port}`, '--consent', 'signed'], 'stderr', /http:\/\/127\.0\.0\.1:(\d+)\/mcp/, program)
  const [, port] = await server(program, 0)
  const stop = world.ends.at(-1)
  const page = new URL(address)
  page.port = port
  await ada.goto(page.href)
  await alter(ada, async () => { // the same address, eleven minutes later
    await stop()
    await server(ahead, port)
  })
  await approve(ada)
  await heading(ada, 'Too late')
  assert.match(await shown(ada), /has expired. Nothing was changed; the assistant can ask again/)
  await unwritten(world)
})
