// What stamps cost in the browser: our minter with and without SIMD, the obvious
// loop in WebAssembly, and Web Crypto, one hash at a time and in batches.
//
// Run with `./x bench stamps-browser`, which builds the WebAssembly files and names
// them: node run.mjs SIMD.wasm SCALAR.wasm

import { readFile } from "node:fs/promises";
import { launch } from "../../../end2end/fixtures/chromium.js";

const [simd, scalar] = await Promise.all(process.argv.slice(2).map((path) => readFile(path, "base64")));
const bits = [16, 18, 20, 22, 24];

const browser = await launch();
const page = await browser.newPage();
// Web Crypto wants a secure context; nothing leaves the machine.
await page.route("https://bench.test/", (route) => route.fulfill({ contentType: "text/html", body: "" }));
await page.goto("https://bench.test/");

const rows = await page.evaluate(measure, { simd, scalar });
await browser.close();

console.log(`${"".padEnd(44)}${"tries/s".padStart(12)}  seconds a stamp, on average, at`);
console.log(`${"".padEnd(56)}${bits.map((n) => `${n} bits`.padStart(10)).join("")}`);
for (const { name, rate } of rows) {
  const seconds = bits.map((n) => (2 ** n / rate).toFixed(3).padStart(10)).join("");
  console.log(`${name.padEnd(44)}${Math.round(rate).toLocaleString("en").padStart(12)}${seconds}`);
}

// Runs in the page. Every way is measured three times, in turns, and the median counts.
async function measure({ simd, scalar }) {
  const load = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return (await WebAssembly.instantiate(bytes)).instance.exports;
  };
  const modules = { simd: await load(simd), scalar: await load(scalar) };

  // Both must find the same stamp, and it must be worth what it claims.
  const found = Object.values(modules).map((module) => {
    module.start(0, 18, 7);
    let length = 0;
    while (length === 0) length = module.advance(1 << 16);
    if (module.zero_bits() < 18) throw new Error("a stamp that is not worth its claim");
    return new TextDecoder().decode(new Uint8Array(module.memory.buffer, module.stamp(), length));
  });
  if (found[0] !== found[1]) throw new Error(`two stamps from one search: ${found.join(" ")}`);

  const encoder = new TextEncoder();
  const digest = (counter) => crypto.subtle.digest("SHA-256", encoder.encode(`1:20:261121:hashpass::${counter}`));
  const minter = (module, kind) => {
    module.start(kind, 40, 1);
    return () => {
      module.advance(1 << 17);
      return 1 << 17;
    };
  };
  let counter = 0;
  const plainLoop = (kind) => () => {
    counter += 1 << 15;
    modules.scalar.plain_loop(kind, counter, 1 << 15);
    return 1 << 15;
  };
  const ways = {
    "session stamp, minter, SIMD": minter(modules.simd, 0),
    "session stamp, minter, scalar": minter(modules.scalar, 0),
    "session stamp, plain loop in WebAssembly": plainLoop(0),
    "session stamp, Web Crypto in batches of 1,024": async () => {
      await Promise.all(Array.from({ length: 1024 }, () => digest(counter++)));
      return 1024;
    },
    "session stamp, Web Crypto one by one": async () => {
      for (let i = 0; i < 256; i++) await digest(counter++);
      return 256;
    },
    "channel stamp, plain loop in WebAssembly": plainLoop(1),
  };
  const rates = new Map();
  const measureOnce = async (name, work) => {
    const start = performance.now();
    let tries = 0;
    while (performance.now() - start < 1000) tries += await work();
    rates.set(name, [...(rates.get(name) ?? []), (tries / (performance.now() - start)) * 1000]);
  };
  for (let turn = 0; turn < 3; turn++) {
    for (const [name, work] of Object.entries(ways)) await measureOnce(name, work);
  }
  // A module has one search at a time; the other kind comes after the first.
  for (const [name, module] of [["channel stamp, minter, SIMD", modules.simd], ["channel stamp, minter, scalar", modules.scalar]]) {
    const work = minter(module, 1);
    for (let turn = 0; turn < 3; turn++) await measureOnce(name, work);
  }
  return Array.from(rates, ([name, values]) => ({ name, rate: values.sort((a, b) => a - b)[1] }));
}
