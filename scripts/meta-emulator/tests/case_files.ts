/**
 * Reads the checked-in cases of `cases/` and plays them against an emulator. A case quotes the fact that it holds
 * the emulator to; its bodies are literals, and `varies` names the paths whose text may differ.
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type GraphEmulator, planAccount, startGraphEmulator, World } from "../mod.ts";
import { isRecord, type JsonRecord, type JsonValue, parseJson, readStringList, readText } from "../json_value.ts";

const CASES = new URL("../cases/", import.meta.url);

/** A case with the file it stands in. */
export interface Case {
  /** File name without its ending. */
  file: string;
  /** Its name. */
  name: string;
  /** The case as written. */
  content: JsonRecord;
}

function readJsonFile(name: string): JsonRecord {
  const value = parseJson(Deno.readTextFileSync(new URL(name, CASES)));
  assert(isRecord(value), `${name} must hold a JSON object`);
  return value;
}

/** Reads all cases of a file. */
export function readCases(file: string): Case[] {
  const cases = readJsonFile(`${file}.json`)["cases"];
  assert(Array.isArray(cases), `${file}.json must hold cases`);
  return cases.filter(isRecord).map((content) => ({ file, name: readText(content, "name") ?? "", content }));
}

/** Starts an emulator with the world of the cases, its clock standing still. */
async function startCaseEmulator(): Promise<GraphEmulator> {
  const { now, accounts } = readJsonFile("world.json");
  const instant = new Date(String(now));
  assert(Array.isArray(accounts));
  const plans = accounts.filter(isRecord).map((plan, seq) => planAccount(seq, plan));
  const world = new World({ now: instant, accounts: plans });
  world.repeatedActionTypes = false;
  const emulator = await startGraphEmulator({ world });
  emulator.clock.stopAt(instant);
  return emulator;
}

function at(value: JsonValue | undefined, path: string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((inner, key) => isRecord(inner) ? inner[key] : undefined, value);
}

/** Replaces the text at a path that may vary by its type, so that both sides compare. */
function blur(value: JsonValue, path: string[]): void {
  const holder = at(value, path.slice(0, -1));
  const key = path.at(-1) ?? "";
  if (isRecord(holder) && key in holder) holder[key] = typeof holder[key];
}

async function callControl(emulator: GraphEmulator, control: JsonValue | undefined): Promise<Response> {
  assert(isRecord(control));
  const method = readText(control, "method") ?? "GET";
  const response = await fetch(`${emulator.url}/__control/${readText(control, "path")}`, {
    method,
    ...(control["body"] === undefined ? {} : { body: JSON.stringify(control["body"]) }),
  });
  assertEquals(response.status, 200, `control ${method} ${readText(control, "path")}`);
  return response;
}

function bodyOf(request: JsonRecord): string | undefined {
  const body = request["body"];
  if (body === undefined || typeof body === "string") return body;
  const repeat = request["repeat_event"];
  if (typeof repeat !== "number" || !isRecord(body) || !Array.isArray(body["data"])) return JSON.stringify(body);
  const [event = null] = body["data"];
  return JSON.stringify({ ...body, data: Array.from({ length: repeat }, () => event) });
}

async function send(
  emulator: GraphEmulator,
  request: JsonRecord,
  captured: Record<string, string>,
): Promise<Response> {
  const path = (readText(request, "path") ?? "").replace(/\{(\w+)\}/g, (whole, name) => captured[name] ?? whole);
  const [route = "", query = ""] = path.split(/\?(.*)/s, 2);
  const token = readText(request, "token") ?? emulator.token;
  const headers: Record<string, string> = request["token"] === null ? {} : { authorization: `Bearer ${token}` };
  const body = bodyOf(request);
  if (typeof request["body"] === "object") headers["content-type"] = "application/json";
  const more = request["headers"];
  for (const [name, value] of Object.entries(isRecord(more) ? more : {})) headers[name] = String(value);
  const encoded = query === "" ? "" : `?${new URLSearchParams(query)}`;
  const method = readText(request, "method") ?? "GET";
  return await fetch(`${emulator.url}${route}${encoded}`, { method, headers, ...(body === undefined ? {} : { body }) });
}

function assertHeaders(response: Response, expected: JsonValue | undefined): void {
  for (const [name, value] of Object.entries(isRecord(expected) ? expected : {})) {
    const actual = response.headers.get(name);
    if (value === null) assertEquals(actual, null, name);
    else if (typeof value === "string") assertEquals(actual, value, name);
    else assertEquals(parseJson(actual ?? ""), value, name);
  }
}

async function playExchange(
  emulator: GraphEmulator,
  exchange: JsonRecord,
  captured: Record<string, string>,
): Promise<void> {
  const { request, response: expected } = exchange;
  assert(isRecord(request) && isRecord(expected));
  const control = request["control"];
  const response = control === undefined
    ? await send(emulator, request, captured)
    : await callControl(emulator, control);
  const text = await response.text();
  assertEquals(response.status, expected["status"], text);
  assertHeaders(response, expected["headers"]);
  if (typeof expected["text"] === "string") assertEquals(text, expected["text"]);
  if (expected["body"] === undefined) return;
  const actual = parseJson(text) ?? null;
  const capture = expected["capture"];
  for (const [name, path] of Object.entries(isRecord(capture) ? capture : {})) {
    captured[name] = String(at(actual, String(path).split(".")));
  }
  const wanted = structuredClone(expected["body"]);
  for (const path of readStringList(expected["varies"]) ?? []) {
    blur(actual, path.split("."));
    blur(wanted, path.split("."));
  }
  assertEquals(actual, wanted);
}

/** Plays a case from its setup to its last exchange. */
export async function playCase({ content }: Case): Promise<void> {
  await using emulator = await startCaseEmulator();
  const { setup, exchanges } = content;
  for (const step of Array.isArray(setup) ? setup : []) await (await callControl(emulator, step)).body?.cancel();
  const captured: Record<string, string> = {};
  assert(Array.isArray(exchanges) && exchanges.length > 0);
  for (const exchange of exchanges.filter(isRecord)) await playExchange(emulator, exchange, captured);
}
