// A checkpoint in a file, for Node.

import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { Checkpoint } from "./checkpoint.js";

/**
 * A checkpoint in the file at `path`, for one watch at a time. The file need not exist; its folder must. A save is on
 * the disk when it is fulfilled, and leaves the old token or the new one whatever happens meanwhile; it writes beside
 * the file, to its name and `.new`.
 */
export class FileCheckpoint implements Checkpoint {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Makes a file that is missing, so that a place where nothing can be written is found at the start. */
  async load(): Promise<string | undefined> {
    try {
      return (await readFile(this.#path, "utf8")).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
        throw error;
      }
    }
    await this.save("");
    return undefined;
  }

  async save(token: string): Promise<void> {
    const fresh = `${this.#path}.new`;
    const file = await open(fresh, "w");
    try {
      await file.writeFile(token);
      await file.sync(); // it is on the disk before it takes the place of the one before
    } finally {
      await file.close();
    }
    await rename(fresh, this.#path);
    if (process.platform !== "win32") {
      await syncFolder(dirname(this.#path));
    }
  }
}

/** Puts a new name on the disk too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
