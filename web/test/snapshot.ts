/** The smallest snapshot that follows the contract. */
export const AT = '2026-03-02T06:00:00Z';

export function given(): Record<string, unknown> {
  return {
    site: {
      id: 's', title: { en: 'Site', zh: '工地' }, timezone: 'Asia/Shanghai', lat: 31.2, lon: 121.5, cell_m: 10, plan: null, zones: [],
    },
    now: AT,
    heat: { window_minutes: 60, cells: [] },
    orders: [],
    gateways: [{ id: 'g', online: true, since: AT, last_seen: AT, data_until: null, missing: null, backlog: null, state: 'online' }],
    equipment: [],
    people: { on_site: 2, by_place: [] },
    environment: [],
    activity: [],
    unlinked: 0,
  };
}

export function entry(id: string): Record<string, unknown> {
  return { id, at: AT, kind: 'scan', text: { en: `scan ${id}`, zh: `扫码 ${id}` }, level: 'info' };
}
