import { CHEAP, expect, NOBODY_WINS, REAL_COST, test } from "../fixtures/test";

test.describe("at the real cost", () => {
  test.use({ settings: REAL_COST });

  test("mines to a code, and goes on with the next round", async ({ visitor, server, page }) => {
    await visitor.arrive();
    const puzzle = await (await page.request.get("/api/puzzle")).json();
    expect(puzzle).toMatchObject({ memory_cost: 65536, time_cost: 3, parallelism: 1, difficulty: 1 });

    await visitor.startMining();
    const code = await visitor.wins();
    expect(code).toMatch(/^HASHPASS-[0-9A-HJKMNP-TV-Z]{12}$/);
    const record = (await server.audit()).find(({ invite_code }) => invite_code === code) ?? {};
    expect(record).toMatchObject({ real_ip: "127.0.0.1", difficulty: 1, new_difficulty: 1 });
    expect(Object.keys(record)).toHaveLength(13);
    expect(record.visitor_id).toBe(await visitor.visitorId.textContent());
    expect(await server.accepts(record), "check-code must accept it").toBe(true);
    expect(await server.accepts({ ...record, nonce: 1 }), "and no other").toBe(false);
    expect(server.log).not.toContain(code);

    await visitor.nextRound(2);
    await visitor.isMining();
    await visitor.stopMining();
    await expect(page.getByText(code)).toHaveCount(1);
  });

  test("when somebody else wins, the page says so and goes on by itself", async ({ visitor, another, complaints }) => {
    complaints.allow(/409 \(Conflict\)/);
    const other = await another();
    await visitor.arriveAndMine();
    await other.arriveAndMine();
    await expect(other.log).toContainText(/Somebody (won|was faster)/, { timeout: 80_000 });
    const round = await other.roundNumber();
    await other.isMining();
    await other.nextRound(round);
    await other.isMining();
    await expect(other.activeMiners).toHaveText("2");
    await expect(other.page.getByTestId("online")).toHaveText("2");
  });
});

test("Copy puts the code on the clipboard", async ({ visitor, page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await visitor.arriveAndMine();
  await visitor.wins();
  await visitor.stopMining();
  await page.getByTestId("copy").click();
  await expect(page.getByTestId("copy")).toHaveText("Copied");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(await visitor.code.textContent());
});

test("where copying is forbidden the code is selected instead", async ({ visitor, page }) => {
  await page.addInitScript(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error("forbidden"));
  });
  await visitor.arriveAndMine();
  await visitor.wins();
  await visitor.stopMining();
  await page.getByTestId("copy").click();
  await expect(page.getByTestId("copy")).toHaveText("Selected: copy it by hand");
  expect(await page.evaluate(() => String(getSelection()))).toBe(await visitor.code.textContent());
});

test("the number of those online follows as quickly as the number of those who mine", async ({ visitor, another }) => {
  await visitor.arrive();
  await (await another()).arrive();
  await expect(visitor.page.getByTestId("online")).toHaveText("2", { timeout: 5000 });
});

