import type { Page } from "@playwright/test";
import { expect, NOBODY_WINS, test } from "../fixtures/test";

test.use({ settings: NOBODY_WINS });

/** How bright the page's ground is, from 0 to 255. */
async function brightness(page: Page): Promise<number> {
  const color = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const [red, green, blue] = color.match(/[\d.]+/g)?.map(Number) ?? [];
  return (red + green + blue) / 3;
}

test("the page follows the system", async ({ visitor, page }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await visitor.arrive();
  expect(await brightness(page)).toBeLessThan(60);
  await page.emulateMedia({ colorScheme: "light" });
  expect(await brightness(page)).toBeGreaterThan(200);
});

test("a choice counts for more, survives a reload, and can be taken back", async ({ visitor, page }) => {
  const theme = page.getByTestId("theme");
  await page.emulateMedia({ colorScheme: "dark" });
  await visitor.arrive();
  await expect(theme).toHaveValue("system");
  await theme.selectOption("light");
  expect(await brightness(page)).toBeGreaterThan(200);

  // Right from the first paint: nothing may flash.
  await page.reload({ waitUntil: "commit" });
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await visitor.isReady();
  await expect(theme).toHaveValue("light");
  expect(await brightness(page)).toBeGreaterThan(200);

  await theme.selectOption("system");
  await page.reload();
  await visitor.isReady();
  await expect(theme).toHaveValue("system");
  expect(await brightness(page)).toBeLessThan(60);
});
