// Runs Deno with the arguments given, after installing what is missing. npm's own wrapper cannot pass a signal on and
// outlives a killed parent; this one does the first and not the second, and finds the binary also when install scripts
// are switched off.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { clockEnvironment } from "./clock.mjs";
import { installMissing } from "./install.mjs";

const PARENT_LOOK_MS = 300;
const PATIENCE_MS = 15_000;

const parent = process.ppid;
installMissing();

const modules = join(dirname(dirname(fileURLToPath(import.meta.url))), "node_modules");
const platform = `${process.platform}-${process.arch}${process.platform === "linux" ? "-glibc" : ""}`;
const binary = [join(modules, "deno/deno"), join(modules, "@deno", platform, "deno")].find((path) => existsSync(path));
if (!binary) {
  console.error(`npm has no Deno for this machine (${platform}), or "npm install" has not run.`);
  process.exit(1);
}

// A proxy is for the world outside: what runs on this machine is reached without it.
const { NO_PROXY = process.env.no_proxy } = process.env;
const direct = [NO_PROXY, "127.0.0.1", "localhost", "::1"].filter(Boolean).join(",");

const child = spawn(binary, process.argv.slice(2), {
  stdio: "inherit",
  env: { ...process.env, ...clockEnvironment(process.env), NO_PROXY: direct, no_proxy: direct },
});
let stopping = false;

function stop(signal) {
  child.kill(signal);
  if (stopping) return;
  stopping = true;
  setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS).unref();
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop(signal));

setInterval(() => process.ppid === parent || stop("SIGTERM"), PARENT_LOOK_MS).unref();

child.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" || signal === "SIGTERM" ? 130 : 1)));
