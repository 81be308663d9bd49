import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// Built into the service that serves it; nothing in the output names another host, for sites have no internet.
export default defineConfig({
  plugins: [svelte()],
  base: './',
  worker: { format: 'es' },
  build: {
    outDir: '../tracking_service/static/wall',
    emptyOutDir: true,
    target: 'es2022',
    // MapLibre alone is about 1 MB; it loads as a chunk of its own, after the first paint.
    chunkSizeWarningLimit: 1200,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8080', '/healthy': 'http://127.0.0.1:8080' } },
  // A busy machine may stand still for longer than vitest's five seconds.
  test: { include: ['test/**/*.test.ts'], environment: 'node', testTimeout: 120_000 },
});
