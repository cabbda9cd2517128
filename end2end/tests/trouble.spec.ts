import { expect, NOBODY_WINS, test } from "../fixtures/test";

test.describe("a worker that fails to load", () => {
  test.use({ settings: NOBODY_WINS });

  test("is told of in words, and trying again works", async ({ visitor, page, complaints }) => {
    complaints.allow(/ERR_FAILED/, /dynamically imported module/);
    await page.route("**/worker/**", (route) => route.abort());
    await visitor.arrive();
    await visitor.start.click();
    await expect(visitor.error).toContainText("could not be loaded", { timeout: 30_000 });
    await expect(visitor.status).toHaveText("Mining has stopped.");
    await expect(visitor.start).toHaveText("Try again");

    await page.unroute("**/worker/**");
    await visitor.startMining();
    await expect(visitor.error).toBeHidden();
  });

  test("is told of when only its WebAssembly is missing", async ({ visitor, page, complaints }) => {
    complaints.allow(/404 \(?Not Found/);
    await page.route("**/worker/**/*.wasm", (route) => route.fulfill({ status: 404, body: "gone" }));
    await visitor.arrive();
    await visitor.start.click();
    await expect(visitor.error).toContainText("could not be loaded", { timeout: 30_000 });
    await page.unroute("**/worker/**/*.wasm");
    await visitor.startMining();
  });

  test("is told of when a proxy spoils its type", async ({ visitor, page, complaints }) => {
    complaints.allow(/Failed to load module script/, /MIME/);
    await page.route("**/worker/**/start.js", (route) => route.fulfill({ contentType: "text/plain", body: "no" }));
    await page.clock.install();
    await visitor.arrive();
    await visitor.start.click();
    // Such a worker is silent, and so is its replacement.
    await page.clock.runFor(25_000);
    await expect(visitor.error).toContainText("could not be loaded");
    await expect(visitor.start).toHaveText("Try again");
  });
});

test.describe("a device without the memory for a hash", () => {
  // More than WebAssembly can address; the server maps it and touches none of it.
  test.use({
    settings: { ...NOBODY_WINS, HASHPASS_ARGON2_MEMORY_COST: 4_194_304, HASHPASS_VERIFY_WORKERS: 1 },
  });

  test("is told so", async ({ visitor }) => {
    await visitor.arrive();
    await visitor.start.click();
    await expect(visitor.error).toContainText("not enough free memory");
    await expect(visitor.start).toHaveText("Try again");
  });
});

test("a solution whose way to the server breaks is handed in again, and wins", async ({ visitor, page, complaints }) => {
  complaints.allow(/ERR_CONNECTION_RESET/);
  let attempts = 0;
  await page.route("**/api/verify", (route) => {
    attempts += 1;
    return attempts === 1 ? route.abort("connectionreset") : route.continue();
  });
  await visitor.arriveAndMine();
  await visitor.wins();
  await expect(visitor.log).toContainText("No verdict yet");
  await expect(visitor.log).toContainText("Won round 1!");
});

test("a code whose answer gets lost is fetched again", async ({ visitor, page, complaints, server }) => {
  complaints.allow(/ERR_CONNECTION_RESET/, /409 \(Conflict\)/);
  let attempts = 0;
  await page.route("**/api/verify", async (route) => {
    attempts += 1;
    if (attempts !== 1) return route.continue();
    await route.fetch();
    await route.abort("connectionreset");
  });
  await visitor.arriveAndMine();
  await visitor.wins();
  await expect(visitor.log).toContainText("Won round 1!");
  const [first] = await server.audit();
  await expect(page.getByText(String(first.invite_code))).toHaveCount(1);
  await visitor.nextRound(2);
  await visitor.isMining();
});

test("a verdict that comes after Stop still counts", async ({ visitor, page }) => {
  let answer = () => {};
  const permission = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/verify", async (route) => {
    await permission;
    await route.continue();
  });
  await visitor.arrive();
  await visitor.start.click();
  await expect(visitor.status).toHaveText("Found one! Handing it in …", { timeout: 60_000 });
  await visitor.stop.click();
  answer();
  await visitor.wins();
  await expect(visitor.stop).toBeDisabled();
  expect(await visitor.napsOfTheWorker(), "the worker must rest").toBeGreaterThan(20);
});

