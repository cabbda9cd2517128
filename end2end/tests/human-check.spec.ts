import { CHEAP, expect, NOBODY_WINS, test } from "../fixtures/test";

// The production path: nothing is in test mode here, only Cloudflare is stood in for.
test.use({ production: true });

const CHECK_FRAME = "#check-widget iframe";

test("who passes the check mines and wins", async ({ visitor, page, cloudflare, server }) => {
  await visitor.arrive();
  await expect(visitor.check).toHaveAttribute("data-check", "passed");
  await expect(page.getByTestId("test-banner")).toHaveCount(0);
  await visitor.startMining();
  expect(await visitor.wins()).toMatch(/^HASHPASS-/);

  const [form] = cloudflare.asked;
  expect(cloudflare.asked).toHaveLength(1);
  expect(form).toEqual({ secret: expect.stringContaining("AA"), response: cloudflare.tokens[0], remoteip: "127.0.0.1" });
  const secrets = [...cloudflare.tokens, form.secret];
  expect(secrets.filter((secret) => server.log.includes(secret)), "nothing secret may be in the log").toEqual([]);
});

test("the page lets in the check's origin and no other", async ({ page, cloudflare }) => {
  const answer = await page.request.get("/");
  const policy = answer.headers()["content-security-policy"];
  const sources = (name: string) => policy.split("; ").find((directive) => directive.startsWith(`${name} `))?.split(" ").slice(1);
  expect(sources("frame-src")).toEqual([cloudflare.origin]);
  expect(sources("script-src")?.filter((source) => source.includes("//"))).toEqual([cloudflare.origin]);
  expect(policy.split(cloudflare.origin)).toHaveLength(3);
  const config = await page.request.get("/api/turnstile/config");
  expect(await config.json()).toEqual({ siteKey: "1x00000000000000000000AA", testMode: false });
  // What is no page has no need of it.
  expect(config.headers()["content-security-policy"]).not.toContain(cloudflare.origin);
});

test.describe("in test mode", () => {
  test.use({ production: false });

  test("there is no check, and nobody else is asked", async ({ visitor, page, cloudflare }) => {
    const answer = await page.request.get("/");
    expect(answer.headers()["content-security-policy"]).not.toMatch(/frame-src|http/);
    await visitor.arrive();
    await expect(visitor.check).toBeHidden();
    await expect(page.locator("iframe")).toHaveCount(0);
    expect(cloudflare.shown).toEqual([]);
  });

  test("a request to another host is a fault that is found", async ({ visitor, page, complaints, cloudflare }) => {
    await visitor.arrive();
    await page.evaluate((origin) => fetch(origin).catch(() => {}), cloudflare.origin);
    await expect.poll(() => complaints.unexpected().join("\n")).toContain("Policy violation: connect-src");
    complaints.allow(/connect-src/, /Content Security Policy/, /Fetch API cannot load/, /request to another host/);
  });
});

