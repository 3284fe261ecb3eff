/**
 * Whom an ad set is shown to, as one line: places, ages, genders, interests, audiences, exclusions, placements. Lists
 * are sorted, because Meta does not keep their order and an unchanged ad set must not look changed.
 * https://developers.facebook.com/docs/marketing-api/audiences/reference/basic-targeting
 *
 * @module
 */

import { isObject, type JsonObject } from "./graph_values.ts";
import { cutLine, oneLine } from "./summary_line.ts";

const MAX_NAMES = 20;
/** Meta's age range when none is set; its upper end means "65 and older". */
const YOUNGEST = 13;
const OLDEST = 65;

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function nameOf(entry: unknown): string {
  if (!isObject(entry)) return typeof entry === "number" ? String(entry) : oneLine(entry);
  return oneLine(entry.name) || oneLine(entry.id) || oneLine(entry.key);
}

/** Names of a list, sorted by code unit (no locale), each once, the rest counted. */
function join(names: string[]): string {
  const sorted = [...new Set(names.filter((name) => name !== ""))].sort();
  const rest = sorted.length - MAX_NAMES;
  return sorted.slice(0, MAX_NAMES).join(", ") + (rest > 0 ? `, +${rest} more` : "");
}

function nameCity(city: unknown): string {
  const name = nameOf(city);
  if (!isObject(city) || name === "" || typeof city.radius !== "number" || city.radius <= 0) return name;
  return `${name} (+${city.radius} ${city.distance_unit === "mile" ? "mi" : "km"})`;
}

function describePlaces(geo: unknown): string {
  if (!isObject(geo)) return "";
  return join([
    ...listOf(geo.countries).map(nameOf),
    ...listOf(geo.country_groups).map(nameOf),
    ...listOf(geo.regions).map(nameOf),
    ...listOf(geo.cities).map(nameCity),
    ...listOf(geo.zips).map(nameOf),
    ...listOf(geo.places).map(nameCity),
    ...listOf(geo.custom_locations).map((place) =>
      nameCity(isObject(place) ? { name: place.address_string, ...place } : place)
    ),
    ...listOf(geo.geo_markets).map(nameOf),
  ]);
}

function describeAges(targeting: JsonObject): string {
  const min = typeof targeting.age_min === "number" ? targeting.age_min : null;
  const max = typeof targeting.age_max === "number" ? targeting.age_max : null;
  if (min === null && max === null) return "";
  return `${min ?? YOUNGEST}–${max === null || max >= OLDEST ? "65+" : max}`;
}

function describeGenders(genders: unknown): string {
  const codes = new Set(listOf(genders));
  if (codes.has(1) === codes.has(2)) return "";
  return codes.has(1) ? "men" : "women";
}

/** Groups of a targeting or flexible spec that hold named things. */
const DETAILED: readonly string[] = [
  "interests",
  "behaviors",
  "life_events",
  "industries",
  "income",
  "family_statuses",
  "relationship_statuses",
  "education_majors",
  "education_schools",
  "work_employers",
  "work_positions",
  "user_adclusters",
];

function detailsOf(spec: unknown): string[] {
  return isObject(spec) ? DETAILED.flatMap((group) => listOf(spec[group]).map(nameOf)) : [];
}

/** Within a spec any of the names suffices; every spec must be met. */
function describeDetails(targeting: JsonObject): string {
  const specs = [targeting, ...listOf(targeting.flexible_spec)].map((spec) => join(detailsOf(spec)));
  return specs.filter((names) => names !== "").sort().join(" and ");
}

/**
 * Describes a targeting spec; null when there is none.
 */
export function buildTargetingSummary(targeting: unknown): string | null {
  if (!isObject(targeting)) return null;
  const excluded = join([
    ...detailsOf(targeting.exclusions),
    ...listOf(targeting.excluded_custom_audiences).map(nameOf),
  ]);
  const labelled: [string, string][] = [
    ["", describePlaces(targeting.geo_locations)],
    ["not in ", describePlaces(targeting.excluded_geo_locations)],
    ["", describeAges(targeting)],
    ["", describeGenders(targeting.genders)],
    ["likes ", describeDetails(targeting)],
    ["audiences ", join(listOf(targeting.custom_audiences).map(nameOf))],
    ["without ", excluded],
    ["languages ", join(listOf(targeting.locales).map(nameOf))],
    ["on ", join([...listOf(targeting.publisher_platforms), ...listOf(targeting.device_platforms)].map(nameOf))],
  ];
  const automation = targeting.targeting_automation;
  const parts = labelled.filter(([, text]) => text !== "").map(([label, text]) => label + text);
  if (isObject(automation) && automation.advantage_audience === 1) parts.push("Advantage+ audience");
  return parts.length === 0 ? "everyone" : cutLine(parts.join(" · "));
}
