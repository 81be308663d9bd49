import { expect, test } from 'vitest';
import { orderAddress, parse } from '../src/route';

test('an address names the wall, the inbox, or an order by its number', () => {
  expect(parse('')).toEqual({ page: 'wall' });
  expect(parse('#/')).toEqual({ page: 'wall' });
  expect(parse('#/inbox')).toEqual({ page: 'inbox' });
  expect(parse('#/orders/PO-2041')).toEqual({ page: 'order', number: 'PO-2041' });
});

test.each(['PO-2041', 'A/B #7?', '订单 1', '100%'])('order %s is found again by its own address', (number) => {
  expect(parse(orderAddress(number))).toEqual({ page: 'order', number });
});

test.each(['#/orders/', '#/orders', '#/orders/a/b', '#/orders/%', '#/nothing', '#/inbox/1', '#x'])('%s is the wall', (hash) => {
  expect(parse(hash)).toEqual({ page: 'wall' });
});
