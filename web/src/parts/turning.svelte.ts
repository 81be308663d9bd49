/** Shows pages in turns, for as long as there is more than one. */
const TURN_MS = 12_000;

export class Turning {
  #at: number = $state(0);
  readonly #pages: () => number;

  /** `pages` is read again whenever what it depends on changes. Call while a component is being made. */
  constructor(pages: () => number) {
    this.#pages = pages;
    $effect(() => {
      if (pages() < 2) return;
      const timer = setInterval(() => {
        this.#at = (this.page + 1) % Math.max(1, pages());
      }, TURN_MS);
      return () => clearInterval(timer);
    });
  }

  /** The page to show, from 0; always one that exists. */
  get page(): number {
    return Math.min(this.#at, Math.max(0, this.#pages() - 1));
  }
}
