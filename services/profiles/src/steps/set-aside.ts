import type { ProfileId } from '@rapport/kernel';
import type { ProfilesPorts } from '../ports/profiles-ports.js';

/**
 * Keeps a person that cannot be gone on with from coming up again by itself: what is due is dropped, and so is what may
 * not have been told. The document as it was goes to the rejected topic; the person's next event decides it anew.
 */
export async function setAside(
  { people, rejectPerson }: Pick<ProfilesPorts, 'people' | 'rejectPerson'>,
  id: ProfileId,
  thrown: unknown,
): Promise<void> {
  const [stored] = await people.people([id]);
  if (stored === undefined) throw thrown;
  await rejectPerson(id, stored.value, thrown);
  const { due: _due, timer: _timer, ...rest } = stored.value;
  await people.writePeople([
    { id, value: { ...rest, hasEvents: false, transitions: [] }, expectedVersion: stored.version },
  ]);
}
