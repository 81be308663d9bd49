/** The reader's language: `?lang=` first, then the stored choice, then the browser's. */
import type { Text } from '../api';
import type { Language } from '../format';
import { fill, type Catalogue, type Key } from './catalogue';
import { en } from './en';
import { zh } from './zh';

const CATALOGUES: Record<Language, Catalogue> = { en, zh };
const STORED = 'plumbline.language';

function first(): Language {
  const asked = new URLSearchParams(location.search).get('lang');
  if (asked === 'en' || asked === 'zh') return asked;
  const stored = remembered();
  if (stored === 'en' || stored === 'zh') return stored;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

function remembered(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    // A kiosk profile may forbid storage; then the choice lasts as long as the page.
    return null;
  }
}

class Reader {
  language: Language = $state(first());

  /** One text of the catalogue, filled in. */
  say(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
    return fill(CATALOGUES[this.language][key], values);
  }

  /** The reader's side of a bilingual text from the server; the other one where it is empty. */
  of(text: Text): string {
    return text[this.language] || text.en || text.zh;
  }

  toggle(): void {
    this.language = this.language === 'en' ? 'zh' : 'en';
    try {
      localStorage.setItem(STORED, this.language);
    } catch {
      // As above: not stored, still switched.
    }
    const here = new URL(location.href);
    if (here.searchParams.has('lang')) {
      here.searchParams.set('lang', this.language);
      history.replaceState(null, '', here);
    }
  }
}

export const reader = new Reader();
