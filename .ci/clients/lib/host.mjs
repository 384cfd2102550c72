// A host of cards (MCP Apps): AppBridge of @modelcontextprotocol/ext-apps in a page of one origin, a proxy in a frame of
// another, and in it the card, sandboxed and under the policy that the specification prescribes.
import { build } from 'esbuild'
import { installed } from './installed.mjs'

const [page, proxy] = ['http://host.test', 'http://sandbox.test'] // answered below, never by a network
const policy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self' data:; connect-src 'none'"

const { outputFiles: [bundle] } = await build({
  stdin: {
    contents: `export { AppBridge, PostMessageTransport } from ${JSON.stringify(installed('@modelcontextprotocol/ext-apps/dist/src/app-bridge.js'))}`,
    resolveDir: installed(''),
  },
  bundle: true, format: 'iife', globalName: 'apps', platform: 'browser', write: false, logLevel: 'error',
})

/** relay is the script of the proxy: it passes messages between the host and the card, and nothing else. */
const relay = `
  const card = document.querySelector('iframe')
  addEventListener('message', ({ source, data }) => {
    if (source === parent) card.contentWindow.postMessage(data, '*')
    else if (source === card.contentWindow) parent.postMessage(data, '*')
  })`

/** watch runs in each frame before its scripts. It notes in window.wereDisabled the buttons that were disabled, if only for a
 * moment that a slow machine does not see from outside. */
function watch() {
  window.wereDisabled = []
  new MutationObserver(() => {
    for (const { textContent } of document.querySelectorAll('button:disabled')) window.wereDisabled.push(textContent)
  }).observe(document, { childList: true, subtree: true, attributeFilter: ['disabled'] })
}

/** serve runs in the page of the host. It connects the bridge, and calls window.hostCall for what the card asks for. */
function serve({ address, can, context, early }) {
  const frame = document.querySelector('iframe'), bridge = new apps.AppBridge(null, { name: 'host', version: '1' }, can, { hostContext: context })
  const ask = (what) => (params) => window.hostCall(what, params).then((answer) => { if (answer.failed) throw new Error(answer.failed); return answer })
  bridge.oncalltool = ask('tools/call')
  bridge.onopenlink = ask('ui/open-link')
  bridge.onmessage = ask('ui/message')
  bridge.onupdatemodelcontext = ask('ui/update-model-context')
  bridge.ondownloadfile = ask('ui/download-file')
  bridge.onsizechange = ({ height }) => { if (height) frame.style.height = `${height}px` }
  window.post = (message) => frame.contentWindow.postMessage(message, '*') // for hosts that break the order
  window.bridge = bridge
  return new Promise((resolve) => {
    bridge.oninitialized = () => resolve()
    if (early) addEventListener('message', () => { for (const message of early) window.post(message) }, { once: true }) // before the answer to ui/initialize
    frame.contentWindow.location = address
    bridge.connect(new apps.PostMessageTransport(frame.contentWindow, frame.contentWindow))
  })
}

/**
 * openCard shows a card. agent is a connected client of the server, whose process calls the tools for the card. weak
 * changes what the host does: result and call change a result on the way to the card and a call on the way to the server.
 */
export async function openCard(t, browser, agent, uri, { weak = {}, dark = false, width = 520, can, context = {} } = {}) {
  const read = await agent.client.readResource({ uri })
  const [{ text: html, mimeType }] = read.contents
  const tab = await browser.newContext({ viewport: { width, height: 1400 }, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' })
  t.after(() => tab.close())
  await tab.addInitScript(watch)
  const view = await tab.newPage()
  view.setDefaultTimeout(60_000)
  const body = (html, headers = {}) => ({ body: html, contentType: 'text/html; charset=utf-8', headers })
  const errors = []
  view.on('pageerror', (error) => errors.push(error.message))
  view.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await view.route('**/*', (route) => {
    const { origin, pathname } = new URL(route.request().url())
    if (origin === page) return route.fulfill(body(`<!doctype html><body style="margin:0"><iframe style="border:0;width:100%;height:60px;display:block"></iframe>`))
    if (origin === proxy && pathname === '/card') return route.fulfill(body(html, { 'Content-Security-Policy': policy }))
    if (origin === proxy) return route.fulfill(body(`<!doctype html><body style="margin:0"><iframe src="/card" sandbox="allow-scripts" style="border:0;width:100%;height:100vh;display:block"></iframe><script>${relay}</script>`))
    errors.push(`the card loads ${route.request().url()}`)
    return route.abort()
  })
  const host = { page: view, errors, mimeType, html, calls: [], links: [], said: [], files: [] }
  await view.exposeFunction('hostCall', async (what, params) => {
    if (what === 'tools/call') {
      host.calls.push(params)
      return weak.call ? weak.call(params, (changed) => agent.request(changed)) : agent.request(params)
    }
    if (what === 'ui/open-link') host.links.push(params.url)
    if (what === 'ui/download-file') host.files.push(params.contents[0].resource)
    if (what === 'ui/message' || what === 'ui/update-model-context') host.said.push(params.content[0].text)
    return what === 'ui/message' && weak.message === false ? { isError: true } : {}
  })
  await view.goto(page)
  await view.addScriptTag({ content: bundle.text })
  const capabilities = can ?? { openLinks: {}, serverTools: {}, message: { text: {} }, updateModelContext: { text: {} }, downloadFile: {} }
  await view.evaluate(serve, { address: `${proxy}/`, can: capabilities, context: { theme: dark ? 'dark' : 'light', ...context }, early: weak.early })
  host.card = view.frameLocator('iframe').frameLocator('iframe')
  host.frame = () => view.frames().find((frame) => frame.url() === `${proxy}/card`)
  host.input = (args) => view.evaluate((params) => bridge.sendToolInput(params), { arguments: args })
  host.cancel = () => view.evaluate(() => bridge.sendToolCancelled({ reason: 'the person stopped it' }))
  host.result = (result) => view.evaluate((params) => bridge.sendToolResult(params), weak.result ? weak.result(structuredClone(result)) : result)
  host.first = async (what) => { while (!host[what].length) await view.waitForTimeout(50); return host[what][0] } // a card shows something before it says so
  host.text = () => host.card.locator('body').innerText()
  host.button = (name) => host.card.getByRole('button', { name, exact: typeof name === 'string' })
  host.heading = (name) => host.card.getByRole('heading', { name, exact: true, level: 2 }).waitFor()
  return host
}
