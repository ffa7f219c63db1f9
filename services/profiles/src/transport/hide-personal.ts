import type { AcceptedEvent, ProfileView } from '@rapport/contracts';
import { withoutPersonalIdentifier, withoutPersonalText, withoutPersonalValues } from '@rapport/kernel';
import { seesPersonal, type Asked } from '@rapport/service-host';
import type { ShownProfile } from '../read-profiles.pipeline.js';

/** A person as this caller may see them: who may not see personal values gets them hidden. */
export function shownProfile<Profile extends Pick<ShownProfile, 'view'>>(
  profile: Profile,
  asked: Asked | undefined,
): Profile {
  return seesPersonal(asked) ? profile : { ...profile, view: hiddenView(profile.view) };
}

function hiddenView(view: ProfileView): ProfileView {
  // Traits keep who said what when; only their values are hidden, by the traits' names.
  const traits = Object.entries(view.traits).map(([name, trait]) => {
    const { [name]: value = null } = withoutPersonalValues({ [name]: trait.value }, 'traits');
    return [withoutPersonalText(name), { ...trait, value, messageId: withoutPersonalText(trait.messageId) }];
  });
  return {
    ...view,
    identifiers: view.identifiers.map(
      (identifier) => withoutPersonalIdentifier(identifier) as typeof identifier,
    ),
    ...(view.removedTraits === undefined
      ? {}
      : { removedTraits: view.removedTraits.map(withoutPersonalText) }),
    traits: Object.fromEntries(traits) as ProfileView['traits'],
    computedTraits: Object.fromEntries(
      Object.entries(view.computedTraits).map(([name, value]) => [
        name,
        // A count of mails is no address: computed figures are hidden by what they look like alone.
        typeof value === 'number'
          ? value
          : (withoutPersonalValues({ [name]: value }, 'traits')[name] ?? null),
      ]),
    ),
  };
}

/** An event as this caller may see it. */
export function shownEvent(event: AcceptedEvent, asked: Asked | undefined): AcceptedEvent {
  if (seesPersonal(asked)) return event;
  const { properties, traits, context, previous } = event;
  const hideText = (text: string): string => withoutPersonalText(text);
  return {
    ...event,
    messageId: hideText(event.messageId),
    origin: withoutPersonalIdentifier(event.origin) as AcceptedEvent['origin'],
    identifiers: event.identifiers.map((id) => withoutPersonalIdentifier(id) as typeof id),
    ...(event.event === undefined ? {} : { event: hideText(event.event) }),
    ...(event.name === undefined ? {} : { name: hideText(event.name) }),
    ...(event.category === undefined ? {} : { category: hideText(event.category) }),
    ...(previous === undefined ? {} : { previous: withoutPersonalIdentifier(previous) as typeof previous }),
    ...(event.groupId === undefined ? {} : { groupId: hideText(event.groupId) }),
    ...(properties === undefined ? {} : { properties: withoutPersonalValues(properties, 'properties') }),
    ...(traits === undefined ? {} : { traits: withoutPersonalValues(traits, 'traits') }),
    ...(context === undefined ? {} : { context: withoutPersonalValues(context, 'properties') }),
  };
}
