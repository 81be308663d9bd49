import { describe, expect, test } from 'vitest';
import { ACTIVITY_KEPT, reduce, start, understand, type News, type WallState } from '../src/wall/state';
import { AT, entry, given } from './snapshot';

const tell = (state: WallState, ...news: News[]): WallState => news.reduce(reduce, state);
const said = (name: string, value: unknown, at = 0): News => understand(name, JSON.stringify(value), at);
const running = (): WallState => tell(start, said('snapshot', given(), Date.parse(AT)));

describe('the wall', () => {
  test('is live from its first snapshot on and takes the time from the server', () => {
    const state = tell(start, said('snapshot', given(), Date.parse(AT) - 5_000));
    expect(state.link).toBe('live');
    expect(state.clockOffset).toBe(5_000);
  });

  test('replaces one part and keeps the objects of the others', () => {
    const before = running();
    const after = tell(before, said('people', { on_site: 7, by_place: [] }));
    expect(after.snapshot?.people.on_site).toBe(7);
    expect(after.snapshot?.gateways).toBe(before.snapshot?.gateways);
    expect(before.snapshot?.people.on_site).toBe(2);
  });

  test('puts a new activity first, keeps a bounded number and repeats none', () => {
    const many = Array.from({ length: ACTIVITY_KEPT + 5 }, (_, n) => said('activity', entry(String(n))));
    const state = tell(running(), ...many, said('activity', entry('20')));
    const ids = state.snapshot?.activity.map(({ id }) => id) ?? [];
    expect(ids[0]).toBe('20');
    expect(ids).toHaveLength(ACTIVITY_KEPT);
    expect(new Set(ids).size).toBe(ACTIVITY_KEPT);
  });

  test('keeps what it shows when the stream is lost, and the moment it began', () => {
    const state = tell(running(), { kind: 'lost', at: 100 }, { kind: 'lost', at: 900 });
    expect(state.link).toBe('lost');
    expect(state.lostAt).toBe(100);
    expect(state.snapshot?.people.on_site).toBe(2);
  });

  test('is live again with the next snapshot', () => {
    const state = tell(running(), { kind: 'lost', at: 100 }, said('snapshot', given()));
    expect(state.link).toBe('live');
    expect(state.lostAt).toBeNull();
  });

  test('is still connecting when the stream fails before the first snapshot', () => {
    expect(tell(start, { kind: 'lost', at: 1 }).link).toBe('connecting');
  });

  test('ignores parts that come before the first snapshot', () => {
    expect(tell(start, said('unlinked', 3), said('activity', entry('a')))).toEqual(start);
  });
});

describe('a stream event', () => {
  test.each([
    ['orders', '{"not": "a list"}', 'orders: orders: expected a list, found object'],
    ['people', '{"on_site": "many", "by_place": []}', 'people: people.on_site: expected a number, found string'],
    ['unlinked', 'null', 'unlinked: unlinked: expected a number, found null'],
  ])('%s of the wrong shape is told apart in words', (name, data, problem) => {
    expect(understand(name, data, 0)).toEqual({ kind: 'misunderstood', problem, at: 0 });
  });

  test('that is no JSON changes nothing that is shown', () => {
    const before = running();
    const after = tell(before, understand('heat', '{"cells": [', 0));
    expect(after.snapshot).toBe(before.snapshot);
    expect(after.misunderstood).toContain('heat');
  });

  test('of a name we do not show only counts as a sign of life', () => {
    expect(said('observed', { event_id: 'x' }, 5)).toEqual({ kind: 'heard', at: 5 });
    expect(said('constructor', {}, 5)).toEqual({ kind: 'heard', at: 5 });
  });

  test('with a word from a newer server reads as the cautious one', () => {
    const gateway = { ...(given()['gateways'] as object[])[0], state: 'hibernating' };
    const state = tell(running(), said('gateways', [gateway]));
    expect(state.snapshot?.gateways[0]?.state).toBe('offline');
  });
});
