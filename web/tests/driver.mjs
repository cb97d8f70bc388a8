// Drives a headless Chromium for tests in Python: reads one command a line on standard input, answers each on
// standard output. Commands are {"do": name, ...}; answers {"value": ...} or {"error": words}.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const browser = await chromium.launch({ executablePath: BROWSER, headless: true, args: QUIET });
let context;
let page;
let problems = [];
let foreign = [];
let sizes = {};

const commands = {
  async open({ scripts = true, scheme = "light", width = 1280, height = 900, reduced = false, scale = 1, wallet, print = false, late = false }) {
    await context?.close();
    problems = [];
    foreign = [];
    sizes = {};
    context = await browser.newContext({
      javaScriptEnabled: scripts,
      colorScheme: scheme,
      viewport: { width, height },
      reducedMotion: reduced ? "reduce" : "no-preference",
      deviceScaleFactor: scale,
      locale: "en-GB",
      timezoneId: "Europe/Berlin",
    });
    if (wallet) await context.addInitScript({ content: wallet });
    page = await context.newPage();
    page.setDefaultTimeout(45_000);
    if (late) await page.route("**/assets/site-*.js", afterFirstPaint);
    if (print) await page.emulateMedia({ media: "print" });
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(`${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && hostname !== "127.0.0.1") foreign.push(request.url());
    });
    page.on("requestfinished", async (request) => {
      const found = await request.sizes().catch(() => null);
      if (found) sizes[request.url()] = found.responseBodySize;
    });
  },
  async expose({ name }) {
    await context.exposeFunction(name, (call) => ask(name, call));
  },
  goto: async ({ url }) => (await page.goto(url, { waitUntil: "load" }))?.status(),
  click: ({ selector }) => page.click(selector),
  fill: ({ selector, text }) => page.fill(selector, text),
  press: ({ key }) => page.keyboard.press(key),
  files: ({ selector, name, text }) =>
    page.setInputFiles(selector, { name, mimeType: "text/csv", buffer: Buffer.from(text) }),
  text: ({ selector }) => page.textContent(selector),
  waits: ({ selector, words, timeout = 30_000 }) =>
    page.waitForFunction(
      ([where, what]) => [...document.querySelectorAll(where)].some((found) => found.textContent.includes(what)),
      [selector, words],
      { timeout },
    ).then(
      () => page.textContent(selector),
      async () => {
        const found = await page.locator(selector).allTextContents();
        throw new Error(`expected ${words}, found ${JSON.stringify(found)} at ${page.url()}; ${problems.join("; ")}`);
      },
    ),
  url: () => page.url(),
  waitsUrl: ({ pattern }) => page.waitForURL(new RegExp(pattern)).then(() => page.url()),
  evaluate: ({ code }) => page.evaluate(code),
  problems: () => problems.splice(0),
  foreign: () => foreign,
  sizes: () => sizes,
  screenshot: ({ path, full = true }) => page.screenshot({ path, fullPage: full }).then(() => path),
  async axe() {
    await page.evaluate(AXE);
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations, passes } = await page.evaluate((values) => globalThis.axe.run({ runOnly: { type: "tag", values } }), tags);
    return {
      passes: passes.length,
      violations: violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.any.map((check) => check.message).join("; ").slice(0, 200)}`).join(" | ")}`),
    };
  },
  async slow({ latency, down }) {
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    await session.send("Network.emulateNetworkConditions", { offline: false, latency, downloadThroughput: down, uploadThroughput: down });
  },
};

/** Holds a script back until the page shows something, as a slow network does: what it then moves is seen to move. */
async function afterFirstPaint(route) {
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
  await route.continue();
}

let waiting = new Map();
let number = 0;

/** Asks the test in Python, for a wallet that signs there. */
function ask(name, call) {
  const id = (number += 1);
  process.stdout.write(`${JSON.stringify({ ask: name, id, call })}\n`);
  return new Promise((answer) => waiting.set(id, answer));
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.do === "answer") {
    waiting.get(command.id)?.(command.value);
    waiting.delete(command.id);
    continue;
  }
  if (command.do === "end") break;
  Promise.resolve()
    .then(() => commands[command.do](command))
    .then(
      (value) => process.stdout.write(`${JSON.stringify({ value: value ?? null })}\n`),
      (error) => process.stdout.write(`${JSON.stringify({ error: String(error).slice(0, 2000) })}\n`),
    );
}
await browser.close();
process.exit(0);
