import type { Zone } from '../api';

/** Outline colours by kind: quiet, so that heat and states stay in front. */
export const ZONE_COLOUR: Record<Zone['kind'], string> = {
  gate: '#8fd0c8',
  storage: '#93a9bd',
  work: '#7fa8d9',
  office: '#a9a4cf',
  traffic: '#7d8894',
};
