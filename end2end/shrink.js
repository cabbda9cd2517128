// Makes a script or a style sheet of the page small: node shrink.js FROM TO
// What a style sheet imports becomes part of it.

import { readFileSync, writeFileSync } from "node:fs";
import { minifySync } from "@swc/core";
import { bundle } from "lightningcss";

// The oldest browsers that the style is for: the last Chromium of Windows 7, the first
// long-lived Firefox that knows modules in workers, and the first Safari that knows SIMD
// in WebAssembly.
const version = (major, minor = 0) => (major << 16) | (minor << 8);
const targets = { chrome: version(109), firefox: version(115), safari: version(16, 4), ios_saf: version(16, 4) };

const [from, to] = process.argv.slice(2);
const { code } = from.endsWith(".css")
  ? bundle({ filename: from, minify: true, targets })
  : minifySync(readFileSync(from, "utf8"), { compress: true, mangle: true, module: true });
writeFileSync(to, code);
