// Notes the memory of each WebAssembly instance that is made after this module.
export const memories = [];
WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
  construct(target, arguments_) {
    const instance = new target(...arguments_);
    memories.push(instance.exports.memory);
    return instance;
  },
});
