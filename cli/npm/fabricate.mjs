// Serves a local Fabricate on 127.0.0.1: two servers of Node in front of the wasm module. It must not know what any
// request is answered.
import { once } from "node:events";
import { createServer } from "node:http";

/** The largest request body. Of a larger one, one byte more is read, for which Fabricate answers 413. */
const BODY_BYTES_MAX = 1 << 20;
/** More connections are refused. */
const CONNECTIONS_MAX = 1_024;
/** How long a connection may be idle. Node's 5 seconds are shorter than some clients think. */
const IDLE_MS_MAX = 30_000;

/**
 * @typedef {object} FabricateRequest
 * @property {"api" | "storage"} origin
 * @property {string} method
 * @property {string} url path and query
 * @property {string[]} headers names and values by turns
 * @property {Uint8Array} body
 * @property {Promise<void>} gone resolves when the client is gone
 */

/**
 * @typedef {object} FabricateAnswer
 * @property {number} status
 * @property {boolean} hangUp whether the connection is to be closed instead of an answer
 * @property {string[]} headers names and values by turns
 * @property {string} note a line about the request; may be empty
 * @property {() => Promise<Uint8Array | undefined>} next the next bytes of the body; throws where it breaks off
 * @property {() => void} free
 */

/**
 * @typedef {object} LocalFabricate
 * @property {(request: FabricateRequest) => Promise<FabricateAnswer>} handle
 */

/**
 * @typedef {object} FabricateModule
 * @property {new (key: string, taskMs: number, storageUrl: string) => LocalFabricate} LocalFabricate
 */

/**
 * Serves a Fabricate until it is closed.
 *
 * @param {FabricateModule} wasm the exports of the wasm module
 * @param {object} options
 * @param {number} options.port where the API listens on 127.0.0.1; 0 for any free port
 * @param {string} options.key the bearer key that is let in
 * @param {number} [options.taskMs] how long a task takes
 * @param {(line: string) => void} [options.onLine] takes a line about each request
 * @returns {Promise<{ url: string, close(): Promise<void> }>} `url` is the API's origin, without `/api/v1`
 */
export async function serveFabricate(wasm, { port, key, taskMs = 3_000, onLine = () => {} }) {
  const storage = createServer();
  const api = createServer();
  const close = async () => {
    await Promise.all([storage, api].map(closeServer));
  };
  try {
    const fabricate = new wasm.LocalFabricate(key, taskMs, await listen(storage, 0));
    serve(storage, { fabricate, origin: "storage", onLine });
    serve(api, { fabricate, origin: "api", onLine });
    return { url: await listen(api, port), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * @param {import("node:http").Server} server
 * @param {number} port
 * @returns {Promise<string>} where it listens
 */
async function listen(server, port) {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const { port: taken } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return `http://127.0.0.1:${taken}`;
}

/**
 * Ends all connections, too.
 *
 * @param {import("node:http").Server} server
 */
async function closeServer(server) {
  if (server.listening) {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

/**
 * @typedef {object} Context
 * @property {LocalFabricate} fabricate
 * @property {"api" | "storage"} origin
 * @property {(line: string) => void} onLine
 */

/**
 * @param {import("node:http").Server} server
 * @param {Context} context
 */
function serve(server, context) {
  server.maxConnections = CONNECTIONS_MAX;
  server.keepAliveTimeout = IDLE_MS_MAX;
  server.on("request", async (request, response) => {
    // A client that is gone is seen by `gone`, too.
    response.on("error", () => {});
    try {
      await respond(request, response, context);
    } catch (error) {
      fail(response, error);
    }
  });
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 * @param {Context} context
 */
async function respond(request, response, { fabricate, origin, onLine }) {
  /** @type {Promise<void>} */
  const gone = new Promise(resolve => response.once("close", resolve));
  const body = await read(request);
  if (body.length > BODY_BYTES_MAX) {
    // Its rest is not read, so no request can follow.
    response.shouldKeepAlive = false;
  }
  const { method = "", url = "", rawHeaders: headers } = request;
  const answer = await fabricate.handle({ origin, method, url, headers, body, gone });
  try {
    if (answer.note !== "") {
      onLine(answer.note);
    }
    if (answer.hangUp) {
      response.destroy();
    } else {
      response.writeHead(answer.status, answer.headers);
      await send(answer, response, gone);
    }
  } finally {
    answer.free();
  }
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @returns {Promise<Uint8Array>} the body; of one that is too large, one byte more than is allowed
 */
async function read(request) {
  const chunks = [];
  let bytes = 0;
  // The connection is still needed when the loop ends early.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) {
      break;
    }
  }
  return Buffer.concat(chunks).subarray(0, BODY_BYTES_MAX + 1);
}

/**
 * Sends a body, and asks for no bytes before the client takes them.
 *
 * @param {FabricateAnswer} answer
 * @param {import("node:http").ServerResponse} response
 * @param {Promise<void>} gone
 */
async function send(answer, response, gone) {
  // The head must not wait for the first bytes. `flushHeaders` would encode it as UTF-8.
  response.write(new Uint8Array(0));
  try {
    for (let chunk = await answer.next(); chunk !== undefined; chunk = await answer.next()) {
      if (response.destroyed) {
        return;
      }
      if (!response.write(chunk)) {
        await Promise.race([once(response, "drain"), gone]);
      }
    }
    response.end();
  } catch {
    // Broken off on purpose, after the bytes before.
    response.socket?.destroySoon();
  }
}

/**
 * Answers 500, or ends an answer that has begun.
 *
 * @param {import("node:http").ServerResponse} response
 * @param {unknown} error
 */
function fail(response, error) {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  response.writeHead(500, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify({ error: `the local Fabricate failed: ${message}` }));
}
