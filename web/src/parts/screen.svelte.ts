/** What the screen is: how large one rem is, and whether its reader asked for less motion. */
class Screen {
  rem: number = $state(16);
  calm: boolean = $state(false);

  constructor() {
    const measure = (): void => {
      this.rem = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
    };
    measure();
    window.addEventListener('resize', measure);
    const wish = window.matchMedia('(prefers-reduced-motion: reduce)');
    this.calm = wish.matches;
    wish.addEventListener('change', () => {
      this.calm = wish.matches;
    });
  }
}

export const screen = new Screen();
