// The built Worker as it is, and a log line with the metadata of each put to KV, as the runtime writes it.
import Worker from "BUILT";

export default class extends Worker {
  fetch(request) {
    const { RUNS } = this.env;
    if (!Object.hasOwn(RUNS, "put")) {
      const put = RUNS.put;
      RUNS.put = (key, value, options) => {
        console.log(`kv metadata ${JSON.stringify(options.metadata)}`);
        return put.call(RUNS, key, value, options);
      };
    }
    return super.fetch(request);
  }
}
