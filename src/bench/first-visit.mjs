// What a first visit loads, and how long it takes to the first hash: in a Chromium
// with an empty cache whose processor is four times as slow as this machine's.
//
// Run by `./x bench http`, which starts the server: node first-visit.mjs URL. Prints JSON:
// every file with its size as it is and compressed by brotli, and the times of
// several visits in milliseconds.

import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { launch } from "../../end2end/fixtures/chromium.js";

const SLOWER = 4;
const VISITS = 5;

const origin = new URL(process.argv[2]).origin;
const browser = await launch();

const devtools = await browser.newBrowserCDPSession();

const visits = [];
for (let count = 0; count < VISITS; count += 1) visits.push(await visit());
await browser.close();

const paths = [...new Set(visits.flatMap(({ paths }) => paths))].sort();
const files = [];
for (const path of paths) {
  const [raw, brotli] = [await size(path, "identity"), await size(path, "br")];
  files.push({ path, raw, brotli });
}
const times = visits.map(({ ready, first_hash }) => ({ ready, first_hash }));
console.log(JSON.stringify({ slower: SLOWER, files, visits: times }));

// A visitor who presses Start as soon as that is possible.
async function visit() {
  const context = await browser.newContext();
  const page = await context.newPage();
  const paths = [];
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin === origin && request.method() === "GET") paths.push(url.pathname + url.search);
  });
  await page.addInitScript(press);
  const restore = slow();
  try {
    await page.goto(`${origin}/`);
    await page.waitForFunction(() => "first_hash" in globalThis.noted, undefined, { timeout: 120_000, polling: 50 });
    return { ...(await page.evaluate(() => globalThis.noted)), paths };
  } finally {
    await restore();
    await context.close();
  }
}

// Slows the processes of pages: of every few milliseconds they rest so much that
// they run a quarter of the time. The developer tools could slow the page, but no
// worker, and that is where the hash is computed.
function slow() {
  let slowing = true;
  let pids = [];
  const signal = (name) => {
    for (const pid of pids) {
      try {
        process.kill(pid, name);
      } catch {
        // It has ended since.
      }
    }
  };
  const slowed = (async () => {
    for (let turn = 0; slowing; turn += 1) {
      if (turn % 10 === 0) {
        const { processInfo } = await devtools.send("SystemInfo.getProcessInfo");
        pids = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
      }
      const began = performance.now();
      await sleep(5);
      const ran = performance.now() - began;
      signal("SIGSTOP");
      await sleep((SLOWER - 1) * ran);
      signal("SIGCONT");
    }
  })();
  return () => {
    slowing = false;
    return slowed;
  };
}

// Runs in the page, before anything else: presses Start, and notes when that was
// possible and when the first hash was there, both since the visit began.
function press() {
  globalThis.noted = {};
  const find = (name) => document.querySelector(`[data-testid="${name}"]`);
  const look = () => {
    const { noted } = globalThis;
    if (!("ready" in noted)) {
      const start = find("start");
      if (document.documentElement?.dataset.hydrated === "true" && start && !start.disabled) {
        noted.ready = performance.now();
        start.click();
      }
    } else if (!/^0? ?H/.test(find("local-rate")?.textContent ?? "0 H/s")) {
      noted.first_hash = performance.now();
      return;
    }
    setTimeout(look, 10);
  };
  look();
}

// How many bytes the body of a file has on the wire.
function size(path, encoding) {
  return new Promise((resolve, reject) => {
    http
      .get(origin + path, { headers: { "accept-encoding": encoding } }, (answer) => {
        let length = 0;
        answer.on("data", (part) => (length += part.length));
        answer.on("end", () => {
          if (answer.statusCode === 200 || answer.statusCode === 403) resolve(length);
          else reject(new Error(`${path} is answered with ${answer.statusCode}`));
        });
      })
      .on("error", reject);
  });
}
