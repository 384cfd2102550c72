// registry.mjs VERSION DIGEST: writes .ci/out/server.json, the registry's entry for a release: .release/server.json with its
// version, the image by its digest, and every bundle of .ci/out/mcpb under the address of the release, with its hash.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [version, digest] = process.argv.slice(2);
if (!/^sha256:[0-9a-f]{64}$/.test(digest ?? "")) throw new Error("want: registry.mjs VERSION sha256:DIGEST");
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const server = JSON.parse(readFileSync(join(root, ".release/server.json"), "utf8"));
const [image] = server.packages;
image.identifier = image.identifier.replace(/:[^:]*$/, `:${version}@${digest}`);
server.version = version;
const bundles = readdirSync(join(root, ".ci/out/mcpb")).filter((name) => name.startsWith(`vennio-mcp_${version}_`)).sort();
if (bundles.length === 0) throw new Error(`no bundle of ${version} in .ci/out/mcpb`);
for (const name of bundles) {
  server.packages.push({
    registryType: "mcpb",
    identifier: `${server.repository.url}/releases/download/v${version}/${name}`,
    fileSha256: createHash("sha256").update(readFileSync(join(root, ".ci/out/mcpb", name))).digest("hex"),
    transport: { type: "stdio" },
    environmentVariables: image.environmentVariables,
  });
}
writeFileSync(join(root, ".ci/out/server.json"), JSON.stringify(server, null, 2) + "\n");
console.log(`.ci/out/server.json: 1 image, ${bundles.length} bundles`);
