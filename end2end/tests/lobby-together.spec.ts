import type { Page } from "@playwright/test";
import { inLobby, Lobby } from "../fixtures/lobby";
import { expect, NOBODY_WINS, test } from "../fixtures/test";

test.use({ contextOptions: { reducedMotion: "reduce" } });

/** Counts what the miners of a page report; those who mint stamps do not count. */
async function countBatches(page: Page) {
  await page.addInitScript(() => {
    const counted = window as unknown as { batches: number };
    counted.batches = 0;
    window.Worker = class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        if (!String(url).endsWith("#minter")) this.addEventListener("message", () => counted.batches++);
      }
    };
  });
  return () => page.evaluate(() => (window as unknown as { batches: number }).batches);
}

/** What was said in the conversation in front, in the order it is shown. */
async function messages(lobby: Lobby): Promise<string[]> {
  return lobby.log.locator('li[data-kind="message"][data-progress="delivered"] .lobby-words > span').allTextContents();
}

test.describe("while nobody wins", () => {
  test.use({ settings: { ...NOBODY_WINS, NEOIRC_HASHCASH_BITS: 12 } });

  test("two browsers and a terminal talk where every word costs proof, while one of them mines", async ({ visitor, another, terminal, page }) => {
    test.setTimeout(180_000);
    const batches = await countBatches(page);
    await visitor.arriveAndMine();
    const ann = new Lobby(page);
    await ann.enter();
    await ann.say("/join #tea");
    await expect(ann.tabs).toHaveCount(2);
    await ann.say("/mode +H 12");
    await expect(page.getByTestId("lobby-cost")).toContainText("proof 12 bits");
    const bob = await inLobby(await another());
    await bob.say("/join #tea");
    await expect(bob.tabs).toHaveCount(2);
    const carl = await terminal("--nick", "carl", "--join", "#tea");
    for (const lobby of [ann, bob]) await expect(lobby.line("carl")).toBeVisible();
    await carl.hears("carl joined #tea");
    const members = [`@${await ann.nick()}`, await bob.nick(), "carl"];
    for (const { page } of [ann, bob]) {
      const shown = page.getByTestId("lobby-members").locator("li");
      await expect(shown).toHaveCount(members.length);
      for (const member of members) await expect(shown.filter({ hasText: member })).toHaveCount(1);
    }

    const before = await batches();
    const said: string[] = [];
    for (const round of [1, 2, 3]) {
      for (const [name, speaker] of Object.entries({ ann, bob, carl })) {
        const text = `${name} says ${round}`;
        speaker.say(text);
        for (const lobby of [ann, bob]) {
          await expect(lobby.line(text)).toHaveAttribute("data-progress", "delivered", { timeout: 30_000 });
        }
        await carl.hears(text);
        said.push(text);
      }
    }
    for (const lobby of [ann, bob]) expect(await messages(lobby)).toEqual(said);
    expect(carl.lines.map((line) => line.split("> ")[1]).filter((text) => text?.includes(" says "))).toEqual(said);
    // Every message has a stamp of its own, which nobody was asked for.
    const stamps = await page.evaluate(async () => {
      const answer = await fetch("/api/v1/history?target=%23tea");
      const { messages } = (await answer.json()) as { messages: { command: string; meta: { hashcash?: string } }[] };
      return messages.filter(({ command }) => command === "PRIVMSG").map(({ meta }) => meta.hashcash ?? "none");
    });
    expect(new Set(stamps).size).toBe(said.length);
    for (const stamp of stamps) expect(stamp).toMatch(/^1:12:\d{6}:#tea:[0-9a-f]{64}:/);
    // Mining has not stopped for that.
    await expect.poll(batches).toBeGreaterThan(before);
    await visitor.isMining();
  });
});

test.describe("with a human check that does not pass", () => {
  test.use({ production: true, settings: { ...NOBODY_WINS, NEOIRC_HASHCASH_BITS: 12 } });
  test.beforeEach(({ cloudflare }) => {
    cloudflare.behaviour = "ask";
  });

  test("whoever has no session sees what is said without loading the page again", async ({ page, context, terminal }) => {
    await page.goto("/lobby");
    await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
    const lobby = new Lobby(page);
    const carl = await terminal("--nick", "carl");
    for (const text of ["said later", "and later still"]) {
      carl.say(text);
      await carl.hears(text);
      await expect(lobby.line(text)).toBeVisible({ timeout: 30_000 });
    }
    await expect(lobby.panel).toHaveAttribute("data-access", "reading");
    expect(await context.cookies()).toEqual([]);
    // What has not changed is not sent again.
    const [look] = await Promise.all([
      page.waitForResponse((response) => response.url().includes("/api/v1/history"), { timeout: 30_000 }),
    ]);
    expect(look.status()).toBe(304);
  });

  test("a session stamp is computed again when its bits were raised since the page was loaded", async ({ page, server, complaints }) => {
    complaints.allow(/ERR_CONNECTION|status of 402/);
    await page.goto("/lobby");
    await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
    await server.stop();
    await server.start({ NEOIRC_HASHCASH_BITS: 14 });
    const answers: number[] = [];
    page.on("response", (response) => {
      if (new URL(response.url()).pathname === "/api/v1/session") answers.push(response.status());
    });
    await new Lobby(page).enter();
    expect(answers).toEqual([402, 201]);
  });

  test("stamps are computed without a worker too, where none comes up", async ({ page, complaints }) => {
    test.setTimeout(120_000);
    complaints.allow(/ERR_FAILED|Failed to fetch|[Ww]orker/);
    await page.context().route("**/worker/**", (route) => route.abort());
    await page.goto("/lobby");
    await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
    const lobby = new Lobby(page);
    await page.getByTestId("lobby-enter").click();
    await expect(lobby.panel).toHaveAttribute("data-access", "inside", { timeout: 60_000 });
    await lobby.say("/join #dear");
    await expect(lobby.tabs).toHaveCount(2);
    await lobby.say("/mode +H 10");
    await expect(page.getByTestId("lobby-cost")).toContainText("proof 10 bits");
    await lobby.say("minted by the browser itself");
    await expect(lobby.line("minted by the browser itself")).toHaveAttribute("data-progress", "delivered", { timeout: 30_000 });
  });
});
