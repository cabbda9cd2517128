import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Browser } from "@playwright/test";
import { Server } from "../../../end2end/fixtures/server";
import { NativeMiner, type Salt } from "./native";
import { processorTime, type Thread, webWorkers } from "./processor-time";
import { pairwise, type Summary, summary } from "./statistics";

/** How many hashes a worker computes in one sample. */
const HASHES = 2;

/** As long as they are in a race: 32 digits, a fingerprint, and what Cloudflare's edge says. */
const SALT: Salt = {
  seed: "00112233445566778899aabbccddeeff",
  visitor: "8c1a9b0fd2e34756a1b0c9d8e7f60512",
  trace:
    "fl=123f45\nh=race.example.org\nip=203.0.113.45\nts=1795264496.123\nvisit_scheme=https\n" +
    "uag=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\n" +
    "colo=FRA\nsliver=none\nhttp=http/2\nloc=DE\ntls=TLSv1.3\nsni=plaintext\nwarp=off\ngateway=off\nrbi=off\nkex=X25519\n",
};

/** So many turns are not counted: caches are cold, and the browser has yet to compile the hot functions well. */
const WARM_UP = 2;

export type Engine = "simd" | "scalar" | "hash-wasm" | "native";

/** One row of the table. */
export interface HashRate {
  engine: Engine;
  workers: number;
  /** What a hash takes of a processor; the same as `byTheClock` where that is not told. */
  millisecondsPerHash: Summary;
  /** From the start of a sample to its end, per hash of one worker: with all that the machine does besides. */
  byTheClock: Summary;
  /** How many times as fast as hash-wasm with as many workers, pair by pair. */
  againstHashWasm: Summary;
  /** The share of the native rate with as many workers, pair by pair. */
  againstNative: Summary;
}

export interface HashRates {
  turns: number;
  /** True if ratios compare time on a processor, false if they compare time by the clock. */
  byProcessorTime: boolean;
  rows: HashRate[];
  /** With two workers, how many times as many hashes as with one: by the clock, and for the same time on processors. */
  scaling: Record<Engine, { byTheClock: Summary; byProcessorTime: Summary }>;
}

interface Sample {
  /** Milliseconds per hash, by the clock. */
  clock: number;
  /** Milliseconds per hash on a processor. */
  processor?: number;
}

const BENCH = "/bench/";
const HERE = fileURLToPath(new URL(".", import.meta.url));
const BUILT = fileURLToPath(new URL("../../../target/bench/browser/", import.meta.url));
const HASH_WASM = fileURLToPath(new URL("../../../end2end/node_modules/hash-wasm/dist/index.esm.min.js", import.meta.url));

/** The bench's own files, which are laid over the server's origin. */
const FILES: Record<string, [type: string, path: string]> = {
  "page.js": ["text/javascript", `${HERE}page.js`],
  "hash-wasm-worker.js": ["text/javascript", `${HERE}hash-wasm-worker.js`],
  "hash-wasm.js": ["text/javascript", HASH_WASM],
  "client.js": ["text/javascript", `${BUILT}client.js`],
  "client_bg.wasm": ["application/wasm", `${BUILT}client_bg.wasm`],
};

declare const bench: {
  start(engine: string, loader: string | undefined, workers: number): Promise<void>;
  mine(
    engine: string,
    workers: number,
    salt: Salt,
    first: number,
    count: number,
  ): Promise<{ milliseconds: number; lowest: string[] }>;
};

/**
 * Measures all engines in turns, so that whatever else the machine does disturbs all
 * alike, and by the time on a processor where the system tells it: on a busy machine a
 * scheduler is not fair to everybody within half a second.
 */
