import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Thread } from "./processor-time";

/** What is hashed: the same for every engine. */
export interface Salt {
  seed: string;
  visitor: string;
  trace: string;
}

const BINARY = fileURLToPath(new URL("../../../target/release/bench-native-miner", import.meta.url));

/** The server's hash function as a process that mines a batch on request. */
export class NativeMiner {
  private readonly process: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: AsyncIterator<string>;

  constructor() {
    this.process = spawn(BINARY, { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /** Its only thread, for its processor time. */
  get thread(): Thread {
    const process = this.process.pid ?? 0;
    return { process, thread: process };
  }

  /** The lowest hash of so many nonces from `first` on. */
  async mine({ seed, visitor, trace }: Salt, first: number, count: number): Promise<{ hash: string; nonce: number }> {
    this.process.stdin.write(`${JSON.stringify({ seed, visitor, trace, first, count })}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${BINARY} gave no answer.`);
    return JSON.parse(value);
  }

  stop() {
    this.process.stdin.end();
  }
}
