// The built Worker as it is, and a log line with the metadata of each put to KV, as the runtime writes it.
import worker from "BUILT";

export default {
  ...worker,
  fetch(request, env, context) {
    const { RUNS } = env;
    if (!Object.hasOwn(RUNS, "put")) {
      const put = RUNS.put;
      RUNS.put = (key, value, options) => {
        console.log(`kv metadata ${JSON.stringify(options.metadata)}`);
        return put.call(RUNS, key, value, options);
      };
    }
    return worker.fetch(request, env, context);
  },
};
