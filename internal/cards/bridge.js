// The card's side of MCP Apps 2026-01-26: JSON-RPC messages with the window around it. They may come late, twice, in
// another order or not at all.
const host = { can: {}, context: {} }, handlers = {}, waiting = new Map()
let requests = 0
const post = (message) => parent.postMessage({ jsonrpc: '2.0', ...message }, '*')
function request(method, params, seconds = 60) {
  const id = ++requests
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => { waiting.delete(id); reject(Error('no answer')) }, seconds * 1000)
    waiting.set(id, ({ result, error }) => { clearTimeout(late); error ? reject(Error(error.message)) : resolve(result ?? {}) })
    post({ id, method, params })
  })
}
const callTool = (name, args, meta) => request('tools/call', { name, arguments: args, ...(meta && { _meta: meta }) })
addEventListener('message', async ({ source, data }) => {
  if (source !== parent || data?.jsonrpc !== '2.0') return
  const { id, method, params } = data
  if (!method) { const answered = waiting.get(id); waiting.delete(id); answered?.(data); return }
  const handle = handlers[method]
  if (id === undefined) { handle?.(params ?? {}); return }
  if (handle) post({ id, result: await handle(params ?? {}) ?? {} })
  else post({ id, error: { code: -32601, message: 'not supported' } })
})
function dress(context) {
  Object.assign(host.context, context)
  const root = document.documentElement
  if (context.theme) root.dataset.theme = context.theme
  for (const [name, value] of Object.entries(context.styles?.variables ?? {})) root.style.setProperty(name, value)
}
handlers.ping = handlers['ui/resource-teardown'] = () => {}
handlers['ui/notifications/host-context-changed'] = dress
async function connect(name, appCapabilities = {}) {
  let due, height
  new ResizeObserver(() => {
    clearTimeout(due)
    due = setTimeout(() => {
      const now = Math.ceil(document.body.getBoundingClientRect().height)
      if (now !== height) post({ method: 'ui/notifications/size-changed', params: { width: innerWidth, height: height = now } })
    }, 50)
  }).observe(document.body)
  try {
    const said = await request('ui/initialize', { appInfo: { name, version: '1' }, appCapabilities, protocolVersion: '2026-01-26' })
    host.can = said.hostCapabilities ?? {}
    dress(said.hostContext ?? {})
    post({ method: 'ui/notifications/initialized', params: {} })
  } catch { } // it may still send results
}
// Elements get text, never markup.
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'click') element.addEventListener(name, (event) => event.isTrusted && value())
    else if (value !== undefined) element.setAttribute(name, value)
  }
  element.append(...children.filter(Boolean))
  return element
}
const button = (label, click, cls) => el('button', { type: 'button', click, class: cls }, label)
const show = (...children) => document.getElementById('card').replaceChildren(...children.filter(Boolean))
const say = (text) => { document.getElementById('status').textContent = text }
const textOf = (result) => result.content?.find((part) => part.type === 'text')?.text ?? ''
const empty = (result) => !result.structuredContent && !textOf(result)
// tell passes a sentence to the model where the host does that; some lose it, so the person sees it as well.
async function tell(text) {
  const content = [{ type: 'text', text }]
  try {
    if (host.can.message) await request('ui/message', { role: 'user', content }, 10)
    else if (host.can.updateModelContext) await request('ui/update-model-context', { content }, 10)
  } catch { }
}
