// req: O2. docs/operations/dashboard.json with a real Prometheus (Debian's package) that scrapes a real server under traffic:
// the query of every panel returns data. This file draws the panels in a simpler way than Grafana does, as SVG.
// SCREENSHOTS=docs/images TRAFFIC_SECONDS=90 writes the picture of the documentation.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sdks } from './lib/clients.mjs'
import { browser, prepare, program, World } from './lib/program.mjs'

const board = JSON.parse(await readFile(fileURLToPath(new URL('../../docs/operations/dashboard.json', import.meta.url))))
const seconds = Number(process.env.TRAFFIC_SECONDS ?? 15)

prepare({ withBrowser: true })

/** sink answers the requests of follow-ups: some are to be retried, one is a dead letter. */
async function sink(t) {
  let received = 0
  const server = createServer((_, response) => { received++; response.writeHead(received === 3 ? 400 : received % 7 === 0 ? 503 : 204).end() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${server.address().port}/`
}

/** served starts the server with a sink and a webhook, and Prometheus; it returns their addresses. */
async function served(t, world) {
  const settings = join(world.home, 'vennio.yml'), config = join(world.home, 'prometheus.yml')
  await writeFile(settings, `sinks:\n  - {name: crm, type: http, url: "${await sink(t)}", secret: a-secret-for-the-sink, pause: 1s}\n`)
  world.env.VENNIO_MCP_SETTINGS = settings
  const address = await world.serve('ask')
  const { host, origin } = new URL(address)
  await world.run('webhooks', 'register', '--url', `${origin}/webhooks/vennio`)
  await writeFile(config, `scrape_configs: [{job_name: vennio-mcp, scrape_interval: 1s, static_configs: [{targets: ["${host}"]}]}]`)
  const [, prometheus] = await world.start(
    [`--config.file=${config}`, `--storage.tsdb.path=${world.home}/tsdb`, '--web.listen-address=127.0.0.1:0'],
    'stderr', /msg="Listening on"[^\n]* address=(\S+:\d+)/, { path: 'prometheus' })
  return { address, origin, prometheus: `http://${prometheus}` }
}

/** traffic makes calls as several agents and people would: bookings with both kinds of consent, changes, refusals, mistakes,
 * failures of Vennio, and deliveries with a wrong signature. On a slow machine it takes longer, so that each kind occurs. */
async function traffic(world, { address, origin }) {
  const answers = ['accept', 'accept', 'accept', 'decline', 'cancel']
  let asked = 0
  const onAsk = async () => ({ action: answers[asked++ % answers.length], content: { approve: true } })
  const connect = (options) => world.attach(sdks['2025-11-25'].http(new URL(address)), options)
  const forms = await connect({ capabilities: { elicitation: { form: {} } }, onAsk }), plain = await connect()
  for (let round = 0, end = Date.now() + seconds * 1000; Date.now() < end || round < 30; round++) {
    await new Promise((resolve) => setTimeout(resolve, 100 + 400 * Math.abs(Math.sin(round / 20))))
    const agent = round % 2 ? forms : plain
    const found = await agent.call('find_slots', { when: `in ${1 + (round % 40)} days`, limit: 10 })
    if (!found.structuredContent?.slots?.length) continue // a weekend, or a failure
    const { slot_id } = found.structuredContent.slots[round % found.structuredContent.slots.length]
    const consent = agent === forms ? { granted: false } : { granted: true, given_by: 'Ada Byron', statement: 'Yes, book it' }
    if (round % 5 === 2) await world.sandbox('fail', { n: 1, status: 503 })
    if (round % 9 === 4) await world.sandbox('slow', { n: 1, milliseconds: 400 })
    if (round % 12 === 7) await world.sandbox('lose', { n: 3 })
    const made = await agent.call('book_slot', { slot_id, title: `Meeting ${round}`, attendees: [{ email: 'ada@example.com', name: 'Ada Byron' }], consent })
    await agent.call('list_bookings')
    const id = made.structuredContent?.booking?.booking_id
    if (id) await agent.call('get_booking', { booking_id: id })
    if (id && round % 3 === 0) await agent.call('cancel_booking', { booking_id: id, consent })
    if (round % 4 === 1) await agent.call('find_slots', { timezone: 'Eastern Standard Thyme' })
    if (round % 10 === 3) await fetch(`${origin}/webhooks/vennio`, { method: 'POST', body: '{}' })
  }
}

/** ask runs the query of a panel as Grafana does: an instant query for stat, otherwise a range. */
async function ask(prometheus, panel, { expr, legendFormat }, { start, end }) {
  const query = expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '15s')
  const [path, time] = panel.type === 'stat' ? ['query', { time: end }] : ['query_range', { start, end, step: Math.max(1, seconds / 100) }]
  const response = await (await fetch(`${prometheus}/api/v1/${path}?${new URLSearchParams({ query, ...time })}`)).json()
  assert.equal(response.status, 'success', `${panel.title}: ${query}: ${response.error}`)
  return response.data.result.map(({ metric, value, values = [value] }) => ({
    name: legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label]),
    points: values.map(([at, v]) => [at, Number(v)]).filter(([, v]) => Number.isFinite(v)),
  })).filter(({ points }) => points.length)
}

