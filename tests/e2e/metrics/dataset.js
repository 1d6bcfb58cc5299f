// The built Worker as it is, with a dataset that prints each data point, and can be one that throws.
import worker from "BUILT";

const METRICS = {
  writeDataPoint(point) {
    console.log(`data point ${JSON.stringify(point)}`);
    if (THROWS) throw new Error("no data point is taken");
  },
};

/** One object for each environment: the Worker keeps what it has read of it. */
const known = new WeakMap();

function withMetrics(env) {
  if (!known.has(env)) known.set(env, { ...env, METRICS });
  return known.get(env);
}

export default {
  fetch: (request, env, context) => worker.fetch(request, withMetrics(env), context),
  scheduled: (event, env, context) => worker.scheduled(event, withMetrics(env), context),
};