export async function measureHashRates(browser: Browser, turns: number): Promise<HashRates> {
  const server = await Server.start({});
  const natives = [new NativeMiner(), new NativeMiner()];
  const context = await browser.newContext({ baseURL: server.url });
  try {
    const html = await (await fetch(server.url)).text();
    const loader = (variant: string) => {
      const path = new RegExp(`/worker/\\w+/${variant}/start\\.js`).exec(html)?.[0];
      if (!path) throw new Error(`The page names no ${variant} worker.`);
      return path;
    };
    const page = await context.newPage();
    await page.route(`**${BENCH}*`, async (route) => {
      const name = new URL(route.request().url()).pathname.slice(BENCH.length);
      if (name === "") return route.fulfill({ contentType: "text/html", body: '<script type="module" src="page.js"></script>' });
      const [contentType, path] = FILES[name] ?? [];
      await (path ? route.fulfill({ contentType, body: await readFile(path) }) : route.abort());
    });
    await page.goto(BENCH);
    await page.waitForFunction(() => "bench" in globalThis);
    const inBrowser = { simd: loader("simd"), scalar: loader("scalar"), "hash-wasm": undefined };
    for (const [engine, path] of Object.entries(inBrowser)) {
      await page.evaluate(([engine, path]) => bench.start(engine as string, path, 2), [engine, path]);
    }

    const workers = webWorkers();
    const threads = (engine: Engine): Thread[] => (engine === "native" ? natives.map(({ thread }) => thread) : workers);

    const mine = async (engine: Engine, workers: number, first: number) => {
      if (engine !== "native") {
        return page.evaluate(
          ([engine, workers, salt, first, count]) => bench.mine(engine, workers, salt, first, count),
          [engine, workers, SALT, first, HASHES] as const,
        );
      }
      const begin = performance.now();
      const batches = natives.slice(0, workers).map((miner, index) => miner.mine(SALT, first + index * HASHES, HASHES));
      const lowest = (await Promise.all(batches)).map(({ hash }) => hash);
      return { milliseconds: performance.now() - begin, lowest };
    };

    // Who is compared stands side by side.
    const engines: Engine[] = ["scalar", "hash-wasm", "simd", "native"];
    const samples = [1, 2].flatMap((workers) => engines.map((engine) => ({ engine, workers, times: [] as Sample[] })));
    for (let turn = -WARM_UP; turn < turns; turn++) {
      const first = (turn + WARM_UP) * 2 * HASHES;
      const expected = new Map<number, string>();
      // To and fro: nobody always comes after the same neighbour.
      for (const { engine, workers, times } of turn % 2 === 0 ? samples : [...samples].reverse()) {
        const before = processorTime(threads(engine));
        const { milliseconds, lowest } = await mine(engine, workers, first);
        const after = processorTime(threads(engine));
        const found = lowest.join(" ");
        if (found !== (expected.get(workers) ?? found)) throw new Error(`${engine} computes other hashes: ${found}`);
        expected.set(workers, found);
        const onProcessors = before !== undefined && after !== undefined ? after - before : undefined;
        const processor = onProcessors && onProcessors / workers / HASHES;
        if (0 <= turn) times.push({ clock: milliseconds / HASHES, processor });
      }
    }

    const byProcessorTime = samples.every(({ times }) => times.every(({ processor }) => processor));
    const clock = ({ clock }: Sample) => clock;
    const fairest = ({ clock, processor }: Sample) => (byProcessorTime && processor) || clock;
    const times = (engine: Engine, workers: number, read: (sample: Sample) => number) =>
      samples.filter((sample) => sample.engine === engine && sample.workers === workers).flatMap(({ times }) => times.map(read));
    const rows = samples.map(({ engine, workers, times: own }) => ({
      engine,
      workers,
      millisecondsPerHash: summary(own.map(fairest)),
      byTheClock: summary(own.map(clock)),
      againstHashWasm: pairwise(times("hash-wasm", workers, fairest), own.map(fairest)),
      againstNative: pairwise(times("native", workers, fairest), own.map(fairest)),
    }));
    const twice = (engine: Engine, read: (sample: Sample) => number) =>
      pairwise(times(engine, 1, read).map((time) => 2 * time), times(engine, 2, read));
    const scaling = (engine: Engine) => ({ byTheClock: twice(engine, clock), byProcessorTime: twice(engine, fairest) });
    return {
      turns,
      byProcessorTime,
      rows,
      scaling: {
        simd: scaling("simd"),
        scalar: scaling("scalar"),
        "hash-wasm": scaling("hash-wasm"),
        native: scaling("native"),
      },
    };
  } finally {
    for (const native of natives) native.stop();
    await context.close();
    await server.stop();
    await server.discard();
  }
}
