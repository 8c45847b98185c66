// @ts-check
/** @returns {any} the element; it stands in the page */
export const byId = (/** @type {string} */ id) => document.getElementById(id);

/**
 * An element with its properties and children.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name @param {Partial<HTMLElementTagNameMap[Name]>} [properties] @param {(Node | string)[]} children
 */
export const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

/** On a phone what happens next may be out of sight. @param {string} id */
export const bringIntoSight = (id) => byId(id).scrollIntoView({ block: 'nearest' });

/**
 * Does something above an element, which stays where it is on the screen. @param {Element} element
 * @param {() => Promise<void>} work
 */
export const holdInPlace = async (element, work) => {
  const { style } = document.documentElement;
  // Browsers that do so by themselves would do it twice.
  style.overflowAnchor = 'none';
  const { top } = element.getBoundingClientRect();
  await work();
  scrollBy({ top: element.getBoundingClientRect().top - top, behavior: 'instant' });
  requestAnimationFrame(() => {
    style.overflowAnchor = '';
  });
};

/** What is longer stands under its term, not beside it. */
const LONG = 60;

/** Rows of a list of terms. @param {[string, string][]} pairs */
export const rows = (pairs) =>
  pairs.map(([name, value]) =>
    make(
      'div',
      { className: value.length > LONG ? 'long' : '' },
      make('dt', { textContent: name }),
      make('dd', { textContent: value }),
    ),
  );
