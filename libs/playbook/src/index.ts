export type {
  CapDefinition,
  ChannelDefinition,
  ComputedTraitDefinition,
  ComputedTraitKind,
  Condition,
  DidRule,
  EventFilter,
  IdentityRules,
  JourneyDefinition,
  JourneyStep,
  PlacementDefinition,
  Playbook,
  SegmentDefinition,
  SegmentRule,
  TacticDefinition,
  TrackingPlanEvent,
  VariantDefinition,
} from './definitions.js';
export { checkPlaybook, loadPlaybook } from './load-playbook.js';
export { formatProblem, type Problem } from './problem.js';
