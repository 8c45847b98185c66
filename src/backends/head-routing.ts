/**
 * Heads that a row uses (MoH, arXiv 2410.11842): the first `shared`, and of the others the `used` of greatest score, the lower
 * head first among equals.
 */
export interface HeadRouting {
  readonly heads: number;
  readonly shared: number;
  readonly used: number;
}

/** Greatest number of heads that are routed. */
export const MOST_ROUTED = 1024;
