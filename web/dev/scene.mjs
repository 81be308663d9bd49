/** Development only: made-up scenes for working on the wall without a server. Nothing here is shipped. */

const LAT = 31.2321;
const LON = 121.5478;
const NORTH = 110_870;
const EAST = 95_250;
const at = (east, north) => [LON + east / EAST, LAT + north / NORTH];
const box = (w, s, e, n) => [at(w, n), at(e, n), at(e, s), at(w, s)];
const t = (en, zh) => ({ en, zh });
const iso = (ms) => new Date(ms).toISOString();
const MINUTE = 60_000;

const zones = [
  ['gate', t('Main gate', '主大门'), 'gate', box(-160, -20, -130, 10)],
  ['road', t('Site road', '场内道路'), 'traffic', box(-130, -90, -100, 90)],
  ['steel-yard', t('Steel yard', '钢材堆场'), 'storage', box(-95, 40, -35, 90)],
  ['precast-yard', t('Precast yard', '预制构件堆场'), 'storage', box(-95, -90, -35, -40)],
  ['tower-a', t('Tower A', 'A 座'), 'work', box(-10, 10, 60, 80)],
  ['tower-b', t('Tower B', 'B 座'), 'work', box(-10, -80, 60, -10)],
  ['workshop', t('Workshop', '加工车间'), 'work', box(80, 40, 140, 90)],
  ['office', t('Site office', '项目部'), 'office', box(90, -85, 150, -50)],
].map(([id, title, kind, polygon]) => ({ id, title, kind, polygon }));

export const site = {
  id: 'harbour-east',
  title: t('Harbour East', '东港一号工地'),
  timezone: 'Asia/Shanghai',
  lat: LAT,
  lon: LON,
  cell_m: 10,
  plan: { url: '/api/sites/harbour-east/plan', corners: box(-160, -100, 160, 100) },
  zones,
};

export function heat(now) {
  const cells = new Map();
  const add = (source, east, north, weight) => {
    const [col, row] = [Math.floor(east / 10), Math.floor(north / 10)];
    const [lon, lat] = at((col + 0.5) * 10, (row + 0.5) * 10);
    const key = `${source}:${col}_${row}`;
    const was = cells.get(key)?.weight ?? 0;
    cells.set(key, { cell: `${col}_${row}`, source, lat, lon, weight: was + weight });
  };
  const sway = (seed, size) => Math.sin(now / 20_000 + seed) * size;
  for (let i = 0; i < 60; i++) {
    const [a, b] = [Math.sin(i * 12.9) * 43758.5, Math.sin(i * 78.2) * 12543.7].map((v) => v - Math.floor(v));
    add('people', 5 + a * 45 + sway(i, 4), 20 + b * 50, 1 + b * 3);
    if (i % 2) add('people', 5 + b * 45, -70 + a * 50 + sway(i, 4), 1 + a * 2);
    if (i % 3 === 0) add('people', 95 + a * 45, -80 + b * 25, 1);
    if (i % 2) add('machines', -115 + sway(i, 3), -70 + 140 * a, 1 + b * 2);
    if (i % 3) add('machines', -90 + a * 190, -5 + sway(i, 3), 1 + b * 3);
    if (i % 3 === 0) add('scans', -150 + a * 15, -12 + b * 16, 3);
    if (i % 3 === 1) add('scans', -85 + a * 40, 50 + b * 30, 1.5);
    if (i % 4 === 1) add('scans', -85 + a * 40, -80 + b * 30, 1.2);
  }
  return { window_minutes: 60, cells: [...cells.values()] };
}

