/**
 * Names that the host has taken: found before anything is written.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { installInto } from "../../../scripts/cli/installer/install.ts";
import { readPayload } from "../../../scripts/cli/installer/payload.ts";
import { readPublicNames } from "../../../scripts/cli/installer/public_names.ts";
import { findTakenNames } from "../../../scripts/cli/installer/taken_names.ts";
import { metaAds } from "../meta_ads.ts";
import { makeHost, readFiles, writeFiles } from "./fixtures/host.ts";

const OURS = { relations: ["ad_campaigns", "fb_alerts"], functions: ["fb_validate"] };

function find(...texts: string[]): string[] {
  const migrations = texts.map((text, index) => ({ name: `${index}_host.sql`, text }));
  return findTakenNames(OURS, migrations).map(({ what, migration }) => `${what} by ${migration}`);
}

Deno.test("`findTakenNames()` reads what the host's migrations make, whatever their form", () => {
  for (
    const [text, what] of [
      ["create table ad_campaigns (id int);", "table public.ad_campaigns"],
      ['CREATE TABLE IF NOT EXISTS "public"."ad_campaigns" ();', "table public.ad_campaigns"],
      ["create unlogged table public . AD_CAMPAIGNS ();", "table public.ad_campaigns"],
      ["create or replace view public.fb_alerts as select 1;", "view public.fb_alerts"],
      ["create materialized view fb_alerts as select 1;", "materialized view public.fb_alerts"],
      ["create type public.ad_campaigns as enum ('a');", "type public.ad_campaigns"],
      ["create function fb_validate() returns int language sql as 'select 1';", "function public.fb_validate"],
      ["create schema if not exists fb_ads;", "schema fb_ads"],
      ["alter table campaigns rename to ad_campaigns;", "table public.ad_campaigns"],
      ["alter table shop.ad_campaigns set schema public;", "table public.ad_campaigns"],
    ] as const
  ) {
    assertEquals(find(text), [`${what} by 0_host.sql`], text);
  }
});

Deno.test("`findTakenNames()` leaves alone what takes no name", () => {
  for (
    const text of [
      "create table shop.ad_campaigns ();",
      "create table ad_campaigns_old ();",
      'create table "Ad_Campaigns" ();',
      "create temp table ad_campaigns ();",
      "-- create table ad_campaigns ();",
      "/* create table ad_campaigns (); */",
      "select 'create table ad_campaigns ();';",
      "do $body$ begin execute 'create table ad_campaigns ()'; end $body$;",
      "create function public.ad_campaigns() returns int language sql as 'select 1';",
      "alter table orders rename column a to ad_campaigns;",
    ]
  ) {
    assertEquals(find(text), [], text);
  }
});

Deno.test("`findTakenNames()` follows drops and renames in the migrations' order", () => {
  assertEquals(find("create table ad_campaigns ();", "drop table if exists other, public.ad_campaigns;"), []);
  assertEquals(find("create table ad_campaigns ();", "alter table ad_campaigns rename to campaigns;"), []);
  assertEquals(find("create table ad_campaigns ();", "alter table only ad_campaigns set schema shop;"), []);
  assertEquals(find("drop table ad_campaigns;", "create table ad_campaigns ();"), [
    "table public.ad_campaigns by 1_host.sql",
  ]);
});

Deno.test("`readPublicNames()` finds every name that the suite takes", () => {
  const { relations, functions } = readPublicNames(readPayload().migrations);
  for (const name of ["ad_accounts", "ad_spend", "ad_attributions", "fb_alerts"]) {
    assert(relations.includes(name), name);
  }
  for (const name of ["fb_store_events", "fb_erase_person"]) assert(functions.includes(name), name);
});

Deno.test("`add-to` names every name that is taken, and writes nothing", async () => {
  await using host = await makeHost();
  await writeFiles(host.path, {
    "supabase/migrations/20250314000000_ads.sql":
      "create table ad_campaigns (id int);\ncreate view ad_spend as select 1;\n",
  });
  const before = await readFiles(host.path);
  const { code, stderr } = await metaAds(["add-to", host.path]);
  assertEquals(code, 1);
  for (const what of ["table public.ad_campaigns", "view public.ad_spend"]) {
    assertStringIncludes(
      stderr,
      `${what}, made by supabase/migrations/20250314000000_ads.sql, has a name that the suite needs.`,
    );
  }
  assertEquals(await readFiles(host.path), before);
  assertEquals((await installInto(host.path, { force: true, dryRun: true })).conflicts, []);
});
