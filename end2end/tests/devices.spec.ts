import { devices, type Page } from "@playwright/test";
import { expect, NOBODY_WINS, test } from "../fixtures/test";

async function fitsSideways(page: Page) {
  const overhang = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overhang, "nothing may stick out sideways").toBeLessThanOrEqual(0);
}

const { userAgent } = devices["Pixel 7"];

for (const viewport of [
  { width: 390, height: 844 },
  { width: 360, height: 640 },
]) {
  test.describe(`on a phone, ${viewport.width} wide`, () => {
    test.use({ viewport, userAgent, isMobile: true, hasTouch: true, deviceScaleFactor: 2, cores: 8 });

    test("everything fits, and one worker mines", async ({ visitor, page }) => {
      await visitor.arrive();
      await fitsSideways(page);
      await visitor.start.scrollIntoViewIfNeeded();
      await expect(visitor.start).toBeInViewport();
      const { height = 0, width = 0 } = (await visitor.start.boundingBox()) ?? {};
      expect(Math.min(height, width), "large enough for a thumb").toBeGreaterThanOrEqual(44);
      await expect(page.getByText("1 of 8")).toBeVisible();
      await visitor.start.tap();
      await visitor.isMining();
      expect(page.workers()).toHaveLength(1);
      await fitsSideways(page);
      await visitor.wins();
      await fitsSideways(page);
      await visitor.stop.tap();
      await visitor.isIdle();
    });
  });
}

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, userAgent, isMobile: true, hasTouch: true });

  test("Start is in sight without scrolling", async ({ visitor }) => {
    await visitor.arrive();
    await expect(visitor.start).toBeInViewport({ ratio: 1 });
  });
});

test.describe("with the text twice as large", () => {
  test.use({ viewport: { width: 640, height: 512 }, settings: NOBODY_WINS });

  test("nothing is lost sideways", async ({ visitor, page }) => {
    await visitor.arrive();
    await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
    await fitsSideways(page);
    await expect(visitor.start).toBeEnabled();
  });
});

test.describe("on a desktop with eight cores", () => {
  test.use({ cores: 8, settings: NOBODY_WINS });

  test("half of them are suggested", async ({ visitor, page }) => {
    await visitor.arrive();
    await expect(page.getByText("4 of 8")).toBeVisible();
    await expect(visitor.workers).toHaveValue("4");
  });
});

test.describe("by keyboard alone", () => {
  test.use({ settings: NOBODY_WINS });

  test("Tab finds Start, Enter starts, Tab finds Stop, Enter stops", async ({ visitor, page }) => {
    await visitor.arrive();
    await page.keyboard.press("Tab");
    await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
    const isFocused = (testId: string) =>
      page.evaluate((id) => document.activeElement?.getAttribute("data-testid") === id, testId);
    for (let i = 0; i < 8 && !(await isFocused("start")); i++) await page.keyboard.press("Tab");
    await expect(visitor.start).toBeFocused();
    await page.keyboard.press("Enter");
    await visitor.isMining();
    await page.keyboard.press("Tab");
    await expect(visitor.stop).toBeFocused();
    await page.keyboard.press("Enter");
    await visitor.isIdle();
    await page.keyboard.press("Shift+Tab");
    await expect(visitor.start).toBeFocused();
  });

  test("the slider listens to the arrow keys", async ({ visitor, page }) => {
    await visitor.arriveAndMine();
    await visitor.workers.focus();
    await page.keyboard.press("ArrowRight");
    await expect(page.getByText("2 of 2")).toBeVisible();
    await expect.poll(() => page.workers().length).toBe(2);
  });
});

test.describe("for people whom motion makes ill", () => {
  test.use({ settings: NOBODY_WINS, contextOptions: { reducedMotion: "reduce" } });

  test("nothing moves", async ({ visitor, page }) => {
    await visitor.arriveAndMine();
    await expect.poll(() => page.evaluate(() => document.getAnimations().length)).toBe(0);
  });
});
