import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import type { Settings } from "../fixtures/server";
import { expect, NOBODY_WINS, REAL_COST, test } from "../fixtures/test";
import type { Visitor } from "../fixtures/visitor";

// Nothing may be half-way between two colours when it is looked at.
test.use({ contextOptions: { reducedMotion: "reduce" } });

async function examine(page: Page, colorScheme: "light" | "dark") {
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  // Until the new colours are on the screen.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
  const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => ({ id, html, failureSummary })));
  expect(found).toEqual([]);
}

const states: [string, Settings, (visitor: Visitor) => Promise<unknown>][] = [
  ["idle", NOBODY_WINS, (visitor) => visitor.arrive()],
  ["mining", NOBODY_WINS, (visitor) => visitor.arriveAndMine()],
  [
    "won",
    // The second round is harder, so the page stays as it is for a while.
    { ...REAL_COST, HASHPASS_MAX_DIFFICULTY: 6 },
    async (visitor) => {
      await visitor.arriveAndMine();
      await visitor.wins();
    },
  ],
];

for (const [state, settings, reach] of states) {
  test.describe(state, () => {
    test.use({ settings });

    test("breaks no rule of WCAG 2.2 AA, light or dark, in English or Chinese", async ({ visitor, page }) => {
      await reach(visitor);
      await examine(page, "light");
      await examine(page, "dark");
      await visitor.chinese.click();
      await expect(page.locator("html")).toHaveAttribute("lang", "zh-Hans");
      await examine(page, "dark");
      await examine(page, "light");
    });
  });
}

test.describe("with the human check", () => {
  test.use({ production: true, settings: NOBODY_WINS });

  for (const [behaviour, state] of [
    ["ask", "interactive"],
    ["pass", "passed"],
    ["fail", "failed"],
  ] as const) {
    test(`breaks no rule when it has ${state}`, async ({ visitor, page, cloudflare }) => {
      cloudflare.behaviour = behaviour;
      await page.goto("/");
      await expect(visitor.check).toHaveAttribute("data-check", state);
      await examine(page, "light");
      await examine(page, "dark");
    });
  }
});

test("breaks no rule after a failure", async ({ visitor, page, complaints }) => {
  complaints.allow(/403 \(Forbidden\)/);
  const json = { code: "turnstile_failed", detail: "No." };
  await page.route("**/api/session", (route) => route.fulfill({ status: 403, json }));
  await page.goto("/");
  await expect(visitor.error).toBeVisible();
  await examine(page, "light");
  await examine(page, "dark");
});
