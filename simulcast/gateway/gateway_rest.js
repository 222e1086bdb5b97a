// Requests whose answer has content, by REST: add, get and list downloads, and publish.

/** The answer by REST → that of a WebSocket, whose content has the name `member`. */
function answerOf({ body, ...result }, member, reasons = {}) {
  if (result.status === "rejected") return { ...result, reason: reasons[result.reason] ?? result.reason };
  return { ...result, [member]: body };
}

/** The query of an address, with the members that are given. */
export function queryOf(members) {
  const query = new URLSearchParams(Object.entries(members).filter(([, value]) => value !== undefined)).toString();
  return query && `?${query}`;
}

/** Each gets `request(method, address, body)`, the address of the downloads, and the members of the message. */
export const REQUESTS = {
  async add_download(request, downloads, { channel, ...members }) {
    const reasons = { invalid_transition: "conflict", invalid_url: "invalid_member" };
    return answerOf(await request("POST", downloads + queryOf({ channel }), members), "download", reasons);
  },
  async get_download(request, downloads, { download_id: id, channel }) {
    const address = `${downloads}/${encodeURIComponent(id)}${queryOf({ channel })}`;
    return answerOf(await request("GET", address), "download");
  },
  async list_downloads(request, downloads, members) {
    const result = await request("GET", downloads + queryOf(members));
    const { body, ...answer } = answerOf(result, "body", { invalid_url: "invalid_member" });
    return { ...answer, ...body };
  },
  async publish(request, downloads, item) {
    const { body, ...result } = await request("POST", downloads.replace(/downloads$/, "publish"), { items: [item] });
    const { event_id: published, error, detail } = body?.results[0] ?? {};
    return error ? { status: "rejected", reason: error, message: detail } : { ...result, published };
  },
};
