// Builds islands and styles into scorer/server/pages/assets, with names that change with the content.
// node build.mjs          writes the files
// node build.mjs --check  fails where they are not those of the sources

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "scorer", "server", "pages", "assets");

const options = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  legalComments: "none",
  target: ["es2022"],
  logLevel: "warning",
  // Names of files hash the paths of their sources: those of a checkout whose node_modules is a link elsewhere too.
  preserveSymlinks: true,
};

const hashed = (name, content) => {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 10);
  return `${basename(name, extname(name))}-${hash}${extname(name)}`;
};

async function built() {
  const scripts = await build({
    ...options,
    entryPoints: ["src/site.ts"],
    format: "esm",
    splitting: true,
    outdir: "/assets",
    chunkNames: "[name]-[hash]",
    entryNames: "[name]-[hash]",
  });
  const styles = await build({ ...options, entryPoints: ["styles/site.css"], outdir: "/assets" });
  const files = new Map();
  const manifest = {};
  for (const file of scripts.outputFiles) {
    const name = basename(file.path);
    files.set(name, file.text);
    if (name.startsWith("site-")) manifest["site.js"] = name;
  }
  const css = styles.outputFiles.find((file) => file.path.endsWith(".css")).text;
  const mark = readFileSync(join(here, "styles", "mark.svg"), "utf8");
  for (const [name, text] of [["site.css", css], ["mark.svg", mark]]) {
    files.set((manifest[name] = hashed(name, text)), text);
  }
  const described = { names: manifest, files: [...files.keys()].sort() };
  files.set("manifest.json", `${JSON.stringify(described, null, 1)}\n`);
  return files;
}

const files = await built();
mkdirSync(out, { recursive: true });
const there = readdirSync(out).filter((name) => name !== "__init__.py");
if (process.argv.includes("--check")) {
  const stale = there.filter((name) => !files.has(name));
  for (const [name, text] of files) {
    if (!there.includes(name) || readFileSync(join(out, name), "utf8") !== text) stale.push(name);
  }
  if (stale.length) {
    console.error(`assets: expected those of web/, found others (${stale.join(", ")}); run make web`);
    process.exit(1);
  }
} else {
  for (const name of there) if (!files.has(name)) rmSync(join(out, name));
  for (const [name, text] of files) writeFileSync(join(out, name), text);
  console.log([...files.keys()].join("\n"));
}
