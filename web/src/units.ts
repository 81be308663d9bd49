/** Units that are counted, as people say them: `1 box`, `12 boxes`, `12 箱`. `plumbline/counted.py` has the same rows. */

import { unit as written, type Language } from './format';

/** One, several, in Chinese. */
const ROWS: readonly (readonly [string, string, string])[] = [
  ['pc', 'pcs', '件'],
  ['piece', 'pieces', '件'],
  ['box', 'boxes', '箱'],
  ['carton', 'cartons', '箱'],
  ['case', 'cases', '箱'],
  ['crate', 'crates', '箱'],
  ['bag', 'bags', '袋'],
  ['sack', 'sacks', '袋'],
  ['pack', 'packs', '包'],
  ['package', 'packages', '包'],
  ['pallet', 'pallets', '托'],
  ['roll', 'rolls', '卷'],
  ['coil', 'coils', '卷'],
  ['reel', 'reels', '盘'],
  ['drum', 'drums', '桶'],
  ['barrel', 'barrels', '桶'],
  ['bucket', 'buckets', '桶'],
  ['can', 'cans', '罐'],
  ['bottle', 'bottles', '瓶'],
  ['tube', 'tubes', '支'],
  ['cartridge', 'cartridges', '支'],
  ['sheet', 'sheets', '张'],
  ['panel', 'panels', '块'],
  ['plate', 'plates', '块'],
  ['block', 'blocks', '块'],
  ['slab', 'slabs', '块'],
  ['bar', 'bars', '根'],
  ['pipe', 'pipes', '根'],
  ['rod', 'rods', '根'],
  ['pole', 'poles', '根'],
  ['pile', 'piles', '根'],
  ['bundle', 'bundles', '捆'],
  ['set', 'sets', '套'],
  ['kit', 'kits', '套'],
  ['pair', 'pairs', '副'],
  ['load', 'loads', '车'],
];

const WORDS = new Map([...ROWS].reverse().flatMap((row) => row.map((name) => [name, row] as const)));

/** The unit of a quantity, in the number that the language asks for; what is measured, and any unit unknown here, as written. */
export function unitOf(quantity: number, code: string, language: Language): string {
  const row = WORDS.get(code) ?? WORDS.get(code.toLowerCase());
  if (row === undefined) return written(code);
  const [one, many, zh] = row;
  if (language === 'zh') return zh;
  return Math.abs(quantity) === 1 ? one : many;
}
