import AxeBuilder from "@axe-core/playwright";
import { inLobby, Lobby } from "../fixtures/lobby";
import { CHEAP, expect, NOBODY_WINS, test } from "../fixtures/test";

test.use({ contextOptions: { reducedMotion: "reduce" } });

test.describe("talk", () => {
  test.use({ settings: NOBODY_WINS });

  test("two visitors talk, in a channel and in private, and count what they did not read", async ({ visitor, another }) => {
    const ann = await inLobby(visitor);
    const bob = await inLobby(await another());
    await ann.say("hello from ann");
    await expect(bob.line("hello from ann")).toHaveAttribute("data-kind", "message");
    await expect(ann.line("hello from ann")).toHaveAttribute("data-progress", "delivered");
    await expect(ann.line("hello from ann")).toHaveCount(1);
    await expect(ann.composer).toBeFocused();
    await ann.composer.press("ArrowUp");
    await expect(ann.composer).toHaveValue("hello from ann");

    await ann.say(`/msg ${await bob.nick()} just for you`);
    await expect(bob.tabs).toHaveCount(2);
    await expect(bob.tabs.nth(1)).toContainText("1 new");
    await expect(bob.page.getByTestId("unread")).toHaveText("1 new");
    await bob.tabs.nth(1).click();
    await expect(bob.line("just for you")).toBeVisible();
    await expect(bob.page.getByTestId("unread")).toBeHidden();

    await bob.say("/me nods");
    await expect(ann.line("nods")).toHaveAttribute("data-kind", "action");
    await bob.say("/nick robert");
    await expect(ann.tabs.nth(1)).toContainText("robert");
    await bob.say("/dance");
    await expect(bob.line("/dance")).toHaveAttribute("data-kind", "refusal");
  });

  test("what people write is text, whatever they write", async ({ visitor, another, page }) => {
    const evil = `</script><img src=x onerror="document.title='taken'"><b>bold</b>`;
    const ann = await inLobby(visitor);
    await ann.say("/nick `[x]|{}^");
    await ann.say("/join #evil");
    await expect(ann.tabs).toHaveCount(2);
    await ann.say(`/topic ${evil}`);
    await expect(ann.page.getByTestId("lobby-topic")).toHaveText(evil);
    await ann.tabs.nth(0).click();
    await ann.say(evil);
    const bob = await inLobby(await another());
    await expect(bob.line(evil)).toBeVisible();
    await expect(bob.log.locator("img, span b")).toHaveCount(0);
    await page.reload();
    await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
    await expect(ann.line(evil)).toBeVisible();
    await expect(page).not.toHaveTitle("taken");
  });

  test("a message that costs proof is pending, then solid; more bits are computed for", async ({ visitor, another, page }) => {
    const ann = await inLobby(visitor);
    const bob = await inLobby(await another());
    await ann.say("/join #dear");
    await expect(ann.tabs).toHaveCount(2);
    await bob.say("/join #dear");
    await expect(bob.tabs).toHaveCount(2);
    await ann.say("/mode +H 12");
    await expect(bob.page.getByTestId("lobby-cost")).toContainText("proof 12 bits");

    // The worker's answer takes its time; meanwhile the bits are raised.
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await bob.page.route("**/api/v1/messages", async (route) => {
      if (route.request().postData()?.includes("PRIVMSG")) await held;
      await route.continue();
    });
    await bob.say("dear words");
    await expect(bob.line("dear words")).toHaveAttribute("data-progress", /proving|sending/);
    await ann.say("/mode +H 14");
    await expect(bob.page.getByTestId("lobby-cost")).toContainText("proof 14 bits");
    release();
    await expect(bob.line("dear words")).toHaveAttribute("data-progress", "delivered");
    await expect(ann.line("dear words")).toHaveCount(1);
    await expect(page).toHaveTitle(/HashPass/);
  });

  test("the race is driven from the composer, and goes on while the visitor goes from page to page", async ({ visitor, page }) => {
    await visitor.arrive();
    const lobby = new Lobby(page);
    await lobby.enter();
    await lobby.say("/mine");
    await visitor.isMining();
    await page.getByTestId("views").getByRole("link", { name: "Lobby" }).click();
    await expect(page).toHaveURL(/\/lobby$/);
    await expect(page.getByRole("heading", { level: 1, name: "The lobby" })).toBeVisible();
    await lobby.say("/rate");
    await expect(lobby.line("This page makes")).toBeVisible();
    await lobby.say("/stop");
    await page.goBack();
    await visitor.isIdle();
  });

  test("after a lost connection no line is missing and none is there twice", async ({ visitor, another, context, complaints }) => {
    complaints.allow(/ERR_INTERNET_DISCONNECTED|WebSocket/);
    const ann = await inLobby(visitor);
    const bob = await inLobby(await another());
    await bob.say("one");
    await expect(ann.line("one")).toBeVisible();
    await context.setOffline(true);
    await bob.say("two");
    await bob.say("three");
    await expect(bob.line("three")).toHaveAttribute("data-progress", "delivered");
    await context.setOffline(false);
    for (const text of ["one", "two", "three"]) await expect(ann.line(text)).toHaveCount(1, { timeout: 45_000 });
  });

  test("breaks no rule of WCAG 2.2 AA, light or dark, in English or Chinese", async ({ visitor, page }) => {
    const lobby = await inLobby(visitor);
    await lobby.say("hello");
    await lobby.say("/help");
    await lobby.say("/nonsense");
    await expect(lobby.line("/nonsense")).toBeVisible();
    for (const language of ["en", "zh-Hans"]) {
      if (language !== "en") await visitor.chinese.click();
      await expect(page.locator("html")).toHaveAttribute("lang", language);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
        const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
        const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => ({ id, html, failureSummary })));
        expect(found).toEqual([]);
      }
    }
  });

  test.describe("on the smallest phone", () => {
    test.use({ viewport: { width: 320, height: 640 } });
    test("race and lobby are two tabs, and nothing is cut off", async ({ visitor, page }) => {
      await visitor.arrive();
      await expect(page.getByTestId("lobby")).toBeHidden();
      await page.getByTestId("views").getByRole("link", { name: "Lobby" }).click();
      const lobby = new Lobby(page);
      await lobby.enter();
      await lobby.say("x".repeat(300));
      await expect(lobby.line("xxx")).toHaveAttribute("data-progress", "delivered");
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
      await expect(visitor.start).toBeHidden();
    });
  });
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false, settings: NOBODY_WINS });
  test("the lobby can be read", async ({ page, another }) => {
    const bob = await inLobby(await another({ javaScriptEnabled: true }));
    await bob.say("readable <b>for</b> everybody");
    await expect(bob.line("readable")).toHaveAttribute("data-progress", "delivered");
    await page.goto("/lobby");
    await expect(page.getByTestId("lobby-log")).toContainText("readable <b>for</b> everybody");
    await expect(page.getByTestId("lobby-composer")).toBeHidden();
    await expect(page).toHaveTitle(/lobby/i);
  });
});

