/**
 * An object of the tree together with what its fields are read from.
 *
 * @module
 */

import type { PictureLink } from "../pictures.ts";
import type { AdAccount } from "./account.ts";

/** An object together with its account. */
export interface Placed<Node> {
  /** The account. */
  account: AdAccount;
  /** The object. */
  node: Node;
  /** Links of pictures as they are given out now. */
  picture: PictureLink;
}
