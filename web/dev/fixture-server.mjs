/**
 * Development only: serves the built wall with made-up scenes (`?site=harbour-east|empty|quiet|crowded`).
 * `npm run build && npm run fixture`, then http://127.0.0.1:8090. `POST /dev/cut` drops all streams for `?seconds=`.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as scene from './scene.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const BUILT = join(HERE, '../../tracking_service/static/wall');
const PLAN = join(HERE, '../../plumbline/demo/harbour-east-plan.svg');
const PORT = Number(process.env.PORT ?? 8090);
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.woff2': 'font/woff2' };
const SCENES = { 'harbour-east': scene.snapshot, empty: scene.empty, quiet: scene.quiet, crowded: scene.crowded };

const streams = new Set();
let cutUntil = 0;
let said = 7;

function follow(response, name) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const tell = (event, value) => response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
  tell('snapshot', SCENES[name](Date.now()));
  streams.add(response);
  const live = name !== 'harbour-east' ? [] : [
    setInterval(() => tell('equipment', scene.equipment(Date.now())), 1000),
    setInterval(() => tell('heat', scene.heat(Date.now())), 2000),
    setInterval(() => tell('environment', scene.environment(Date.now())), 2000),
    setInterval(() => tell('gateways', scene.gateways(Date.now())), 1000),
    setInterval(() => tell('activity', scene.entry(said++, Date.now())), 5000),
    setInterval(() => tell('orders', scene.orders(Date.now(), said % 11)), 5000),
  ];
  const beat = setInterval(() => response.write(': heartbeat\n\n'), 15_000);
  response.on('close', () => {
    for (const timer of [...live, beat]) clearInterval(timer);
    streams.delete(response);
  });
}

createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://wall');
  const name = url.searchParams.get('site') ?? 'harbour-east';
  const now = Date.now();
  const json = (value, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
  if (url.pathname === '/dev/cut') {
    cutUntil = now + Number(url.searchParams.get('seconds') ?? 10) * 1000;
    for (const stream of streams) stream.destroy();
    return json({});
  }
  if (now < cutUntil && url.pathname.startsWith('/api')) return request.destroy();
  if (url.pathname === '/api/stream') return name in SCENES ? follow(response, name) : json({ title: 'no such site' }, 404);
  if (url.pathname === '/api/sites') return json([{ id: scene.site.id, title: scene.site.title, timezone: scene.site.timezone }]);
  if (url.pathname === '/api/wall') return json(SCENES[name](now));
  if (url.pathname === '/api/history') return json(scene.history(url.searchParams.get('field'), now));
  if (url.pathname === '/api/unlinked') return json(scene.unlinked(now));
  if (/^\/api\/milestones\/[^/]+\/evidence$/.test(url.pathname)) return json(scene.evidence(now));
  if (/^\/api\/sites\/[^/]+\/plan$/.test(url.pathname)) {
    response.writeHead(200, { 'content-type': 'image/svg+xml' });
    return response.end(await readFile(PLAN));
  }
  const path = normalize(join(BUILT, url.pathname === '/' ? 'index.html' : url.pathname));
  if (!path.startsWith(BUILT)) return json({}, 404);
  try {
    const file = await readFile(path);
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' });
    response.end(file);
  } catch {
    json({ title: `no ${url.pathname}` }, 404);
  }
}).listen(PORT, '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}`));
