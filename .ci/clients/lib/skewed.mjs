// Builds the program with a clock that is ahead, to test what happens later. An overlay replaces time.Now of the
// standard library, as in internal/replicas.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../../..', import.meta.url))

/** buildAhead builds the program with a clock that is the given number of seconds ahead. */
export async function buildAhead(seconds) {
  const folder = await mkdtemp(join(tmpdir(), 'vennio-ahead-'))
  const { stdout } = await run('go', ['env', 'GOROOT'])
  const original = join(stdout.trim(), 'src', 'time', 'time.go')
  const reads = '\tsec, nsec, mono := runtimeNow()\n'
  const source = await readFile(original, 'utf8')
  if (source.split(reads).length !== 2) throw new Error('time.Now of this version of Go is not as expected: adapt buildAhead')
  const patched = join(folder, 'time.go')
  await writeFile(patched, source.replace(reads, `${reads}\tsec += ${seconds}\n`))
  await writeFile(join(folder, 'overlay.json'), JSON.stringify({ Replace: { [original]: patched } }))
  const path = join(folder, 'vennio-mcp')
  await run('go', ['build', '-overlay', join(folder, 'overlay.json'), '-o', path, './cmd/vennio-mcp'], { cwd: repository })
  return { path, remove: () => rm(folder, { recursive: true, force: true }) }
}
