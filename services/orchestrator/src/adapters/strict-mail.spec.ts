import { describe, expect, it } from '@jest/globals';
import { isMailDate, problemsOfMail } from './strict-mail.js';

const lines = [
  'From: Shop <shop@example.com>',
  'To: ada@example.com',
  'Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=',
  'Message-ID: <m_1@rapport>',
  'Date: Sun, 29 Nov 2026 12:28:59 +0000',
  'MIME-Version: 1.0',
  'List-Unsubscribe: <https://mail.example.com/u/1>',
  'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
  'Content-Type: multipart/alternative; boundary="b1"',
  '',
  '--b1',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Gr=C3=BC=C3=9Fe',
  '--b1',
  'Content-Type: text/html; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  '',
  'PHA+SGk8L3A+',
  '--b1--',
  '',
];
const mail = (from?: string, to?: string): Buffer => {
  const text = lines.join('\r\n');
  if (from === undefined || to === undefined) return Buffer.from(text, 'latin1');
  expect(text).toContain(from);
  return Buffer.from(text.replace(from, to), 'latin1');
};

describe('the strict reader of mail', () => {
  it('takes a mail that keeps the rules', () => {
    expect(problemsOfMail(mail())).toEqual([]);
  });

  it.each([
    ['a date of ISO 8601', 'Sun, 29 Nov 2026 12:28:59 +0000', '2026-11-29T12:28:59.039Z', 'date: expected'],
    ['a date of another day of the week', 'Sun, 29', 'Mon, 29', 'date: expected'],
    ['an obsolete zone', '+0000', 'GMT', 'date: expected'],
    ['no date', 'Date: ', 'X-Date: ', 'date is missing'],
    [
      'two dates',
      'MIME-Version',
      'Date: Sun, 29 Nov 2026 12:28:59 +0000\r\nMIME-Version',
      'date stands once',
    ],
    ['an address that is none', 'ada@example.com', '@', 'to: expected addresses'],
    ['an address of two', 'ada@example.com', 'ada@example.com bob@example.com', 'to: expected addresses'],
    ['a name with a dot that is not quoted', 'Shop <', 'Shop Inc. <', 'from: expected addresses'],
    ['letters outside ASCII in a header', 'Shop <', 'Sh\xf6p <', 'headers are printable ASCII'],
    ['an encoded word that is no UTF-8', 'Gr=C3=BC', 'Gr=C3=28', 'subject: expected an encoded word'],
    ['an encoded word that is too long', 'Gr=C3=BC', 'x'.repeat(80), 'at most 75 octets'],
    ['a Message-ID without brackets', '<m_1@rapport>', 'm_1@rapport', 'message-id: expected'],
    ['a bare line feed', '\r\nTo:', '\nTo:', 'lines end with CR LF only'],
    ['a line without a colon', 'To: ada@example.com', 'To ada@example.com', 'expected "Name: value"'],
    [
      'one click without a web address',
      '<https://mail.example.com/u/1>',
      '<mailto:a@example.com>',
      'needs a web address',
    ],
    ['one click spelt otherwise', '=One-Click', '=OneClick', 'list-unsubscribe-post: expected'],
    ['a boundary that never comes', 'boundary="b1"', 'boundary="b2"', 'ends with its boundary'],
    ['an end that is missing', '--b1--', '', 'ends with its boundary'],
    ['quoted-printable that is none', 'Gr=C3=BC=C3=9Fe\r\n--', 'Gr=c3 \r\n--', 'expected quoted-printable'],
    ['base64 that is none', 'PHA+SGk8L3A+', 'PHA+SGk8L3A', 'expected base64'],
    ['eight bits', 'quoted-printable', '8bit', 'expected 7bit, base64 or quoted-printable'],
    ['a line of 999', 'Subject:', `X-Long: ${'x'.repeat(991)}\r\nSubject:`, 'at most 998 octets'],
    ['no version of MIME', 'MIME-Version: 1.0\r\n', '', 'mime-version is missing'],
  ])('refuses %s', (_, from, to, problem) => {
    expect(problemsOfMail(mail(from, to)).join('; ')).toContain(problem);
  });

  it('knows the dates that exist', () => {
    const right = ['1 Jan 2026 00:00 +0000', 'Sun, 29 Feb 2032 23:59:60 -0130'];
    const wrong = ['Sat, 29 Feb 2031 00:00:00 +0000', '1 Jan 26 00:00 +0000', '1 Jan 2026 24:00 +0000', ''];
    expect([right.filter((date) => !isMailDate(date)), wrong.filter(isMailDate)]).toEqual([[], []]);
  });
});
