// @ts-check
// KV and R2 as wasm asks for them: texts in, one text out. Nothing is decided here.
import { begin } from "./io.js";

/**
 * @typedef {object} Namespace
 * @property {(key: string) => Promise<string | null>} get
 * @property {(key: string, value: string, options: object) => Promise<void>} put
 * @property {(key: string) => Promise<void>} delete
 * @property {(options: object) => Promise<object>} list
 */

/**
 * @typedef {object} Stored
 * @property {string} key
 * @property {string} etag
 * @property {Date} uploaded
 */

/**
 * @typedef {object} Bucket
 * @property {(key: string) => Promise<(Stored & { text(): Promise<string> }) | null>} get
 * @property {(key: string, value: string, options: object) => Promise<Stored | null>} put
 * @property {(key: string) => Promise<void>} delete
 * @property {(options: object) => Promise<{ objects: Stored[], truncated: boolean, cursor?: string }>} list
 */

/**
 * Reports the value, or null.
 * @param {number} slot
 * @param {Namespace} namespace
 * @param {string} key
 */
export const kvGet = (slot, namespace, key) => begin(slot, () => namespace.get(key));

/**
 * A value that the runtime writes in ASCII again: it writes what it is given as `JSON.stringify` does, and leaves raw JSON
 * as it is (https://developer.mozilla.org/docs/Web/JavaScript/Reference/Global_Objects/JSON/rawJSON).
 * @param {string} text JSON in ASCII
 */
function ascii(text) {
  if (!text.includes("\\u")) return JSON.parse(text);
  const { rawJSON } = /** @type {{ rawJSON(text: string): object }} */ (/** @type {unknown} */ (JSON));
  const parse = /** @type {(text: string, reviver: (...parts: any[]) => unknown) => unknown} */ (JSON.parse);
  return parse(text, (_name, value, { source }) =>
    typeof value === "string" && source.includes("\\u") ? rawJSON(source) : value,
  );
}

/**
 * @param {number} slot
 * @param {Namespace} namespace
 * @param {string} key
 * @param {string} value
 * @param {string} metadata JSON in ASCII: the runtime sends it in an HTTP header, and logs one that is not ASCII whole
 * @param {number | undefined} expirationTtl seconds
 */
export const kvPut = (slot, namespace, key, value, metadata, expirationTtl) =>
  begin(slot, () => namespace.put(key, value, { metadata: ascii(metadata), expirationTtl }));

/**
 * @param {number} slot
 * @param {Namespace} namespace
 * @param {string} key
 */
export const kvDelete = (slot, namespace, key) => begin(slot, () => namespace.delete(key));

/**
 * Reports the list as JSON.
 * @param {number} slot
 * @param {Namespace} namespace
 * @param {string} prefix
 * @param {number} limit
 * @param {string | undefined} cursor
 */
export const kvList = (slot, namespace, prefix, limit, cursor) =>
  begin(slot, () => namespace.list({ prefix, limit, cursor }).then((listed) => JSON.stringify(listed)));

/**
 * What R2 says of an object: its tag and when it was stored, milliseconds since 1970, in lines.
 * @param {Stored} object
 */
const version = ({ etag, uploaded }) => `${etag}\n${uploaded.getTime()}`;

/**
 * Reports the version of an object and, from the third line on, its text; undefined: there is none.
 * @param {number} slot
 * @param {Bucket} bucket
 * @param {string} key
 */
export const r2Get = (slot, bucket, key) =>
  begin(slot, () =>
    bucket.get(key).then((object) => object?.text().then((text) => `${version(object)}\n${text}`)),
  );

/**
 * Reports the version of what was stored; undefined: another object is there.
 * @param {number} slot
 * @param {Bucket} bucket
 * @param {string} key
 * @param {string} text
 * @param {string | undefined} etag the tag of the object that is replaced; without it there must be none
 */
export const r2Put = (slot, bucket, key, text, etag) => {
  const onlyIf = etag === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: etag };
  begin(slot, () =>
    bucket.put(key, text, { onlyIf }).then((object) => (object === null ? undefined : version(object))),
  );
};

/**
 * Stores a text, whatever is there.
 * @param {number} slot
 * @param {Bucket} bucket
 * @param {string} key
 * @param {string} text
 */
export const r2Replace = (slot, bucket, key, text) =>
  begin(slot, () => bucket.put(key, text, {}).then(() => undefined));

/**
 * @param {number} slot
 * @param {Bucket} bucket
 * @param {string} key
 */
export const r2Delete = (slot, bucket, key) => begin(slot, () => bucket.delete(key));

/**
 * Reports a page as JSON: the keys, and when each object was stored.
 * @param {number} slot
 * @param {Bucket} bucket
 * @param {string} prefix
 * @param {number} limit
 * @param {string | undefined} cursor
 * @param {string | undefined} startAfter
 */
export const r2List = (slot, bucket, prefix, limit, cursor, startAfter) =>
  begin(slot, () =>
    bucket.list({ prefix, limit, cursor, startAfter }).then(({ objects, truncated, cursor }) =>
      JSON.stringify({
        objects: objects.map(({ key, uploaded }) => [key, uploaded.getTime()]),
        cursor: truncated ? cursor : undefined,
      }),
    ),
  );
