import type { en } from './en';

/** The name of a text. */
export type Key = keyof typeof en;

/** One language's texts. */
export type Catalogue = Record<Key, string>;

/** Fill `{name}` places; a place nobody filled stays visible, which is how one notices it. */
export function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (place, name: string) => (name in values ? String(values[name]) : place));
}
