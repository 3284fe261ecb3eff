/**
 * The outcome of normalising one value: the text to hash, or why there is none. A reason never repeats the value.
 *
 * @module
 */

/** A normalised value or the reason for leaving it out. */
export type Normalised = { readonly value: string } | { readonly refused: string };

/** A remark about one field: where, and what was wrong. Never the value. */
export interface Note {
  /** Path inside the event, such as `user_data.em[1]`. */
  readonly path: string;
  /** What was wrong, without the value. */
  readonly message: string;
}

/** What the normalisers of some fields must know beside the value. */
export interface NormaliseContext {
  /** The person's own country, alpha-2 in lower case, where it is known. */
  readonly country: string | undefined;
  /** The country whose national phone formats apply: the person's own, else the configured one. */
  readonly phone_country: string | undefined;
  /** The last day that a birth date may be, `YYYYMMDD`. */
  readonly today: string;
  /** How `03/04/1990` is meant. */
  readonly date_order: "month_first" | "day_first";
}
