// `npm run lock`: completes package-lock.json after a change of dependencies, so that it is the same whichever npm
// wrote it. Packages such as `deno` and `supabase` name one optional package a platform, and npm leaves out of the lock
// what the registry in use does not serve; `npm ci` then refuses the lock everywhere. This adds what is missing:
// version, os and cpu, as the name tells them, and no integrity, which only the package itself could give. And it takes
// `libc` away: npm 11 writes it, npm 10 deletes it, and without it `npm install` of either leaves the file alone.
// With `--check` it changes nothing and exits 1 where the lock is not complete. Running it twice changes nothing.

import { readFileSync, writeFileSync } from "node:fs";

const PATH = "package-lock.json";
const text = readFileSync(PATH, "utf8");
const lock = JSON.parse(text);
const { packages } = lock;

const PLATFORM =
  /(?:^|[-/])(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32|windows)-([a-z0-9]+)(?:-(?:glibc|gnu|musl))?$/;
const OS = { windows: "win32" };

/**
 * The place in the lock from which a package at `from` takes `name`, as Node looks for it; null where it stands
 * nowhere.
 */
function resolve(from, name) {
  for (let at = from;; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
    const place = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
    if (packages[place]) return place;
    if (at === "") return null;
  }
}

/** Of a range the lowest version, which is the one that was current when the range was written. */
function* missing() {
  for (const [from, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, wanted] of Object.entries(optionalDependencies)) {
      const [, os, cpu] = PLATFORM.exec(name) ?? [];
      if (!os) continue;
      const version = wanted.replace(/^[v^~]/, "");
      const place = resolve(from, name);
      if (place !== null && (/^[\^~]/.test(wanted) || packages[place].version === version)) continue;
      yield [place === null ? `node_modules/${name}` : `${from}/node_modules/${name}`, {
        version,
        cpu: [cpu],
        ...(dev ? { dev } : {}),
        optional: true,
        os: [OS[os] ?? os],
      }];
    }
  }
}

const added = [...missing()];
const libcs = Object.entries(packages).filter(([, entry]) => entry.libc);
const changes = [
  ...added.map(([place, { version }]) => `lacks ${place}@${version}`),
  ...libcs.map(([place]) => `names the libc of ${place}`),
];
for (const change of changes) console.error(`${PATH} ${change}`);
if (process.argv.includes("--check")) {
  if (changes.length > 0) console.error(`Run "npm run lock" and commit ${PATH}.`);
  process.exit(changes.length > 0 ? 1 : 0);
}
for (const [place, entry] of added) packages[place] = entry;
for (const [, entry] of libcs) delete entry.libc;
lock.packages = Object.fromEntries(
  Object.entries(packages).sort(([one], [other]) => one.localeCompare(other, "en")),
);
const completed = `${JSON.stringify(lock, null, 2)}\n`;
if (completed !== text) writeFileSync(PATH, completed);
