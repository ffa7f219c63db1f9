import type { WriteKey } from './write-keys.js';

/** The least that a request is counted as: its objects cost this much even when its body is tiny. */
const leastBytes = 1024;

/** How much may be inside at once. */
export interface Limit {
  readonly bytes: number;
  readonly requests: number;
}

export interface CapacityLimits {
  /** All requests that show a key before their body. */
  readonly keyed: Limit;
  /** Of those, the requests of one key, and of all browser keys together. */
  readonly perKey: Limit;
  /** One address that shows no key, or one browser key. */
  readonly perAddress: Limit;
  /** All requests whose key, if they have one, is in their body. Room of its own: it takes none from `keyed`. */
  readonly keyless: Limit;
}

/** One of the sums that a request counts in. */
class Room {
  bytes = 0;
  requests = 0;

  constructor(private readonly limit: Limit) {}

  /** For one more request. */
  get hasPlace(): boolean {
    return this.requests < this.limit.requests && this.holds(leastBytes);
  }

  holds(bytes: number): boolean {
    return this.bytes + bytes <= this.limit.bytes;
  }
}

/** A request inside. It counts by what has arrived of it, not by what it says it will send. */
export class Stay {
  #arrived = 0;
  #weight = leastBytes;
  #left = false;

  constructor(
    /** The first is the one that all others are a part of. */
    private readonly rooms: readonly Room[],
    private readonly onLeft: () => void,
  ) {
    for (const room of rooms) {
      room.requests++;
      room.bytes += leastBytes;
    }
  }

  /** Counts what more came, or came out of compression; false, and nothing counted, where there is no room for it. */
  grow(bytes: number): boolean {
    const arrived = this.#arrived + bytes;
    const more = Math.max(0, arrived - this.#weight);
    // Alone it always has room, however large it is.
    const isAlone = this.rooms[0]?.requests === 1;
    if (this.#left || (more > 0 && !isAlone && !this.rooms.every((room) => room.holds(more)))) return false;
    this.#arrived = arrived;
    this.#weight += more;
    for (const room of this.rooms) room.bytes += more;
    return true;
  }

  /** Counts it out again; once, however often it is called. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    for (const room of this.rooms) {
      room.requests--;
      room.bytes -= this.#weight;
    }
    this.onLeft();
  }
}

const haveAPlace = (rooms: readonly Room[]): boolean =>
  rooms[0]?.requests === 0 || rooms.every(({ hasPlace }) => hasPlace);

const nothing = (): void => undefined;

/**
 * How much may be on its way through the front door at once. Whoever holds requests open without a key, with a browser
 * key, or from one address, takes none of the room that others have.
 */
export class Capacity {
  readonly #keyed: Room;
  readonly #browsers: Room;
  readonly #keyless: Room;
  readonly #byKey = new Map<string, Room>();
  /** Only those with somebody inside, so there are never more than requests. */
  readonly #byAddress = new Map<string, Room>();

  constructor(private readonly limits: CapacityLimits) {
    this.#keyed = new Room(limits.keyed);
    this.#browsers = new Room(limits.perKey);
    this.#keyless = new Room(limits.keyless);
  }

  /** Lets a request in, by the key that it shows before its body; undefined when there is no room for it. */
  admit(key: WriteKey | undefined, address: string): Stay | undefined {
    if (key?.kind === 'server') {
      const rooms = [this.#keyed, this.#roomOfKey(key)];
      return haveAPlace(rooms) ? new Stay(rooms, nothing) : undefined;
    }
    const place = `${key?.key ?? ''}\n${address}`;
    const own = this.#byAddress.get(place) ?? new Room(this.limits.perAddress);
    const rooms =
      key === undefined ? [this.#keyless, own] : [this.#keyed, this.#browsers, this.#roomOfKey(key), own];
    if (!haveAPlace(rooms)) return undefined;
    this.#byAddress.set(place, own);
    return new Stay(rooms, () => {
      if (own.requests === 0) this.#byAddress.delete(place);
    });
  }

  get requests(): number {
    return this.#keyed.requests + this.#keyless.requests;
  }

  get bytes(): number {
    return this.#keyed.bytes + this.#keyless.bytes;
  }

  /** Keys are configured, so there are few. */
  #roomOfKey({ key }: WriteKey): Room {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const room = new Room(this.limits.perKey);
    this.#byKey.set(key, room);
    return room;
  }
}