test.describe("while nobody wins", () => {
  test.use({ settings: NOBODY_WINS });

  test("a visitor whom the check asks is told so, and cannot start before", async ({ visitor, page, cloudflare }) => {
    cloudflare.behaviour = "ask";
    await page.goto("/");
    await expect(visitor.check).toHaveAttribute("data-check", "interactive");
    await expect(visitor.checkWords).toContainText("Please answer it to take part");
    await expect(visitor.status).toHaveText("Waiting for the human check below.");
    await expect(visitor.start).toBeDisabled();
    await expect(visitor.start).toHaveAccessibleDescription(/Waiting for the human check below\. Please answer it/);
    await page.frameLocator(CHECK_FRAME).getByLabel("Verify you are human").check();
    await visitor.isReady();
    await expect(visitor.checkWords).toContainText("Passed");
    await visitor.startMining();
  });

  test("the room for the check is kept from the first paint on", async ({ visitor, page, cloudflare }) => {
    cloudflare.delivery = "wait";
    await page.goto("/");
    await expect(visitor.check).toHaveAttribute("data-check", "loading");
    await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
    const top = async () => (await visitor.start.boundingBox())?.y;
    const before = await top();
    cloudflare.delivery = "serve";
    cloudflare.release();
    await visitor.isReady();
    expect(await top()).toBe(before);
  });

  test("a check that fails is told, and trying again works", async ({ visitor, page, cloudflare }) => {
    cloudflare.behaviour = "fail";
    await page.goto("/");
    await expect(visitor.checkWords).toContainText("did not pass (code 300030)");
    await expect(visitor.start).toBeDisabled();
    cloudflare.behaviour = "pass";
    await visitor.checkAgain.click();
    await visitor.isReady();
    await expect(visitor.checkAgain).toBeHidden();
    await visitor.startMining();
  });

  test("a browser that the check does not know is told so", async ({ visitor, page, cloudflare }) => {
    cloudflare.behaviour = "unsupported";
    await page.goto("/");
    await expect(visitor.checkWords).toContainText("does not work in this browser");
    await expect(visitor.checkAgain).toBeVisible();
  });

  test("a script that is blocked is told, and trying again works", async ({ visitor, page, complaints }) => {
    complaints.allow(/ERR_BLOCKED_BY_CLIENT/);
    await page.route("**/turnstile/v0/api.js*", (route) => route.abort("blockedbyclient"));
    await page.goto("/");
    await expect(visitor.checkWords).toContainText("could not be loaded");
    await expect(visitor.checkWords).toContainText("content blocker");
    await page.unroute("**/turnstile/v0/api.js*");
    await visitor.checkAgain.click();
    await visitor.isReady();
  });

  test("a script that does not come is told, and welcome when it comes", async ({ visitor, page, cloudflare }) => {
    cloudflare.delivery = "wait";
    await page.clock.install();
    await page.goto("/");
    await expect(visitor.check).toHaveAttribute("data-check", "loading");
    await page.clock.runFor(16_000);
    await expect(visitor.checkWords).toContainText("has not answered yet");
    await expect(visitor.checkAgain).toBeVisible();
    cloudflare.delivery = "serve";
    cloudflare.release();
    await visitor.isReady();
  });

  test("a widget that falls silent is told, and trying again works", async ({ visitor, page, cloudflare }) => {
    cloudflare.behaviour = "silence";
    await page.clock.install();
    await page.goto("/");
    await expect(visitor.check).toHaveAttribute("data-check", "running");
    await page.clock.runFor(46_000);
    await expect(visitor.checkWords).toContainText("has not answered yet");
    cloudflare.behaviour = "pass";
    await visitor.checkAgain.click();
    await visitor.isReady();
  });

  test("a token that was spent already is replaced by itself", async ({ visitor, page, cloudflare, complaints }) => {
    complaints.allow(/403 \(Forbidden\)/);
    await page.route("**/api/session", async (route) => {
      if (cloudflare.tokens.length === 1) cloudflare.spendAll();
      await route.continue();
    });
    await visitor.arrive();
    await expect(visitor.log).toContainText("was used already; asking it again");
    expect(cloudflare.tokens).toHaveLength(2);
    expect(cloudflare.asked).toHaveLength(2);
  });

  test("tokens that are always spent are told of, not asked for without end", async ({
    visitor,
    page,
    cloudflare,
    complaints,
  }) => {
    complaints.allow(/403 \(Forbidden\)/);
    await page.route("**/api/session", async (route) => {
      cloudflare.spendAll();
      await route.continue();
    });
    await page.goto("/");
    await expect(visitor.checkWords).toContainText("did not accept the check (timeout-or-duplicate)");
    expect(cloudflare.asked).toHaveLength(2);
    await page.unroute("**/api/session");
    await visitor.checkAgain.click();
    await visitor.isReady();
  });

  test("a token solved on another site is refused in words", async ({ visitor, page, cloudflare, complaints }) => {
    complaints.allow(/403 \(Forbidden\)/);
    cloudflare.hostname = "phishing.example";
    await page.goto("/");
    await expect(visitor.checkWords).toContainText("hostname-mismatch");
    await expect(visitor.start).toBeDisabled();
  });

  for (const how of ["down", "broken", "nonsense"] as const) {
    test(`a siteverify that is ${how} lets nobody in, and is asked again`, async ({
      visitor,
      page,
      cloudflare,
      complaints,
      server,
    }) => {
      complaints.allow(/503 \(Service Unavailable\)/);
      server.allowError(/the human check cannot be asked/);
      cloudflare.verification = how;
      await page.goto("/");
      await expect(visitor.status).toContainText("Trying again by itself");
      await expect(visitor.log).toContainText("The human check cannot be reached");
      await expect(visitor.start).toBeDisabled();
      cloudflare.verification = "check";
      await visitor.isReady();
    });
  }

  test("a siteverify that is slow lets nobody in, and is asked again", async ({
    visitor,
    page,
    cloudflare,
    complaints,
    server,
  }) => {
    complaints.allow(/503 \(Service Unavailable\)/);
    server.allowError(/the human check (did not answer in time|cannot be asked)/);
    cloudflare.verification = "wait";
    await page.goto("/");
    await expect(visitor.log).toContainText("The human check cannot be reached");
    cloudflare.verification = "check";
    await visitor.isReady();
  });

  test("the check wears the page's theme and speaks its language", async ({ visitor, page, cloudflare }) => {
    const last = () => cloudflare.shown.at(-1);
    await visitor.arrive();
    expect(last()).toEqual({ sitekey: "1x00000000000000000000AA", theme: "auto", language: "en", size: "flexible" });
    await page.getByTestId("theme").selectOption("dark");
    await expect.poll(() => last()?.theme).toBe("dark");
    await expect(page.locator(CHECK_FRAME)).toHaveCount(1);
    await visitor.startMining();
    for (const [lang, language] of [["zh-Hans", "zh-cn"], ["zh-TW", "zh-tw"], ["de", "de"], ["", "auto"]]) {
      await page.evaluate((lang) => (document.documentElement.lang = lang), lang);
      const before = cloudflare.shown.length;
      await page.getByTestId("theme").selectOption(before % 2 ? "light" : "dark");
      await page.getByTestId("theme").selectOption(before % 2 ? "dark" : "light");
      await expect.poll(() => cloudflare.shown.length).toBeGreaterThan(before);
      await expect.poll(() => last()?.language).toBe(language);
    }
    await visitor.isMining();
  });

  test("whoever has a session is not checked again", async ({ visitor, page, cloudflare }) => {
    await visitor.arrive();
    await page.reload();
    await visitor.isReady();
    await expect(visitor.check).toBeHidden();
    expect(cloudflare.shown).toHaveLength(1);
  });

  test.describe("on the narrowest screen", () => {
    test.use({ viewport: { width: 320, height: 640 } });

    test("the check fits in", async ({ visitor, page, cloudflare }) => {
      cloudflare.behaviour = "ask";
      await page.goto("/");
      await expect(visitor.check).toHaveAttribute("data-check", "interactive");
      expect(cloudflare.shown.at(-1)?.size).toBe("compact");
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
    });
  });
});

