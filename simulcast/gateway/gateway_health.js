// The answer to `await Gateway.isServerRunning`, as in the Flutter app.

const TIMEOUT_MS = 5_000;

/** Resolves to whether the address is answered with 200 in time. Never rejects. */
async function isRunning(addressOf, heedRetryAfter) {
  try {
    // A page of another origin may not be allowed to read the status: there, any response has to do.
    const mode = globalThis.document ? "no-cors" : "cors";
    const response = await fetch(addressOf(), { mode, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) heedRetryAfter(response.headers.get("retry-after"));
    return response.status === 200 || response.type === "opaque";
  } catch {
    return false;
  }
}

/** Returns what `await` waits for. It may be called, too, with a warning: it was a method once. */
export function serverCheck(addressOf, heedRetryAfter) {
  const call = () => {
    console.warn("gateway: write `await Gateway.isServerRunning`, without ()");
    return isRunning(addressOf, heedRetryAfter);
  };
  call.then = (onResult, onError) => isRunning(addressOf, heedRetryAfter).then(onResult, onError);
  return call;
}
