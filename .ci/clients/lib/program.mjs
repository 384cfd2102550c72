// Starts the program under test and the sandbox for one test. Afterwards no process and no directory remains.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { launch } from './browser.mjs'
import { sdks } from './clients.mjs'
import { buildAhead } from './skewed.mjs'

const repository = fileURLToPath(new URL('../../..', import.meta.url))
const patience = 60_000 // ms until a process must have printed its address

/** build compiles a program into a temporary folder; module is the directory of its Go module. remove deletes the folder. */
export async function build(source = './cmd/vennio-mcp', module = '.') {
  const folder = await mkdtemp(join(tmpdir(), 'vennio-clients-'))
  const path = join(folder, basename(source))
  await promisify(execFile)('go', ['build', '-o', path, source], { cwd: join(repository, module) })
  return { path, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** What the tests of a file share, each file in a process of its own: the program, the program with a clock that is eleven
 * minutes ahead, and a browser. */
export let program, ahead, browser

/** prepare makes them before the tests of the file that calls it, and removes them afterwards. */
export function prepare({ withAhead = false, withBrowser = false } = {}) {
  before(async () => {
    program = await build()
    if (withAhead) ahead = await buildAhead(11 * 60)
    if (withBrowser) browser = await launch()
  }, { timeout: 600_000 })
  after(async () => { await browser?.close(); await program?.remove(); await ahead?.remove() })
}

/** World has a sandbox of Vennio and an empty home directory for the programs of one test. */
export class World {
  static async open(t, program) {
    const world = new World()
    world.program = program
    world.ends = []
    t.after(() => world.close())
    world.home = await mkdtemp(join(tmpdir(), 'vennio-home-'))
    world.env = { HOME: world.home, PATH: process.env.PATH, TZ: 'Europe/London' }
    const said = await world.start(['sandbox', '--addr', '127.0.0.1:0'], 'stdout', /(http:\/\/127\.0\.0\.1:\d+)[^]*Alice Marlow\s+(\S+)/)
    world.vennio = said[1]
    Object.assign(world.env, {
      VENNIO_API_URL: world.vennio, VENNIO_API_KEY: 'vennio_sk_test_clients', VENNIO_HOSTS: `Alice Marlow=${said[2]}`,
    })
    return world
  }

  async close() {
    for (const end of this.ends.reverse()) await end()
    await rm(this.home, { recursive: true, force: true })
  }

  /** start runs a program until the test ends, and waits until its output matches pattern. */
  async start(args, stream, pattern, program = this.program) {
    const child = spawn(program.path, args, { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] })
    const gone = once(child, 'exit')
    this.ends.push(async () => { child.kill('SIGKILL'); await gone })
    let said = ''
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${args[0]} never said ${pattern}: ${said}`)), patience)
      for (const each of ['stdout', 'stderr']) {
        child[each].on('data', (data) => {
          said += each === stream ? data : ''
          const found = pattern.exec(said)
          if (found) { clearTimeout(late); resolve(found) }
        })
      }
      child.on('exit', (code) => { clearTimeout(late); reject(new Error(`${args[0]} ended with ${code}: ${said}`)) })
    })
  }

  /** connect returns an agent connected to the program over 'stdio', 'http' or 'sse'; its calls return structured results. */
  async connect(transport, { protocol = '2025-11-25', consent = 'ask', program = this.program, ...options } = {}) {
    const sdk = sdks[protocol]
    return this.attach(transport === 'stdio'
      ? sdk.stdio({ command: program.path, args: ['--consent', consent], env: this.env, stderr: 'ignore' })
      : sdk[transport](new URL(await this.serve(consent, program))), { protocol, ...options })
  }

  /** attach returns an agent on a transport. */
  async attach(end, { protocol = '2025-11-25', capabilities = {}, onAsk } = {}) {
    const sdk = sdks[protocol]
    const client = sdk.client(capabilities, onAsk)
    this.ends.push(() => client.close())
    await client.connect(end)
    await client.listTools() // from now on the client validates results with the output schemas
    return {
      client, request: (params, options) => sdk.call(client, params, options),
      call: (name, args = {}, options) => sdk.call(client, { name, arguments: args }, options),
    }
  }

  /** serve starts the program on HTTP and returns the address of Streamable HTTP. */
  async serve(consent = 'ask', program = this.program) {
    const [address] = await this.start(['serve', '--addr', '127.0.0.1:0', '--consent', consent], 'stderr', /http:\/\/127\.0\.0\.1:\d+\/mcp/, program)
    return address
  }

  /** inTerminal runs a command in a terminal (util-linux's script) until its output matches pattern. */
  async inTerminal(command, pattern) {
    return this.start(['-qec', `'${this.program.path}' ${command}`, '/dev/null'], 'stdout', pattern, { path: 'script' })
  }

  /** pairingLink returns the link that vennio-mcp approvals link prints in a terminal. */
  async pairingLink() {
    const [address] = await this.inTerminal('approvals link', /http:\/\/localhost:\d+\/approvals\/pair\/[A-Z2-7]{26}/)
    return address
  }

  /** passkeyLink returns the link that vennio-mcp passkeys prints in a terminal. */
  async passkeyLink(command) {
    const [address] = await this.inTerminal(`passkeys ${command}`, /http:\/\/localhost:\d+\/approvals\/passkey\/[A-Z2-7]{26}/)
    return address
  }

  /** run runs a command to its end and returns its output; it fails if the command does. */
  async run(...args) {
    return (await promisify(execFile)(this.program.path, args, { env: this.env })).stdout
  }

  /** sandbox sends a control command to the sandbox: take, fail, pay and so on. */
  async sandbox(what, how = {}) {
    const response = await fetch(`${this.vennio}/_sandbox/${what}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(how) })
    assert.ok(response.ok, await response.text())
  }

  /** writes returns the number of bookings that were written to Vennio. */
  async writes() {
    const response = await fetch(`${this.vennio}/_sandbox/state`)
    assert.equal(response.status, 200)
    const { writes, bookings } = await response.json()
    assert.equal(bookings.length, writes)
    return writes
  }
}

