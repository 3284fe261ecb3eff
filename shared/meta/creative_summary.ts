/**
 * What an ad says, as one line: title, text, call to action, kind. Deterministic: the same creative gives the same
 * line.
 * https://developers.facebook.com/docs/marketing-api/reference/ad-creative
 *
 * @module
 */

import { isObject, type JsonObject } from "./graph_values.ts";
import { cutLine, oneLine } from "./summary_line.ts";

/** Parts of a creative's story that can hold its words. */
const STORY_PARTS: readonly string[] = ["link_data", "video_data", "photo_data", "text_data", "template_data"];

function partsOf(creative: JsonObject): JsonObject[] {
  const story = creative.object_story_spec;
  const parts = isObject(story) ? STORY_PARTS.map((name) => story[name]).filter(isObject) : [];
  return [creative, ...parts];
}

function firstText(objects: JsonObject[], names: readonly string[]): string {
  for (const object of objects) {
    for (const name of names) {
      const text = oneLine(object[name]);
      if (text !== "") return text;
    }
  }
  return "";
}

/** `SHOP_NOW` as `shop now`. */
function words(constant: string): string {
  return constant.toLowerCase().replaceAll("_", " ");
}

/** Describes a creative; null when there is none, or nothing to tell of it. */
export function buildCreativeSummary(creative: unknown): string | null {
  if (!isObject(creative)) return null;
  const sources = partsOf(creative);
  const action = sources.map((source) => source.call_to_action).find(isObject);
  const call = oneLine(creative.call_to_action_type) || oneLine(action?.type);
  const title = firstText(sources, ["title"]) || firstText(sources.slice(1), ["name"]);
  const body = firstText(sources, ["body"]) || firstText(sources.slice(1), ["message", "description"]);
  const parts = [title, body].filter((text) => text !== "");
  if (parts.length === 0) parts.push(oneLine(creative.name));
  if (call !== "" && call !== "NO_BUTTON") parts.push(`[${words(call)}]`);
  const kind = oneLine(creative.object_type);
  if (kind !== "") parts.push(`(${words(kind)})`);
  const line = parts.filter((text) => text !== "").join(" · ");
  return line === "" ? null : cutLine(line);
}
