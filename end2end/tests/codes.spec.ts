import { expect, NOBODY_WINS, test } from "../fixtures/test";
import { Visitor } from "../fixtures/visitor";

test("the code is still there after a reload, and in another tab", async ({ visitor, page, context }) => {
  await visitor.arriveAndMine();
  await visitor.wins();
  await visitor.stopMining();
  const code = (await visitor.code.textContent()) ?? "";
  await page.reload();
  await expect(visitor.code).toHaveText(code);
  await visitor.isReady();
  const tab = await context.newPage();
  await tab.goto("/");
  await expect(tab.getByTestId("code")).toHaveText(code);
});

test("whoever comes by a link from elsewhere still finds their code", async ({ visitor, page, server }) => {
  await visitor.arriveAndMine();
  await visitor.wins();
  await visitor.stopMining();
  const code = (await visitor.code.textContent()) ?? "";
  // The browser keeps the cookie back on the way from a foreign page.
  await page.goto("about:blank");
  await page.setContent(`<a href="${server.url}/">HashPass</a>`);
  await page.getByRole("link").click();
  await visitor.isReady();
  await expect(visitor.code).toHaveText(code);
});

test("a code is nobody else's business", async ({ visitor, another }) => {
  await visitor.arriveAndMine();
  await visitor.wins();
  await visitor.stopMining();
  const other = await another();
  await other.arrive();
  await expect(other.code).toBeHidden();
  expect(await (await other.page.request.get("/api/wins")).json()).toEqual([]);
});

test.describe("two tabs of one visitor", () => {
  test.use({ settings: NOBODY_WINS });

  test("both work, with one session", async ({ visitor, context }) => {
    let sessions = 0;
    context.on("request", (request) => {
      if (request.url().endsWith("/api/session")) sessions += 1;
    });
    await visitor.arriveAndMine();
    const tab = new Visitor(await context.newPage());
    await tab.arriveAndMine();
    await visitor.isMining();
    expect(sessions).toBe(1);
    expect((await context.cookies()).filter(({ name }) => name === "neoirc_auth")).toHaveLength(1);
    await expect(tab.page.getByTestId("online")).toHaveText("2");
    await expect(tab.activeMiners).toHaveText("1");
    expect(await tab.visitorId.textContent()).toBe(await visitor.visitorId.textContent());
    await tab.stopMining();
    await visitor.isMining();
    await expect(visitor.activeMiners).toHaveText("1");
  });
});

test("two tabs of one visitor both win", async ({ visitor, context, complaints }) => {
  complaints.allow(/429 \(Too Many Requests\)/, /409 \(Conflict\)/);
  await visitor.arriveAndMine();
  const tab = new Visitor(await context.newPage());
  await tab.arriveAndMine();
  await visitor.wins();
  await tab.wins();
});
