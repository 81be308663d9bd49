/** What a clerk may link a scan to, and what is sensible to begin with: pure. */
import type { Order, Text } from '../api';
import type { Suggestion } from '../linking';

/** A line to link to; a suggestion of the server, or found by the clerk. */
export interface Choice {
  readonly line: string;
  readonly order: string;
  readonly title: Text;
  readonly unit: string;
  readonly batch: string | null;
  readonly expected: number;
  readonly open: number;
  readonly quantity: number;
  /** 0 to 100; null: the clerk's own find. */
  readonly score: number | null;
  readonly exact: boolean;
  readonly reason: Text | null;
}

/** The suggestions that can be linked: a line of another site cannot. */
export function choicesOf(suggestions: readonly Suggestion[]): Choice[] {
  return suggestions.filter((one) => one.linkable).map((one) => ({ ...one }));
}

/** Lines whose number, title or order holds every word that was typed; open ones first, at most `most`. */
export function search(orders: readonly Order[], typed: string, most = 8): Choice[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const found: Choice[] = [];
  for (const order of orders) {
    for (const line of order.lines) {
      const text = [line.id, line.title.en, line.title.zh, order.title.en, order.title.zh, order.customer].join(' ').toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
      const open = Math.max(0, line.expected - line.arrived);
      found.push({
        line: line.id,
        order: order.number,
        title: line.title,
        unit: line.unit,
        batch: null,
        expected: line.expected,
        open,
        quantity: 1,
        score: null,
        exact: false,
        reason: null,
      });
    }
  }
  return found.sort((a, b) => Number(b.open > 0) - Number(a.open > 0)).slice(0, most);
}

const OWN_LABEL = /^(PL1|PLZ1):/;
/** An SSCC: application identifier 00 and 18 digits, however it was written. */
const SSCC = /^(\]?[A-Za-z]?\d?)?\(?00\)?\d{18}(\D|$)/;

/** From this score on a suggestion is chosen beforehand; what speaks for less is for the clerk to choose. */
const LIKELY = 40;

/** The choice that stands under Enter before the clerk has chosen: what is likely, or what they searched for. */
export function likely(choices: readonly Choice[]): Choice | null {
  const best = choices[0];
  return best && (best.score === null || best.score >= LIKELY) ? best : null;
}

/**
 * Whether it makes sense to remember a code for its line: it may come again. A logistic unit's number never does, one of
 * our own labels already says its line, and a code that is the line's own need not be learnt. A mere guess is not, either.
 */
export function teachable(text: string, choice: Choice | null): boolean {
  if (choice === null || choice.exact || (choice.score !== null && choice.score < LIKELY)) return false;
  return !OWN_LABEL.test(text) && !SSCC.test(text);
}

/** A quantity as it was typed: more than nothing, at most six decimals; null: it is none. */
export function quantityOf(typed: string): number | null {
  const plain = typed.trim().replace(',', '.');
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(plain)) return null;
  const value = Number(plain);
  return value > 0 ? value : null;
}