test("a token that expires while mining is told of and stops nothing", async ({ visitor, cloudflare }) => {
  await visitor.arriveAndMine();
  cloudflare.behaviour = "ask";
  cloudflare.expire();
  await expect(visitor.log).toContainText("has expired and renews itself; your session goes on");
  await expect(visitor.checkWords).toContainText("Your session goes on");
  const round = await visitor.roundNumber();
  await visitor.nextRound(round);
  await visitor.isMining();
  await visitor.wins();
  expect(cloudflare.asked, "the session itself depends on no token").toHaveLength(1);
});

for (const behaviour of ["pass", "ask"] as const) {
  test(`a server that forgot its sessions is entered again while mining (${behaviour})`, async ({
    visitor,
    page,
    server,
    cloudflare,
    complaints,
  }) => {
    complaints.allow(/ERR_CONNECTION_REFUSED/, /ERR_EMPTY_RESPONSE/, /WebSocket connection/);
    complaints.allow(/403 \(Forbidden\)/, /409 \(Conflict\)/);
    await visitor.arriveAndMine();
    await visitor.wins();
    cloudflare.behaviour = behaviour;
    await server.kill();
    await server.loseData();
    await server.start();
    const before = (await server.audit()).length;
    await expect(visitor.log).toContainText("does not know this session any more", { timeout: 45_000 });
    if (behaviour === "ask") {
      await expect(visitor.checkWords).toContainText("Please answer it to take part");
      const focused = await page.evaluate(() => document.activeElement?.id);
      expect(focused, "nobody is pushed").not.toBe("check-widget");
      await page.frameLocator(CHECK_FRAME).getByLabel("Verify you are human").check();
    }
    await expect.poll(async () => (await server.audit()).length, { timeout: 60_000 }).toBeGreaterThan(before);
    await visitor.isMining();
    expect(cloudflare.tokens.length).toBeGreaterThan(1);
  });
}

test.describe("for programs", () => {
  test.use({ settings: CHEAP });

  test("a token stands for a session as Bearer, on every route, for one question", async ({ server, cloudflare }) => {
    const token = await (await fetch(`${cloudflare.origin.replace("localhost", "127.0.0.1")}/token`, { method: "POST" })).text();
    const headers = { authorization: `Bearer ${token}` };
    const answers = await Promise.all(["/api/puzzle", "/api/wins", "/api/puzzle"].map((path) => fetch(server.url + path, { headers })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(cloudflare.asked).toHaveLength(1);
    const other = await fetch(`${server.url}/api/puzzle`, { headers: { authorization: "Bearer made-up" } });
    expect([other.status, await other.json()]).toEqual([
      403,
      expect.objectContaining({ code: "turnstile_failed", "error-codes": ["invalid-input-response"] }),
    ]);
  });
});
