// The use that a program makes of the package, in Node and in a browser. It throws where something is not as it should be.

function equal(found, wanted) {
  const [one, other] = [found, wanted].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`${one} in place of ${other}`);
}

export async function use({ Gateway, CommandRejected }, port) {
  const gateway = new Gateway({ url: `ws://127.0.0.1:${port}/ws` });
  const received = new Promise((resolve) => {
    gateway.onEvent = (event) => event.type === "mine" && resolve(event);
  });
  await gateway.init();
  const options = { download_id: "of-the-package", again: true, deadlineMs: 60_000 };
  const added = await gateway.add("https://example.com/a.iso", options);
  equal([added.download_id, added.state, added.existing], ["of-the-package", "queued", false]);
  equal((await gateway.add("https://example.com/a.iso", options)).existing, true);
  const refused = await gateway.add("https://example.com/b.iso", options).catch((error) => error);
  equal([refused instanceof CommandRejected, refused.reason], [true, "conflict"]);
  equal((await gateway.get("of-the-package")).name, "a.iso");
  const { downloads, total } = await gateway.list({ limit: 1 });
  equal([downloads.length, total], [1, 1]);
  await gateway.pause("of-the-package");
  await gateway.subscribe("a");
  const id = await gateway.publish({ type: "mine", n: 1 }, { channel: "a" });
  const { event_id, channel, n } = await received;
  equal([event_id, channel, n], [id, "a", 1]);
  await gateway.disconnectWebSocket();
}
