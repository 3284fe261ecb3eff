// `npm run lock`: completes package-lock.json after a change of dependencies. Packages such as `deno` and `supabase` name
// one optional package a platform, and npm leaves out of the lock what the registry in use does not serve; `npm ci` then
// refuses the lock everywhere. This adds what is missing: name, version, os, cpu, libc. Without an integrity, because
// that is only known where the package can be had. With `--check` it changes nothing and exits 1 where entries miss.
// Running it twice changes nothing.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = process.env.LOCK_ROOT ?? dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const path = join(root, "package-lock.json");
const text = readFileSync(path, "utf8");
const lock = JSON.parse(text);
const { packages } = lock;

const PLATFORM =
  /(?:^|[-/])(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32|windows)-(\w+?)(?:-(glibc|gnu|musl))?$/;
const OS = { windows: "win32" };
const LIBC = { gnu: "glibc" };

/** The place in the lock from which a package at `from` takes `name`, as Node looks for it; null where it stands nowhere. */
function resolve(from, name) {
  for (let at = from;; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
    const place = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
    if (packages[place]) return place;
    if (at === "") return null;
  }
}

function* missing() {
  for (const [from, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, wanted] of Object.entries(optionalDependencies)) {
      const [, os, cpu, libc] = PLATFORM.exec(name) ?? [];
      if (!os || !/^v?\d/.test(wanted)) continue;
      const version = wanted.replace(/^v/, "");
      const place = resolve(from, name);
      if (place !== null && packages[place].version === version) continue;
      yield [place === null ? `node_modules/${name}` : `${from}/node_modules/${name}`, {
        version,
        cpu: [cpu],
        ...(dev ? { dev } : {}),
        ...(libc ? { libc: [LIBC[libc] ?? libc] } : {}),
        optional: true,
        os: [OS[os] ?? os],
      }];
    }
  }
}

const added = [...missing()];
if (process.argv.includes("--check")) {
  for (const [place, { version }] of added) console.error(`package-lock.json lacks ${place}@${version}`);
  if (added.length > 0) console.error('Run "npm run lock" and commit package-lock.json.');
  process.exit(added.length > 0 ? 1 : 0);
}
for (const [place, entry] of added) {
  packages[place] = entry;
  console.log(`added ${place}@${entry.version}`);
}
lock.packages = Object.fromEntries(
  Object.entries(packages).sort(([one], [other]) => one.localeCompare(other, "en")),
);
const completed = `${JSON.stringify(lock, null, 2)}\n`;
if (completed !== text) writeFileSync(path, completed);
