import type { Visitor } from "../fixtures/visitor";
import { CHEAP, expect, NOBODY_WINS, test } from "../fixtures/test";

/** A moment so many seconds from now, as a setting. */
const fromNow = (seconds: number) => new Date(Date.now() + 1000 * seconds).toISOString();

/** Somebody elsewhere with another device: another person. */
const ELSEWHERE = {
  locale: "de-DE",
  timezoneId: "Asia/Tokyo",
  extraHTTPHeaders: { "x-forwarded-for": "198.51.100.7", "accept-language": "en" },
};

const drop = ({ page }: Visitor) => page.getByTestId("drop");
const heading = ({ page }: Visitor) => page.getByTestId("drop-heading");
const words = ({ page }: Visitor) => page.getByTestId("drop-words");
const left = ({ page }: Visitor) => page.getByTestId("drop-left");
const seed = async ({ page }: Visitor) => (await (await page.request.get("/api/health")).json()).current_seed;

test("without a drop the page says nothing of one", async ({ visitor }) => {
  await visitor.arrive();
  await expect(drop(visitor)).toBeHidden();
});

test.describe("before it opens", () => {
  test.use({ settings: NOBODY_WINS });

  test("two browsers wait for the opening and start by themselves", async ({ visitor, another, server, complaints }) => {
    complaints.allow(/503 \(Service Unavailable\)/);
    await server.stop();
    await server.start({ HASHPASS_OPENS_AT: fromNow(12), HASHPASS_SUPPLY: 100 });
    const other = await another({ locale: "zh-CN" });
    for (const person of [visitor, other]) {
      await person.arrive();
      await expect(drop(person)).toHaveAttribute("data-state", "scheduled");
      await expect(left(person)).toHaveText(/100/);
      await person.workers.fill("1");
      await person.start.click();
      await expect(person.status).toHaveAttribute("data-phase", "waiting");
    }
    await expect(heading(visitor)).toHaveText("The drop opens in");
    await expect(visitor.page.getByTestId("drop-countdown")).toHaveText(/^0:[01]\d$/);
    await expect(heading(other)).toHaveText("距离发放开始还有");
    expect(await seed(visitor), "nobody can hash ahead").toBeNull();

    for (const person of [visitor, other]) {
      await expect(drop(person)).toHaveAttribute("data-state", "open");
      await person.isMining();
    }
    await expect(visitor.activeMiners).toHaveText("2");
    await expect(visitor.log).toContainText("The drop is open");
  });

  test("without JavaScript the page says when it opens and what there is", async ({ browser, server }) => {
    await server.stop();
    await server.start({
      HASHPASS_OPENS_AT: "2099-12-24T20:00:00+01:00",
      HASHPASS_SUPPLY: 100,
      HASHPASS_WINS_PER_PERSON: 1,
      HASHPASS_SITE_NAME: "Example",
      HASHPASS_PRIZE: "the beta of Example",
    });
    const page = await browser.newPage({ baseURL: server.url, javaScriptEnabled: false });
    await page.goto("/");
    await expect(page.getByRole("heading", { level: 1 }).first()).toHaveText("A fair race for an invite to the beta of Example");
    await expect(page.getByTestId("drop-heading")).toHaveText("The drop opens in");
    await expect(page.getByTestId("drop-countdown")).toHaveText(/^\d+ days /);
    await expect(page.getByTestId("drop-words")).toContainText("2099-12-24 19:00 UTC");
    await expect(page.getByTestId("drop-left")).toHaveText("100 of 100 left");
    await expect(page.getByTestId("drop-rules")).toHaveText("One code a person.");
    await expect(page).toHaveTitle(/ · Example$/);
    await page.close();
  });
});

