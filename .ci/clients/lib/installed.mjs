// Programs that npm ci installed without install scripts, started by the paths of their files. Some need a newer
// Node.js than the tests.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const { resolve } = createRequire(import.meta.url)

/** node22 is the path of the Node.js 22 that npm installed for this system. */
export const node22 = resolve(`node-${process.platform}-${process.arch}/bin/node`)

/** installed returns the path of a file of a package. */
export function installed(file) {
  return fileURLToPath(new URL(`../node_modules/${file}`, import.meta.url))
}
