/** Rough checks of what comes over the wire: enough that no component meets a value of a type it does not expect. */

/** What the server sent is not what the contract says; the message names the place and what was found there. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
}

/** Reads one value, or throws `ContractError` naming `path`. */
export type Shape<T> = (value: unknown, path: string) => T;

/** The type a shape reads. */
export type Read<S> = S extends Shape<infer T> ? T : never;

function refuse(path: string, wanted: string, value: unknown): never {
  const found = value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
  throw new ContractError(`${path}: expected ${wanted}, found ${found}`);
}

export const text: Shape<string> = (value, path) => (typeof value === 'string' ? value : refuse(path, 'a text', value));

export const number: Shape<number> = (value, path) =>
  typeof value === 'number' && Number.isFinite(value) ? value : refuse(path, 'a number', value);

export const flag: Shape<boolean> = (value, path) => (typeof value === 'boolean' ? value : refuse(path, 'true or false', value));

/** Whatever came; only passed on or looked into with care. */
export const anything: Shape<unknown> = (value) => value;

/** An ISO 8601 time; kept as it came. */
export const time: Shape<string> = (value, path) =>
  typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : refuse(path, 'an ISO 8601 time', value);

/** The value, or null where it is null or left out: missing knowledge is null, never 0. */
export function maybe<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path) => (value === null || value === undefined ? null : shape(value, path));
}

/**
 * One of some words. A word that a newer server may add reads as `otherwise`, so that one new state
 * never blanks the wall.
 */
export function word<const W extends string>(words: readonly W[], otherwise: NoInfer<W>): Shape<W> {
  return (value, path) => {
    if (typeof value !== 'string') return refuse(path, `one of ${words.join(', ')}`, value);
    return words.find((known) => known === value) ?? otherwise;
  };
}

export function list<T>(shape: Shape<T>): Shape<T[]> {
  return (value, path) =>
    Array.isArray(value) ? value.map((item, at) => shape(item, `${path}[${String(at)}]`)) : refuse(path, 'a list', value);
}

/** A list of exactly two numbers, such as a position or a point of a series. */
export const pair: Shape<[number, number]> = (value, path) => {
  if (!Array.isArray(value) || value.length < 2) return refuse(path, 'two numbers', value);
  return [number(value[0], `${path}[0]`), number(value[1], `${path}[1]`)];
};

export function record<F extends Record<string, Shape<unknown>>>(fields: F): Shape<{ [K in keyof F]: Read<F[K]> }> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(path, 'an object', value);
    const given = value as Record<string, unknown>;
    const read: Record<string, unknown> = {};
    for (const key of Object.keys(fields)) read[key] = fields[key]?.(given[key], path ? `${path}.${key}` : key);
    return read as { [K in keyof F]: Read<F[K]> };
  };
}
