// @ts-check
/**
 * The types of the plugin interface.
 *
 * @typedef {() => void} Stop  Takes back what was set up; calling it twice does no harm.
 *
 * @typedef {object} PluginContext  What `activate` gets. Everything set up through it ends with the plugin.
 * @property {string} apiVersion
 * @property {{name: string, title: string, version: string}} plugin
 * @property {{id: number, name: string, mode: string}} imageSet
 * @property {ImageFacts | null} image  Null on pages that show no image.
 * @property {{id: number, name: string, display_name: string, is_admin: boolean}} actor
 * @property {Readonly<Record<string, boolean>>} rights  For showing; the server decides.
 * @property {Readonly<Record<string, any>>} settings  Of this plugin in this image set.
 * @property {PluginApi} api  The plugin's own routes of this image set.
 * @property {ViewerFacade | null} viewer  Null on pages that show no image.
 * @property {PanelRegistry} panels
 * @property {ToolbarRegistry} toolbar
 * @property {ShortcutRegistry} shortcuts
 * @property {OverlayRegistry} overlays
 * @property {AnnotationFacade | null} annotations  Null on pages that show no image.
 * @property {JobFacade} jobs
 * @property {{info: (...what: unknown[]) => void, warn: (...what: unknown[]) => void, error: (...what: unknown[]) => void}} log
 * @property {AbortSignal} signal  Aborted when the plugin ends; hand it to requests.
 *
 * @typedef {object} ImageFacts
 * @property {number} id
 * @property {string} name
 * @property {number} width
 * @property {number} height
 * @property {number} size_z
 * @property {number} size_t
 * @property {number} size_c
 * @property {number | null} mpp_x
 * @property {number | null} mpp_y
 * @property {number | null} objective_power
 *
 * @typedef {object} PluginApi
 * @property {string} prefix
 * @property {(path: string) => string} url
 * @property {(path: string, query?: Record<string, any>, options?: import('../shell/api.js').RequestOptions) => Promise<any>} get
 * @property {(path: string, body?: unknown, options?: import('../shell/api.js').RequestOptions) => Promise<any>} post
 * @property {(path: string, body?: unknown, options?: import('../shell/api.js').RequestOptions) => Promise<any>} put
 * @property {(path: string, body?: unknown, options?: import('../shell/api.js').RequestOptions) => Promise<any>} patch
 * @property {(path: string, body?: unknown, options?: import('../shell/api.js').RequestOptions) => Promise<any>} delete
 * @property {typeof import('../shell/api.js').api} core  The platform's own API, paths below /api/v2.
 *
 * @typedef {object} View  Where the person looks; lengths are level-0 pixels.
 * @property {{x0: number, y0: number, x1: number, y1: number}} bounds  Upright rectangle around what is on the screen, cut to the image.
 * @property {{x: number, y: number}} center
 * @property {number} zoom  Screen px per image px.
 * @property {number} rotation  Degrees.
 * @property {boolean} flip
 * @property {{z: number, t: number, c: number}} frame
 *
 * @typedef {object} ViewerFacade
 * @property {() => View} view
 * @property {(event: 'view-changed'|'view-settled'|'frame-changed', listener: (view: View) => void) => Stop} on
 *   `view-changed` comes at most once per drawn frame, `view-settled` once the view rests.
 * @property {(place: {x?: number, y?: number, zoom?: number, rotation?: number} | {bounds: [number, number, number, number], margin?: number, largest?: number}) => void} goTo
 *   `bounds` are shown whole: `margin` is the part of the screen that they fill (0.6), `largest` the largest zoom (1).
 * @property {() => string} tool  What a click does: `select`, or the shape that is drawn, as in `polygon`.
 *
 * @typedef {object} PanelRegistry
 * @property {(id: string, fill: (element: HTMLElement) => void | Stop | Promise<void | Stop>) => Stop} mount
 *   Fills a panel that the server declared.
 *
 * @typedef {object} ToolbarRegistry
 * @property {(id: string, press: () => unknown) => Stop} onPress  Of a tool that the server declared.
 * @property {(id: string, pressed: boolean) => void} setPressed
 * @property {(id: string, enabled: boolean) => void} setEnabled
 *
 * @typedef {object} ShortcutRegistry
 * @property {(shortcut: {keys: string, title: string, run: () => unknown}) => Stop} add  Throws when the key is taken.
 * @property {(shortcuts: {keys: string, title: string, run: () => unknown, repeat?: boolean, when?: () => boolean}[]) => Stop} push
 *   Gives keys another meaning for as long as the plugin does something special, until it is taken back.
 *
 * @typedef {object} OverlayRegistry
 * @property {() => {id: string, title: string, visible: boolean, opacity: number}[]} list  Of this plugin.
 * @property {(id: string, change: {visible?: boolean, opacity?: number, refresh?: boolean}) => void} set
 * @property {(place: 'viewer'|'navigator', className?: string) => {element: HTMLElement, remove: Stop}} layer
 *   An element that always covers the whole image; percentages inside are parts of the image.
 *
 * @typedef {object} AnnotationFacade
 * @property {(event: 'changed'|'selected', listener: (ids: number[]) => void) => Stop}  on
 * @property {(ids: number[]) => Promise<void>} select
 * @property {() => number[]} selected
 * @property {() => Record<number, number>} counts  Shapes per annotation type.
 * @property {() => {id: number, name: string, color: string, product: {id: number, name: string}}[]} types
 * @property {() => void} refresh  Asks the server again, after the plugin changed something there.
 *
 * @typedef {object} JobFacade
 * @property {(id: number, listener: (job: any) => void) => Stop} watch  Until it has ended.
 * @property {(id: number) => Promise<any>} cancel
 */

export {};
