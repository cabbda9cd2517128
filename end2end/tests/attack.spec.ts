import { Flood } from "../fixtures/flood";
import { expect, test } from "../fixtures/test";

// A win takes some seconds, so that whoever mines has usually shown a share before it.
test.use({
  settings: {
    HASHPASS_DIFFICULTY: 2,
    HASHPASS_MAX_DIFFICULTY: 2,
    HASHPASS_ARGON2_MEMORY_COST: 4096,
    HASHPASS_TRUSTED_PROXIES: "127.0.0.1",
  },
});

test("while strangers flood the server one visitor wins and a newcomer mines soon", async ({
  visitor,
  another,
  server,
  complaints,
}) => {
  // The browser says itself what it was answered: that two who mine found a solution of
  // the same round, or that somebody found one before their first share was looked at,
  // and is to hand it in again.
  complaints.allow(/(409 \(Conflict\)|503 \(Service Unavailable\)).*\/api\/verify/);
  const flood = new Flood(server.url);
  try {
    await visitor.arriveAndMine();
    await expect.poll(() => flood.count("false hashes"), { timeout: 60_000 }).toBeGreaterThan(50);

    const newcomer = await another();
    const began = Date.now();
    await newcomer.arriveAndMine();
    expect(Date.now() - began, "a newcomer must mine soon").toBeLessThan(15_000);
    await expect(newcomer.activeMiners).toHaveText(/[2-9]/);

    expect(await visitor.wins()).toMatch(/^HASHPASS-/);
    const before = await newcomer.roundNumber();
    await newcomer.nextRound(before);
    await visitor.isMining();
    await newcomer.isMining();
  } finally {
    flood.stop();
  }
  // It was one.
  expect(flood.count("health")).toBeGreaterThan(500);
  expect(flood.answers["health 200"]).toBeGreaterThan(100);
  expect(flood.answers["sessions 200"]).toBeGreaterThan(50);
  expect(flood.answers["false hashes 400"], "false hashes must be computed").toBeGreaterThan(10);
});
