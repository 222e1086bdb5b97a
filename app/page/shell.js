// The service worker that shows this page where its server does not answer: see service_worker.js.

/** Browsers have service workers for https:// and for this machine's own pages. The server's page says that it has one. */
export function keepShell() {
  if (!navigator.serviceWorker || !("shell" in document.documentElement.dataset)) return;
  navigator.serviceWorker.register("service_worker.js").catch(() => {}); // the page does without
}
