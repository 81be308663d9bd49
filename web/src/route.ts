/** Which page is shown: the part of the address behind `#`. The site and the language before it stay as they are. */
export type Route = { readonly page: 'wall' } | { readonly page: 'inbox' } | { readonly page: 'order'; readonly number: string };

/** Read a hash; what names no page is the wall. */
export function parse(hash: string): Route {
  const [first, second, ...rest] = hash.replace(/^#?\/?/, '').split('/');
  if (first === 'inbox' && second === undefined) return { page: 'inbox' };
  if (first === 'orders' && second && rest.length === 0) {
    try {
      return { page: 'order', number: decodeURIComponent(second) };
    } catch {
      return { page: 'wall' };
    }
  }
  return { page: 'wall' };
}

export const WALL = '#/';
export const INBOX = '#/inbox';
export const orderAddress = (number: string): string => `#/orders/${encodeURIComponent(number)}`;
