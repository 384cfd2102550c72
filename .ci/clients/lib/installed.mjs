// Programs that came with npm ci, which runs no install script: they are reached
// by their files. Some need a newer Node.js than the one that runs the tests.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const { resolve } = createRequire(import.meta.url)

/** node22 is the Node.js 22 that npm brings for this machine. */
export const node22 = resolve(`node-${process.platform}-${process.arch}/bin/node`)

/** installed is the path of a file of a package. */
export function installed(file) {
  return fileURLToPath(new URL(`../node_modules/${file}`, import.meta.url))
}
