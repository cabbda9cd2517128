import { devices, type Page } from "@playwright/test";
import type { Settings } from "../fixtures/server";
import { expect, NOBODY_WINS, test } from "../fixtures/test";

const { userAgent } = devices["Pixel 7"];

const screens = {
  "small-phone": { viewport: { width: 320, height: 640 }, userAgent, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  phone: { viewport: { width: 390, height: 844 }, userAgent, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  desktop: { viewport: { width: 1280, height: 900 } },
};

const looks = Object.entries(screens).flatMap(([screen, options]) =>
  (["light", "dark"] as const).flatMap((colorScheme) =>
    (["en-US", "zh-CN"] as const).map((locale) => ({ screen, options, colorScheme, locale })),
  ),
);

const siteOfAnOperator = {
  HASHPASS_SITE_NAME: "Example",
  HASHPASS_PRIZE: "the beta of Example",
  HASHPASS_CONTACT: "beta@example.org",
  HASHPASS_IMPRINT_URL: "https://example.org/imprint",
  HASHPASS_PRIVACY_URL: "https://example.org/privacy",
};

/** In some days. */
const LATER = new Date(Date.now() + 3.1 * 86_400_000).toISOString();

/** A drop in each of its states, and where the server cannot be brought there, what it would say. */
const dropStates: Record<string, { state: string; settings: Settings; start?: boolean; heard?: object }> = {
  scheduled: {
    state: "scheduled",
    settings: { HASHPASS_OPENS_AT: LATER, HASHPASS_SUPPLY: 100, HASHPASS_WINS_PER_PERSON: 1 },
  },
  waiting: {
    state: "scheduled",
    settings: { HASHPASS_OPENS_AT: LATER, HASHPASS_SUPPLY: 100, HASHPASS_WINS_PER_PERSON: 1 },
    start: true,
  },
  open: {
    state: "open",
    settings: {
      HASHPASS_CLOSES_AT: LATER,
      HASHPASS_SUPPLY: 1000,
      HASHPASS_WINS_PER_PERSON: 1,
      HASHPASS_WINS_PER_NETWORK: 3,
      HASHPASS_WIN_COOLDOWN: 60,
      HASHPASS_MIN_ROUND: 2,
    },
  },
  paused: {
    state: "paused",
    settings: { HASHPASS_SUPPLY: 100 },
    heard: { state: "paused", reason: null, supply: 100, left: 37 },
  },
  "sold-out": {
    state: "over",
    settings: { HASHPASS_SUPPLY: 100 },
    heard: { state: "over", reason: "sold_out", supply: 100, left: 0 },
  },
  closed: { state: "over", settings: { HASHPASS_CLOSES_AT: "2020-01-01T00:00:00Z", HASHPASS_SUPPLY: 100 } },
};

/** Has the server's messages say this of the drop. */
async function tell(page: Page, drop: object) {
  await page.routeWebSocket(/\/ws/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => {
      const heard = JSON.parse(String(message));
      if (heard.type === "PUZZLE") {
        Object.assign(heard, { seed: null, target: null, curve: null });
        Object.assign(heard.drop, drop);
      }
      socket.send(JSON.stringify(heard));
    });
  });
}

for (const { screen, options, colorScheme, locale } of looks) {
  const look = `${screen}-${colorScheme}-${locale}`;
  const picture = (state: string) => ({ path: `test-results/look/${look}-${state}.png`, fullPage: true });

  test.describe(look, { tag: "@look" }, () => {
    test.use({ ...options, colorScheme, locale, cores: 8 });

    test.describe(() => {
      test.use({ settings: { HASHPASS_RETARGET: "rising", HASHPASS_DIFFICULTY: 3, HASHPASS_MAX_DIFFICULTY: 6 } });
      test("idle and mining", async ({ visitor, page, another }) => {
        await visitor.arrive();
        await page.screenshot(picture("idle"));
        await visitor.workers.fill("1");
        await visitor.startMining();
        const other = await another();
        await other.arrive();
        await other.workers.fill("1");
        await other.startMining();
        await expect(visitor.activeMiners).toHaveText(/^2\b/);
        await page.waitForTimeout(6000);
        await page.screenshot(picture("mining"));
      });
    });

    test("won", async ({ visitor, page }) => {
      await visitor.arriveAndMine();
      await visitor.nextRound(3);
      await visitor.stopMining();
      await page.waitForTimeout(800);
      await page.screenshot(picture("won"));
    });

    test.describe(() => {
      test.use({ settings: NOBODY_WINS });
      test("failed", async ({ visitor, page, complaints }) => {
        complaints.allow(/ERR_FAILED/, /dynamically imported module/);
        await page.route("**/worker/**", (route) => route.abort());
        await visitor.arrive();
        await visitor.start.click();
        await expect(visitor.error).toBeVisible({ timeout: 30_000 });
        await page.screenshot(picture("failed"));
      });
    });

    test.describe(() => {
      test.use({ production: true, settings: NOBODY_WINS });
      for (const behaviour of ["ask", "pass", "fail"] as const) {
        test(`human check: ${behaviour}`, async ({ visitor, page, cloudflare }) => {
          cloudflare.behaviour = behaviour;
          await page.goto("/");
          await expect(visitor.check).toHaveAttribute("data-check", /interactive|passed|failed/);
          // A picture of the full page does not wait for frames to follow its size.
          const { width } = page.viewportSize() ?? { width: 1280 };
          await page.setViewportSize({ width, height: 1200 });
          await page.waitForTimeout(800);
          await page.screenshot({ ...picture(`human-check-${behaviour}`), fullPage: false });
        });
      }
    });

    for (const [state, told] of Object.entries(dropStates)) {
      test.describe(() => {
        test.use({ settings: { ...NOBODY_WINS, ...siteOfAnOperator, ...told.settings } });
        test(`drop: ${state}`, async ({ visitor, page }) => {
          if (told.heard) await tell(page, told.heard);
          await page.goto("/");
          await expect(page.locator("html")).toHaveAttribute("data-hydrated", "true");
          await visitor.isConnected();
          if (told.start) await visitor.start.click();
          await expect(page.getByTestId("drop")).toHaveAttribute("data-state", told.state);
          await page.waitForTimeout(600);
          await page.screenshot(picture(`drop-${state}`));
        });
      });
    }

    test.describe(() => {
      const settings = { ...siteOfAnOperator, HASHPASS_SUPPLY: 100, HASHPASS_WINS_PER_PERSON: 1 };
      test.use({ settings: { ...settings, HASHPASS_RETURN_URLS: "https://example.org/welcome" } });
      test("drop: won enough, with a way back", async ({ visitor, page, complaints }) => {
        complaints.allow(/403 \(Forbidden\)/);
        await page.goto("/?return_to=https%3A%2F%2Fexample.org%2Fwelcome");
        await visitor.isReady();
        await page.screenshot(picture("drop-way-back"));
        await visitor.start.click();
        await visitor.wins();
        await expect(visitor.status).toHaveAttribute("data-phase", "failed", { timeout: 60_000 });
        await page.waitForTimeout(600);
        await page.screenshot(picture("drop-quota"));
      });
    });

    test.describe(() => {
      test.use({ javaScriptEnabled: false });
      test("without JavaScript", async ({ page }) => {
        await page.goto("/");
        await page.screenshot(picture("without-javascript"));
      });
    });
  });
}
