import { defineConfig } from "@playwright/test";
import everything from "./playwright.config";

// Pictures of the page, for people to look at: test-results/look/*.png.
export default defineConfig({
  ...everything,
  grep: /@look/,
  grepInvert: undefined,
});
