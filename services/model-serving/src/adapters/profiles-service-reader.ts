import { profilesProto } from '@rapport/contracts';
import { RapportError } from '@rapport/kernel';
import type { Calls } from '@rapport/service-host';
import type { PersonFeatures, PersonSketch, ProfileReader } from '../ports/profile-reader.js';

/** Reads profiles from the profiles service, in process or over gRPC. */
export class ProfilesServiceReader implements ProfileReader {
  readonly #profiles: profilesProto.ProfilesService;

  constructor(calls: Calls) {
    this.#profiles = calls.to<profilesProto.ProfilesService>(profilesProto.ProfilesServiceDefinition);
  }

  async features(persons: readonly string[], names: readonly string[]): Promise<readonly PersonFeatures[]> {
    const { rows } = await this.#profiles.batchGetFeatures({ persons: [...persons], features: [...names] });
    if (rows.length !== persons.length)
      throw new Error(`expected ${persons.length} feature rows, got ${rows.length}`);
    return rows.map(({ found, values }) => ({ found, values }));
  }

  async sketch(person: string): Promise<PersonSketch | undefined> {
    try {
      const { profile } = await this.#profiles.getProfile({ person });
      if (profile === undefined) return undefined;
      return { profileId: profile.profileId, segments: profile.segments.map(({ name }) => name) };
    } catch (thrown) {
      if (thrown instanceof RapportError && thrown.status === 'not_found') return undefined;
      throw thrown;
    }
  }
}
