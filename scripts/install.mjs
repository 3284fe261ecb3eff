// Installs what is missing, and only then: several commands of this project may start at once, and two runs of
// "npm install" in one folder break each other. Not a "prestart" of npm's, which is passed over where install scripts
// are switched off.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

function isInstalled([name, wanted]) {
  const path = join(root, "node_modules", name, "package.json");
  return existsSync(path) && readJson(path).version.replace(/^v/, "") === wanted.replace(/^npm:.*@/, "");
}

/** Installs the packages unless all are there in the versions wanted; ends the process when it cannot. */
export function installMissing() {
  const { dependencies, devDependencies } = readJson(join(root, "package.json"));
  if (Object.entries({ ...dependencies, ...devDependencies }).every(isInstalled)) return;
  console.error("Installing the development packages …");
  const options = ["install", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath;
  const { status } = npm
    ? spawnSync(process.execPath, [npm, ...options], { cwd: root, stdio: ["ignore", 2, 2] })
    : spawnSync("npm", options, { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
