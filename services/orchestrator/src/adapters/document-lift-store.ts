import type { Collection, CollectionDeclaration, Stored } from '@rapport/document-store';
import { addSums, noSums, type ArmSums, type PersonOutcomes } from '../domain/lift.js';
import type { LiftStore, LiftSums, StoredOutcomes } from '../ports/lift-store.js';

/** One document per person that ever got as far as a tactic's holdout step, under the profile's id. */
export const outcomeCollection: CollectionDeclaration<PersonOutcomes> = {
  name: 'lift_outcomes',
  indexes: [
    { name: 'partition', fields: ['partition'] },
    { name: 'handover', fields: ['handoverTo'] },
  ],
};

/** [tactic, people, sum, squares, people, sum, squares]: treated, then held out; whole numbers as text. */
type SumsRow = readonly [string, number, string, string, number, string, string];

/** One document per partition: what its people add up to. It follows from their documents and is made anew from them. */
export interface SumsDocument {
  readonly rows: readonly SumsRow[];
}

export const sumsCollection: CollectionDeclaration<SumsDocument> = { name: 'lift_sums' };

const page = 500;
const toStored = ({ doc, version }: Stored<PersonOutcomes>): StoredOutcomes => ({ state: doc, version });
const toSums = (people: number, sum: string, squares: string): ArmSums => ({
  people,
  sum: BigInt(sum),
  squares: BigInt(squares),
});

/** Lifts in the document store. */
export class DocumentLiftStore implements LiftStore {
  constructor(
    readonly outcomes: Collection<PersonOutcomes>,
    readonly sums: Collection<SumsDocument>,
  ) {}

  async getMany(profileIds: readonly string[]): Promise<readonly (StoredOutcomes | undefined)[]> {
    return (await this.outcomes.getMany(profileIds)).map((one) => one && toStored(one));
  }

  async write(changed: readonly StoredOutcomes[]): Promise<readonly boolean[]> {
    const results = await this.outcomes.write(
      changed.map(({ state, version }) => ({ id: state.profileId, doc: state, expectedVersion: version })),
    );
    return results.map(({ kind }) => kind === 'written');
  }

  async *ofPartition(partition: number): AsyncGenerator<readonly StoredOutcomes[]> {
    for (let after: { key: [number]; id: string } | undefined; ;) {
      const some = await this.outcomes.scan('partition', {
        prefix: [partition],
        limit: page,
        ...(after === undefined ? {} : { after }),
      });
      if (some.length > 0) yield some.map(toStored);
      const last = some.at(-1);
      if (last === undefined || some.length < page) return;
      after = { key: [partition], id: last.id };
    }
  }

  async handovers(partition: number, limit: number): Promise<readonly StoredOutcomes[]> {
    return (await this.outcomes.scan('handover', { prefix: [partition], limit })).map(toStored);
  }

  async keepSums(partition: number, sums: LiftSums): Promise<void> {
    const rows = [...sums].map(([tactic, { treated, holdout }]): SumsRow => [
      tactic,
      treated.people,
      String(treated.sum),
      String(treated.squares),
      holdout.people,
      String(holdout.sum),
      String(holdout.squares),
    ]);
    await this.sums.write([{ id: `p${partition}`, doc: { rows } }]);
  }

  async allSums(): Promise<LiftSums> {
    const all = new Map<string, { treated: ArmSums; holdout: ArmSums }>();
    for (const { doc } of await this.sums.scan('_id', { limit: 1000 })) {
      for (const [tactic, tn, ts, tq, hn, hs, hq] of doc.rows) {
        const known = all.get(tactic) ?? { treated: noSums, holdout: noSums };
        all.set(tactic, {
          treated: addSums(known.treated, toSums(tn, ts, tq)),
          holdout: addSums(known.holdout, toSums(hn, hs, hq)),
        });
      }
    }
    return all;
  }
}
