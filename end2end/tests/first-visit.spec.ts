import { get } from "node:http";
import { expect, REAL_COST, test } from "../fixtures/test";

test.use({ settings: REAL_COST });

/** What a first visit may load of our own, in bytes on the way; of it the worker. */
const BUDGET = 250 * 1024;
const WORKER_BUDGET = 60 * 1024;

test("a first visit, until it mines, stays within its budget", async ({ visitor, page, context, server }, info) => {
  const paths = new Set<string>();
  context.on("request", (request) => {
    const { origin, pathname } = new URL(request.url());
    // Answers to questions are no files: they are a few hundred bytes, and not there to be kept.
    if (origin === server.url && !/^\/(api|cdn-cgi)\//.test(pathname)) paths.add(pathname);
  });
  await visitor.arriveAndMine();
  // The window without a frame in this test asks for no icon; others do.
  for (const icon of await page.locator("link[rel=icon]").all()) {
    paths.add(new URL((await icon.getAttribute("href")) ?? "", server.url).pathname);
  }

  const sizes = new Map<string, number>();
  for (const path of [...paths].sort()) sizes.set(path, await bytesOnTheWay(`${server.url}${path}`));
  const table = [...sizes].map(([path, size]) => `${String(size).padStart(8)}  ${path}`).join("\n");
  await info.attach("sizes", { body: table, contentType: "text/plain" });

  const sum = (which: RegExp) =>
    [...sizes].filter(([path]) => which.test(path)).reduce((sum, [, size]) => sum + size, 0);
  for (const part of [/^\/$/, /\.css$/, /^\/pkg\/.*\.js$/, /^\/pkg\/.*\.wasm$/, /^\/vendor\//, /^\/worker\/.*\.wasm$/]) {
    expect(sum(part), `${part} is part of a first visit`).toBeGreaterThan(0);
  }
  expect(sum(/^\/worker\//), table).toBeLessThanOrEqual(WORKER_BUDGET);
  expect(sum(/^/), table).toBeLessThanOrEqual(BUDGET);
});

/** The length of a body as browsers get it. */
function bytesOnTheWay(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "accept-encoding": "gzip, deflate, br", accept: "text/html,*/*" };
    get(url, { headers }, (answer) => {
      expect(answer.statusCode, url).toBe(200);
      let bytes = 0;
      answer.on("data", (part: Buffer) => (bytes += part.length));
      answer.on("end", () => resolve(bytes));
      answer.on("error", reject);
    }).on("error", reject);
  });
}
