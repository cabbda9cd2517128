import type { BrowserContext, Page } from "@playwright/test";

/** What the product's page does, to the moment: milliseconds on the page's clock. */
export interface Seen {
  /** When Start was clicked. */
  started: number[];
  /** When the message that opens a round arrived. */
  rounds: { round: number; at: number }[];
  /** Every batch of every worker: which was asked for when, and answered when. */
  batches: { worker: number; round: number; hashes: number; asked: number; answered: number }[];
  /** Answers of workers other than batches: ready, or memory prepared. */
  prepared: number;
}

declare global {
  var seen: Seen;
}

/** Has every page of this context note what it does. The page itself is not changed. */
export async function watch(context: BrowserContext) {
  await context.addInitScript(() => {
    const seen: Seen = { started: [], rounds: [], batches: [], prepared: 0 };
    globalThis.seen = seen;
    const now = () => performance.now();

    document.addEventListener(
      "click",
      (event) => {
        const button = (event.target as Element).closest("[data-testid=start]");
        if (button) seen.started.push(event.timeStamp);
      },
      { capture: true },
    );

    // What the worker says is postcard: one field after the other, in front of an enum's
    // the number of the variant; seven bits of a number to a byte, the lowest first, and
    // the highest bit says that more follow. Of gloo-worker's
    // `ProcessOutput(handler, Reply::Mined { generation, round, hashes, .. })`:
    const PROCESS_OUTPUT = 1;
    const MINED = 2;
    let workers = 0;
    globalThis.Worker = class extends Worker {
      private asked = 0;

      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        const worker = workers++;
        this.addEventListener("message", ({ data }: MessageEvent<Uint8Array>) => {
          let at = 0;
          const number = () => {
            let value = 0;
            for (let factor = 1; ; factor *= 128) {
              const byte = data[at++] ?? 0;
              value += (byte % 128) * factor;
              if (byte < 128) return value;
            }
          };
          const [what, , reply] = [number(), number(), number()];
          if (what !== PROCESS_OUTPUT) return;
          if (reply !== MINED) {
            seen.prepared += 1;
            return;
          }
          const [, round, hashes] = [number(), number(), number()];
          seen.batches.push({ worker, round, hashes, asked: this.asked, answered: now() });
        });
      }

      override postMessage(message: unknown, options?: StructuredSerializeOptions | Transferable[]) {
        this.asked = now();
        super.postMessage(message, options as StructuredSerializeOptions);
      }
    };

    globalThis.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        this.addEventListener("message", ({ data }: MessageEvent<string>) => {
          const at = now();
          const message = JSON.parse(data);
          if (message.type === "PUZZLE_RESET") seen.rounds.push({ round: message.round, at });
        });
      }
    };
  });
}

/** What the page has done since it was loaded. */
export async function seenOn(page: Page): Promise<Seen> {
  const seen = await page.evaluate(() => globalThis.seen);
  for (const { round, hashes } of seen.batches) {
    // Only if the worker's messages have changed, and this was forgotten.
    if (round < 1 || 1e6 < round || hashes < 1 || 8192 < hashes) throw new Error(`A batch of ${hashes} hashes in round ${round}?`);
  }
  return seen;
}
