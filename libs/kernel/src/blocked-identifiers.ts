import { partsOf, type Identifier } from './ids.js';

/** What a deployment adds to the built-in blocked values (`identity` of the playbook). */
export interface BlockedIdentifierRules {
  /** Values that are nobody, compared like the built-in ones: case, quotes and outer spaces do not matter. */
  readonly blockedValues?: readonly string[];
  /** Regular expressions, tried without regard to case on the value without quotes and outer spaces. */
  readonly blockedPatterns?: readonly string[];
}

/**
 * What programs send where an id is missing: the printed form of an absent value, a placeholder of a login
 * system, or the name of the field itself. One of these joining people would join thousands, so none is an id.
 */
const nobody: ReadonlySet<string> = new Set([
  ...[
    'null',
    'undefined',
    'none',
    'nil',
    'nan',
    'void',
    'empty',
    'blank',
    'missing',
    'n/a',
    'na',
    '-',
    '--',
    '-1',
    '?',
  ],
  ...['true', 'false', 'on', 'off', 'yes', 'no'],
  ...[
    '[object object]',
    '[object]',
    'object',
    '[]',
    '{}',
    '()',
    'function',
    '(null)',
    '<null>',
    '(none)',
    '(not set)',
    'not set',
  ],
  ...[
    'anonymous',
    'anonymous_user',
    'anonymous user',
    'anon',
    'guest',
    'visitor',
    'unknown',
    'nobody',
    'default',
    'user',
    'customer',
  ],
  ...['not_authenticated', 'not authenticated', 'unauthenticated', 'logged_out', 'not_logged_in', 'no_user'],
  ...[
    'id',
    'uid',
    'uuid',
    'guid',
    'user_id',
    'userid',
    'anonymous_id',
    'anonymousid',
    'distinct_id',
    'distinctid',
    'email',
    'e-mail',
  ],
  ...[
    'null@null',
    'undefined@undefined',
    'null@null.null',
    'undefined@undefined.undefined',
    'none@none',
    'noemail',
    'no_email',
  ],
]);

/** Nothing but zeros and the separators that ids are written with: `0`, `000-00`, the nil UUID, `0x00`, `0.0`. */
const allZero = /^(?:0x)?[0\s{}().:_-]*$/;
/** `f`, `x`, `*` or `#` over and over, from eight on: the all-ones UUID, masks. Digits are left alone: 11111111 may be a person. */
const oneCharacter = /^([fx*#])(?:[-_]?\1){7,}$/;

/** Quotation marks, straight and typographic, and the backslash that escapes them, at either end. */
const outerQuotes = /^[\s"'`´‘’“”«»\\]+|[\s"'`´‘’“”«»\\]+$/g;

/** A value as it is compared: lower case, without outer spaces and quotes (however often they were put on). */
function bare(value: string): string {
  const isBareAlready =
    isLetterOrDigit(value.charCodeAt(0)) && isLetterOrDigit(value.charCodeAt(value.length - 1));
  return (isBareAlready ? value : value.replace(outerQuotes, '')).toLowerCase();
}

/** ASCII only: most ids begin and end so, and asking is quicker than looking for quotes. */
function isLetterOrDigit(unit: number): boolean {
  return (unit >= 48 && unit <= 57) || (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90);
}

/**
 * Compiles the rule "this value is nobody" for a deployment. The predicate takes a value without its type, and
 * holds for the built-in values, all-zero ids, the deployment's values and its patterns, in every case and
 * quoting. Throws SyntaxError where a pattern is not a regular expression.
 */
export function blockedValueRule(rules: BlockedIdentifierRules = {}): (value: string) => boolean {
  const values = new Set([...nobody, ...(rules.blockedValues ?? []).map(bare)]);
  const patterns = (rules.blockedPatterns ?? []).map((source) => new RegExp(source, 'i'));
  return (value) => {
    const plain = bare(value);
    return (
      values.has(plain) ||
      allZero.test(plain) ||
      oneCharacter.test(plain) ||
      patterns.some((pattern) => pattern.test(plain))
    );
  };
}

/** The rule on whole identifiers, `type:value`; see blockedValueRule. Compile once, ask often. */
export function blockedIdentifierRule(rules: BlockedIdentifierRules = {}): (id: Identifier) => boolean {
  const isBlocked = blockedValueRule(rules);
  return (id) => isBlocked(partsOf(id).value);
}

const builtIn = blockedIdentifierRule();

/** Whether an identifier is nobody by the built-in rule alone. */
export function isBlockedIdentifier(id: Identifier): boolean {
  return builtIn(id);
}
