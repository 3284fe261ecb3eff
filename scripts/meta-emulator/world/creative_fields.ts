/**
 * What Graph answers for each field of a creative. Every ad has one of its own; five kinds take turns: a picture, a
 * video, a carousel, a dynamic creative and one that Advantage+ may change.
 * https://developers.facebook.com/docs/marketing-api/reference/ad-creative
 * @module
 */

import type { NodeFields } from "../fields.ts";
import type { JsonRecord, JsonValue } from "../json_value.ts";
import { pick } from "../random.ts";
import { makeId } from "./account.ts";
import { BODIES, TITLES, URL_TAGS } from "./names.ts";
import type { AdNode } from "./objects.ts";
import type { Placed } from "./placed.ts";

const PAGE = "10100000000001";
const KINDS = ["image", "video", "carousel", "dynamic", "advantage"] as const;

const kindOf = ({ seq }: AdNode): typeof KINDS[number] => KINDS[seq % KINDS.length] ?? "image";
const linkOf = ({ seq }: AdNode): string => `https://shop.example/kelas?item=${seq}`;
const hashOf = ({ seq }: AdNode): string => seq.toString(16).padStart(32, "0");
const videoOf = ({ seq }: AdNode): string => String(700_000_000_000_000 + seq);
const callOf = ({ seq }: AdNode): string => seq % 2 === 0 ? "LEARN_MORE" : "SHOP_NOW";
const isFed = (node: AdNode): boolean => ["dynamic", "advantage"].includes(kindOf(node));

function story(node: AdNode): JsonValue | undefined {
  const call: JsonRecord = { type: callOf(node), value: { link: linkOf(node) } };
  const words: JsonRecord = { message: pick(BODIES, node.seq), name: pick(TITLES, node.seq) };
  switch (kindOf(node)) {
    case "image":
      return {
        page_id: PAGE,
        link_data: { ...words, link: linkOf(node), image_hash: hashOf(node), call_to_action: call },
      };
    case "video":
      return {
        page_id: PAGE,
        video_data: {
          message: pick(BODIES, node.seq),
          title: pick(TITLES, node.seq),
          video_id: videoOf(node),
          call_to_action: call,
        },
      };
    case "carousel":
      return {
        page_id: PAGE,
        link_data: {
          ...words,
          link: linkOf(node),
          child_attachments: [0, 1, 2].map((card) => ({
            link: `${linkOf(node)}&card=${card}`,
            name: pick(TITLES, node.seq + card),
            image_hash: hashOf(node),
            call_to_action: call,
          })),
        },
      };
    default:
      return { page_id: PAGE };
  }
}

function feed(node: AdNode): JsonValue | undefined {
  if (!isFed(node)) return undefined;
  return {
    titles: TITLES.map((text) => ({ text })),
    bodies: BODIES.map((text) => ({ text })),
    images: [{ hash: hashOf(node) }],
    link_urls: [{ website_url: linkOf(node) }],
    call_to_action_types: [callOf(node)],
    ad_formats: ["SINGLE_IMAGE"],
    ...(kindOf(node) === "advantage" ? { optimization_type: "DEGREES_OF_FREEDOM" } : {}),
  };
}

/** The creative of an ad. */
export const CREATIVE_FIELDS: NodeFields<Placed<AdNode>> = {
  type: "AdCreative",
  defaults: ["id"],
  fields: {
    id: ({ account, node }) => makeId("creative", account.seq, node.seq),
    account_id: ({ account }) => account.plan.account_id,
    name: ({ node }) => `Creative ${node.name}`,
    status: () => "ACTIVE",
    title: ({ node }) => isFed(node) ? undefined : pick(TITLES, node.seq),
    body: ({ node }) => isFed(node) ? undefined : pick(BODIES, node.seq),
    object_type: ({ node }) => kindOf(node) === "video" ? "VIDEO" : "SHARE",
    call_to_action_type: ({ node }) => callOf(node),
    url_tags: ({ node }) => (node.names_its_id ? URL_TAGS[0] : pick(URL_TAGS, node.seq)) ?? undefined,
    link_url: ({ node }) => kindOf(node) === "image" ? linkOf(node) : undefined,
    effective_object_story_id: ({ node }) => `${PAGE}_${2_000_000_000 + node.seq}`,
    effective_instagram_media_id: ({ node }) => String(17_900_000_000_000_000 + node.seq),
    instagram_permalink_url: ({ node }) => `https://www.instagram.com/p/${node.seq.toString(36)}/`,
    thumbnail_url: ({ node, picture }) => picture(`thumbnail-${node.seq}`),
    image_url: ({ node, picture }) => kindOf(node) === "image" ? picture(`image-${node.seq}`) : undefined,
    image_hash: ({ node }) => kindOf(node) === "image" ? hashOf(node) : undefined,
    video_id: ({ node }) => kindOf(node) === "video" ? videoOf(node) : undefined,
    object_story_spec: ({ node }) => story(node),
    asset_feed_spec: ({ node }) => feed(node),
    degrees_of_freedom_spec: ({ node }) =>
      kindOf(node) === "advantage"
        ? { creative_features_spec: { standard_enhancements: { enroll_status: "OPT_IN" } } }
        : undefined,
    object_story_id: () => undefined,
    template_url: () => undefined,
  },
};
