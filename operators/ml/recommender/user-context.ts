/** What an event carries about its user, and the event itself, as the shards see them. */

export interface Purchase {
  /** Unique and rising: the counter of all random draws. */
  readonly position: number;
  readonly user: number;
  /** Any safe integer: shards intern it, so memory does not grow with its size. */
  readonly item: number;
  readonly timeSec: number;
  readonly description: string;
}

export interface Context {
  /** How many distinct items of the user it has. */
  readonly length: number;
  /** One of them, 0 for the newest; a repeat purchase moves its item to the front. */
  itemAt(rank: number): number;
  /** The first `inBasket` of them belong to the current basket. */
  readonly inBasket: number;
  readonly opensBasket: boolean;
  /** The user has had this item before: nothing is scored, no pair is learnt. */
  readonly repeat: boolean;
}
