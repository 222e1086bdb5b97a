// Gateway.init() and the others: the members of one Gateway that the program shares, as in the Flutter app.

import { CommandMethods } from "./gateway_commands.js";

const METHODS = ["init", "connectWebSocket", "disconnectWebSocket", "sendWebSocketMessage"];

/** Gives the class the members of a Gateway. */
export function shareMembers(Gateway) {
  const shared = new Gateway();
  const commands = Object.getOwnPropertyNames(CommandMethods.prototype).filter((name) => name !== "constructor");
  for (const name of [...METHODS, ...commands]) {
    Object.defineProperty(Gateway, name, { value: shared[name].bind(shared) });
  }
  for (const name of ["isWebSocketConnected", "isServerRunning", ...Object.keys(shared)]) {
    Object.defineProperty(Gateway, name, { get: () => shared[name], set: (value) => (shared[name] = value) });
  }
}
