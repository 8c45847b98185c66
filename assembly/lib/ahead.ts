// Reading ahead where weights stream. A processor fetches ahead by itself inside of a page of its memory, but at the next
// one it waits: for the address first, then until it knows the direction. Asked for early, both are there in time. Asked
// for more often, what the processor does by itself is disturbed, and everything takes longer.

/** Bytes of the smallest page of a processor's memory. */
const PAGE: usize = 4096;
/** What a processor fetches from memory at once. */
const LINE: usize = 64;

/** The last address that `ahead` may be given as `last`, as far as memory reaches now. */
// @ts-ignore: decorator
@inline
export function lastAhead(): usize {
  return (<usize>memory.size() << 16) - 2 * PAGE;
}

/**
 * Where the `step` bytes at `w` are the first of a page: the first lines of the next page and one of the page behind it.
 * Answers a sum of bytes of them, which means nothing, but which somebody must look at so that the reads are done.
 */
// @ts-ignore: decorator
@inline
export function ahead(w: usize, step: usize, last: usize): u32 {
  if ((w & (PAGE - 1)) >= step) return 0;
  const next = min((w & ~(PAGE - 1)) + PAGE, last);
  return load<u8>(next) + load<u8>(next, LINE) + load<u8>(next, 2 * LINE) + load<u8>(next, PAGE);
}
