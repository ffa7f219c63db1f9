import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import ajvFormats from 'ajv-formats';
import { messageOf, RapportError } from '@rapport/kernel';
import type { TrackingPlan } from '../ports/tracking-plan.js';

// ajv-formats is CommonJS: under Node's ESM its function is the default of the default.
const addFormats = ajvFormats.default;

/** What an event's properties are promised to be. */
interface PlannedEvent {
  readonly event: string;
  /** JSON Schema. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Compiles one validator per event name; throws INGESTION_PLAYBOOK_INVALID naming every schema that does not compile. */
export function ajvTrackingPlan(planned: readonly PlannedEvent[]): TrackingPlan {
  const ajv = new Ajv({ strict: false, allErrors: false });
  addFormats(ajv);
  const validators = new Map<string, ValidateFunction>();
  const problems: string[] = [];
  for (const { event, properties } of planned) {
    try {
      validators.set(event, ajv.compile({ type: 'object', ...properties }));
    } catch (thrown) {
      problems.push(`tracking plan, event ${JSON.stringify(event)}: ${messageOf(thrown)}`);
    }
  }
  if (problems.length > 0) {
    throw new RapportError('INGESTION_PLAYBOOK_INVALID', 'invalid', problems.join('\n'));
  }
  const nothing = {};
  return {
    violationOf: (event, properties) => {
      const validate = validators.get(event);
      if (validate === undefined || validate(properties ?? nothing)) return undefined;
      return `${event}: ${describe(validate.errors?.[0])}`;
    },
  };
}

function describe(error: ErrorObject | undefined): string {
  if (error === undefined) return 'properties do not keep the tracking plan';
  const path = `properties${error.instancePath.replaceAll('/', '.')}`;
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'required':
      return `${path}.${String(params['missingProperty'])}: expected by the tracking plan; it is missing`;
    case 'enum':
      return `${path}: expected one of ${JSON.stringify(params['allowedValues'])}`;
    case 'additionalProperties':
      return `${path}.${String(params['additionalProperty'])}: not in the tracking plan`;
    case 'type':
      return `${path}: expected ${String(params['type'])}`;
    default:
      return `${path}: expected what the tracking plan says: it ${error.message ?? 'differs'}`;
  }
}
