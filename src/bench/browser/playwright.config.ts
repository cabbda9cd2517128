import everything from "../../../end2end/playwright.config";

// No test: Playwright's runner brings the browser and the fixtures, and nothing else runs meanwhile.
export default {
  ...everything,
  testDir: ".",
  testMatch: "*.bench.ts",
  outputDir: "../../../end2end/test-results/bench",
  reporter: "dot",
  retries: 0,
  timeout: 0,
};
