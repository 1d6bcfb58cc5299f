/** The Worker: `main` of a project's wrangler configuration. Its bindings are in docs/configuration.md. */
declare const worker: {
  fetch(request: Request, env: unknown, ctx: unknown): Promise<Response>;
  scheduled(controller: unknown, env: unknown, ctx: unknown): Promise<void>;
  queue(batch: unknown, env: unknown, ctx: unknown): Promise<void>;
};
export default worker;
