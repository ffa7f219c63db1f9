import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  isPersonalName,
  withoutPersonalIdentifier,
  withoutPersonalText,
  withoutPersonalValues,
} from './personal-values.js';

describe('personal names', () => {
  it.each([
    'email',
    'E-Mail',
    'billing_email',
    'phoneNumber',
    'first_name',
    'lastName',
    'shipping_address',
    'birthday',
    'zip',
    'ip',
    'userAgent',
  ])('are %s, among traits and properties', (name) => {
    expect([isPersonalName(name, 'traits'), isPersonalName(name, 'properties')]).toEqual([true, true]);
  });

  it.each(['plan', 'product_id', 'price', 'currency', 'category', 'cart_id', 'revenue', 'quantity'])(
    'are not %s',
    (name) => {
      expect([isPersonalName(name, 'traits'), isPersonalName(name, 'properties')]).toEqual([false, false]);
    },
  );

  it('have a name that is a person among traits, and a product among properties', () => {
    expect([isPersonalName('name', 'traits'), isPersonalName('name', 'properties')]).toEqual([true, false]);
  });
});

describe('values', () => {
  it('hide a mail address wherever it stands, whatever is around it', () => {
    const around = fc.string({ unit: fc.constantFrom('a', ' ', '/', '"', '{', '\n', '&', '7') });
    fc.assert(
      fc.property(
        around,
        around,
        fc.constantFrom('ada@example.com', 'ADA.L+x@mail.example.co.uk'),
        (before, after, mail) => {
          const value = { list: [{ note: `${before} ${mail} ${after}` }], [`for ${mail}`]: 1 };
          expect(JSON.stringify(withoutPersonalValues(value, 'properties'))).not.toContain('@');
        },
      ),
    );
    expect(withoutPersonalText('/me?mail=ada%40example.com&x=1')).toBe('/me?mail=***&x=1');
    expect(withoutPersonalText('+44 20 7946 0000')).toBe('***');
    expect(withoutPersonalText('order 2026-01-01')).toBe('order 2026-01-01');
  });

  it('keep the shape, and whether there is a value at all', () => {
    expect(
      withoutPersonalValues(
        {
          email: 'a@b.example',
          phone: null,
          email_opted_in: true,
          address: { city: 'London' },
          plan: 'pro',
          price: 7,
          traits: { name: 'Ada' },
          name: 'LAMP',
        },
        'properties',
      ),
    ).toEqual({
      email: '***',
      phone: null,
      email_opted_in: true,
      address: '***',
      plan: 'pro',
      price: 7,
      traits: { name: '***' },
      name: 'LAMP',
    });
  });
});

describe('identifiers', () => {
  it('show opaque ones and no others', () => {
    expect(
      [
        'user_id:42',
        'anonymous_id:a-b',
        'email:ada@example.com',
        'phone:+4420',
        'user_id:ada@example.com',
      ].map(withoutPersonalIdentifier),
    ).toEqual(['user_id:42', 'anonymous_id:a-b', 'email:***', 'phone:***', 'user_id:***']);
  });
});
