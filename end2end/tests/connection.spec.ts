import type { Page } from "@playwright/test";
import { expect, NOBODY_WINS, test } from "../fixtures/test";

/** Puts a switch into the page's live connections, and into the polls that take their place. */
async function cable(page: Page) {
  let pulled = false;
  const open = new Set<() => Promise<void>>();
  await page.route("**/api/events*", (route) => (pulled ? route.abort("internetdisconnected") : route.continue()));
  await page.routeWebSocket("**/api/ws", (socket) => {
    if (pulled) {
      void socket.close({ code: 3000 });
      return;
    }
    const server = socket.connectToServer();
    open.add(async () => {
      await socket.close({ code: 3000 });
      await server.close();
    });
  });
  return {
    async pull() {
      pulled = true;
      for (const close of open) await close();
      open.clear();
    },
    plug() {
      pulled = false;
    },
  };
}

test("a lost connection is told, and no reset is missed", async ({ visitor, page, program, complaints }) => {
  complaints.allow(/ERR_INTERNET_DISCONNECTED/);
  const connection = await cable(page);
  const other = await program();
  const solution = await other.solve(await other.puzzle());
  // What this page finds does not reach the server while it is away.
  let away = false;
  await page.route("**/api/verify", (route) => (away ? route.abort("internetdisconnected") : route.continue()));
  await visitor.arrive();
  away = true;
  await connection.pull();
  await expect(visitor.connection).toHaveAttribute("data-state", "waiting");
  await expect(visitor.connection).toHaveText(/^Connection lost, next try in \d+ s$/);
  await expect(visitor.log).toContainText("Connection lost, trying again in");
  await visitor.start.click();

  expect((await other.verify(solution)).status).toBe(200);
  await expect(visitor.round).toHaveText("1");
  connection.plug();
  await expect(visitor.round).toHaveText("2", { timeout: 45_000 });
  await expect(visitor.log).toContainText("While the connection was away, round 2 began.");
  away = false;
  await expect(visitor.connection).toHaveText("Connected");
  await visitor.isMining();
  await visitor.wins();
});

test("without live news the page asks for the next round itself", async ({ visitor, page, server }) => {
  const connection = await cable(page);
  await visitor.arriveAndMine();
  await connection.pull();
  const before = (await server.audit().catch(() => [])).length;
  await expect.poll(async () => (await server.audit().catch(() => [])).length, { timeout: 60_000 }).toBeGreaterThan(before + 1);
});

test.describe("a connection that stays away", () => {
  test.use({ settings: NOBODY_WINS });

  test("pauses mining in words, and mining goes on by itself when it is back", async ({ visitor, page }) => {
    await page.clock.install();
    const connection = await cable(page);
    await visitor.arriveAndMine();
    await connection.pull();
    await expect(visitor.connection).toHaveAttribute("data-state", "waiting");
    await visitor.isMining();
    // The round may be over unnoticed, so there is an end to mining on without news.
    await page.clock.fastForward(20_000);
    await expect(visitor.status).toHaveAttribute("data-phase", "paused");
    await expect(visitor.status).toContainText("Mining goes on by itself when it is back.");
    await expect(page).toHaveTitle("Paused · HashPass");
    expect(await visitor.napsOfTheWorker(), "the worker must rest").toBeGreaterThan(20);
    await expect(visitor.stop).toBeEnabled();
    connection.plug();
    await page.clock.fastForward(30_000);
    await expect(visitor.status).toHaveAttribute("data-phase", "mining");
    await expect(visitor.log).toContainText("Mining goes on.");
    await visitor.isMining();
    await expect(visitor.activeMiners).toHaveText("1");
  });

  test("keeps nobody in the dark who never had one", async ({ visitor, page, complaints }) => {
    complaints.allow(/ERR_INTERNET_DISCONNECTED/);
    await page.clock.install();
    const connection = await cable(page);
    await connection.pull();
    await page.goto("/");
    await expect(visitor.connection).toHaveAttribute("data-state", "waiting");
    await visitor.start.click();
    await expect(visitor.status).toHaveAttribute("data-phase", "starting");
    await page.clock.fastForward(20_000);
    await expect(visitor.status).toContainText("Paused: the connection is lost.");
    connection.plug();
    await page.clock.fastForward(30_000);
    await visitor.isMining();
  });

  test("is tried at once when the device is back on the network", async ({ visitor, page }) => {
    await page.clock.install();
    const connection = await cable(page);
    await visitor.arrive();
    await connection.pull();
    await expect(async () => {
      await page.clock.fastForward(4000);
      await expect(visitor.connection).toHaveText(/next try in ([6-9]|\d\d) s/, { timeout: 500 });
    }, "the waits must become longer").toPass();
    connection.plug();
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await expect(visitor.connection).toHaveAttribute("data-state", "open", { timeout: 3000 });
  });
});

