import { expect, REAL_COST, test } from "../fixtures/test";

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false, settings: { ...REAL_COST, HASHPASS_DIFFICULTY: 2, HASHPASS_MAX_DIFFICULTY: 2 } });

  test("the page says what it is, how the race stands, and what is needed", async ({ visitor, page, complaints }) => {
    // The program is on its way before anybody knows that it will not run.
    complaints.allow(/preloaded/);
    await page.goto("/");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("A fair race for invite codes");
    await expect(visitor.round).toHaveText("1");
    await expect(page.getByTestId("difficulty")).toContainText("2");
    await expect(page.getByText("about 1 in 256 tries", { exact: true })).toBeVisible();
    await expect(visitor.activeMiners).toHaveText("0");
    await expect(visitor.networkRate).toHaveText("0 H/s");
    await expect(page.getByText("How it works")).toBeVisible();
    await expect(page.getByText("64 MiB")).toBeVisible();
    await expect(page.locator("noscript")).toBeVisible();
    expect(await page.locator("noscript").innerText()).toContain("needs JavaScript and WebAssembly");
    await expect(page.getByTestId("test-banner")).toBeVisible();
    // Nothing that could only disappoint.
    await expect(visitor.start).toBeHidden();
    await expect(visitor.stop).toBeHidden();
    await expect(visitor.connection).toBeHidden();
    await expect(page.getByText(/has not loaded yet/)).toBeHidden();
    await expect(page.getByText(/browser does not offer/)).toBeHidden();
  });

  test("the page shows a race that goes on", async ({ visitor, page, program, complaints }) => {
    complaints.allow(/preloaded/);
    const miner = await program();
    const socket = await miner.connect();
    socket.say({ type: "mining_start" });
    socket.say({ type: "hashrate", payload: { rate: 123 } });
    await expect.poll(async () => (await miner.get("/api/puzzle")).body.clock_running).toBe(true);
    // The figures are gathered every two seconds.
    await expect(async () => {
      await page.goto("/");
      await expect(visitor.activeMiners).toHaveText("1", { timeout: 1 });
      await expect(visitor.networkRate).toHaveText("123 H/s", { timeout: 1 });
    }).toPass();
  });
});

test("without WebAssembly the page says so", async ({ page, visitor, complaints }) => {
  complaints.allow(/WebAssembly is not defined/, /preloaded/);
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, "WebAssembly"));
  await page.goto("/");
  await expect(page.getByText(/needs WebAssembly, which this browser does not offer/)).toBeVisible();
  await expect(visitor.start).toBeDisabled();
});

test("a program that does not arrive is told of after twenty seconds", async ({ page, visitor }) => {
  await page.clock.install();
  await page.route("**/hashpass.wasm", () => {});
  await page.goto("/", { waitUntil: "domcontentloaded" });
  const notice = page.getByText(/program has not loaded yet/);
  await expect(notice).toBeHidden();
  await page.clock.fastForward(21_000);
  await expect(notice).toBeVisible();
  await expect(visitor.start).toBeDisabled();
});

test("comes alive without a complaint; Start waits for the check", async ({ page, visitor }) => {
  let letPass = () => {};
  const permission = new Promise<void>((resolve) => (letPass = resolve));
  await page.route("**/api/session", async (route) => {
    await permission;
    await route.continue();
  });
  await page.goto("/");
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
  await expect(visitor.visitorId).toHaveText(/^[0-9A-Za-z_-]{8,64}$/);
  await expect(visitor.start).toBeDisabled();
  await expect(visitor.status).toHaveText("Checking whether you may take part …");
  letPass();
  await visitor.isReady();
  await expect(visitor.status).toHaveText("Ready when you are.");
  await expect(visitor.stop).toBeDisabled();
  await expect(page.getByTestId("online")).toHaveText("1");
  await expect(page).toHaveTitle("A fair race for invite codes · HashPass");
});

test("comes alive in the middle of a race just as well", async ({ visitor, program }) => {
  const miner = await program();
  const socket = await miner.connect();
  socket.say({ type: "mining_start" });
  socket.say({ type: "hashrate", payload: { rate: 1234.5 } });
  await expect.poll(async () => (await miner.puzzle()).mining_time).toBeGreaterThan(1);
  await visitor.arrive();
  await expect(visitor.activeMiners).toHaveText("1");
  await expect(visitor.networkRate).toHaveText(/^1,23[45] H\/s$/);
  await expect(visitor.page.getByTestId("mining-time")).toHaveText(/^0:(0[3-9]|[1-5]\d)$/);
});

test("the page wears its style", async ({ page, visitor }) => {
  await visitor.arrive();
  const radius = await visitor.start.evaluate((button) => getComputedStyle(button).borderRadius);
  expect(radius).not.toBe("0px");
  expect(await page.evaluate(() => document.styleSheets.length)).toBeGreaterThan(0);
});

test("an address where nothing is gets a page that leads back", async ({ page, visitor, complaints }) => {
  complaints.allow(/404 \(Not Found\)/);
  const answer = await page.goto("/nothing");
  expect(answer?.status()).toBe(404);
  await page.getByRole("link", { name: /race/i }).click();
  await visitor.isReady();
});

test("coming back with the browser's button finds a page that works", async ({ page, visitor, complaints }) => {
  complaints.allow(/favicon\.ico/);
  await visitor.arriveAndMine();
  await page.goto("/cdn-cgi/trace");
  await page.goBack();
  await visitor.isReady();
  await visitor.startMining();
});
