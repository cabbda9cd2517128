import type { Page } from "@playwright/test";
import { expect, NOBODY_WINS, test } from "../fixtures/test";

const COOKIE = "hashpass_language";

test.use({ settings: NOBODY_WINS });

/** All that a visitor reads, and what it is said to be written in. */
async function isChinese(page: Page) {
  await expect(page.locator("html")).toHaveAttribute("lang", "zh-Hans");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("一场公平的邀请码竞赛");
  await expect(page.getByTestId("language").locator("[aria-current]")).toHaveText("简体中文");
}

async function isEnglish(page: Page) {
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("A fair race for invite codes");
  await expect(page.getByTestId("language").locator("[aria-current]")).toHaveText("English");
}

/** The words of the page that are not Chinese, though they should be. */
async function foreignWords(page: Page): Promise<string[]> {
  const text = await page.locator("body").innerText();
  const names =
    /HashPass|English|#lobby|Argon2id|nonce|MiB|JavaScript|WebAssembly|VPN|IPv[46]|Cookie|H\/s|\bID\b|HASHPASS-\w+/g;
  return text.replaceAll(names, "").match(/[A-Za-z]{3,}/g) ?? [];
}

test.describe("a Chinese browser", () => {
  test.use({ locale: "zh-CN" });

  test("is answered in Chinese from the first paint on", async ({ page, visitor }) => {
    const answer = await page.goto("/", { waitUntil: "commit" });
    expect(answer?.headers()["content-language"]).toBe("zh-Hans");
    const document = await answer?.text();
    expect(document).toContain('<html lang="zh-Hans">');
    expect(document).toContain("<title>公平的邀请码竞赛 · HashPass</title>");
    await visitor.isReady();
    await isChinese(page);
    await expect(page).toHaveTitle("公平的邀请码竞赛 · HashPass");
    await expect(visitor.start).toHaveText("开始挖矿");
    await expect(visitor.status).toHaveText("准备就绪，随时可以开始。");
    const id = (await visitor.visitorId.textContent()) ?? "";
    expect((await foreignWords(page)).filter((word) => !id.includes(word))).toEqual([]);
  });

  test.describe("without JavaScript", () => {
    test.use({ javaScriptEnabled: false });

    test("reads Chinese, and can choose English", async ({ page, complaints }) => {
      complaints.allow(/preloaded/);
      await page.goto("/");
      await isChinese(page);
      expect(await page.locator("noscript").innerText()).toContain("需要 JavaScript 和 WebAssembly");
      expect(await foreignWords(page)).toEqual([]);

      await page.getByRole("link", { name: "English" }).click();
      await isEnglish(page);
      await page.goto("/");
      await isEnglish(page);
    });
  });

  test("reads an error of the server in Chinese", async ({ page, visitor, complaints }) => {
    complaints.allow(/403 \(Forbidden\)/);
    const json = { code: "turnstile_failed", detail: "The check failed." };
    await page.route("**/api/session", (route) => route.fulfill({ status: 403, json }));
    await page.goto("/");
    await expect(visitor.error).toHaveText("服务器不允许你参与：人机验证没有通过。刷新页面可以再试一次。");
    await visitor.english.click();
    await expect(visitor.error).toHaveText(/^The server does not let you in: The check failed\./);
  });

  test("is told so where nothing is", async ({ page, complaints }) => {
    complaints.allow(/404 \(Not Found\)/);
    await page.goto("/nothing");
    await expect(page.locator("html")).toHaveAttribute("lang", "zh-Hans");
    await page.getByRole("link", { name: "前往竞赛" }).click();
    await isChinese(page);
  });
});

test("every choice says which language it is in, and what the choice is about", async ({ page, visitor }) => {
  await visitor.arrive();
  await isEnglish(page);
  await expect(page.getByRole("navigation", { name: "Language" })).toBeVisible();
  await expect(visitor.english).toHaveAttribute("lang", "en");
  await expect(visitor.chinese).toHaveAttribute("lang", "zh-Hans");
});

test("a switch while mining loses nothing: not the workers, not the rate, not the log", async ({ page, visitor }) => {
  await visitor.arriveAndMine();
  await expect(page.getByTestId("best")).toContainText("1 in");
  const lines = await visitor.log.locator("li").count();
  const [worker] = page.workers();
  await page.evaluate(() => Reflect.set(globalThis, "sameDocument", true));

  await visitor.chinese.focus();
  await page.keyboard.press("Enter");
  await isChinese(page);
  await expect(page).toHaveTitle("挖矿中 · HashPass");
  await expect(visitor.status).toHaveText("正在挖矿。");
  await expect(visitor.log).toContainText("你可以参与了。");
  await expect(page.getByTestId("best")).toHaveText(/^1\//);
  await expect(visitor.chinese).toBeFocused();
  // Still the same rate, measured by the same worker, in the same document.
  await visitor.isMining();
  expect(await visitor.log.locator("li").count()).toBeGreaterThanOrEqual(lines);
  expect(page.workers()).toContain(worker);
  expect(await page.evaluate(() => Reflect.get(globalThis, "sameDocument"))).toBe(true);
  const id = (await visitor.visitorId.textContent()) ?? "";
  expect((await foreignWords(page)).filter((word) => !id.includes(word))).toEqual([]);

  await visitor.english.click();
  await isEnglish(page);
  await expect(page).toHaveTitle("Mining · HashPass");
  await expect(visitor.log).toContainText("You may take part.");
  await visitor.isMining();
});

test("a choice survives a reload, and the theme survives the choice", async ({ page, visitor, context }) => {
  await visitor.arrive();
  await page.getByTestId("theme").selectOption("dark");
  await visitor.chinese.click();
  await isChinese(page);
  await expect(page.getByTestId("theme")).toHaveValue("dark");
  await expect(page.getByTestId("theme").locator("option:checked")).toHaveText("深色");
  const cookie = (await context.cookies()).find(({ name }) => name === COOKIE);
  expect(cookie).toMatchObject({ value: "zh-Hans", path: "/", sameSite: "Lax", httpOnly: false });

  const answer = await page.reload({ waitUntil: "commit" });
  expect(await answer?.text()).toContain('<html lang="zh-Hans">');
  await visitor.isReady();
  await isChinese(page);
});

test("a choice by address gives way to a later one on the page", async ({ page, visitor }) => {
  await page.goto("/?language=zh-Hans");
  await visitor.isReady();
  await isChinese(page);
  await visitor.english.click();
  await isEnglish(page);
  await expect(page).toHaveURL("/");
  await page.reload();
  await visitor.isReady();
  await isEnglish(page);
});

test("the header fits on the smallest phone, in both languages", async ({ page, visitor }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await visitor.arrive();
  for (const choice of [visitor.english, visitor.chinese]) {
    await choice.click();
    await expect(choice).toHaveAttribute("aria-current", "true");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    const brand = await page.locator(".brand").boundingBox();
    const theme = await page.getByTestId("theme").boundingBox();
    const language = await page.getByTestId("language").boundingBox();
    // Two lines: the mark, the views and the connection, then the two choices side by side.
    expect(Math.abs((theme?.y ?? 0) - (language?.y ?? 99))).toBeLessThan(8);
    expect((theme?.y ?? 0) - (brand?.y ?? 0)).toBeLessThan(64);
  }
});