test.describe("while nobody wins", () => {
  test.use({ settings: NOBODY_WINS });

  test("Stop is felt within a second, by the page, the worker and the network", async ({ visitor, program }) => {
    await visitor.arriveAndMine();
    await expect(visitor.activeMiners).toHaveText("1");
    await expect(visitor.networkRate).not.toHaveText("0 H/s");
    expect(await visitor.napsOfTheWorker(), "the worker must be busy").toBeLessThan(20);

    await visitor.stop.click();
    await expect(visitor.status).toHaveAttribute("data-phase", "idle", { timeout: 1000 });
    await expect(visitor.localRate).toHaveText("0 H/s", { timeout: 1000 });
    expect(await visitor.napsOfTheWorker(), "the worker must rest").toBeGreaterThan(20);
    await expect(visitor.activeMiners).toHaveText("0");
    await expect(visitor.networkRate).toHaveText("0 H/s");
    const clock = async () => (await (await program()).puzzle()).mining_time;
    expect(await clock(), "the mining time must stand still").toBe(await clock());

    await visitor.startMining();
    await visitor.stopMining();
  });

  test("Stop promises nothing for a hash that can never win", async ({ visitor, page }) => {
    await visitor.arriveAndMine();
    await expect(page.getByTestId("outlook")).toContainText("not rare enough to win");
    await visitor.stopMining();
    await expect(visitor.log).toContainText("Stopped.");
    await expect(visitor.log).not.toContainText("still counts", { timeout: 1000 });
  });

  test("five quick starts and stops leave one worker that mines once", async ({ visitor, page }) => {
    let workersEver = 0;
    page.on("worker", () => (workersEver += 1));
    await visitor.arrive();
    for (let i = 0; i < 5; i++) {
      await visitor.start.click();
      await visitor.stop.click();
    }
    await visitor.startMining();
    expect(workersEver).toBe(1);
    expect(await visitor.napsOfTheWorker()).toBeLessThan(20);
    await expect(visitor.activeMiners).toHaveText("1");
    await visitor.stopMining();
    expect(await visitor.napsOfTheWorker(), "no earlier start may go on").toBeGreaterThan(20);
    await expect(visitor.activeMiners).toHaveText("0");
  });

  test("a double click and three reloads leave one visitor with one worker", async ({ visitor, page }) => {
    await visitor.arrive();
    for (let i = 0; i < 3; i++) {
      await visitor.start.dblclick({ force: true });
      await page.reload();
      await visitor.isReady();
    }
    await visitor.start.dblclick({ force: true });
    await visitor.isMining();
    expect(page.workers()).toHaveLength(1);
    await expect(page.getByTestId("online")).toHaveText("1");
    await expect(visitor.activeMiners).toHaveText("1");
  });

  test("the slider changes the number of workers while mining, and is remembered", async ({ visitor, page }) => {
    await visitor.arriveAndMine();
    expect(page.workers()).toHaveLength(1);
    await visitor.workers.fill("2");
    await expect(page.getByText("2 of 2")).toBeVisible();
    await expect.poll(() => page.workers().length).toBe(2);
    await visitor.workers.fill("1");
    await expect.poll(() => page.workers().length).toBe(1);
    await visitor.workers.fill("2");
    await page.reload();
    await visitor.isReady();
    await expect(page.getByText("2 of 2")).toBeVisible();
    await visitor.startMining();
    await expect(visitor.log).toContainText("Started with 2 workers.");
    await expect.poll(() => page.workers().length).toBe(2);
  });

  test("whoever leaves the page mines no more", async ({ visitor, page, program }) => {
    const client = await program();
    await visitor.arriveAndMine();
    expect((await client.puzzle()).clock_running).toBe(true);
    await page.goto("about:blank");
    await expect.poll(async () => (await client.puzzle()).clock_running).toBe(false);
  });

  test("the log and the screen reader's status stay calm while mining", async ({ visitor, page }) => {
    await visitor.arriveAndMine();
    await page.evaluate(() => {
      const status = document.querySelector("[data-testid=status]") as Node;
      Object.assign(window, { announcements: 0 });
      const count = () => ((window as unknown as { announcements: number }).announcements += 1);
      new MutationObserver(count).observe(status, { childList: true, characterData: true, subtree: true });
    });
    await page.waitForTimeout(3000);
    expect(await page.evaluate(() => (window as unknown as { announcements: number }).announcements)).toBe(0);
    const loud = "[aria-live=polite], [aria-live=assertive], [role=log], [role=status], [role=alert]";
    expect(await visitor.log.evaluate((log, loud) => log.closest(loud), loud), "the log is not read out").toBeNull();
  });
});

