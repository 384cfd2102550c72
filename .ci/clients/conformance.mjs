// req: P1, Q4. The official conformance suite, run against our transports with the suite's fixtures
// (.ci/programs/conformance), and against the program itself, which must pass all scenarios that need no fixtures. The
// run fails if a scenario fails that is not listed here, or if a listed one passes. docs/conformance.md explains the
// listed ones.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { conformance, scenario } from './lib/conformance.mjs'
import { build, World } from './lib/program.mjs'

/** tasks is an MCP extension that we do not implement; the suite does not score it. */
const tasks = [
  'tasks-lifecycle', 'tasks-capability-negotiation', 'tasks-wire-fields', 'tasks-request-state-removal', 'tasks-mrtr-input',
  'tasks-request-headers', 'tasks-dispatch-and-envelope', 'tasks-required-task-error', 'tasks-mrtr-composition',
]

/** sets are the sets of scenarios, with the checks that the program cannot pass without fixtures. */
const noLogging = { 'logging-set-level': ['logging-set-level'] }
const sets = {
  '2025-06-18': { set: ['--suite', 'all', '--spec-version', '2025-06-18'], required: 27, failing: [], bare: noLogging },
  '2025-11-25': { set: ['--requirements', '2025-11-25'], required: 30, failing: [], bare: noLogging },
  '2026-07-28': {
    set: ['--requirements', '2026-07-28'], required: 37, failing: tasks,
    bare: {
      'server-stateless': [
        'sep-2575-server-rejects-undeclared-capability', 'sep-2575-missing-capability-http-400',
        'sep-2575-http-server-no-independent-requests-on-stream', 'sep-2575-server-no-log-without-loglevel',
      ],
    },
  },
}

/** fixtures matches the scenarios that need the suite's tools, prompts and resources. */
const fixtures = /^(tools-call-|prompts-get-|resources-(read|templates|subscribe|unsubscribe)|elicitation-|input-required-result-|json-schema-|http-custom-header-)/

const limit = { timeout: 400_000 }
const built = {}
before(async () => {
  built.fixtures = await build('./conformance', '.ci/programs')
  built.program = await build()
}, { timeout: 600_000 })
after(async () => { for (const each of Object.values(built)) await each.remove() })

for (const [version, { set, required, failing, bare }] of Object.entries(sets)) {
  test(`MCP ${version}: the transports conform`, limit, async (t) => {
    const world = await World.open(t, built.program)
    const [url] = await world.start([], 'stdout', /http:\S+/, built.fixtures)
    const found = await conformance(url, ...set)
    console.log(`MCP ${version}, the transports\n${found.closing}`)
    assert.deepEqual(Object.keys(found.failed).toSorted(), failing.toSorted())
    assert.equal(found.required, required)
    assert.deepEqual(found.warned, {})
  })

  test(`MCP ${version}: the program conforms`, limit, async (t) => {
    const world = await World.open(t, built.program)
    const found = await conformance(await world.serve(), ...set)
    const ours = (checks) => Object.fromEntries(Object.entries(checks).filter(([name]) => !fixtures.test(name) && !failing.includes(name)))
    assert.deepEqual(ours(found.failed), bare, found.closing)
    assert.deepEqual(ours(found.warned), {})
  })
}

/** skills are the scenarios of the skills extension, and the number of checks in each. */
const skills = { 'sep-2640-skills-enumeration': 32, 'sep-2640-skills-manifest': 6 }

test('the skills of the program conform', limit, async (t) => { // req: P11
  const url = await (await World.open(t, built.program)).serve()
  for (const [name, checks] of Object.entries(skills)) {
    assert.deepEqual(await scenario(url, name), { passed: checks, failed: {}, warned: {} }, name)
  }
})
