/**
 * A strict reader of raw mail: RFC 5322 (form of headers, dates and addresses; no obsolete forms), RFC 2045 to 2047
 * (MIME, encoded words) and RFC 8058 (one-click unsubscribing). Real servers forgive much of this until one does not, so
 * a double of theirs must not.
 */
export function problemsOfMail(raw: Buffer): readonly string[] {
  const text = raw.toString('latin1');
  const problems: string[] = [];
  if (/\r(?!\n)|(?<!\r)\n/.test(text)) problems.push('lines end with CR LF only (RFC 5322, 2.3)');
  if (text.includes('\0')) problems.push('there is no NUL (RFC 5322, 2.2)');
  if (text.split('\r\n').some((line) => line.length > 998))
    problems.push('lines have at most 998 octets (RFC 5322, 2.1.1)');
  const entity = readEntity(text, problems);
  problems.push(...headerProblems(entity), ...bodyProblems(entity));
  return problems;
}

interface Field {
  /** Lower case. */
  readonly name: string;
  /** Unfolded. */
  readonly value: string;
}

interface Entity {
  readonly fields: readonly Field[];
  readonly body: string;
}

function readEntity(text: string, problems: string[]): Entity {
  const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n');
  const head = end === -1 ? text : text.slice(0, end);
  const body = end === -1 ? '' : text.slice(end + (end === 0 ? 2 : 4));

  if (/[^\t\r\n\x20-\x7e]/.test(head)) problems.push('headers are printable ASCII (RFC 5322, 2.2)');
  const fields: Field[] = [];
  for (const line of head === ''
    ? []
    : head.replace(/\r\n(?=[ \t]*[^ \t\r\n])(?=[ \t])/g, '').split('\r\n')) {
    // A name of printable ASCII without a colon, the colon, the value.
    const [, name, value] = /^([!-9;-~]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      problems.push(`expected "Name: value" (RFC 5322, 2.2); got ${JSON.stringify(line.slice(0, 40))}`);
    else fields.push({ name: name.toLowerCase(), value: value.trim() });
  }
  for (const line of head.split('\r\n')) {
    if (/=\?[^?\s]+\?[bq]\?/i.test(line) && line.length > 76)
      problems.push('a line with an encoded word has at most 76 octets (RFC 2047, 2)');
  }
  return { fields, body };
}

const atext = "[A-Za-z0-9!#$%&'*+\\-/=?^_`{|}~]";
const dotAtom = `${atext}+(?:\\.${atext}+)*`;
const quoted = '"(?:[\\x20\\t\\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\[\\x20-\\x7e\\t])*"';
const addrSpec = `(?:${dotAtom}|${quoted})@(?:${dotAtom}|\\[[\\x21-\\x5a\\x5e-\\x7e]*\\])`;
const word = `(?:${atext}+|${quoted})`;
const mailbox = `(?:(?:${word}(?:[ \\t]+${word})*[ \\t]*)?<${addrSpec}>|${addrSpec})`;
const mailboxes = new RegExp(`^${mailbox}(?:[ \\t]*,[ \\t]*${mailbox})*$`);
const messageId = new RegExp(`^<${dotAtom}@(?:${dotAtom}|\\[[\\x21-\\x5a\\x5e-\\x7e]*\\])>$`);

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
// RFC 5322, 3.3, without the obsolete forms: day of the week, day, month, year, time, offset.
const dateForm = new RegExp(
  `^(?:(${days.join('|')}),)?[ \\t]*(\\d{1,2}) (${months.join('|')}) (\\d{4}) (\\d\\d):(\\d\\d)(?::(\\d\\d))? ([+-])(\\d\\d)(\\d\\d)$`,
);

/** Whether a text is a date-time of RFC 5322 that exists. */
export function isMailDate(text: string): boolean {
  const [, weekday, day, month, year, hours, minutes, seconds = '0', , , offset] = dateForm.exec(text) ?? [];
  if (day === undefined) return false;
  const date = new Date(Date.UTC(Number(year), months.indexOf(month ?? ''), Number(day)));
  return (
    date.getUTCDate() === Number(day) &&
    (weekday === undefined || days[date.getUTCDay()] === weekday) &&
    Number(year) >= 1900 &&
    Number(hours) < 24 &&
    Number(minutes) < 60 &&
    Number(seconds) <= 60 &&
    Number(offset) < 60
  );
}

/** Fields that stand at most once (RFC 5322, 3.6; RFC 2045). */
const single = [
  'date',
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'message-id',
  'in-reply-to',
  'references',
  'subject',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
  'list-unsubscribe',
  'list-unsubscribe-post',
];

function headerProblems({ fields }: Entity): readonly string[] {
  const problems: string[] = [];
  const valuesOf = (name: string): readonly string[] =>
    fields.flatMap((field) => (field.name === name ? [field.value] : []));
  for (const name of single) {
    if (valuesOf(name).length > 1) problems.push(`${name} stands once`);
  }
  for (const name of ['date', 'from', 'message-id', 'mime-version']) {
    if (valuesOf(name).length === 0) problems.push(`${name} is missing`);
  }
  const check = (name: string, isRight: (value: string) => boolean, expected: string): void => {
    for (const value of valuesOf(name)) {
      if (!isRight(value))
        problems.push(`${name}: expected ${expected}; got ${JSON.stringify(value.slice(0, 80))}`);
    }
  };
  check('date', isMailDate, 'a date-time of RFC 5322, 3.3, as "Sun, 29 Nov 2026 12:28:59 +0000"');
  for (const name of ['from', 'sender', 'reply-to', 'to', 'cc'])
    check(name, (value) => mailboxes.test(value), 'addresses of RFC 5322, 3.4');
  check('message-id', (value) => messageId.test(value), 'an id of RFC 5322, 3.6.4');
  check('mime-version', (value) => value === '1.0', '1.0');
  check('list-unsubscribe', isUriList, '<https://…> (RFC 2369)');
  check(
    'list-unsubscribe-post',
    (value) => value === 'List-Unsubscribe=One-Click',
    'One-Click (RFC 8058, 3.1)',
  );
  if (
    valuesOf('list-unsubscribe-post').length > 0 &&
    !valuesOf('list-unsubscribe').some((value) => /<https?:/.test(value))
  )
    problems.push('list-unsubscribe-post needs a web address in list-unsubscribe (RFC 8058, 3.1)');
  for (const { name, value } of fields) problems.push(...encodedWordProblems(name, value));
  return problems;
}

const isUriList = (value: string): boolean =>
  value.split(',').every((one) => {
    const [, uri] = /^\s*<([^<>\s]+)>\s*$/.exec(one) ?? [];
    return uri !== undefined && URL.canParse(uri);
  });

function encodedWordProblems(name: string, value: string): readonly string[] {
  const problems: string[] = [];
  for (const [whole, charset = '', encoding = '', encoded = ''] of value.matchAll(
    /=\?([^?\s]+)\?([bq])\?([^?\s]*)\?=/gi,
  )) {
    if (whole.length > 75) problems.push(`${name}: an encoded word has at most 75 octets (RFC 2047, 2)`);
    const isB = encoding.toLowerCase() === 'b';
    const isWellFormed = isB ? isBase64(encoded) : /^(?:[!-<>-~]|=[0-9A-F]{2})*$/.test(encoded);
    const bytes = isB
      ? Buffer.from(encoded, 'base64')
      : Buffer.from(unescape(encoded.replaceAll('_', ' ')), 'latin1');
    if (!isWellFormed || !decodes(bytes, charset))
      problems.push(`${name}: expected an encoded word of RFC 2047; got ${whole.slice(0, 80)}`);
  }
  return problems;
}

const isBase64 = (text: string): boolean => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);