const units = {
  short: (v) => v < 10 ? String(+v.toFixed(1)) : String(Math.round(v)), reqps: (v) => `${+v.toFixed(2)}/s`, percentunit: (v) => `${+(100 * v).toFixed(1)} %`,
  s: (v) => v < 1 ? `${+(1000 * v).toFixed(1)} ms` : v < 120 ? `${+v.toFixed(1)} s` : v < 7200 ? `${Math.round(v / 60)} min` : v < 172800 ? `${Math.round(v / 3600)} h` : `${Math.round(v / 86400)} days`,
  bytes: (v) => `${Math.round(v / 2 ** 20)} MiB`,
}
const colours = ['#3274d9', '#e0752d', '#56a64b', '#8f3bb8', '#e02f44', '#1f9e9e', '#b5890f', '#7a7a7a', '#c15c9c', '#5d6bb0']
const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt()};`)

function drawn(panel, series, { start, end }) {
  const { unit, thresholds } = panel.fieldConfig.defaults, format = units[unit]
  if (panel.type === 'stat') {
    const value = series[0].points.at(-1)[1]
    const colour = thresholds?.steps.filter((step) => step.value === null || value >= step.value).at(-1).color ?? 'green'
    return `<p class="stat ${colour}">${format(value)}</p>`
  }
  const width = 50 * panel.gridPos.w, height = 170, left = 62, most = Math.max(...series.flatMap(({ points }) => points.map(([, v]) => v)), 1e-9) * 1.1
  const x = (at) => (left + (width - left) * (at - start) / (end - start)).toFixed(1), y = (v) => (height - 20 - (height - 30) * v / most).toFixed(1)
  const grid = [0, 0.5, 1].map((part) => `<line x1="${left}" x2="${width}" y1="${y(part * most)}" y2="${y(part * most)}"/><text x="${left - 6}" y="${+y(part * most) + 4}" text-anchor="end">${format(part * most)}</text>`)
  const clock = [0.1, 0.5, 0.9].map((part) => `<text x="${x(start + part * (end - start))}" y="${height - 3}" text-anchor="middle">${new Date((start + part * (end - start)) * 1000).toISOString().slice(11, 19)}</text>`)
  const lines = series.map(({ points }, i) => `<polyline points="${points.map(([at, v]) => `${x(at)},${y(v)}`).join(' ')}" stroke="${colours[i % colours.length]}"/>`)
  const legend = series.map(({ name }, i) => `<span><i style="background:${colours[i % colours.length]}"></i>${escape(name)}</span>`)
  return `<svg viewBox="0 0 ${width} ${height}">${[...grid, ...clock, ...lines].join('')}</svg><div class="legend">${legend.join('')}</div>`
}

const style = `body{margin:0;padding:12px;background:#f4f5f5;font:13px sans-serif;color:#24292e}main{display:grid;grid-template-columns:repeat(24,1fr);gap:8px}
h1{font-size:18px;margin:0}header p{margin:4px 0 12px;color:#555}section{background:#fff;border:1px solid #dcdcdc;padding:8px;border-radius:3px;min-width:0}h2{font-size:13px;margin:0 0 4px}
.row{grid-column:1/-1;border:0;background:none;padding:2px}.stat{font-size:32px;text-align:center;margin:14px 0}.green{color:#37872d}.orange{color:#e0752d}.red{color:#c4162a}
svg{width:100%}line{stroke:#e3e3e3}text{font-size:10px;fill:#555}polyline{fill:none;stroke-width:1.5}.legend{display:flex;flex-wrap:wrap;gap:2px 10px;font-size:11px}i{display:inline-block;width:10px;height:3px;margin:0 4px 3px 0}`

test('every panel of the dashboard shows data of a running server', { timeout: 300_000 + seconds * 1000 }, async (t) => {
  const world = await World.open(t, program)
  const addresses = await served(t, world)
  const start = Date.now() / 1000
  await traffic(world, addresses)
  await new Promise((resolve) => setTimeout(resolve, 2000)) // the last scrape
  const range = { start, end: Date.now() / 1000 }
  const panels = []
  for (const panel of board.panels) {
    const { x, w } = panel.gridPos
    if (panel.type === 'row') { panels.push(`<section class="row"><h2>${escape(panel.title)}</h2></section>`); continue }
    const series = []
    for (const target of panel.targets) {
      const found = await ask(addresses.prometheus, panel, target, range)
      assert.ok(found.length, `${panel.title}: no data for ${target.expr}`)
      series.push(...found)
    }
    panels.push(`<section style="grid-column:${x + 1}/span ${w}"><h2>${escape(panel.title)}</h2>${drawn(panel, series, range)}</section>`)
  }
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } })
  const caption = 'docs/operations/dashboard.json with the metrics of a server that calls vennio-mcp sandbox, as Prometheus stored them. Drawn by .ci/clients/dashboard.mjs, not by Grafana.'
  await page.setContent(`<style>${style}</style><header><h1>${escape(board.title)}</h1><p>${caption}</p></header><main>${panels.join('')}</main>`)
  assert.equal(await page.locator('section:not(.row)').count(), board.panels.filter(({ type }) => type !== 'row').length)
  if (process.env.SCREENSHOTS) {
    await mkdir(process.env.SCREENSHOTS, { recursive: true })
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/dashboard.png`, fullPage: true })
  }
})