export function orders(now, arrived = 0) {
  const line = (id, title, unit, expected, here, needed, state) =>
    ({ id, title, unit, expected, arrived: here, needed_by: needed && iso(needed), state });
  const mark = (id, title, percent, state, rag, due, reason, evidence) =>
    ({ id, title, percent, state, rag, due: due && iso(due), reason, evidence });
  const cage = Math.min(24, 14 + arrived);
  return [
    {
      id: 'o1', number: 'PO-2041', title: t('Structural steel, tower A levels 3–6', 'A 座 3–6 层钢结构'), customer: 'Harbour Development',
      percent: 71.2, rag: 'yellow',
      lines: [
        line('l1', t('Column HEB 300, 6.0 m', 'HEB 300 钢柱 6.0 m'), 'pcs', 24, 24, now - 120 * MINUTE, 'arrived'),
        line('l2', t('Beam IPE 400, 7.5 m', 'IPE 400 钢梁 7.5 m'), 'pcs', 48, 31, now + 90 * MINUTE, 'partial'),
        line('l3', t('Bolt set M24 10.9', 'M24 10.9 级螺栓套件'), 'box', 60, 52, now - 35 * MINUTE, 'short'),
      ],
      milestones: [
        mark('m1', t('Columns on site', '钢柱到场'), 100, 'done', 'green', now - 60 * MINUTE, t('all 24 arrived 09:42', '24 根于 09:42 全部到齐'), 24),
        mark('m2', t('Steel for level 3 complete', '三层钢结构材料到齐'), 74.3, 'open', 'red', now - 35 * MINUTE, t('8 boxes of bolts short since 13:25', '螺栓自 13:25 起短缺 8 箱'), 107),
      ],
    },
    {
      id: 'o2', number: 'PO-2057', title: t('Precast stairs and façade', '预制楼梯与外墙板'), customer: 'Harbour Development',
      percent: Math.round((cage / 24) * 1000) / 10, rag: 'green',
      lines: [
        line('l4', t('Façade panel type C', 'C 型外墙板'), 'pcs', 24, cage, now + 300 * MINUTE, cage >= 24 ? 'arrived' : 'partial'),
        line('l5', t('Stair flight ST-2', 'ST-2 预制楼梯段'), 'pcs', 8, 0, now + 26 * 60 * MINUTE, 'waiting'),
      ],
      milestones: [
        mark('m3', t('Façade panels for tower B', 'B 座外墙板到场'), Math.round((cage / 24) * 1000) / 10, 'open', 'green', now + 300 * MINUTE, t('on plan', '按计划'), cage),
        mark('m4', t('Crane has set stairs, levels 1–2', '1–2 层楼梯吊装完成'), 25, 'unknown', 'unknown', now + 60 * MINUTE, t('unknown since 14:02, gateway crane-01 offline', '14:02 起情况未知,网关 crane-01 离线'), 6),
      ],
    },
    {
      id: 'o3', number: 'PO-2063', title: t('Ready-mix concrete C35/45', 'C35/45 商品混凝土'), customer: 'Harbour Development',
      percent: 100, rag: 'green',
      lines: [line('l6', t('Concrete C35/45, slab level 2', '二层楼板 C35/45 混凝土'), 'm³', 96, 99.5, now - 200 * MINUTE, 'over')],
      milestones: [mark('m5', t('Slab level 2 cured 72 h', '二层楼板养护 72 小时'), 58.3, 'open', 'yellow', now + 30 * 60 * MINUTE, t('at 11 °C for 42 of 72 h', '11 °C 下已养护 42 / 72 小时'), 42)],
    },
  ];
}

export const gateways = (now) => [
  { id: 'gate-01', online: true, since: iso(now - 9e7), last_seen: iso(now - 900), data_until: iso(now - 1500), missing: 0, backlog: 0, state: 'online' },
  { id: 'crane-01', online: false, since: iso(now - 33 * MINUTE), last_seen: iso(now - 33 * MINUTE), data_until: iso(now - 33 * MINUTE), missing: null, backlog: null, state: 'offline' },
  { id: 'yard-01', online: true, since: iso(now - 2 * MINUTE), last_seen: iso(now - 500), data_until: iso(now - 11 * MINUTE), missing: 3, backlog: 1240, state: 'catching_up' },
];