const unescape = (text: string): string =>
  text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

function decodes(bytes: Buffer, charset: string): boolean {
  try {
    new TextDecoder(charset, { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const token = "[A-Za-z0-9!#$%&'*+\\-.^_`{|}~]+";
const contentType = new RegExp(`^(${token})/(${token})((?:\\s*;\\s*${token}=(?:${token}|${quoted}))*)$`);

interface ContentType {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

function readContentType(value: string): ContentType | undefined {
  const [, type, subtype, rest] = contentType.exec(value) ?? [];
  if (type === undefined || subtype === undefined) return undefined;
  const parameters = new Map<string, string>();
  for (const [, name = '', given = ''] of (rest ?? '').matchAll(
    new RegExp(`;\\s*(${token})=(${token}|${quoted})`, 'g'),
  )) {
    const plain = given.startsWith('"') ? given.slice(1, -1).replace(/\\(.)/g, '$1') : given;
    parameters.set(name.toLowerCase(), plain);
  }
  return { type: `${type}/${subtype}`.toLowerCase(), parameters };
}

function bodyProblems({ fields, body }: Entity): readonly string[] {
  const valueOf = (name: string): string | undefined => fields.find((field) => field.name === name)?.value;
  const given = valueOf('content-type') ?? 'text/plain; charset=us-ascii';
  const read = readContentType(given);
  if (read === undefined)
    return [`content-type: expected type/subtype and parameters (RFC 2045, 5.1); got ${given.slice(0, 80)}`];
  const encoding = (valueOf('content-transfer-encoding') ?? '7bit').toLowerCase();
  if (!read.type.startsWith('multipart/')) return leafProblems(body, encoding, read);
  if (encoding !== '7bit') return [`a multipart is 7bit (RFC 2045, 6.4); got ${encoding}`];
  return multipartProblems(body, read.parameters.get('boundary') ?? '');
}

function multipartProblems(body: string, boundary: string): readonly string[] {
  // RFC 2046, 5.1.1: 1 to 70 characters of this set, the last no space.
  if (!/^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/.test(boundary))
    return ['boundary: expected 1 to 70 characters of RFC 2046, 5.1.1'];
  const delimiter = boundary.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pieces = `\r\n${body}`.split(new RegExp(`\\r\\n--${delimiter}(--)?[ \\t]*(?=\\r\\n|$)`));
  // A split with one group: text, mark, text, mark …, text.
  const marks = pieces.filter((_, index) => index % 2 === 1);
  const parts = pieces.filter((_, index) => index % 2 === 0).slice(1, -1);
  if (marks.at(-1) !== '--' || marks.slice(0, -1).includes('--'))
    return ['a multipart ends with its boundary and -- (RFC 2046, 5.1.1)'];
  if (parts.length === 0) return ['a multipart has at least one part (RFC 2046, 5.1.1)'];
  return parts.flatMap((part) => {
    const problems: string[] = [];
    const entity = readEntity(part.replace(/^\r\n/, ''), problems);
    for (const name of ['content-type', 'content-transfer-encoding']) {
      if (entity.fields.filter((field) => field.name === name).length > 1)
        problems.push(`${name} stands once`);
    }
    return [...problems, ...bodyProblems(entity)];
  });
}

function leafProblems(body: string, encoding: string, { type, parameters }: ContentType): readonly string[] {
  const lines = body.split('\r\n');
  let bytes: Buffer;
  if (encoding === '7bit') {
    if (/[^\x01-\x7f]/.test(body)) return ['a 7bit part is ASCII (RFC 2045, 2.7)'];
    bytes = Buffer.from(body, 'latin1');
  } else if (encoding === 'base64') {
    if (lines.some((line) => line.length > 76))
      return ['base64 lines have at most 76 octets (RFC 2045, 6.8)'];
    if (!isBase64(lines.join(''))) return ['expected base64 (RFC 2045, 6.8)'];
    bytes = Buffer.from(lines.join(''), 'base64');
  } else if (encoding === 'quoted-printable') {
    if (lines.some((line) => line.length > 76))
      return ['quoted-printable lines have at most 76 octets (RFC 2045, 6.7)'];
    if (
      !lines.every(
        (line) => /^(?:[\t\x20-\x3c\x3e-\x7e]|=[0-9A-F]{2})*(?:=)?$/.test(line) && !/[ \t]$/.test(line),
      )
    )
      return ['expected quoted-printable (RFC 2045, 6.7)'];
    bytes = Buffer.from(unescape(body.replaceAll('=\r\n', '')), 'latin1');
  } else return [`content-transfer-encoding: expected 7bit, base64 or quoted-printable; got ${encoding}`];
  const charset = parameters.get('charset') ?? 'us-ascii';
  return type.startsWith('text/') && !decodes(bytes, charset) ? [`the text is no ${charset}`] : [];
}
