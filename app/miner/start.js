// Starts the miner in a worker. If that fails, the page must hear of it: a worker
// that does not come up is silent by itself. The channel is named by the page, in
// the fragment of this file's address.
try {
  const { default: init } = await import("./miner.js");
  await init();
} catch (error) {
  console.error(error);
  new BroadcastChannel(self.location.hash).postMessage("failed");
  self.close();
}