test.describe("with the gate of stamps alone", () => {
  test.use({
    settings: { ...CHEAP, TURNSTILE_TEST_MODE: "", HASHPASS_GATE: "hashcash", NEOIRC_HASHCASH_BITS: 14 },
  });

  test("a whole race runs without anybody else on the network", async ({ visitor, page, server }) => {
    await page.context().route("**/*", (route) =>
      new URL(route.request().url()).origin === server.url ? route.continue() : route.abort(),
    );
    await visitor.arrive();
    await expect(page.getByTestId("session-proof")).toHaveAttribute("data-proof", "done");
    await visitor.start.click();
    expect(await visitor.wins()).toMatch(/^HASHPASS-/);
    await visitor.stop.click();
    const lobby = new Lobby(page);
    await lobby.enter();
    await lobby.say("won without a third party");
    await expect(lobby.line("won without a third party")).toHaveAttribute("data-progress", "delivered");
  });
});

test.describe("with a dear session stamp", () => {
  test.use({
    settings: { ...NOBODY_WINS, TURNSTILE_TEST_MODE: "", HASHPASS_GATE: "hashcash", NEOIRC_HASHCASH_BITS: 36 },
  });

  test("the search shows how it goes, can be stopped, and taken up again", async ({ page }) => {
    await page.goto("/");
    const proof = page.getByTestId("session-proof");
    await expect(proof).toContainText("Computing proof-of-work…");
    await expect(proof.getByTestId("proof-figures")).toContainText(/[\d,]+ tries · [\d,]+ a second/);
    await page.getByTestId("cancel-proof").click();
    await expect(proof).toHaveAttribute("data-proof", "cancelled");
    await page.getByTestId("retry-proof").click();
    await expect(proof).toHaveAttribute("data-proof", "computing");
    await page.getByTestId("cancel-proof").click();
  });
});
