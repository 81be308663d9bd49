/** Who signed a milestone and did not take it back, from the office's acts about it. */
import type { Act } from '../api';

export interface Signature {
  readonly id: string;
  readonly role: string;
  readonly person: string;
  readonly at: string;
}

/** The signatures that stand, oldest first: the last word of each person in a role counts. */
export function standing(acts: readonly Act[]): Signature[] {
  const last = new Map<string, Signature | null>();
  const order = [...acts].sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || a.id.localeCompare(b.id));
  for (const act of order) {
    if (act.kind !== 'sign_off' || act.void || act.person === null) continue;
    const body = (typeof act.body === 'object' && act.body !== null ? act.body : {}) as Record<string, unknown>;
    const role = typeof body.role === 'string' ? body.role : '';
    const key = `${role}\n${act.person}`;
    last.delete(key);
    last.set(key, body.withdrawn === true ? null : { id: act.id, role, person: act.person, at: act.at });
  }
  return [...last.values()].filter((one) => one !== null);
}
