// What Grafana's own library makes of panels and frames: names, texts, colours and, of tiles and bars, what is drawn.
// In: JSON lines, one {id, panel, frames, timezone} each. Out: one JSON line each.
const data = require('@grafana/data');

const {
  applyFieldOverrides,
  createTheme,
  getDisplayProcessor,
  getFieldDisplayName,
  getFieldDisplayValues,
  standardEditorsRegistry,
  standardFieldConfigEditorRegistry,
  toDataFrame,
  transformDataFrame,
  standardTransformersRegistry,
  standardTransformers,
} = data;

const theme = createTheme();
// The properties of an override that every panel knows, with Grafana's own processors, as it registers them at its start.
const processors = {
  displayName: data.displayNameOverrideProcessor,
  unit: data.unitOverrideProcessor,
  decimals: data.numberOverrideProcessor,
  min: data.numberOverrideProcessor,
  max: data.numberOverrideProcessor,
  noValue: data.stringOverrideProcessor,
  mappings: data.valueMappingsOverrideProcessor,
  thresholds: data.thresholdsOverrideProcessor,
  color: data.identityOverrideProcessor,
  links: data.dataLinksOverrideProcessor,
};
standardFieldConfigEditorRegistry.setInit(() =>
  Object.entries(processors).map(([id, process]) => ({ id, path: id, name: id, process, shouldApply: () => true, editor: () => null, override: () => null }))
);
standardEditorsRegistry.setInit(() => []);
standardTransformersRegistry.setInit(() =>
  [...new Map(Object.values(standardTransformers).map((one) => [one.id, one])).values()].map((transformation) => ({ id: transformation.id, name: transformation.name, transformation, editor: () => null }))
);

function transformed(panel, frames) {
  return new Promise((resolve, reject) =>
    transformDataFrame(panel.transformations ?? [], frames, { interpolate: (text) => text }).subscribe({ next: resolve, error: reject })
  );
}

async function shown({ id, panel, frames, timezone }) {
  const replaceVariables = (text) => text;
  const made = applyFieldOverrides({
    data: await transformed(panel, frames.map(toDataFrame)),
    fieldConfig: panel.fieldConfig,
    replaceVariables,
    theme,
    timeZone: timezone,
    fieldConfigRegistry: standardFieldConfigEditorRegistry,
  });
  const names = made.map((frame) => frame.fields.map((field) => getFieldDisplayName(field, frame, made)));
  const cells = made.map((frame) =>
    frame.fields.map((field) => {
      const display = field.display ?? getDisplayProcessor({ field, theme, timeZone: timezone });
      const values = field.values.toArray ? field.values.toArray() : field.values;
      return values.slice(0, 50).map((value) => {
        const one = display(value);
        return { text: `${one.prefix ?? ''}${one.text}${one.suffix ?? ''}`, color: one.color };
      });
    })
  );
  const answer = { id, names, types: made.map((frame) => frame.fields.map((field) => field.type)), cells };
  if (panel.options?.reduceOptions) {
    answer.drawn = getFieldDisplayValues({
      fieldConfig: panel.fieldConfig,
      reduceOptions: panel.options.reduceOptions,
      replaceVariables,
      theme,
      data: made,
      timeZone: timezone,
    }).map(({ display, name }) => ({ title: display.title ?? name, text: `${display.prefix ?? ''}${display.text}${display.suffix ?? ''}`, color: display.color }));
  }
  return answer;
}

async function main() {
  const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean);
  for (const line of lines) {
    process.stdout.write(`${JSON.stringify(await shown(JSON.parse(line)))}\n`);
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