test("a device that goes offline and comes back goes on mining", async ({ visitor, context, complaints, server }) => {
  complaints.allow(/ERR_INTERNET_DISCONNECTED/, /WebSocket connection/);
  await visitor.arriveAndMine();
  await visitor.wins();
  await context.setOffline(true);
  await expect(visitor.log).toContainText(/No verdict yet|Connection lost/, { timeout: 45_000 });
  await context.setOffline(false);
  await visitor.isConnected();
  const before = (await server.audit()).length;
  await expect.poll(async () => (await server.audit()).length, { timeout: 60_000 }).toBeGreaterThan(before);
  await visitor.isMining();
});

test("a device that slept for an hour goes on mining", async ({ visitor, page, complaints, server }) => {
  complaints.allow(/WebSocket is closed before/);
  await page.clock.install();
  await visitor.arriveAndMine();
  await visitor.wins();
  await page.clock.fastForward(3_600_000);
  const before = (await server.audit()).length;
  await expect.poll(async () => (await server.audit()).length, { timeout: 60_000 }).toBeGreaterThan(before);
  await visitor.isMining();
  await expect(visitor.connection).toHaveAttribute("data-state", "open");
});

test("a server that comes back with another cost is mined at that cost", async ({ visitor, server, complaints }) => {
  complaints.allow(/ERR_CONNECTION_REFUSED/, /ERR_EMPTY_RESPONSE/, /WebSocket connection/);
  complaints.allow(/403 \(Forbidden\)/, /409 \(Conflict\)/);
  await visitor.arriveAndMine();
  await visitor.wins();
  await server.stop();
  const before = (await server.audit()).length;
  await server.start({ HASHPASS_ARGON2_MEMORY_COST: 1024, HASHPASS_ARGON2_TIME_COST: 2, HASHPASS_ARGON2_PARALLELISM: 2 });
  await expect.poll(async () => (await server.audit()).length, { timeout: 75_000 }).toBeGreaterThan(before);
  await visitor.isMining();
});

for (const end of ["kill", "stop"] as const) {
  test(`a server that restarts (${end}) while somebody mines costs nobody anything`, async ({
    visitor,
    server,
    complaints,
  }) => {
    complaints.allow(/ERR_CONNECTION_REFUSED/, /ERR_EMPTY_RESPONSE/, /WebSocket connection/);
    // What was found while nobody listened may come too late.
    complaints.allow(/409 \(Conflict\)/);
    await visitor.arriveAndMine();
    await visitor.wins();
    await server[end]();
    await expect(visitor.connection).toHaveAttribute("data-state", "waiting");
    await expect(visitor.log).toContainText("Connection lost, trying again in");
    const before = (await server.audit()).length;
    await server.start();
    await expect(visitor.connection).toHaveAttribute("data-state", "open", { timeout: 45_000 });
    await expect.poll(async () => (await server.audit()).length, { timeout: 60_000 }).toBeGreaterThan(before);
    await visitor.isMining();
    // The new process goes on with the session and the round of the one before.
    await expect(visitor.log).not.toContainText("does not know this session any more");
  });
}

test.describe("in a round that nobody wins", () => {
  test.use({ settings: { ...NOBODY_WINS, HASHPASS_ARGON2_MEMORY_COST: 1024 } });

  test("a page that mines keeps its best hash while the server is killed and comes back", async ({
    visitor,
    page,
    server,
    complaints,
  }) => {
    complaints.allow(/ERR_CONNECTION_REFUSED/, /ERR_EMPTY_RESPONSE/, /WebSocket connection/);
    // "1 in 1,234".
    const best = async () => Number((await page.getByTestId("best").innerText()).replace(/^1 in|\D/g, ""));
    await visitor.arriveAndMine();
    await expect.poll(best, { timeout: 60_000 }).toBeGreaterThan(1000);
    const [before, round] = [await best(), await visitor.roundNumber()];
    await server.kill();
    await expect(visitor.connection).toHaveAttribute("data-state", "waiting");
    await server.start();
    await expect(visitor.connection).toHaveAttribute("data-state", "open", { timeout: 45_000 });
    await visitor.isMining();
    expect(await best()).toBeGreaterThanOrEqual(before);
    expect(await visitor.roundNumber()).toBe(round);
    await expect(visitor.activeMiners).toHaveText("1");
    await expect(visitor.log).not.toContainText("does not know this session any more");
  });
});

test("where WebSockets are blocked the page takes part by polling", async ({ visitor, page, complaints }) => {
  complaints.allow(/WebSocket connection/);
  await page.addInitScript(() => {
    // As a proxy that knows no upgrade: the connection never comes about.
    window.WebSocket = new Proxy(window.WebSocket, {
      construct: (real, [url]) => new real(String(url).replace("/api/ws", "/api/nothing")),
    });
  });
  await visitor.arriveAndMine();
  await expect(visitor.activeMiners).toHaveText("1");
  const before = await visitor.roundNumber();
  expect(await visitor.wins()).toMatch(/^HASHPASS-/);
  expect(await visitor.nextRound(before)).toBeGreaterThan(before);
});
