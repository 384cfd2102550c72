// bundle.mjs VERSION OS ARCH BINARY: packs a binary (OS and ARCH are Go's names) into
// .ci/out/mcpb/vennio-mcp_VERSION_OS_ARCH.mcpb, and checks the bundle by unpacking it. The same binary gives the same bundle:
// every time stamp in it is the first that a ZIP file can contain. (`mcpb pack` would write the current time.)
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { zipSync } from "fflate";

const [version, os, arch, binary] = process.argv.slice(2);
const platform = { darwin: "darwin", linux: "linux", windows: "win32" }[os];
if (!platform || !arch || !binary) throw new Error("want: bundle.mjs VERSION OS ARCH BINARY");

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const mcpb = (...args) => execFileSync(process.execPath, [join(here, "node_modules/@anthropic-ai/mcpb/dist/cli/cli.js"), ...args], { stdio: "pipe" });

const stage = mkdtempSync(join(tmpdir(), "mcpb-"));
try {
  const manifest = JSON.parse(readFileSync(join(root, ".release/mcpb/manifest.json"), "utf8"));
  manifest.version = version;
  manifest.compatibility.platforms = [platform]; // one binary, one system
  const config = manifest.server.mcp_config;
  config.command = config.platform_overrides[platform]?.command ?? config.command;
  delete config.platform_overrides;
  manifest.server.entry_point = config.command.replace("${__dirname}/", "");

  const manifestFile = join(stage, "manifest.json");
  writeFileSync(manifestFile, JSON.stringify(manifest, null, 2) + "\n");
  mcpb("validate", manifestFile);

  const unix = (mode) => ({ os: 3, attrs: mode << 16 });
  const content = {
    "manifest.json": [readFileSync(manifestFile), unix(0o644)],
    LICENSE: [readFileSync(join(root, "LICENSE")), unix(0o644)],
    "THIRD_PARTY_LICENSES.txt": [readFileSync(join(root, ".ci/out/files/THIRD_PARTY_LICENSES.txt")), unix(0o644)],
    [manifest.server.entry_point]: [readFileSync(binary), unix(0o755)],
  };
  const bundle = join(root, ".ci/out/mcpb", `vennio-mcp_${version}_${os}_${arch}.mcpb`);
  mkdirSync(dirname(bundle), { recursive: true });
  writeFileSync(bundle, zipSync(content, { level: 9, mtime: new Date(1980, 0, 1) }));

  const again = join(stage, "again");
  mcpb("unpack", bundle, again);
  if (!readFileSync(join(again, manifest.server.entry_point)).equals(readFileSync(binary))) throw new Error("another binary came out of the bundle");
  if (platform !== "win32" && process.platform !== "win32" && !(statSync(join(again, manifest.server.entry_point)).mode & 0o100)) throw new Error("the binary cannot be run");
  console.log(`${bundle.slice(root.length + 1)} ${(statSync(bundle).size / 1e6).toFixed(1)} MB`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
