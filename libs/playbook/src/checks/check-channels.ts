import { checkCaps } from './check-tactics.js';
import type { DefinitionSet } from './definition-set.js';

const neededOptions: Readonly<Record<string, readonly string[]>> = {
  on_site: [],
  email: ['from'],
  webhook: ['url', 'secretVariable'],
};

export function checkChannels(set: DefinitionSet): void {
  for (const channel of set.of('channels')) {
    const { kind, options, caps } = channel.value;
    for (const option of neededOptions[kind] ?? []) {
      if (options?.[option] === undefined)
        set.tell(
          channel,
          ['kind'],
          `expected the option "${option}" with kind ${kind}; it is missing. Add it under options.`,
        );
    }
    const url = options?.['url'];
    if (url !== undefined && !/^https?:\/\/[^\s/]+/.test(url)) {
      set.tell(
        channel,
        ['options', 'url'],
        `expected an address that begins with http:// or https://; came "${url}".`,
      );
    }
    const variable = options?.['secretVariable'];
    if (variable !== undefined && !/^[A-Z][A-Z0-9_]*$/.test(variable)) {
      set.tell(
        channel,
        ['options', 'secretVariable'],
        `expected the name of an environment variable, for example RAPPORT_WEBHOOK_SECRET; came other text. Keep the secret itself out of the playbook.`,
      );
    }
    checkCaps(set, channel, caps);
  }
}
