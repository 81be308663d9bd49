/** Who sits at this screen: what people do here stands under their name. Remembered by the browser. */
const STORED = 'plumbline.person';

class Who {
  name: string = $state('');

  constructor() {
    try {
      this.name = localStorage.getItem(STORED) ?? '';
    } catch {
      // Storage may be forbidden; then the name lasts as long as the page.
    }
  }

  remember(name: string): void {
    this.name = name.trim();
    try {
      localStorage.setItem(STORED, this.name);
    } catch {
      // As above.
    }
  }
}

export const who = new Who();
