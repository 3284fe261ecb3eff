// Installs what is missing, and only then: several commands of this project may start at once, and two runs of
// "npm install" in one folder break each other. Not a "prestart" of npm's, which is passed over where install scripts
// are switched off.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const LOOK_AGAIN_MS = 200;
const SILENT_WAIT_MS = 2_000;
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

function isInstalled([name, wanted]) {
  const path = join(root, "node_modules", name, "package.json");
  return existsSync(path) && readJson(path).version.replace(/^v/, "") === wanted.replace(/^npm:.*@/, "");
}

function isComplete() {
  const { dependencies, devDependencies } = readJson(join(root, "package.json"));
  return Object.entries({ ...dependencies, ...devDependencies }).every(isInstalled);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Who installs; 0 where nobody has written yet, or has just ended. */
function readPid(path) {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return 0;
    throw error;
  }
}

/** Waits until nobody else installs here, and keeps others away until what it returns is called. */
function takeTurn() {
  const path = join(root, ".cache/installing");
  mkdirSync(dirname(path), { recursive: true });
  for (let waited = 0;; waited += LOOK_AGAIN_MS) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const pid = readPid(path);
    if (pid > 0 && !isAlive(pid)) rmSync(path, { force: true });
    if (waited === SILENT_WAIT_MS) console.error(`Process ${pid} installs the packages; waiting for it …`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AGAIN_MS);
  }
}

function install() {
  console.error("Installing the development packages …");
  const options = ["install", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath;
  const [program, args] = npm ? [process.execPath, [npm, ...options]] : ["npm", options];
  return spawnSync(program, args, { cwd: root, stdio: ["ignore", 2, 2] }).status;
}

/** Installs the packages unless all are there in the versions wanted; ends the process when it cannot. */
export function installMissing() {
  if (isComplete()) return;
  const endTurn = takeTurn();
  const status = isComplete() ? 0 : install();
  endTurn();
  if (status !== 0) process.exit(status ?? 1);
}
