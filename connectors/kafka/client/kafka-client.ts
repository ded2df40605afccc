/**
 * A client of one Kafka cluster: knows its brokers and who leads and coordinates what, and sends requests to the right one.
 * What it knows may be stale; whoever finds out by an answer says so (`forget`) and asks again, which `toLeader`,
 * `toCoordinator` and `toAny` do by themselves. Requests are tried again only where their sender says that this is right.
 */

import { RETRY_WITHIN_MS } from "../limits.ts";
import type { ApiRequest, TopicPartition } from "../protocol/api.ts";
import { type CoordinatorKind, findCoordinator } from "../protocol/find-coordinator.ts";
import { type BrokerAddress, type ClusterMetadata, metadata, type TopicMetadata } from "../protocol/metadata.ts";
import { AnswerMemory } from "./answer-memory.ts";
import { BrokerLink } from "./broker-link.ts";
import { connectionOptions, type KafkaConnectionOptions, type KafkaOptions } from "./connection-options.ts";
import { accept, accepted, KafkaFailure, refusal } from "./kafka-failure.ts";
import { type RetryOptions, retrying } from "./retrying.ts";

export interface Leader {
  readonly node: number;
  readonly epoch: number;
}

export interface Patience {
  /** How long to try again; default 2 min. */
  readonly withinMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const UNKNOWN_TOPIC = 3;
const LEADER_NOT_AVAILABLE = 5;

export class KafkaClient implements AsyncDisposable {
  readonly #options: KafkaConnectionOptions;
  readonly #links = new Map<string, BrokerLink>();
  readonly #memory = new AnswerMemory();
  readonly #brokers = new Map<number, BrokerAddress>();
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #coordinators = new Map<string, number>();
  /** Requests for metadata under way, by topic: all partitions that lost their leader ask at the same time. */
  readonly #asking = new Map<string, Promise<TopicMetadata>>();
  #turn = 0;

  constructor(options: KafkaOptions) {
    this.#options = connectionOptions(options);
  }

  /** Topics by name, or all of them. A topic that cannot be described comes with its error. */
  async metadata(topics?: readonly string[], patience: Patience = {}): Promise<ClusterMetadata> {
    const answer = await this.toAny(metadata(topics), patience);
    for (const broker of answer.brokers) this.#brokers.set(broker.node, broker);
    for (const topic of answer.topics) this.#topics.set(topic.topic, topic);
    return answer;
  }

  /** How many partitions a topic has. @throws KafkaFailure KAFKA_TOPIC, KAFKA_DENIED */
  async partitionsOf(topic: string, patience: Patience = {}): Promise<number> {
    const described = await this.#retrying(
      () => this.#describe(topic),
      patience,
      () => this.#topics.delete(topic),
    );
    return described.partitions.length;
  }

  /** Who leads a partition, as far as is known. @throws KafkaFailure */
  async leader({ topic, partition }: TopicPartition): Promise<Leader> {
    const { partitions } = await this.#describe(topic);
    const found = partitions.find((each) => each.partition === partition);
    const what = `partition ${partition} of "${topic}"`;
    if (found === undefined) throw refusal(UNKNOWN_TOPIC, what, `the topic has ${partitions.length} partitions`);
    if (found.leader < 0) throw refusal(LEADER_NOT_AVAILABLE, what);
    return { node: found.leader, epoch: found.leaderEpoch };
  }

