// Settings of a client that come from its environment; the variables are the same in every language.

import { readFileSync } from "node:fs";
import type { NodeOptions } from "./index.js";

/** Options of a client, and the server that they are for. */
export interface Settings {
  target: string;
  options: NodeOptions;
}

const files = { ca: "TENTERHOOK_CA", cert: "TENTERHOOK_CLIENT_CERT", key: "TENTERHOOK_CLIENT_KEY" } as const;

/**
 * An API key that is read from a file for each call, so that a new key needs no restart. While the file
 * cannot be read, the last key is used.
 */
export function apiKeyFile(path: string): () => string {
  const read = (): string => readFileSync(path, "ascii").trim();
  let last = read();
  if (last === "") {
    throw new TypeError(`the API key file ${path} is empty`);
  }
  return () => {
    try {
      last = read() || last;
    } catch {
      // Between two versions of the file, say.
    }
    return last;
  };
}

/** Reads the variables; one that is empty counts as unset. Throws a TypeError that names all at fault. */
export function readEnvironment(environment: Record<string, string | undefined>): Settings {
  const faults: string[] = [];
  const options: NodeOptions = {};
  const given = (name: string): string => environment[name]?.trim() ?? "";
  const read = <T>(name: string, use: (path: string) => T): T | undefined => {
    try {
      return use(given(name));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Node's own text is `ENOENT: no such file or directory, open '/path'`.
      const why = message.replace(/^[A-Z]+: /, "").replace(/, .*$/, "");
      faults.push(code === undefined ? `${name}: ${message}` : `${name}: cannot read ${given(name)}: ${why}`);
      return undefined;
    }
  };

  const target = given("TENTERHOOK_ADDRESS");
  if (target === "") {
    faults.push("TENTERHOOK_ADDRESS is not set: give it host:port");
  }
  if (given("TENTERHOOK_API_KEY") !== "" && given("TENTERHOOK_API_KEY_FILE") !== "") {
    faults.push("TENTERHOOK_API_KEY and TENTERHOOK_API_KEY_FILE are both set: unset one");
  } else if (given("TENTERHOOK_API_KEY_FILE") !== "") {
    const key = read("TENTERHOOK_API_KEY_FILE", apiKeyFile);
    Object.assign(options, key && { apiKey: key });
  } else if (given("TENTERHOOK_API_KEY") !== "") {
    options.apiKey = given("TENTERHOOK_API_KEY");
  }
  if (given("TENTERHOOK_NAMESPACE") !== "") {
    options.namespace = given("TENTERHOOK_NAMESPACE");
  }
  for (const [option, name] of Object.entries(files)) {
    if (given(name) !== "") {
      Object.assign(options, { [option]: read(name, (path) => readFileSync(path)) });
    }
  }
  if ((given("TENTERHOOK_CLIENT_CERT") === "") !== (given("TENTERHOOK_CLIENT_KEY") === "")) {
    faults.push("TENTERHOOK_CLIENT_CERT and TENTERHOOK_CLIENT_KEY belong together: set both");
  }
  if (faults.length > 0) {
    throw new TypeError(faults.join("; "));
  }
  return { target, options };
}
