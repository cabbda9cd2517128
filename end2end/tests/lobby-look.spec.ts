import { devices } from "@playwright/test";
import { NOBODY_WINS, test } from "../fixtures/test";

const { userAgent } = devices["Pixel 7"];
const screens = {
  phone: { viewport: { width: 390, height: 844 }, userAgent, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  desktop: { viewport: { width: 1280, height: 900 } },
};

for (const [screen, options] of Object.entries(screens)) {
  for (const [colorScheme, locale] of [["light", "en-US"], ["dark", "zh-CN"]] as const) {
    test.describe(`lobby-${screen}-${colorScheme}-${locale}`, { tag: "@look" }, () => {
      test.use({ ...options, colorScheme, locale, cores: 8, settings: NOBODY_WINS });

      test("talk", async ({ page, another }) => {
        const picture = (state: string) => ({ path: `test-results/look/lobby-${screen}-${colorScheme}-${state}.png` });
        const other = (await another()).page;
        const say = async (who: typeof page, text: string) => {
          await who.getByTestId("lobby-composer").fill(text);
          await who.getByTestId("lobby-composer").press("Enter");
          await who.waitForTimeout(250);
        };
        await other.goto("/lobby");
        await other.getByTestId("lobby-enter").click();
        await say(other, "/nick mirabel");
        await say(other, "Is anybody else seeing round 1 hang at six digits?");
        await page.goto("/lobby");
        await page.waitForTimeout(800);
        await page.screenshot(picture("reading"));
        await page.getByTestId("lobby-enter").click();
        await page.waitForTimeout(800);
        await say(page, "/nick otto");
        await say(page, "Six digits is sixteen million tries; give it a night.");
        await say(other, "/me puts the kettle on");
        await say(other, "/msg otto psst: two workers are quieter than four");
        await say(page, "/rate");
        await say(page, "/dance");
        await page.waitForTimeout(500);
        await page.screenshot(picture("inside"));
        await page.getByTestId("views").locator("a").first().click();
        await page.waitForTimeout(500);
        await page.screenshot({ ...picture("race"), fullPage: true });
      });
    });
  }
}

test.describe("gate", { tag: "@look" }, () => {
  test.use({ settings: { ...NOBODY_WINS, TURNSTILE_TEST_MODE: "", HASHPASS_GATE: "hashcash", NEOIRC_HASHCASH_BITS: 36 } });
  test("session proof", async ({ page }) => {
    await page.goto("/");
    await page.waitForTimeout(2500);
    await page.screenshot({ path: "test-results/look/lobby-session-proof.png" });
  });
});