  /** What is known of a topic's leaders is stale. */
  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  async #describe(topic: string): Promise<TopicMetadata> {
    const known = this.#topics.get(topic);
    if (known !== undefined && known.error === 0) return known;
    let asking = this.#asking.get(topic);
    if (asking === undefined) {
      asking = this.#ask(topic).finally(() => this.#asking.delete(topic));
      this.#asking.set(topic, asking);
    }
    return asking;
  }

  async #ask(topic: string): Promise<TopicMetadata> {
    const { topics } = await this.metadata([topic], { withinMs: 0 });
    const [described] = topics;
    if (described === undefined) throw refusal(UNKNOWN_TOPIC, `topic "${topic}"`);
    accept(described.error, `topic "${topic}"`);
    return described;
  }

  /** Sends a request to whoever leads the partition, and again while that changes. REQUIRES: it may be sent twice. */
  toLeader<Answer>(
    where: TopicPartition,
    request: (leader: Leader) => ApiRequest<Answer>,
    patience: Patience = {},
  ): Promise<Answer> {
    const attempt = async (): Promise<Answer> => {
      const leader = await this.leader(where);
      const sent = request(leader);
      return accepted(await this.toNode(leader.node, sent), sent);
    };
    return this.#retrying(attempt, patience, () => this.forget(where.topic));
  }

  /** The same for the coordinator of a group or transactional id. */
  toCoordinator<Answer>(
    kind: CoordinatorKind,
    id: string,
    request: ApiRequest<Answer>,
    patience: Patience = {},
  ): Promise<Answer> {
    const ask = async (node: number): Promise<Answer> => accepted(await this.toNode(node, request), request);
    return this.#atCoordinator(kind, id, ask, patience);
  }

  /**
   * Two requests to one process of the coordinator, the second when the first is granted: it sees what the first has done,
   * and all that was acknowledged before. One that takes over in between might not, so both are sent again then.
   */
  toOneCoordinator<First, Answer>(
    kind: CoordinatorKind,
    id: string,
    first: ApiRequest<First>,
    second: ApiRequest<Answer>,
    patience: Patience = {},
  ): Promise<Answer> {
    const ask = async (node: number): Promise<Answer> => {
      accepted(await this.toNode(node, first), first);
      const connections = this.#connectionsTo(node);
      const answer = accepted(await this.toNode(node, second), second);
      if (this.#connectionsTo(node) === connections) return answer;
      const message = `Between ${first.name} and ${second.name} the connection to broker ${node} was lost`;
      throw new KafkaFailure("KAFKA_UNREACHABLE", message, "CONNECTION", "coordinator");
    };
    return this.#atCoordinator(kind, id, ask, patience);
  }

  #atCoordinator<Answer>(
    kind: CoordinatorKind,
    id: string,
    ask: (node: number) => Promise<Answer>,
    patience: Patience,
  ): Promise<Answer> {
    const key = `${kind} ${id}`;
    const attempt = async (): Promise<Answer> =>
      await ask(this.#coordinators.get(key) ?? (await this.#findCoordinator(kind, id)));
    return this.#retrying(attempt, patience, () => this.#coordinators.delete(key));
  }

  async #findCoordinator(kind: CoordinatorKind, id: string): Promise<number> {
    const found = await this.toAny(findCoordinator(kind, id), { withinMs: 0 });
    this.#brokers.set(found.node, found);
    this.#coordinators.set(`${kind} ${id}`, found.node);
    return found.node;
  }

  /** Sends a request to one broker, once, and does not look at what it says of its success. */
  async toNode<Answer>(node: number, request: ApiRequest<Answer>): Promise<Answer> {
    const link = this.#linkTo(node);
    if (link === undefined) {
      const message = `No broker ${node} is known, which is to get ${request.name}`;
      throw new KafkaFailure("KAFKA_UNREACHABLE", message, "BROKER_NOT_AVAILABLE", "leader");
    }
    return link.send(request);
  }

  #linkTo(node: number): BrokerLink | undefined {
    const broker = this.#brokers.get(node);
    return broker && this.#link(broker.host, broker.port);
  }

  #connectionsTo(node: number): number {
    return this.#linkTo(node)?.connections ?? 0;
  }

  /** Sends a request to one broker after the other until one grants it. */
  toAny<Answer>(request: ApiRequest<Answer>, patience: Patience = {}): Promise<Answer> {
    return this.#retrying(
      () => this.#toAnyOnce(request),
      patience,
      () => {},
    );
  }

  async #toAnyOnce<Answer>(request: ApiRequest<Answer>): Promise<Answer> {
    const candidates = [...this.#brokers.values(), ...this.#options.brokers];
    const start = this.#turn++;
    let failure: unknown;
    for (let index = 0; index < candidates.length; index++) {
      const { host, port } = candidates[(start + index) % candidates.length] as BrokerAddress; // there is one
      try {
        return accepted(await this.#link(host, port).send(request), request);
      } catch (error) {
        if (!(error instanceof KafkaFailure) || error.remedy === "none") throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** Takes back the memory of an answer. REQUIRES: nobody reads or keeps a part of it any more. */
  reuse(answer: Buffer): void {
    this.#memory.give(answer);
  }

  /** All brokers that are known. */
  get nodes(): readonly number[] {
    return [...this.#brokers.keys()];
  }

  #link(host: string, port: number): BrokerLink {
    const key = `${host}:${port}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new BrokerLink(host, port, this.#options, this.#memory);
      this.#links.set(key, link);
    }
    return link;
  }

  #retrying<T>(attempt: () => Promise<T>, patience: Patience, onRetry: () => void): Promise<T> {
    const options: RetryOptions = { withinMs: patience.withinMs ?? RETRY_WITHIN_MS, signal: patience.signal, onRetry };
    return retrying(attempt, options);
  }

  async close(): Promise<void> {
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map((link) => link.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
