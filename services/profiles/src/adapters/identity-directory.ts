import type { identityProto } from '@rapport/contracts';
import { RapportError, type Identifier, type ProfileId } from '@rapport/kernel';
import type { IdentityDirectory } from '../ports/identifier-index.js';

/** Asks the identity room. */
export class ServiceIdentityDirectory implements IdentityDirectory {
  constructor(private readonly identity: Pick<identityProto.IdentityService, 'resolve'>) {}

  async resolve(identifier: Identifier): Promise<ProfileId | undefined> {
    try {
      return (await this.identity.resolve({ person: identifier })).profileId as ProfileId;
    } catch (thrown) {
      if (thrown instanceof RapportError && thrown.status === 'not_found') return undefined;
      throw thrown;
    }
  }
}
