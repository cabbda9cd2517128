// The bench's own page, on the server's origin: holds the workers of every engine and
// lets them mine one batch when the bench says so.

import init, { ShippedWorker } from "./client.js";

const engines = new Map();

class HashWasmWorker {
  static async start() {
    const worker = new HashWasmWorker();
    worker.worker = new Worker("./hash-wasm-worker.js", { type: "module" });
    await worker.answer();
    return worker;
  }

  answer() {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => resolve(data);
      this.worker.onerror = ({ message }) => reject(new Error(message));
    });
  }

  mine(seed, visitor, trace, first, count) {
    const answer = this.answer();
    this.worker.postMessage({ seed, visitor, trace, first, count });
    return answer;
  }
}

globalThis.bench = {
  /** Starts so many workers of an engine: `loader` is that of the shipped worker, or `undefined` for hash-wasm. */
  async start(engine, loader, workers) {
    await init();
    const start = () => (loader ? ShippedWorker.start(loader) : HashWasmWorker.start());
    engines.set(engine, await Promise.all(Array.from({ length: workers }, start)));
  },

  /**
   * Has the first `workers` workers mine `count` nonces each, all at once. Tells how
   * many milliseconds it took until the last was done, and the lowest hash of each.
   */
  async mine(engine, workers, { seed, visitor, trace }, first, count) {
    const begin = performance.now();
    const batch = (worker, index) => worker.mine(seed, visitor, trace, first + index * count, count);
    const lowest = await Promise.all(engines.get(engine).slice(0, workers).map(batch));
    return { milliseconds: performance.now() - begin, lowest };
  },
};
