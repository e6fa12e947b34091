// Commands for a terminal: what a page shows, as curl, grpcurl and tenterhook would fetch it.

/** A request as it was sent. */
export interface SentRequest {
  method: string;
  url: string;
  headers: { name: string; value: string }[];
  body: string;
}

/** Quotes a word for a POSIX shell; control characters get their ANSI-C form. */
export function quote(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) {
    return word;
  }
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(word.replaceAll("\n", ""))) {
    return `$'${word.replace(/[\\']/g, "\\$&").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeInQuotes)}'`;
  }
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function escapeInQuotes(character: string): string {
  return [...new TextEncoder().encode(character)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

/** The request as a curl command. Secrets are `***`, as everywhere. */
export function curl(request: SentRequest): string {
  const lines = [`curl --request ${quote(request.method)} ${quote(request.url)}`];
  for (const { name, value } of request.headers) {
    lines.push(`--header ${quote(`${name}: ${value}`)}`);
  }
  if (request.body !== "") {
    lines.push(`--data-raw ${quote(request.body)}`);
  }
  return lines.join(" \\\n  ");
}

/** A call of the API by grpcurl. */
export function grpcurl(origin: string, method: string, request: object): string {
  const { host, protocol } = new URL(origin);
  const plaintext =
    protocol === "http:"
      ? "-plaintext "
      : `-H ${quote("authorization: Bearer $TENTERHOOK_API_KEY").replaceAll("'", '"')} `;
  const body = Object.keys(request).length === 0 ? "" : `-d ${quote(JSON.stringify(request))} `;
  return `grpcurl ${plaintext}${body}${host} tenterhook.v1.${method}`;
}

/** A command line of `tenterhook`, with the namespace unless it is the default. */
export function tenterhook(namespace: string, ...words: string[]): string {
  const scope = namespace === "default" || namespace === "" ? [] : ["--namespace", namespace];
  return ["tenterhook", ...words, ...scope].map(quote).join(" ");
}