test.describe("two codes, one each", () => {
  test.use({
    settings: { HASHPASS_SUPPLY: 2, HASHPASS_WINS_PER_PERSON: 1, HASHPASS_TRUSTED_PROXIES: "127.0.0.1" },
  });

  test("one wins and has won enough; with the last code it is over for both", async ({ visitor, another, complaints }) => {
    complaints.allow(/403 \(Forbidden\)/, /503 \(Service Unavailable\)/, /409 \(Conflict\)/);
    const other = await another(ELSEWHERE);
    for (const person of [visitor, other]) {
      await person.arrive();
      await expect(left(person)).toHaveText("2 of 2 left");
    }
    expect(await visitor.visitorId.textContent()).not.toBe(await other.visitorId.textContent());
    await visitor.start.click();
    const first = await visitor.wins();
    // What it finds next is refused, and the page says why and keeps the code.
    await expect(visitor.status).toHaveText("You have won as much as you may.", { timeout: 60_000 });
    await expect(visitor.error).toContainText("as many codes as one person may");
    await expect(visitor.code).toHaveText(first);
    await expect(visitor.start).toBeDisabled();
    for (const person of [visitor, other]) await expect(left(person)).toHaveText("1 of 2 left");

    await other.start.click();
    expect(await other.wins()).not.toBe(first);
    for (const person of [visitor, other]) {
      await expect(drop(person)).toHaveAttribute("data-state", "over");
      await expect(heading(person)).toHaveText("Every code is given out");
      await expect(left(person)).toHaveText("0 of 2 left");
      await expect(person.code).toBeVisible();
    }
    // Who comes too late sees it at once, and sees that nothing can be started.
    const late = await another();
    await late.page.goto("/");
    await expect(heading(late)).toHaveText("Every code is given out");
    await expect(late.start).toBeDisabled();
  });
});

test.describe("a way back", () => {
  test.use({ settings: { HASHPASS_RETURN_URLS: "https://example.org/welcome" } });

  test("a winner goes on to where the link came from, with the code", async ({ visitor, page, complaints, server }) => {
    complaints.allow(/request to another host: https:\/\/example\.org\/welcome/);
    await page.route("https://example.org/**", (route) => route.fulfill({ body: "Welcome back" }));
    const link = new URLSearchParams({ return_to: "https://example.org/welcome", state: "order-7" });
    await page.goto(`/?${link}`);
    await visitor.isReady();
    await expect(page.getByTestId("way-back")).toHaveText("You come from example.org: with a code you can go back there.");
    await visitor.startMining();
    await visitor.wins();
    await visitor.stopMining();
    const code = await visitor.code.textContent();
    await page.getByRole("link", { name: "Continue to example.org" }).first().click();
    await page.waitForURL(/^https:\/\/example\.org\/welcome/);
    const parameters = new URL(page.url()).searchParams;
    expect(Object.fromEntries(parameters)).toEqual({ code, state: "order-7", iss: server.url });
  });

  test("a link that was not agreed on is told in words, and leads to the race", async ({ visitor, page, complaints }) => {
    complaints.allow(/400 \(Bad Request\)/);
    const answer = await page.goto("/?return_to=https%3A%2F%2Fevil.example%2F");
    expect(answer?.status()).toBe(400);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("This link cannot be used");
    await page.getByRole("link", { name: /race/i }).click();
    await visitor.isReady();
    await expect(page.getByTestId("way-back")).toBeHidden();
  });
});

test.describe("an operator at work", () => {
  test.use({ settings: { ...CHEAP, ...NOBODY_WINS, HASHPASS_ARGON2_MEMORY_COST: 64 } });

  test("a pause is told at once, and mining goes on by itself on a new seed", async ({ visitor, another, server, complaints }) => {
    complaints.allow(/503 \(Service Unavailable\)/);
    const other = await another();
    for (const person of [visitor, other]) await person.arriveAndMine();
    const before = await seed(visitor);
    await server.control("pause", "--why", "a test");
    for (const person of [visitor, other]) {
      await expect(heading(person)).toHaveText("The drop is paused");
      await expect(words(person)).toContainText("Nobody can win now");
      await expect(person.status).toContainText("The drop is paused");
    }
    await server.control("resume");
    for (const person of [visitor, other]) await person.isMining();
    expect(await seed(visitor), "what was found before is void").not.toBe(before);
  });
});