test.describe("when proofs of work are due every two seconds", () => {
  test.use({ settings: { HASHPASS_DIFFICULTY: 6, HASHPASS_MAX_DIFFICULTY: 6, HASHPASS_PROOF_INTERVAL: 2 } });

  test("a page that mines goes on counting, and a program that only says so does not", async ({ visitor, program }) => {
    const client = await program();
    const socket = await client.connect();
    socket.say({ type: "mining_start" });
    await expect.poll(async () => (await client.puzzle()).clock_running).toBe(true);
    await expect.poll(async () => (await client.puzzle()).clock_running).toBe(false);
    const before = Number((await client.puzzle()).mining_time);
    expect(before, "to the moment").toBeLessThanOrEqual(2);

    // The same network has had its two seconds: from here on only proofs count.
    await visitor.arriveAndMine();
    await expect(visitor.activeMiners).toHaveText("1");
    // Longer than one proof holds.
    await expect.poll(async () => Number((await client.puzzle()).mining_time)).toBeGreaterThan(before + 8);
    await expect(visitor.activeMiners).toHaveText("1");
    expect((await client.puzzle()).clock_running).toBe(true);
    await visitor.stopMining();
    await expect(visitor.activeMiners).toHaveText("0");
  });
});

test.describe("a round that nobody can win", () => {
  test.use({
    settings: { HASHPASS_DIFFICULTY: 6, HASHPASS_MAX_DIFFICULTY: 6, HASHPASS_TARGET_TIME_MIN: 1, HASHPASS_TARGET_TIME_MAX: 3 },
  });

  test("ends by itself, and the next one is easier", async ({ visitor, page }) => {
    await visitor.arriveAndMine();
    await expect(visitor.log).toContainText("Nobody won in time. Round 2 has begun, and it is easier.");
    await expect(page.getByTestId("difficulty")).toContainText("5");
    await visitor.isMining();
  });
});

test.describe("when hashes cost next to nothing", () => {
  test.use({ settings: CHEAP });

  test("a flood of wins drowns neither the page nor the server", async ({ visitor, page, server, complaints }) => {
    complaints.allow(/429 \(Too Many Requests\)/, /409 \(Conflict\)/);
    await visitor.arriveAndMine();
    await page.waitForTimeout(5000);
    await visitor.stop.click({ timeout: 2000 });
    await visitor.isIdle();
    expect((await server.audit()).length).toBeGreaterThan(5);
    expect(await visitor.log.locator("li").count()).toBeLessThanOrEqual(100);
    await visitor.startMining();
  });
});

test.describe("on the rising rule", () => {
  test.use({
    settings: {
      HASHPASS_RETARGET: "rising",
      HASHPASS_MAX_DIFFICULTY: 6,
      HASHPASS_TARGET_TIME_MIN: 2,
      HASHPASS_TARGET_TIME_MAX: 8,
    },
  });

  // Nothing is handed in too early: the browser would complain of the refusal.
  test("the bar comes down until a hash clears it", async ({ visitor, page }) => {
    await visitor.arrive();
    const bars = () =>
      page.evaluate(() => {
        const text = (id: string) => document.querySelector(`[data-testid=${id}]`)?.textContent ?? "";
        return { round: text("round"), oneIn: Number(text("bar").replace(/^1 in |,/g, "")) };
      });
    await visitor.start.click();
    await expect.poll(async () => (await bars()).oneIn, { intervals: [100] }).toBeLessThan(5000);
    const before = await bars();
    await expect
      .poll(async () => {
        const now = await bars();
        return now.round !== before.round || now.oneIn < before.oneIn / 2;
      }, { intervals: [100] })
      .toBe(true);
    expect(await visitor.wins()).toMatch(/^HASHPASS-/);
    await expect(visitor.log).toContainText("Won round");
    await visitor.nextRound(2);
    await visitor.isMining();
  });
});

test.describe("without SIMD", () => {
  test("the scalar worker is loaded, and it wins", async ({ visitor, page }) => {
    await page.addInitScript(() => {
      WebAssembly.validate = () => false;
    });
    const variants = new Set<string>();
    page.on("request", (request) => {
      const variant = /\/worker\/\w+\/(\w+)\//.exec(request.url())?.[1];
      if (variant) variants.add(variant);
    });
    await visitor.arriveAndMine();
    await visitor.wins();
    expect([...variants]).toEqual(["scalar"]);
  });
});

test("with SIMD only that worker is loaded", async ({ visitor, page }) => {
  const requests: string[] = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));
  await visitor.arrive();
  await expect.poll(() => requests.filter((path) => /simd.*\.wasm$/.test(path)).length).toBeGreaterThan(0);
  expect(requests.filter((path) => path.includes("/scalar/"))).toEqual([]);
});