export function equipment(now) {
  const [lon, lat] = at(68, 0);
  const along = 40 * Math.sin(now / 15_000);
  const [tlon, tlat] = at(-115, along);
  const [xlon, xlat] = at(-30 + along, 0);
  const [hlon, hlat] = at(20, -45);
  return [
    { device: 'crane-1', title: t('Tower crane 1', '1 号塔吊'), state: 'working', since: iso(now - 40 * MINUTE), lat, lon, zone: null },
    { device: 'truck-4', title: t('Truck 4', '4 号卡车'), state: 'working', since: iso(now - 4 * MINUTE), lat: tlat, lon: tlon, zone: 'road' },
    { device: 'tele-2', title: t('Telehandler 2', '2 号叉装车'), state: 'idle', since: iso(now - 9 * MINUTE), lat: xlat, lon: xlon, zone: null },
    { device: 'hoist-b', title: t('Hoist B', 'B 座升降机'), state: 'fault', since: iso(now - 12 * MINUTE), lat: hlat, lon: hlon, zone: 'tower-b' },
    { device: 'saw-1', title: t('Rebar bender', '钢筋弯曲机'), state: 'off', since: null, lat: null, lon: null, zone: 'workshop' },
  ];
}

export const people = {
  on_site: 47,
  by_place: [
    { place: 'tower-a', title: t('Tower A', 'A 座'), count: 21 },
    { place: 'tower-b', title: t('Tower B', 'B 座'), count: 14 },
    { place: 'office', title: t('Site office', '项目部'), count: 7 },
    { place: 'gate', title: t('Main gate', '主大门'), count: 2 },
  ],
};

const METRICS = [
  ['dust-1', t('Gate dust sensor', '大门扬尘'), 'pm2_5', t('PM2.5', 'PM2.5'), 'µg/m³', 61, 14, 75],
  ['noise-1', t('North fence', '北侧围挡'), 'noise', t('Noise', '噪声'), 'dB(A)', 72, 6, 70],
  ['met-1', t('Crane mast', '塔吊桅杆'), 'wind', t('Wind', '风速'), 'm/s', 5.4, 2, 12],
  ['met-1', t('Crane mast', '塔吊桅杆'), 'temperature', t('Temperature', '气温'), '°C', 11.3, 1, null],
];
const wave = (base, swing, ms) => base + swing * (Math.sin(ms / 400_000) * 0.5 + Math.sin(ms / 97_000) * 0.3 + Math.sin(ms / 31_000) * 0.2);

export const environment = (now) => METRICS.map(([device, title, metric, metric_title, unit, base, swing, limit]) =>
  ({ device, title, metric, metric_title, unit, value: Math.round(wave(base, swing, now) * 10) / 10, at: iso(now), limit }));

export const history = (field, now) => METRICS.filter(([, , metric]) => metric === field).map(([device, title, , , , base, swing]) =>
  ({ device, title, points: Array.from({ length: 60 }, (_, i) => { const ms = now - (60 - i) * MINUTE; return [ms, wave(base, swing, ms)]; }) }));

const SAID = [
  ['scan', t('4 × Façade panel type C at the main gate (PO-2057)', '主大门扫码:C 型外墙板 4 块(PO-2057)'), 'good'],
  ['state', t('Hoist B stopped: overload', 'B 座升降机停机:超载'), 'bad'],
  ['check_in', t('Li Wei checked in at tower A', '李伟在 A 座签到'), 'info'],
  ['unlinked', t('Label at the steel yard fits no order', '钢材堆场的标签未对应任何订单'), 'warn'],
  ['gateway', t('crane-01 is offline; tower B is unknown from here on', 'crane-01 离线,B 座情况自此未知'), 'warn'],
  ['milestone', t('Columns on site: done, 24 of 24', '钢柱到场:已完成,24 / 24'), 'good'],
  ['inspection', t('Slab level 2 inspected: passed with photo', '二层楼板检查:合格(附照片)'), 'good'],
];
export const entry = (n, now) => {
  const [kind, text, level] = SAID[n % SAID.length];
  return { id: `a${n}`, at: iso(now), kind, text, level };
};

export function snapshot(now) {
  return {
    site, now: iso(now), heat: heat(now), orders: orders(now), gateways: gateways(now), equipment: equipment(now), people,
    environment: environment(now), unlinked: 3,
    activity: Array.from({ length: 7 }, (_, i) => entry(6 - i, now - i * 3.4 * MINUTE)),
  };
}

