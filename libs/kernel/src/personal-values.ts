import { partsOf, type Identifier } from './ids.js';

/** What stands in the place of a personal value. */
export const hiddenValue = '***';

/** Names of traits and properties whose values say who somebody is; written without case and separators. */
const personalNames = new Set(
  [
    ...[
      'firstname',
      'lastname',
      'fullname',
      'givenname',
      'familyname',
      'middlename',
      'maidenname',
      'surname',
    ],
    ...['displayname', 'username', 'nickname', 'login', 'avatar', 'photo', 'picture', 'gender', 'age', 'dob'],
    ...['mobile', 'tel', 'telephone', 'fax', 'street', 'zip', 'zipcode', 'postalcode', 'postcode', 'city'],
    ...['ip', 'useragent', 'latitude', 'longitude', 'lat', 'lng', 'lon', 'location', 'advertisingid'],
    ...['ssn', 'taxid', 'passport', 'iban', 'bic', 'cardnumber', 'creditcard', 'website', 'signature'],
  ].values(),
);
/** Parts of names that make any name personal: `billing_email`, `phoneNumber`, `shippingAddress`, `birthday`. */
const personalParts = /mail|phone|address|birth|password|secret/;

/** A mail address within a text, also as it stands in a URL. */
const mailAddress = /[^\s"'<>()[\],;:/?&=@]+(?:@|%40)[^\s"'<>()[\],;:/?&=@%]+\.[a-z]{2,}/gi;
/** Digits that are dialled: an international number, whole. */
const phoneNumber = /^\+\d[\d\s().-]{6,20}$/;

/**
 * Whether a value of this name is personal. `name` alone is that of a person among traits, and that of a product or a
 * page among properties.
 */
export function isPersonalName(name: string, among: 'traits' | 'properties'): boolean {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return (
    personalNames.has(plain) ||
    personalParts.test(plain) ||
    (among === 'traits' && (plain === 'name' || plain === 'title'))
  );
}

/** A text without the mail addresses in it; hidden whole when it is a telephone number. */
export const withoutPersonalText = (text: string): string =>
  phoneNumber.test(text) ? hiddenValue : text.replace(mailAddress, hiddenValue);

/** A copy without personal values: by name, and mail addresses and telephone numbers wherever they stand. */
export function withoutPersonalValues<T>(value: T, among: 'traits' | 'properties'): T {
  return hideIn(value, among) as T;
}

function hideIn(value: unknown, among: 'traits' | 'properties'): unknown {
  if (typeof value === 'string') return withoutPersonalText(value);
  if (Array.isArray(value)) return value.map((each) => hideIn(each, among));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]: [string, unknown]) => [
      withoutPersonalText(name),
      isPersonalName(name, among) ? hide(inner) : hideIn(inner, name === 'traits' ? 'traits' : among),
    ]),
  );
}

/** Whether somebody has a value is no secret, and neither is yes or no. */
const hide = (value: unknown): unknown =>
  value === null || value === undefined || typeof value === 'boolean' ? value : hiddenValue;

/** An identifier whose value is shown only where its type is opaque and the value looks like nothing personal. */
export function withoutPersonalIdentifier(id: string): string {
  const { type, value } = partsOf(id as Identifier);
  if (type === '') return withoutPersonalText(id);
  return isPersonalName(type, 'traits') ? `${type}:${hiddenValue}` : `${type}:${withoutPersonalText(value)}`;
}
