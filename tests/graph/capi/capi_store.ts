/**
 * The events that the Conversions API accepted.
 * @module
 */

/** Keeps events by pixel. */
export class CapiStore {}
