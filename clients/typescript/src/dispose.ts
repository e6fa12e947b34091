/// <reference lib="esnext.disposable" preserve="true" />
// The symbols of `using` and `await using`; runtimes that do not know them, such as Node 20.3, do not look for them.

export const dispose: typeof Symbol.dispose = Symbol.dispose ?? (Symbol.for("tenterhook.dispose") as typeof Symbol.dispose);
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for("tenterhook.asyncDispose") as typeof Symbol.asyncDispose);
