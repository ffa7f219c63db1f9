import { messageOf } from '@rapport/kernel';
import { rejectionsOf, type Host } from '@rapport/service-host';
import { DocumentCapLedger, capCollection } from './adapters/document-cap-ledger.js';
import { decisionIdOf, messageIdOf, newDecisionId } from './adapters/decision-ids.js';
import {
  DocumentDecisionLedger,
  decisionCollection,
  unpublishedCollection,
} from './adapters/document-decision-ledger.js';
import { EventLogDecisionFeed } from './adapters/event-log-decision-feed.js';
import {
  DocumentRefusalBook,
  mailboxKeyCollection,
  refusalCollection,
} from './adapters/document-refusal-book.js';
import { LateCollection } from './adapters/late-collection.js';
import { createLiquidContentRenderer } from './adapters/liquid-content-renderer.js';
import { createModelsCandidateScorer } from './adapters/models-candidate-scorer.js';
import { createModelsItemRecommender } from './adapters/models-item-recommender.js';
import { createProfilesPersonReader } from './adapters/profiles-person-reader.js';
import { SecretsFile } from './adapters/secrets-file.js';
import { SignedLinks } from './adapters/signed-links.js';
import { createDecide } from './decide.pipeline.js';
import { longestWindowMs } from './domain/caps.js';
import { readTactics, type TacticBook } from './domain/tactics.js';
import type { OrchestratorConfig } from './orchestrator.config.js';
import type { OrchestratorMetrics } from './orchestrator.metrics.js';
import type { CapLedger } from './ports/cap-ledger.js';
import type { DecisionLedger } from './ports/decision-ledger.js';
import type { PersonReader } from './ports/person-reader.js';
import type { RefusalBook } from './ports/refusal-book.js';
import { createAnswer, type Answer } from './steps/answer-request.js';
import { createAskMail, type AskMail } from './steps/ask-mail.js';
import { createMakeDecision } from './steps/make-decision.js';
import { createTakeStep, type TakeStep } from './steps/take-step.js';

/** Everything that decides. */
export interface DecisionParts {
  readonly book: TacticBook;
  readonly people: PersonReader;
  readonly answer: Answer;
  readonly takeStep: TakeStep;
  readonly caps: CapLedger;
  readonly ledger: DecisionLedger;
  readonly feed: EventLogDecisionFeed;
  readonly links: SignedLinks;
  readonly refusals: RefusalBook;
  /** Why a mail must not go to the address it was made for, as things are now; for asking before every try. */
  readonly askMail: AskMail;
  open(): Promise<void>;
}

/** What the request path calls itself in `events.rejected.v1`. */
const decisionsStage = 'decisions';

/** Puts the deciding part of the room together. */
export function createDecisionParts(
  host: Host,
  config: OrchestratorConfig,
  metrics: OrchestratorMetrics,
): DecisionParts {
  const decisions = new LateCollection(decisionCollection);
  const unpublished = new LateCollection(unpublishedCollection);
  const reservations = new LateCollection(capCollection);
  const book = readTactics(host.playbook);
  const tactics = [...book.byName.values()];
  const ledger = new DocumentDecisionLedger(decisions, unpublished);
  const rejections = rejectionsOf(host, decisionsStage);
  const feed = new EventLogDecisionFeed(
    host.log,
    ledger,
    (thrown) =>
      host.telemetry.log.error(
        { cause: messageOf(thrown) },
        'the event log does not take decisions; they stay marked in the ledger and are published later',
      ),
    async (record, thrown) =>
      rejections.document(
        { collection: decisionCollection.name, id: record.decisionId, content: record },
        thrown,
      ),
  );
  const people = createProfilesPersonReader(host.calls);
  const caps = new DocumentCapLedger(
    reservations,
    ledger,
    longestWindowMs(tactics.flatMap((tactic) => tactic.caps)),
    () => host.clock.now(),
  );
  const publicUrl = config.RAPPORT_PUBLIC_URL?.replace(/\/$/, '');
  const links = new SignedLinks({
    publicUrl: () => publicUrl ?? host.httpUrl(),
    shopUrl: config.RAPPORT_SHOP_URL,
    secrets: () => config.RAPPORT_UNSUBSCRIBE_SECRETS ?? new SecretsFile(config.RAPPORT_DATA_DIR).forLinks(),
    validMs: config.RAPPORT_UNSUBSCRIBE_LINK_AGE,
  });
  const mailRefusals = new LateCollection(refusalCollection);
  const mailboxKeys = new LateCollection(mailboxKeyCollection);
  const refusals = new DocumentRefusalBook(mailRefusals, mailboxKeys);
  const onDegraded = (part: string, cause: string): void => {
    metrics.degraded(part);
    host.telemetry.log.warn({ part, cause }, 'a decision was made without a part of it');
  };
  const decide = createDecide({
    people,
    scorer: createModelsCandidateScorer(host.calls),
    recommender: createModelsItemRecommender(host.calls),
    caps,
    refusals,
    renderer: createLiquidContentRenderer(tactics),
    links,
    playbookVersion: host.playbook.version,
    onDegraded,
  });
  const makeDecision = createMakeDecision(decide, ledger);
  const answer = createAnswer({
    clock: host.clock,
    people,
    makeDecision,
    ledger,
    feed,
    book,
    placements: host.playbook.placements,
    playbookVersion: host.playbook.version,
    newDecisionId,
    onDegraded,
  });
  const urls = new Map(host.playbook.channels.map(({ name, options }) => [name, options?.['url']]));
  const takeStep = createTakeStep({
    people,
    makeDecision,
    links,
    refusals,
    book,
    urlOf: (channel) => urls.get(channel),
    decisionIdOf,
    messageIdOf,
  });
  const open = async (): Promise<void> => {
    const opening = [decisions, unpublished, reservations, mailRefusals, mailboxKeys];
    await Promise.all(opening.map((each) => each.open(host.store)));
    await refusals.open();
    await feed.recover();
  };
  const askMail = createAskMail({ people, refusals });
  return { book, people, answer, takeStep, caps, ledger, feed, links, refusals, askMail, open };
}
