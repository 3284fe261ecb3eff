/**
 * The functions can be deployed as they stand: the real CLI, against a fake of the Management API on loopback, uploads
 * every file that a function reaches and its import map.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { repositoryRoot, runSupabaseCli } from "../../scripts/supabase-local/mod.ts";
import { listFunctions, readFunctionConfig } from "../../scripts/supabase-local/functions.ts";
import { reachedFrom } from "./import_graph.ts";

interface Upload {
  files: string[];
  metadata: Record<string, unknown>;
}

async function deploy(projectRoot: string): Promise<{ uploads: Map<string, Upload>; output: string; code: number }> {
  const uploads = new Map<string, Upload>();
  const management = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const slug = searchParams.get("slug") ?? "";
    const described = { id: "1", slug, name: slug, version: 1, status: "ACTIVE", created_at: 1, updated_at: 1 };
    if (request.method === "POST" && pathname.endsWith("/functions/deploy")) {
      const form = await request.formData();
      const files = form.getAll("file").flatMap((file) => typeof file === "string" ? [] : [file.name]);
      uploads.set(slug, { files, metadata: JSON.parse(String(form.get("metadata"))) });
      return Response.json(described, { status: 201 });
    }
    await request.body?.cancel();
    return Response.json([]);
  });
  const url = `http://127.0.0.1:${management.addr.port}`;
  const profile = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(
    profile,
    [
      `name: loopback`,
      `api_url: ${url}`,
      `dashboard_url: ${url}`,
      `docs_url: ${url}`,
      `project_host: loopback.test`,
      "",
    ]
      .join("\n"),
  );
  const args = ["functions", "deploy", "--use-api", "--yes", "--remote=abcdefghijklmnopqrst", "--profile", profile];
  const { code, stdout, stderr } = await runSupabaseCli(projectRoot, args, {
    SUPABASE_ACCESS_TOKEN: `sbp_${"0".repeat(40)}`,
  });
  await Deno.remove(profile);
  await management.shutdown();
  return { uploads, output: stdout + stderr, code };
}

Deno.test("`supabase functions deploy --use-api` uploads every reached file and the import map of every function", async () => {
  const slugs = listFunctions(repositoryRoot);
  assert(slugs.length > 0);
  const { uploads, output, code } = await deploy(repositoryRoot);
  assertEquals(code, 0, output);
  for (const slug of slugs) {
    const folder = `supabase/functions/${slug}`;
    const { files, metadata } = uploads.get(slug) ?? { files: [], metadata: {} };
    const missing = [...reachedFrom(`${folder}/index.ts`), `${folder}/deno.json`].filter((file) =>
      !files.includes(file)
    );
    assertEquals(missing, [], slug);
    assertEquals(metadata.entrypoint_path, `${folder}/index.ts`);
    assertEquals(metadata.import_map_path, `${folder}/deno.json`);
    assertEquals(metadata.verify_jwt, false, `${slug} checks the key by itself`);
    const foreign = files.filter((file) => !file.startsWith("shared/") && !file.startsWith(`${folder}/`));
    assertEquals(foreign, [], `${slug} uploads nothing but itself and shared/`);
  }
  const configured = await Deno.readTextFile(`${repositoryRoot}/supabase/config.toml`);
  for (const slug of slugs) {
    assert(configured.includes(`[functions.${slug}]`));
    assertEquals(readFunctionConfig(repositoryRoot, slug), { enabled: true, verify_jwt: false });
  }
});
