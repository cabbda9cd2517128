// What a visitor's browser makes of the race: how fast the shipped worker hashes, and
// how soon it hashes what it should. `./x bench browser` builds what this needs.

import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { test } from "../../../end2end/fixtures/test";
import { type Engine, measureHashRates } from "./hash-rates";
import { measureResets, measureStart } from "./latency";
import type { Summary } from "./statistics";

const TURNS = Number(process.env.HASHPASS_BENCH_TURNS ?? 24);
const STARTS = 10;
const RESETS = 20;

const NAMES: Record<Engine, string> = {
  simd: "shipped worker, SIMD",
  scalar: "shipped worker, scalar",
  "hash-wasm": "hash-wasm",
  native: "native",
};

test("browser", async ({ browser }) => {
  const load = [loadavg()[0]];
  const say = (what: string) => console.log(`… ${what}`);
  say("hash rates");
  const rates = await measureHashRates(browser, TURNS);
  load.push(loadavg()[0]);
  say("from Start to the first hash");
  const starts = [
    await measureStart(browser, 1, false, STARTS),
    await measureStart(browser, 1, true, STARTS),
    await measureStart(browser, 2, false, STARTS),
  ];
  say("from a reset to the next hash");
  const resets = await measureResets(browser, 2, RESETS);
  load.push(loadavg()[0]);

  const machine = {
    cpu: cpus()[0].model,
    cores: cpus().length,
    browser: `Chromium ${browser.version()}`,
    date: new Date().toISOString(),
    loadAverage: load,
  };
  const path = fileURLToPath(new URL("../../../target/bench/browser.json", import.meta.url));
  await mkdir(new URL(".", `file://${path}`), { recursive: true });
  const units = { times: "ms", ratios: "1", spread: "p10 and p90" };
  await writeFile(path, `${JSON.stringify({ machine, units, rates, starts, resets }, null, 2)}\n`);

  const row = (engine: Engine, workers: number) => {
    const found = rates.rows.find((row) => row.engine === engine && row.workers === workers);
    if (!found) throw new Error(`${engine} was not measured.`);
    return found;
  };
  const lines = [
    `${machine.cores} × ${machine.cpu}, ${machine.browser}, load average ${load.map((value) => value.toFixed(1)).join(", ")}`,
    `Medians of ${TURNS} turns, in brackets p10–p90; Argon2id 64 MiB, three passes.`,
    `ms a hash and ratios: ${rates.byProcessorTime ? "time on a processor" : "by the clock"}.`,
    "",
    "| engine | workers | ms a hash | by the clock | × hash-wasm | × native |",
    "|---|---|---|---|---|---|",
    ...rates.rows.map(
      ({ engine, workers, millisecondsPerHash, byTheClock, againstHashWasm, againstNative }) =>
        `| ${NAMES[engine]} | ${workers} | ${spread(millisecondsPerHash, 0)} | ${byTheClock.median.toFixed(0)} ` +
        `| ${spread(againstHashWasm, 2)} | ${spread(againstNative, 2)} |`,
    ),
    "",
    "| | measured | to reach |",
    "|---|---|---|",
    `| one worker against hash-wasm | ${spread(row("simd", 1).againstHashWasm, 2)} | ≥ 2.0, moonshot 2.5 |`,
    `| two workers against hash-wasm | ${spread(row("simd", 2).againstHashWasm, 2)} | ≥ 2.0 |`,
    `| browser against native, one core | ${spread(row("simd", 1).againstNative, 2)} | ≥ 0.36, moonshot 0.5 |`,
    `| two workers against one, by the clock | ${spread(rates.scaling.simd.byTheClock, 2)} | ≥ 1.8 on two free cores |`,
    `| … for the same time on processors | ${spread(rates.scaling.simd.byProcessorTime, 2)} | what shared memory allows |`,
    `| two native processes against one, by the clock | ${spread(rates.scaling.native.byTheClock, 2)} | what free cores allow |`,
    ...starts.flatMap(({ workers, atOnce, firstHash, beyondTheHash, firstHashOfAll }) => {
      const story = `Start ${atOnce ? "as soon as it can be clicked" : "after a look at the page"}, ${workers === 1 ? "one worker" : `${workers} workers`}`;
      return [
        `| ${story}: first hash, ms | ${spread(firstHash, 0)} | |`,
        `| … beyond the hash itself, ms | ${spread(beyondTheHash, 0)} | < 300 |`,
        ...(workers === 1 ? [] : [`| … first hash of every worker, ms | ${spread(firstHashOfAll, 0)} | |`]),
      ];
    }),
    `| reset to every worker begun, ms | ${worst(resets.begun)} | < one batch (here ${spread(resets.batch, 0)}) |`,
    `| reset to every worker's first hash, ms | ${worst(resets.done)} | < 250 |`,
    `| between two batches a worker rests, ms | ${spread(resets.rest, 1)} | |`,
    "",
    `All numbers: ${path}`,
  ];
  console.log(`\n${lines.join("\n")}`);
});

function spread({ median, p10, p90 }: Summary, digits: number): string {
  return `${median.toFixed(digits)} (${p10.toFixed(digits)}–${p90.toFixed(digits)})`;
}

function worst(values: Summary): string {
  return `${spread(values, 0)}, at most ${values.max.toFixed(0)}`;
}
