/**
 * Pictures of creatives. Meta's links carry the end of their life (`oe`, epoch seconds in hexadecimal) and are good for
 * a few days; a read after midnight UTC gives another link to the same picture.
 * @module
 */

import type { WireRequest } from "./graph_call.ts";
import type { WireAnswer } from "./http_listener.ts";

/** Writes the link of a picture as it is given out at an instant. */
export type PictureLink = (name: string) => string;

const PATH = "/__pictures/";
const DAY_MS = 86_400_000;
const LIFE_DAYS = 4;
/** One transparent point. */
const PNG = Uint8Array.from(
  atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="),
  (character) => character.charCodeAt(0),
);

/** Makes the links that are given out at an instant (epoch milliseconds). */
export function pictureLinks(origin: string, nowMs: number): PictureLink {
  const end = (Math.floor(nowMs / DAY_MS) + LIFE_DAYS) * DAY_MS / 1000;
  return (name) => `${origin}${PATH}${name}.png?oe=${end.toString(16)}`;
}

/** Tells a request for a picture from one to Graph. */
export function isPicture(request: WireRequest): boolean {
  return new URL(request.url).pathname.startsWith(PATH);
}

/** Answers with the picture, or with 403 when its link has ended. */
export function answerPicture(request: WireRequest, nowMs: number): WireAnswer {
  const end = parseInt(new URL(request.url).searchParams.get("oe") ?? "", 16);
  return Number.isNaN(end) || nowMs >= end * 1000
    ? { status: 403, headers: [["content-type", "text/plain"]], body: "URL signature expired", wire: "send" }
    : { status: 200, headers: [["content-type", "image/png"]], body: PNG, wire: "send" };
}
