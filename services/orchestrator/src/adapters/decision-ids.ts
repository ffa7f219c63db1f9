import { createHash, randomBytes } from 'node:crypto';

/** Milliseconds since the epoch as nine letters that sort: enough until the year 5188. */
const timePart = (instantMs: number): string => Math.max(0, instantMs).toString(36).padStart(9, '0');

/** A new id for a decision of the request path. Ids sort by time; two are never equal. */
export const newDecisionId = (atMs: number): string =>
  `d_${timePart(atMs)}${randomBytes(9).toString('base64url')}`;

/** The id of a decision that follows from what it is about: deciding again gives the same one. */
export const decisionIdOf = (atMs: number, about: string): string =>
  `d_${timePart(atMs)}${digestOf(about).slice(0, 12)}`;

/** Below every id of this instant, above all of earlier ones. */
export const decisionIdFloor = (atMs: number): string => `d_${timePart(atMs)}`;

/** The id of the message of one step of one journey instance. */
export const messageIdOf = (instance: string, step: string): string =>
  `m_${digestOf(JSON.stringify([instance, step])).slice(0, 22)}`;

/** The id of the event with which a link takes consent back: the same link and the same yes give the same one. */
export const unsubscribeIdOf = (about: readonly (string | number)[]): string =>
  `u_${digestOf(JSON.stringify(about)).slice(0, 22)}`;

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url');