/** A site on its first day. */
export function empty(now) {
  return {
    ...snapshot(now),
    site: { ...site, id: 'empty', title: t('New site', '新工地'), plan: null, zones: [] },
    heat: { window_minutes: 60, cells: [] }, orders: [], gateways: [], equipment: [], people: { on_site: 0, by_place: [] },
    environment: [], activity: [], unlinked: 0,
  };
}

/** A planned site on which nothing has happened yet. */
export const quiet = (now) => ({ ...empty(now), site: { ...site, id: 'quiet' } });

/** Too much of everything, with long names. */
export function crowded(now) {
  const long = t('Reinforced concrete façade element with integrated window frame and thermal insulation, type C-27/B', '带整体窗框与保温层的钢筋混凝土外墙预制构件(C-27/B 型,含吊装预埋件)');
  const whole = snapshot(now);
  const all = Array.from({ length: 4 }, (_, n) => orders(now).map((o) => ({
    ...o, id: `${o.id}${n}`, number: `PO-2026-000${n}-HARBOUR`, title: long,
    lines: [...o.lines, ...o.lines].map((l, i) => ({ ...l, id: `${l.id}${n}${i}`, title: long, expected: l.expected * 1000, arrived: l.arrived * 1000 })),
    milestones: o.milestones.map((m) => ({ ...m, id: `${m.id}${n}`, title: long, reason: m.state === 'done' ? m.reason : long })),
  }))).flat();
  return {
    ...whole,
    site: { ...site, id: 'crowded', title: t('Harbour East Redevelopment, Lots 14 to 22, Phase Two including Quay Wall', '东港综合改造项目二期工程第十四至二十二地块及码头岸壁工程总承包现场'), zones: zones.map((z) => ({ ...z, title: long })) },
    orders: all,
    gateways: Array.from({ length: 3 }, (_, n) => gateways(now).map((g) => ({ ...g, id: `${g.id}-with-a-rather-long-name-${n}`, missing: 12345 }))).flat(),
    equipment: Array.from({ length: 4 }, (_, n) => equipment(now).map((e) => ({ ...e, device: `${e.device}${n}`, title: long, lat: e.lat && e.lat + n * 0.00005 }))).flat(),
    people: { ...people, on_site: 12480 },
    environment: Array.from({ length: 3 }, (_, n) => environment(now).map((e) => ({ ...e, device: `${e.device}${n}`, metric_title: long, value: e.value * 1000, unit: 'µg/m³ (1 h)' }))).flat(),
    activity: Array.from({ length: 30 }, (_, i) => ({ ...entry(30 - i, now - i * MINUTE), text: long })),
    unlinked: 4821,
  };
}

export const evidence = (now) => [
  { event_id: 'e1', at: iso(now - 12 * MINUTE), device: 'gate-scanner', line: t('Beam IPE 400, 7.5 m', 'IPE 400 钢梁 7.5 m'), quantity: 8, sentence: t('SSCC of delivery DN-77 scanned at the main gate', '主大门扫描送货单 DN-77 的 SSCC'), raw: ']C100095012345678901234' },
  { event_id: 'e2', at: iso(now - 48 * MINUTE), device: 'yard-camera', line: t('Bolt set M24 10.9', 'M24 10.9 级螺栓套件'), quantity: 1, sentence: t('Label read by the yard camera', '堆场摄像头识别标签'), raw: 'PL1:PO-2041/30/17' },
  { event_id: 'e3', at: iso(now - 26 * 60 * MINUTE), device: 'gate-scanner', line: null, quantity: null, sentence: t('Foreman signed the delivery off', '工长签收送货'), raw: null },
];
export const unlinked = (now) => [
  { event_id: 'u1', at: iso(now - 7 * MINUTE), device: 'yard-scanner', device_title: t('Yard scanner', '堆场扫描枪'), text: 'PL1:PO-1999/10/3', reason: t('There is no order PO-1999', '没有订单 PO-1999') },
  { event_id: 'u2', at: iso(now - 21 * MINUTE), device: 'gate-scanner', device_title: t('Gate scanner', '大门扫描枪'), text: '0109501101530003', reason: t('GTIN 09501101530003 is on no open line', 'GTIN 09501101530003 不在任何未完成的行中') },
];
