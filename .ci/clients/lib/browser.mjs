// A real browser, Debian's chromium, without a screen.
import { chromium } from 'playwright-core'

/** launch starts the browser at CHROMIUM, or where Debian keeps it. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    timeout: 30_000,
    args: [
      '--no-sandbox', '--headless=new', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  })
}

/** tab is a person's browser at an address: cookies of its own, and no script unless asked for. */
export async function tab(t, browser, address, { script = false } = {}) {
  const context = await browser.newContext({ javaScriptEnabled: script, viewport: { width: 900, height: 900 }, colorScheme: 'light' })
  t.after(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  await page.goto(address)
  return page
}
