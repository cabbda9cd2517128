import { defineConfig } from "@playwright/test";
import everything from "../../playwright.config";

// No test: Playwright's runner brings the browser and the fixtures, and nothing else runs meanwhile.
export default defineConfig({
  ...everything,
  testDir: ".",
  testMatch: "*.bench.ts",
  outputDir: "../../test-results/bench",
  reporter: "dot",
  retries: 0,
  timeout: 0,
});
