import { Liquid, type Template } from 'liquidjs';
import type { JsonObject } from '@rapport/contracts';
import { messageOf } from '@rapport/kernel';
import type { Tactic } from '../domain/tactics.js';
import { playbookUnusable } from '../orchestrator.errors.js';
import type { ContentNeeds, ContentRenderer } from '../ports/content-renderer.js';

/** Bounds of one rendering, far above any honest message: a template must not be able to stop the platform. */
const limits = { parseLimit: 1_000_000, renderLimit: 250, memoryLimit: 10_000_000 };

interface Field {
  readonly key: string;
  readonly engine: Liquid;
  readonly template: Template[];
}

/** Liquid, with every template parsed at start. Fields named `html` escape what they are filled with. */
export function createLiquidContentRenderer(tactics: Iterable<Tactic>): ContentRenderer {
  const plain = new Liquid({ ...limits, ownPropertyOnly: true, strictFilters: true });
  const html = new Liquid({ ...limits, ownPropertyOnly: true, strictFilters: true, outputEscape: 'escape' });
  const fields = new Map<string, readonly Field[]>();
  const needs = new Map<string, ContentNeeds>();
  for (const { definition } of tactics) {
    for (const variant of definition.variants) {
      const parsed = Object.entries(variant.content).map(([key, text]): Field => {
        const engine = key === 'html' ? html : plain;
        try {
          return { key, engine, template: engine.parse(text) };
        } catch (thrown) {
          throw playbookUnusable(
            `tactic ${definition.name}, variant ${variant.name}, ${key}: expected a Liquid template; ${messageOf(thrown)}`,
          );
        }
      });
      fields.set(`${definition.name}/${variant.name}`, parsed);
      needs.set(`${definition.name}/${variant.name}`, needsOf(Object.values(variant.content)));
    }
  }
  return {
    needs: (tactic, variant) => needs.get(`${tactic}/${variant}`) ?? { scope: false, items: false },
    render: (tactic, variant, { person, items, link, unsubscribe }) => {
      const { profileId, identifiers, traits, computedTraits } = person;
      const scope = {
        profile: { profileId, identifiers, traits, computedTraits, segments: [...person.segments] },
        items,
        link,
        unsubscribe,
      };
      const content: Record<string, JsonObject[string]> = {};
      for (const { key, engine, template } of fields.get(`${tactic}/${variant}`) ?? []) {
        content[key] = String(engine.renderSync(template, scope));
      }
      return content;
    },
  };
}

/** A text with neither output nor tag is plain text. That it speaks of items is told too often rather than too seldom. */
const needsOf = (texts: readonly string[]): ContentNeeds => {
  const filled = texts.filter((text) => /\{[{%]/.test(text));
  return { scope: filled.length > 0, items: filled.some((text) => /\bitems\b/.test(text)) };
};
