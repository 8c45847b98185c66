// @ts-check
import { findPassage } from './find-passage.js';
import { textNodes } from './text-of.js';

/** The name under which the panel's style sheet paints it. */
const NAME = 'longhand';

/** All the words that can be seen, with the node that each stretch stands in. */
const visibleText = () => {
  /** @type {{ node: Text, start: number }[]} */
  const stretches = [];
  const parts = [];
  let length = 0;
  const walker = textNodes(document.body);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!(node instanceof Text) || !mayBeSeen(node.parentElement)) continue;
    stretches.push({ node, start: length });
    parts.push(node.data);
    length += node.data.length;
  }
  return { text: parts.join(''), stretches };
};

/** What a closed `details` hides can be shown. @param {Element | null} element */
const mayBeSeen = (element) =>
  element !== null && (element.checkVisibility() || element.closest('details:not([open])') !== null);

/** @param {{ node: Text, start: number }[]} stretches @param {number} offset */
const pointAt = (stretches, offset) => {
  let [low, high] = [0, stretches.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (/** @type {{ start: number }} */ (stretches[middle]).start <= offset) low = middle;
    else high = middle - 1;
  }
  const { node, start } = /** @type {{ node: Text, start: number }} */ (stretches[low]);
  return { node, offset: Math.min(node.length, offset - start) };
};

/** Scrolls whatever scrolls around a range, inside first, until it stands in the upper part of it. @param {Range} range */
const bringIntoView = (range) => {
  const start = range.startContainer.parentElement;
  for (let box = start; box && box !== document.documentElement; box = box.parentElement) {
    if (box.scrollHeight <= box.clientHeight || !/auto|scroll/.test(getComputedStyle(box).overflowY))
      continue;
    box.scrollTop +=
      range.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
  }
  scrollBy({ top: range.getBoundingClientRect().top - innerHeight / 3, behavior: 'instant' });
};

/**
 * Marks a passage on the page and brings it into sight. Nothing of the page's own changes but what is scrolled, and
 * `details` that are opened. Whether it is there: all of it, what is left of it, or nothing.
 * @param {import('../wire.js').Passage} passage @returns {'whole' | 'part' | 'none'}
 */
export const showPassage = ({ text: passage, before, after, near }) => {
  CSS.highlights.delete(NAME);
  const { text, stretches } = visibleText();
  const found = findPassage(text, { passage, before, after, near });
  if (!found) return 'none';
  const [from, to] = [pointAt(stretches, found.start), pointAt(stretches, found.end - 1)];
  const range = document.createRange();
  range.setStart(from.node, from.offset);
  range.setEnd(to.node, to.offset + 1);
  for (
    let box = from.node.parentElement?.closest('details');
    box;
    box = box.parentElement?.closest('details')
  )
    box.open = true;
  CSS.highlights.set(NAME, new Highlight(range));
  bringIntoView(range);
  return found.whole ? 'whole' : 'part';
};
