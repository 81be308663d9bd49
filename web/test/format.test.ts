import { expect, test } from 'vitest';
import { zoneOf } from '../src/format';

const WINTER = Date.UTC(2026, 0, 15);

test.each([
  ['Asia/Shanghai', 'UTC+8'],
  ['Asia/Kolkata', 'UTC+5:30'],
  ['America/St_Johns', 'UTC-3:30'],
  ['Europe/London', 'UTC'],
  ['UTC', 'UTC'],
])('the clock of %s is called %s in both languages', (zone, name) => {
  expect(zoneOf(WINTER, zone, 'en')).toBe(name);
  expect(zoneOf(WINTER, zone, 'zh')).toBe(name);
});

test('summer time is said as it is then', () => {
  expect(zoneOf(Date.UTC(2026, 6, 15), 'Europe/London', 'en')).toBe('UTC+1');
});

test('a zone that this machine does not know is called UTC, as its times are', () => {
  expect(zoneOf(WINTER, 'Mars/Olympus', 'en')).toBe('UTC');
});
