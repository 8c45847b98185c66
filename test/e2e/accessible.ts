import type { Page } from 'playwright';

/** What is wrong with a page for those who cannot see it well, cannot see it, or have only a thumb. */
export const objectionsTo = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const found: string[] = [];
    const shown = (element: Element): boolean => element.checkVisibility({ visibilityProperty: true });
    const name = (element: Element): string => `${element.localName}#${element.id}`;

    const named = (element: Element): string => {
      const by = document.getElementById(element.getAttribute('aria-labelledby') ?? '');
      return (element.ariaLabel ?? by?.textContent ?? '').trim();
    };
    const label = (element: Element): string => {
      const { labels } = element as HTMLInputElement;
      return named(element) || (labels?.[0]?.textContent ?? element.textContent ?? '').trim();
    };
    const controls = document.querySelectorAll('button, input, summary, a, [role="slider"], [tabindex="0"]');
    for (const control of [...controls].filter(shown)) {
      if (label(control) === '') found.push(`${name(control)} has no name`);
      const target = control.closest('label.button') ?? control;
      const { height } = target.getBoundingClientRect();
      if (height < 43.5) found.push(`${name(control)} is ${height} px high`);
    }
    for (const place of document.querySelectorAll('section, aside, [role="group"], [role="log"]')) {
      if (!named(place)) found.push(`${name(place)} has no name`);
    }
    for (const attribute of ['aria-labelledby', 'aria-describedby', 'for']) {
      for (const element of document.querySelectorAll(`[${attribute}]`)) {
        const target = element.getAttribute(attribute)!;
        if (!document.getElementById(target)) found.push(`${attribute}="${target}" leads nowhere`);
      }
    }
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
    for (const id of new Set(ids.filter((one, i) => ids.indexOf(one) !== i))) found.push(`two are #${id}`);
    for (const only of ['main', 'h1', 'header']) {
      if (document.querySelectorAll(only).length !== 1) found.push(`not one ${only}`);
    }
    const levels = [...document.querySelectorAll('h1, h2, h3')].filter(shown);
    levels.reduce((before, heading) => {
      const level = Number(heading.localName[1]);
      if (level > before + 1) found.push(`a ${heading.localName} follows an h${before}`);
      return level;
    }, 0);

    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth > clientWidth) found.push(`${scrollWidth - clientWidth} px too wide`);

    const channels = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = ([r = 0, g = 0, b = 0]: number[]): number => {
      const linear = [r, g, b].map((c) =>
        c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
    };
    const ground = (element: Element | null): number[] => {
      if (!element) return [255, 255, 255];
      const colour = channels(getComputedStyle(element).backgroundColor);
      return colour.length === 4 && colour[3] === 0 ? ground(element.parentElement) : colour;
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const element = node.parentElement!;
      const off = element.closest(':disabled, [aria-disabled="true"], label:has(:disabled)');
      if (!node.textContent?.trim() || !shown(element) || off) continue;
      const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (contrast < 4.5)
        found.push(`“${node.textContent.trim().slice(0, 30)}” has a contrast of ${contrast.toFixed(2)}`);
    }
    return found;
  });
