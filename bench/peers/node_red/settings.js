// Node-RED without anything that costs time beside the flow: no editor, no pages, no file of contexts, no look for updates.
module.exports = {
  flowFile: 'flow.json',
  credentialSecret: false,
  disableEditor: true,
  httpAdminRoot: false,
  httpNodeRoot: false,
  uiHost: '127.0.0.1',
  uiPort: Number(process.env.BENCH_UI_PORT),
  telemetry: { enabled: false, updateNotification: false },
  diagnostics: { enabled: false },
  runtimeState: { enabled: false },
  externalModules: { autoInstall: false },
  // "Connected to broker" is said at this level; the bench waits for it.
  logging: { console: { level: 'info', metrics: false, audit: false } },
};
