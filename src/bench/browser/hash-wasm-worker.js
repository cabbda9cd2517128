// A worker around hash-wasm, as a page would write one with that library.

import { argon2id } from "./hash-wasm.js";

self.onmessage = async ({ data: { seed, visitor, trace, first, count } }) => {
  let lowest = "g";
  for (let nonce = first; nonce < first + count; nonce++) {
    const hash = await argon2id({
      password: String(nonce),
      salt: seed + visitor + trace,
      iterations: 3,
      memorySize: 65536,
      parallelism: 1,
      hashLength: 32,
      outputType: "hex",
    });
    if (hash < lowest) lowest = hash;
  }
  postMessage(lowest);
};

postMessage("ready");
