// A real browser, Debian's chromium, without a screen.
import { chromium } from 'playwright-core'

/** launch starts the browser at CHROMIUM, or Debian's chromium. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    timeout: 120_000,
    args: [
      '--no-sandbox', '--headless=new', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  })
}

/** tab opens an address in a new browser context without cookies, and without scripts unless requested. */
export async function tab(t, browser, address, { script = false, dark = false, width = 900 } = {}) {
  const context = await browser.newContext({
    javaScriptEnabled: script, viewport: { width, height: width < 500 ? 740 : 900 }, colorScheme: dark ? 'dark' : 'light',
  })
  t.after(() => context.close())
  return open(context, address)
}

async function open(context, address) {
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(address)
  return page
}

/** paired returns a browser that was paired by a link and shows an address. again opens another tab. */
export async function paired(t, browser, world, address, options) {
  const page = await tab(t, browser, await world.pairingLink(), options)
  await page.getByLabel('Your name').fill('Ada Byron')
  await page.getByRole('button', { name: 'Pair this browser' }).click()
  await page.getByRole('heading', { name: 'Approvals', exact: true }).waitFor()
  await page.goto(address)
  return Object.assign(page, { again: (to = address) => open(page.context(), to) })
}

/** device returns a tab of a person whose browser has a virtual authenticator (DevTools protocol, WebAuthn), which confirms at
 * once. credentials are passkeys that it has from the start. borrow does something with the passkeys of another device, as over
 * Bluetooth. */
export async function device(t, browser, { credentials = [], isUserVerified = true, ...options } = {}) {
  const page = await tab(t, browser, 'about:blank', { script: true, ...options })
  const tools = await page.context().newCDPSession(page)
  await tools.send('WebAuthn.enable')
  const attach = async (transport, list) => {
    const { authenticatorId } = await tools.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', transport, hasResidentKey: true, hasUserVerification: true, isUserVerified, automaticPresenceSimulation: true },
    })
    const each = (method, more) => tools.send(`WebAuthn.${method}`, { authenticatorId, ...more })
    for (const credential of list) await each('addCredential', { credential })
    return each
  }
  const own = await attach('internal', credentials)
  const all = async (each) => (await each('getCredentials')).credentials
  return Object.assign(page, {
    credentials: () => all(own),
    async replace(list) {
      await own('clearCredentials')
      for (const credential of list) await own('addCredential', { credential })
    },
    async borrow(other, action) {
      const lent = await attach('usb', await other.credentials())
      await action()
      await other.replace(await all(lent)) // with their counters
      await lent('removeVirtualAuthenticator')
    },
  })
}
