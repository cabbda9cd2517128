import type { Browser, BrowserContext, Page } from "@playwright/test";
import { Client } from "../../../end2end/fixtures/client";
import { NOBODY_WINS, REAL_COST, Server, type Settings } from "../../../end2end/fixtures/server";
import { Visitor } from "../../../end2end/fixtures/visitor";
import { NativeMiner } from "./native";
import { type Summary, summary } from "./statistics";
import { type Seen, seenOn, watch } from "./watch";

/** From the click on Start, in milliseconds. */
export interface StartLatency {
  workers: number;
  /** True if Start was clicked the moment it could be, false if the visitor read for a while. */
  atOnce: boolean;
  /** Until the first hash of any worker was done. */
  firstHash: Summary;
  /** The same without the hash itself: less the median of those that followed. */
  beyondTheHash: Summary;
  /** Until every worker had done its first hash. */
  firstHashOfAll: Summary;
}

/** From the arrival of PUZZLE_RESET at the page, in milliseconds. */
export interface ResetLatency {
  workers: number;
  /** Until the last worker has begun on the new round. */
  begun: Summary;
  /** Until the last worker has done its first hash of the new round. */
  done: Summary;
  /** What a batch took meanwhile. */
  batch: Summary;
  /** From a worker's answer until it has been given the next batch: time in which it rests. */
  rest: Summary;
}

/** Runs `measure` on the product's own page, with a profile of its own and so many workers. */
async function onThePage<T>(
  browser: Browser,
  settings: Settings,
  workers: number,
  measure: (visitor: Visitor, server: Server, page: Page, context: BrowserContext) => Promise<T>,
): Promise<T> {
  const server = await Server.start({ ...REAL_COST, ...settings });
  const context = await browser.newContext({ baseURL: server.url });
  try {
    await watch(context);
    await context.addInitScript((cores) => {
      Object.defineProperty(Navigator.prototype, "hardwareConcurrency", { get: () => cores });
    }, Math.max(2, workers));
    const page = await context.newPage();
    const visitor = new Visitor(page);
    await visitor.arrive();
    await visitor.workers.fill(String(workers));
    return await measure(visitor, server, page, context);
  } finally {
    await context.close();
    await server.stop();
    await server.discard();
  }
}

/** Waits until the page has seen what is asked for. */
async function until(page: Page, what: string, condition: (seen: Seen) => boolean, patience = 60_000): Promise<Seen> {
  const deadline = Date.now() + patience;
  for (;;) {
    const seen = await seenOn(page);
    if (condition(seen)) return seen;
    if (deadline < Date.now()) throw new Error(`Waited in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

type Batches = Seen["batches"];

/** The batches of each worker, in order. */
function byWorker(batches: Batches): Batches[] {
  const workers = new Set(batches.map(({ worker }) => worker));
  return Array.from(workers, (worker) => batches.filter((batch) => batch.worker === worker));
}

const workersOf = (batches: Batches) => byWorker(batches).length;

/** From Start to the first hash, on reloads with a warm cache. */
export function measureStart(browser: Browser, workers: number, atOnce: boolean, samples: number): Promise<StartLatency> {
  return onThePage(browser, NOBODY_WINS, workers, async (visitor, _server, page) => {
    const firstHash = [];
    const beyondTheHash = [];
    const firstHashOfAll = [];
    for (let sample = 0; sample < samples; sample++) {
      await page.reload({ waitUntil: "commit" });
      if (atOnce) {
        await page.evaluate(async () => {
          const button = () => document.querySelector<HTMLButtonElement>("[data-testid=start]");
          while (button()?.disabled !== false) await new Promise((resolve) => setTimeout(resolve, 1));
          button()?.click();
        });
      } else {
        await visitor.isReady();
        // Loaded and ready, and its memory is there.
        await until(page, "a prepared worker", ({ prepared }) => 2 <= prepared);
        await visitor.start.click();
      }
      const hashes = (seen: Seen) => seen.batches.reduce((sum, batch) => sum + batch.hashes, 0);
      const seen = await until(page, "hashes", (seen) => workersOf(seen.batches) === workers && 6 * workers <= hashes(seen));
      const begin = seen.started[0];
      const firsts = byWorker(seen.batches).map(([first]) => first.answered - begin);
      const hash = summary(seen.batches.slice(workers).map(({ asked, answered, hashes }) => (answered - asked) / hashes)).median;
      firstHash.push(Math.min(...firsts));
      beyondTheHash.push(Math.min(...firsts) - hash);
      firstHashOfAll.push(Math.max(...firsts));
    }
    return {
      workers,
      atOnce,
      firstHash: summary(firstHash),
      beyondTheHash: summary(beyondTheHash),
      firstHashOfAll: summary(firstHashOfAll),
    };
  });
}

/** From the news of a round that somebody else has won to the first hashes of the next. */
export function measureResets(browser: Browser, workers: number, samples: number): Promise<ResetLatency> {
  return onThePage(browser, {}, workers, async (visitor, server, page) => {
    const rival = await Client.enter(server.url);
    const miner = new NativeMiner();
    const trace = await (await fetch(`${server.url}/cdn-cgi/trace`)).text();
    const identity = { visitor: "rival-of-the-page", trace };
    /** The rounds that the rival has opened by a win. */
    const opened: number[] = [];
    const measured = ({ rounds, batches }: Seen) =>
      rounds
        .filter(({ round }) => opened.includes(round))
        .map(({ round, at }) => ({ at, batches: batches.filter((batch) => batch.round === round) }))
        // The page may win before every worker has had its turn.
        .filter(({ batches }) => workersOf(batches) === workers);

    await visitor.start.click();
    let seen = await until(page, "hashes", ({ batches }) => workersOf(batches) === workers);
    while (measured(seen).length < samples) {
      const { round, seed, target } = await rival.puzzle();
      for (let first = 0; ; first += 2) {
        const { hash, nonce } = await miner.mine({ seed, ...identity }, first, 2);
        if (hash < target) {
          const solution = { visitorId: identity.visitor, nonce, submittedSeed: seed, traceData: trace, hash };
          if ((await rival.verify(solution)).status === 200) opened.push(round + 1);
          break;
        }
        if ((await rival.puzzle()).round !== round) break;
      }
      const latest = (await rival.puzzle()).round;
      seen = await until(page, "the next round", ({ batches, rounds }) => {
        const beyond = rounds.some(({ round }) => latest < round);
        return beyond || workersOf(batches.filter(({ round }) => round === latest)) === workers;
      });
    }
    miner.stop();

    const resets = measured(seen).map(({ at, batches }) => {
      const firsts = byWorker(batches).map(([first]) => first);
      return {
        begun: Math.max(...firsts.map(({ asked }) => asked)) - at,
        done: Math.max(...firsts.map(({ answered }) => answered)) - at,
      };
    });
    const rests = byWorker(seen.batches).flatMap((batches) =>
      batches.slice(1).map(({ asked }, index) => asked - batches[index].answered),
    );
    return {
      workers,
      begun: summary(resets.map(({ begun }) => begun)),
      done: summary(resets.map(({ done }) => done)),
      batch: summary(seen.batches.map(({ asked, answered }) => answered - asked)),
      rest: summary(rests),
    };
  });
}
