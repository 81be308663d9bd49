/** What people do here is an act of the office: made with an id of its own, so that sent twice it is one act. */
import { post, recorded } from './api';

/** A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits. Works on plain HTTP too. */
export function newId(ms: number = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let at = 0; at < 6; at += 1) bytes[at] = Math.floor(ms / 256 ** (5 - at)) % 256;
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

type Said = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A path with a name of somebody else's in it. */
export const door = (room: string, name: string, act: string): string => `/api/${room}/${encodeURIComponent(name)}/${act}`;

/** Record an act; fields that say nothing are left out. Returns its id. */
export async function record(path: string, said: Said, id: string = newId()): Promise<string> {
  const body = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null && value !== undefined && value !== ''));
  return (await post(path, { ...body, id }, recorded)).id;
}
