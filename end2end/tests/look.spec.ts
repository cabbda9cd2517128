import { devices } from "@playwright/test";
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

    test.describe(() => {
      test.use({ javaScriptEnabled: false });
      test("without JavaScript", async ({ page }) => {
        await page.goto("/");
        await page.screenshot(picture("without-javascript"));
      });
    });
  });
}
