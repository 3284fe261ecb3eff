/**
 * `npm pack` runs this first: builds `dist/meta-ads.mjs`, the commands as one file that Node runs. Node and Deno take
 * no TypeScript inside `node_modules`, so the sources themselves cannot be installed.
 *
 * @module
 */

import { build, type Plugin } from "esbuild";
import { repositoryRoot } from "../supabase-local/mod.ts";

function readJson(path: string): Record<"imports" | "dependencies", Record<string, string>> {
  return JSON.parse(Deno.readTextFileSync(`${repositoryRoot}/${path}`));
}

const { imports } = readJson("deno.json");
const { dependencies } = readJson("package.json");

/** Resolves what Deno's import map names: files of this repository, and `npm:name@version/path`. */
const importMap: Plugin = {
  name: "import-map",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^@std\// }, ({ path }) => ({ path: `${repositoryRoot}/${imports[path]}` }));
    onResolve(
      { filter: /^npm:/ },
      ({ path, kind }) =>
        resolve(path.replace(/^npm:((?:@[^/]+\/)?[^@/]+)@[^/]+/, "$1"), { kind, resolveDir: repositoryRoot }),
    );
  },
};

await build({
  entryPoints: [`${repositoryRoot}/scripts/cli/main.ts`],
  outfile: `${repositoryRoot}/dist/meta-ads.mjs`,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20.18",
  external: Object.keys(dependencies),
  plugins: [importMap],
  banner: { js: "#!/usr/bin/env node" },
  logLevel: "warning",
});
Deno.exit(0);