test("a busy server is asked again when it says so", async ({ visitor, page, complaints }) => {
  complaints.allow(/503 \(Service Unavailable\)/);
  const times: number[] = [];
  await page.route("**/api/verify", (route) => {
    times.push(Date.now());
    if (times.length !== 1) return route.continue();
    return route.fulfill({
      status: 503,
      headers: { "retry-after": "3" },
      json: { code: "verification_busy", detail: "The verifier is full.", retry_after: 3 },
    });
  });
  await visitor.arriveAndMine();
  await visitor.wins();
  await expect(visitor.log).toContainText("No verdict yet (The verifier is full)");
  expect(times[1] - times[0]).toBeGreaterThan(2900);
});

test("a race that pauses because nothing can be written is told of, and a hash is handed in again", async ({
  visitor,
  page,
  complaints,
}) => {
  complaints.allow(/503 \(Service Unavailable\)/);
  const handedIn: string[] = [];
  await page.route("**/api/verify", (route) => {
    handedIn.push(route.request().postDataJSON().submittedSeed);
    if (handedIn.length > 2) return route.continue();
    const detail = "The race pauses, because its storage cannot be written: try again in a moment";
    return route.fulfill({ status: 503, json: { code: "storage_unavailable", detail, retry_after: 1 } });
  });
  await visitor.arriveAndMine();
  await expect(visitor.log).toContainText("The race pauses, because its storage cannot be written");
  await visitor.wins();
  expect(new Set(handedIn.slice(0, 3)).size, "the round stays open").toBe(1);
});

test("a verdict that never comes is asked for again", async ({ visitor, page, complaints }) => {
  complaints.allow(/WebSocket is closed before/, /409 \(Conflict\)/);
  let attempts = 0;
  await page.route("**/api/verify", (route) => {
    attempts += 1;
    return attempts === 1 ? undefined : route.continue();
  });
  await page.clock.install();
  await visitor.arrive();
  await visitor.start.click();
  await expect(visitor.status).toHaveText("Found one! Handing it in …", { timeout: 60_000 });
  await page.clock.fastForward(31_000);
  await expect(visitor.log).toContainText("No verdict yet");
  await visitor.wins();
});

test("a proxy's error page instead of a verdict loses nothing", async ({ visitor, page, complaints }) => {
  complaints.allow(/502 \(Bad Gateway\)/);
  let attempts = 0;
  await page.route("**/api/verify", (route) => {
    attempts += 1;
    if (2 < attempts) return route.continue();
    return route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" });
  });
  await visitor.arriveAndMine();
  await visitor.wins();
  await expect(visitor.log).toContainText("Won round 1!");
});

test("an entrance that is closed for a moment is tried again", async ({ visitor, page, complaints }) => {
  complaints.allow(/503 \(Service Unavailable\)/);
  let attempts = 0;
  await page.route("**/api/session", (route) => {
    attempts += 1;
    if (2 < attempts) return route.continue();
    const json = { code: "turnstile_unavailable", detail: "The check cannot be asked.", retry_after: 1 };
    return route.fulfill({ status: 503, json });
  });
  await page.goto("/");
  await expect(visitor.status).toContainText("Trying again by itself");
  await expect(visitor.start).toBeDisabled();
  await visitor.isReady();
  await expect(visitor.log).toContainText("Not let in yet (The check cannot be asked)");
});

test("a visitor who is refused is told why", async ({ visitor, page, complaints }) => {
  complaints.allow(/403 \(Forbidden\)/);
  const json = { code: "turnstile_failed", detail: "Cloudflare takes you for a robot." };
  await page.route("**/api/session", (route) => route.fulfill({ status: 403, json }));
  await page.goto("/");
  await expect(visitor.error).toContainText("Cloudflare takes you for a robot.");
  await expect(visitor.error).not.toContainText("robot..");
  await expect(visitor.start).toBeDisabled();
});

test("a browser that keeps no cookie is told so", async ({ visitor, page, complaints }) => {
  complaints.allow(/403 \(Forbidden\)/);
  const json = { id: "0".repeat(32), nick: "calm_otter_417", verified: true };
  await page.route("**/api/session", (route) => route.fulfill({ json }));
  await page.goto("/");
  await expect(visitor.error).toContainText("cookie", { timeout: 45_000 });
  await expect(visitor.start).toBeDisabled();
});

