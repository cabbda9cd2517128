import { defineConfig } from "@playwright/test";
import { launchOptions } from "./fixtures/chromium.js";
import type { Options } from "./fixtures/test";

// The tests mine for real, with 64 MiB a hash: one at a time, and with patience.
export default defineConfig<Options>({
  testDir: "tests",
  // Emptied by every run; the pictures lie beside it.
  outputDir: "test-results/run",
  workers: 1,
  // Once more where nobody watches: a loaded machine is no bug. It is reported as flaky.
  retries: process.env.CI ? 1 : 0,
  fullyParallel: false,
  forbidOnly: Boolean(process.env.CI),
  timeout: 90_000,
  expect: { timeout: 20_000 },
  // `npx playwright test --config look.config.ts` makes the pictures instead.
  grepInvert: /@look/,
  reporter: [["list"], ["./fixtures/closing-line.ts"]],
  use: {
    actionTimeout: 20_000,
    navigationTimeout: 30_000,
    screenshot: "only-on-failure",
    launchOptions,
  },
});
