// Requests to the studio's server (docs/studio-api.md), and its stream of events.

let session = null;  // {token, version, epoch, program}

export class Refused extends Error {
  constructor(status, detail, setting) {
    super(detail);
    Object.assign(this, { status, setting });
  }
}

export class Unreachable extends Error {}

export async function openSession() {
  session = await answerOf(await reach("/session", {}));
  return session;
}

export function get(path) { return reach(path, {}).then(answerOf); }

export function send(method, path, body = undefined) {
  return change(method, path, { "Content-Type": "application/json" }, body === undefined ? "" : JSON.stringify(body));
}

// Uploads a picture's bytes: {id, value, width, height, url}.
export function upload(blob, mask = false) {
  return change("POST", mask ? "/uploads?mask=true" : "/uploads", { "Content-Type": "application/octet-stream" }, blob);
}

// Queues a prediction. Its id is ours, so that it can be sent again after a broken connection.
export async function predict(input) {
  const id = Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => byte.toString(36).padStart(2, "0")).join("");
  for (let tries = 0; ; tries++) {
    try {
      return await change("PUT", `/predictions/${id}`,
        { "Content-Type": "application/json", Prefer: "respond-async" }, JSON.stringify({ input }));
    } catch (error) {
      if (!(error instanceof Unreachable) || tries === 3) throw error;
      await pause(500 * 2 ** tries);
    }
  }
}

async function change(method, path, headers, body) {
  if (!session) await openSession();
  const ask = () => reach(path, { method, headers: { ...headers, "X-Studio-Token": session.token }, body });
  let response = await ask();
  if (response.status === 401) {  // the server has been restarted
    await openSession();
    response = await ask();
  }
  return answerOf(response);
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Unreachable();
  }
}

async function answerOf(response) {
  let answer = null;
  try { answer = await response.json(); } catch { /* told below */ }
  if (response.ok && answer !== null) return answer;
  throw new Refused(response.status, answer?.detail ?? `${response.status} ${response.statusText}`, answer?.setting ?? null);
}

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

// Follows the events. `handlers` has a function for each kind of event, `lost` and `found` for the
// connection, and `again`, called where events may have been missed: at the beginning of each stream that
// is opened anew (one that the browser itself takes up again is told what it missed), after `reset`,
// and when the server has started anew.
export function follow(handlers) {
  let source = null, epoch = session?.epoch, open = false;
  const connect = () => {
    let begun = false;
    source = new EventSource("/events");
    source.onopen = () => { open = true; handlers.found(); };
    source.onerror = () => {
      if (open) { open = false; handlers.lost(); }
      if (source.readyState === EventSource.CLOSED) { source.close(); setTimeout(connect, 2000); }
    };
    source.addEventListener("hello", (event) => {
      const now = JSON.parse(event.data).epoch;
      if (epoch && now !== epoch) openSession().then(handlers.again, () => {});
      else if (!begun) handlers.again();
      begun = true;
      epoch = now;
    });
    source.addEventListener("reset", () => handlers.again());
    for (const kind of ["state", "progress", "preview", "metrics", "views", "log", "queue", "worker", "picture"]) {
      source.addEventListener(kind, (event) => handlers[kind]?.(JSON.parse(event.data)));
    }
  };
  connect();
}