/** firstSlot returns the arguments to book the first free time of next week: the first one of all may begin at any moment. */
export async function firstSlot(agent) {
  const found = await agent.call('find_slots', { when: 'next week' })
  assert.ok(!found.isError, JSON.stringify(found))
  return {
    slot_id: found.structuredContent.slots[0].slot_id,
    title: 'Introduction to Vennio',
    attendees: [{ email: 'ada@example.com', name: 'Ada Byron' }, { email: 'grace@example.org', name: 'Grace Hopper' }],
    notes: 'Please bring the figures of last quarter.\nWe start on time.',
    consent: { granted: true, given_by: 'Ada Byron', statement: 'Yes, book it' },
  }
}

/** book calls book_slot. The agent always claims consent, which must not be sufficient. */
export async function book(agent, booking, options) {
  const result = await agent.call('book_slot', booking, options)
  return { ...result.structuredContent, code: result.structuredContent.error?.code ?? result.structuredContent.reason, text: result.content[0].text, isError: result.isError }
}

/** findsAndBooks finds and books a slot, which every client must be able to do, and counts the writes to Vennio. */
export async function findsAndBooks(world, agent, method = 'attested by the agent') {
  const booking = await firstSlot(agent)
  const booked = await book(agent, booking)
  assert.ok(!booked.isError, booked.text)
  assert.equal(booked.status, 'confirmed')
  assert.equal(booked.consent.method, method)
  assert.equal((await book(agent, booking)).booking_id, booked.booking_id, 'a repeat is the same booking')
  assert.equal(await world.writes(), 1)
}

/** link returns the address of the approval page in a result. */
export function link(told) {
  const found = /http:\/\/localhost:\d+\/approvals\/[A-Z2-7]+/.exec(told.text)
  assert.ok(found, told.text)
  return found[0]
}

/** post submits a form like a browser without scripts, with a cookie. */
async function post(url, cookie, form) {
  const done = await fetch(url, {
    method: 'POST', redirect: 'manual', headers: { Cookie: cookie, Origin: new URL(url).origin }, body: new URLSearchParams(form),
  })
  assert.equal(done.status, 303, await done.text())
  return done
}

/** approve submits the approval page like a paired browser without scripts. */
export async function approve(world, url) {
  const pairing = await post(await world.pairingLink(), '', { name: 'Ada Byron' })
  const [cookie] = pairing.headers.getSetCookie()[0].split(';')
  await post(url, cookie, { name: 'Ada Byron', decision: 'approve' })
}
