// @ts-check
/** @param {import('exact/sdk').PluginContext} ctx */
export default function activate(ctx) {
  void ctx;
}
