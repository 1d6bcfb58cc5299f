// The built Worker as it is; Cloudflare Access, which is outside, answers with the keys of a test.
import worker from "BUILT";

const ADDRESS = "https://acme.cloudflareaccess.com/cdn-cgi/access/certs";
const fetchOutside = globalThis.fetch;
let asked = 0;

globalThis.fetch = (input, init) => {
  if (input !== ADDRESS) return fetchOutside.call(globalThis, input, init);
  asked += 1;
  console.log(`access keys asked for: ${asked}`);
  return Promise.resolve(new Response(JSON.stringify(KEYS)));
};

export default worker;
