// Keeps the files of the page, and shows them where the server does not answer, or a proxy answers for it. It never sees a request of the API, and while
// the server answers, the page and all of its files come from there: a reload has no older ones.

// The server writes both: a digest of all files, and their addresses, the page's own first, each with the digest of its file.
const VERSION = "{version}";
const DIGESTS = { "{file}": "{digest}" };
const FILES = Object.keys(DIGESTS).map((file) => new URL(file, self.location.href).href);
const PREFIX = `simulcast ${self.registration.scope} `;
const CACHE = PREFIX + VERSION;
const PROXY_FAILURES = [502, 503, 504]; // whatever else is answered, a person has to see
/** The pages that were shown without a server; the others have newer files, perhaps. @type {Set<string>} */
const shown = new Set();

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
addEventListener("fetch", (event) => {
  const { request, clientId } = event;
  const isPage = request.mode === "navigate" && request.method === "GET" && request.url.replace(/[?#].*/, "") === FILES[0];
  if (isPage) event.respondWith(openPage(event));
  else if (shown.has(clientId) && FILES.includes(request.url)) event.respondWith(fromCache(request));
});

async function keep() {
  const cache = await caches.open(CACHE);
  // All or none: a proxy may have let a front-end of another release answer, or have answered itself.
  const requests = Object.entries(DIGESTS).map(([file, integrity]) => new Request(file, { cache: "no-cache", redirect: "error", integrity }));
  await cache.addAll(requests);
  await self.skipWaiting();
}

async function forgetOthers() {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(names.map((name) => caches.delete(name)));
}

async function openPage({ request, resultingClientId }) {
  const answer = await fetch(request).catch(() => null);
  if (answer && !PROXY_FAILURES.includes(answer.status)) return answer;
  const page = await (await caches.open(CACHE)).match(FILES[0], { ignoreVary: true });
  if (!page) return answer ?? Response.error();
  shown.add(resultingClientId);
  return page;
}

async function fromCache(request) {
  // The answers vary by Origin, which requests of modules have.
  return (await (await caches.open(CACHE)).match(request, { ignoreVary: true })) ?? fetch(request);
}
