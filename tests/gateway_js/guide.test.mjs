// Runs the part of the guide that SCENARIO names; the server is behind CONTROL (controlled_server.py).

import { test } from "node:test";

import { run } from "./guide.js";

const { CONTROL, PORT, SCENARIO } = process.env;

async function ask(name, ...words) {
  const answer = await fetch(CONTROL, { method: "POST", body: JSON.stringify([name, ...words]) });
  if (!answer.ok) throw new Error(`${name}: ${await answer.text()}`);
  return answer.json();
}

const names = ["publish", "kill", "start", "clients"];
const world = Object.fromEntries(names.map((name) => [name, (...words) => ask(name, ...words)]));

test(SCENARIO, () => run(SCENARIO, { ...world, port: Number(PORT) }));
