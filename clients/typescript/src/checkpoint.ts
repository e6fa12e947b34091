// Where a watch goes on when the program starts again.

/**
 * Keeps the resume token of a watch over a restart of the program, for example in a file (`FileCheckpoint`, on Node).
 *
 * A watch loads it before it first connects, and saves it when the program asks for the next change: what was handed
 * out before is handled by then. So a change that was in hand at a crash comes again, and none is lost. What either
 * throws is thrown where the watch is asked for a change, and does not end it: the next `next` tries again.
 */
export interface Checkpoint {
  /** The token that was saved last; undefined or empty if there was none. */
  load(): Promise<string | undefined> | string | undefined;
  /** Keeps the token. It must last when this returns. */
  save(token: string): Promise<void> | void;
}

/** The checkpoint of one watch, and what it has. */
export class Kept {
  readonly #checkpoint: Checkpoint;
  /** Undefined before it was loaded. */
  #saved: string | undefined;

  constructor(checkpoint: Checkpoint) {
    this.#checkpoint = checkpoint;
  }

  /**
   * Saves `token`, at which the watch stands, for the program has handled what it was handed. At first loads it: gives
   * the token to begin with.
   */
  async keep(token: string): Promise<string> {
    if (this.#saved === undefined) {
      this.#saved = (await this.#checkpoint.load()) ?? "";
      token = this.#saved || token;
    }
    if (token !== this.#saved) {
      await this.#checkpoint.save(token);
      this.#saved = token;
    }
    return token;
  }
}