test("a session that gets lost while mining is renewed by itself", async ({ visitor, context, complaints, server }) => {
  complaints.allow(/403 \(Forbidden\)/);
  await visitor.arriveAndMine();
  await visitor.wins();
  await context.clearCookies();
  await expect(visitor.log).toContainText("does not know this session any more", { timeout: 60_000 });
  const before = (await server.audit()).length;
  await expect.poll(async () => (await server.audit()).length, { timeout: 60_000 }).toBeGreaterThan(before);
  await visitor.isMining();
});

test("an address trace that fails is read again", async ({ visitor, page, complaints }) => {
  complaints.allow(/500 \(Internal Server Error\)/);
  let attempts = 0;
  await page.route("**/cdn-cgi/trace", (route) => {
    attempts += 1;
    return attempts < 3 ? route.fulfill({ status: 500, body: "no" }) : route.continue();
  });
  await page.goto("/");
  await expect(visitor.status).toContainText("which address it sees you at");
  await visitor.isReady();
});

test.describe("behind a proxy", () => {
  test.use({
    settings: { HASHPASS_TRUSTED_PROXIES: "127.0.0.0/8" },
    extraHTTPHeaders: { "x-forwarded-for": "203.0.113.1" },
  });

  test("a visitor whose address changes goes on mining with the new one", async ({
    visitor,
    page,
    server,
    complaints,
  }) => {
    complaints.allow(/403 \(Forbidden\)/);
    await visitor.arriveAndMine();
    await visitor.wins();
    await page.setExtraHTTPHeaders({ "x-forwarded-for": "203.0.113.2" });
    await expect(visitor.log).toContainText("Your address has changed", { timeout: 60_000 });
    const addresses = async () => (await server.audit()).map((record) => record.real_ip);
    await expect.poll(addresses, { timeout: 60_000 }).toContain("203.0.113.2");
    expect(await addresses()).toContain("203.0.113.1");
    await visitor.isMining();
  });
});

test.describe("a fingerprint that fails", () => {
  test.use({ settings: NOBODY_WINS });

  for (const [cause, spoil] of [
    ["is blocked", { status: 404, body: "blocked" }],
    ["was tampered with", { contentType: "text/javascript", body: "window.tampered = true;" }],
  ] as const) {
    test(`gives way to a random id that stays, when its library ${cause}`, async ({ visitor, page, complaints }) => {
      complaints.allow(/404 \(Not Found\)/, /integrity/);
      await page.route("**/vendor/**", (route) => route.fulfill(spoil));
      await visitor.arrive();
      await expect(visitor.log).toContainText("The fingerprint did not work here");
      const id = (await visitor.visitorId.textContent()) ?? "";
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      expect(await page.evaluate(() => "tampered" in window)).toBe(false);
      await visitor.startMining();
      await page.reload();
      await visitor.isReady();
      await expect(visitor.visitorId).toHaveText(id);
    });
  }

  test("is no failure: the id is the same on every visit", async ({ visitor, page }) => {
    await visitor.arrive();
    const id = (await visitor.visitorId.textContent()) ?? "";
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    await visitor.isReady();
    await expect(visitor.visitorId).toHaveText(id);
    await expect(visitor.log).not.toContainText("random");
  });
});

test.describe("a browser that stores nothing", () => {
  test.use({ settings: NOBODY_WINS });

  for (const [how, refuse] of [
    ["refuses to write", () => (Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); })],
    [
      "refuses even to be asked",
      () => Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } }),
    ],
  ] as const) {
    test(`is good enough when it ${how}`, async ({ visitor, page }) => {
      await page.addInitScript(refuse);
      await visitor.arriveAndMine();
      await visitor.workers.fill("2");
      await page.getByTestId("theme").selectOption("dark");
      await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
      await visitor.stopMining();
      await page.reload();
      await visitor.isReady();
      await visitor.startMining();
    });
  }
});

test("a browser that stores nothing but its cookie still finds its code after a reload", async ({ visitor, page }) => {
  await page.addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await visitor.arriveAndMine();
  await visitor.wins();
  await visitor.stopMining();
  const code = (await visitor.code.textContent()) ?? "";
  await page.reload();
  await visitor.isReady();
  await expect(visitor.code).toHaveText(code, { timeout: 5000 });
});
