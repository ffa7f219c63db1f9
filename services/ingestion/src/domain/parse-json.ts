/** `__proto__` as a key, also written with escapes: later copies of the object would set its prototype. */
const prototypeKey = /_|\\u005f/i;

/** Parses JSON; keys called `__proto__` are left out. Throws SyntaxError. */
export function parseJson(text: string): unknown {
  if (!text.includes('__proto__') && !(text.includes('\\u00') && prototypeKey.test(text)))
    return JSON.parse(text);
  return JSON.parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value));
}
