import { hashesOf, scalarsOf, type Scalar } from './scalars.js';
import { traitKind } from './trait-kind.js';

/** Up to 256 different values: their hashes in order. Beyond: HyperLogLog registers, one character each. */
type Distinct = number[] | string;

const exactUpTo = 256;
/** 2^10 registers: a standard error of 1.04 / √1024 = 3.25 %. */
const registerBits = 10;
const registers = 1 << registerBits;
/** Registers hold 0 to 33; written from the character '0' on, so that they stay readable text. */
const zero = 48;

/**
 * How many different values came: exact up to 256, estimated with a standard error of 3.25 % beyond (Flajolet et
 * al., HyperLogLog, 2007, with linear counting for small numbers). What it says follows from the set of values
 * alone. In a rolling window each bucket has a state of its own.
 */
export const uniqueCount = traitKind<Distinct>('unique_count', () => ({
  empty: () => [],
  add: (state, { values }) =>
    scalarsOf(values).reduce<Distinct>((seen, value) => withHash(seen, hashOf(value)), state),
  merge: (left, right) => {
    if (typeof left === 'string' && typeof right === 'string') return mergeRegisters(left, right);
    const [hashes, into] = typeof right === 'string' ? [left, right] : [right, left];
    const start: Distinct = typeof into === 'string' ? into : [...into];
    return (hashes as readonly number[]).reduce<Distinct>((seen, hash) => withHash(seen, hash), start);
  },
  read: (state) => (typeof state === 'string' ? estimate(state) : state.length),
}));

/** 53 bits: 32 for the rank, 21 whose upper 10 choose the register. */
function hashOf(value: Scalar): number {
  const [rank, place] = hashesOf(value);
  return rank * 2 ** 21 + (place >>> 11);
}

function withHash(state: Distinct, hash: number): Distinct {
  if (typeof state === 'string') return raiseRegister(state, hash);
  let low = 0;
  let high = state.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((state[middle] ?? 0) < hash) low = middle + 1;
    else high = middle;
  }
  if (state[low] === hash) return state;
  state.splice(low, 0, hash);
  if (state.length <= exactUpTo) return state;
  return state.reduce(
    (text, known) => raiseRegister(text, known),
    String.fromCharCode(zero).repeat(registers),
  );
}

function raiseRegister(text: string, hash: number): string {
  const rank = Math.clz32(Math.floor(hash / 2 ** 21)) + 1;
  const index = (hash % 2 ** 21) >>> (21 - registerBits);
  if (text.charCodeAt(index) - zero >= rank) return text;
  return text.slice(0, index) + String.fromCharCode(zero + rank) + text.slice(index + 1);
}

function mergeRegisters(left: string, right: string): string {
  let merged = '';
  for (let i = 0; i < registers; i++)
    merged += left.charCodeAt(i) >= right.charCodeAt(i) ? left.charAt(i) : right.charAt(i);
  return merged;
}

function estimate(text: string): number {
  let inverse = 0;
  let empty = 0;
  for (let i = 0; i < registers; i++) {
    const rank = text.charCodeAt(i) - zero;
    inverse += 2 ** -rank;
    if (rank === 0) empty++;
  }
  const raw = ((0.7213 / (1 + 1.079 / registers)) * registers * registers) / inverse;
  const better = raw <= 2.5 * registers && empty > 0 ? registers * Math.log(registers / empty) : raw;
  // Past the switch from counting to estimating, a count never falls below what was counted.
  return Math.max(exactUpTo + 1, Math.round(better));
}
