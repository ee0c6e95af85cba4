/**
 * Types of the plugin interface in the browser, for completion and checks in plain JavaScript:
 *
 *     // @ts-check
 *     /** @param {import('exact/sdk').PluginContext} ctx *\/
 *     export default function activate(ctx) { … }
 *
 * Browser API 1.0. docs/javascript.md explains each member.
 */
declare module 'exact/sdk' {
  /** Takes back what was set up; calling it twice does no harm. */
  export type Stop = () => void;

  /** What `activate` gets. Everything set up through it ends with the plugin. */
  export interface PluginContext {
    /** Version of this interface. */
    apiVersion: string;
    plugin: { name: string; title: string; version: string };
    imageSet: { id: number; name: string; mode: string };
    /** Null on pages that show no image. */
    image: ImageFacts | null;
    actor: { id: number; name: string; display_name: string; is_admin: boolean };
    /** For showing; the server decides. */
    rights: Readonly<Record<string, boolean>>;
    /** Of this plugin in this image set. */
    settings: Readonly<Record<string, any>>;
    /** The plugin's own routes of this image set. */
    api: PluginApi;
    /** Null on pages that show no image. */
    viewer: ViewerFacade | null;
    panels: PanelRegistry;
    toolbar: ToolbarRegistry;
    shortcuts: ShortcutRegistry;
    overlays: OverlayRegistry;
    /** Null on pages that show no image. */
    annotations: AnnotationFacade | null;
    jobs: JobFacade;
    /** Writes to the console under the plugin's name. */
    log: { info: (...what: unknown[]) => void; warn: (...what: unknown[]) => void; error: (...what: unknown[]) => void };
    /** Aborted when the plugin ends; hand it to requests. */
    signal: AbortSignal;
  }

  export interface ImageFacts {
    id: number;
    name: string;
    /** Level-0 pixels. */
    width: number;
    /** Level-0 pixels. */
    height: number;
    size_z: number;
    size_t: number;
    size_c: number;
    /** Micrometres per level-0 pixel; null when the file does not say. */
    mpp_x: number | null;
    mpp_y: number | null;
    objective_power: number | null;
  }

  export interface PluginApi {
    prefix: string;
    url: (path: string) => string;
    get: (path: string, query?: Record<string, any>, options?: RequestOptions) => Promise<any>;
    post: (path: string, body?: unknown, options?: RequestOptions) => Promise<any>;
    put: (path: string, body?: unknown, options?: RequestOptions) => Promise<any>;
    patch: (path: string, body?: unknown, options?: RequestOptions) => Promise<any>;
    delete: (path: string, body?: unknown, options?: RequestOptions) => Promise<any>;
    /** The platform's own API, paths below /api/v2. */
    core: CoreApi;
  }

  export interface CoreApi {
    get: (path: string, query?: Record<string, any>, options?: RequestOptions) => Promise<any>;
    post: (path: string, body?: any, options?: RequestOptions) => Promise<any>;
    patch: (path: string, body?: any, options?: RequestOptions) => Promise<any>;
    put: (path: string, body?: any, options?: RequestOptions) => Promise<any>;
    delete: (path: string, body?: any, options?: RequestOptions) => Promise<any>;
  }

  export interface RequestOptions {
    /** Makes a repeat of a create harmless. */
    idempotencyKey?: string;
    signal?: AbortSignal;
    query?: Record<string, any>;
    headers?: Record<string, string>;
    /** Goes on when the page is left; for small bodies. */
    keepalive?: boolean;
    /** What to return; 'json' unless told. */
    as?: 'json' | 'binary' | 'response';
  }

  /** Where the person looks; lengths are level-0 pixels. */
  export interface View {
    /** Upright rectangle around what is on the screen, cut to the image. */
    bounds: { x0: number; y0: number; x1: number; y1: number };
    center: { x: number; y: number };
    /** Screen px per image px. */
    zoom: number;
    /** Degrees. */
    rotation: number;
    flip: boolean;
    frame: { z: number; t: number; c: number };
  }

  export interface ViewerFacade {
    view: () => View;
    /** `view-changed` comes at most once per drawn frame, `view-settled` once the view rests. */
    on: (event: 'view-changed' | 'view-settled' | 'frame-changed', listener: (view: View) => void) => Stop;
    /** `bounds` are shown whole: `margin` is the part of the screen that they fill (0.6), `largest` the largest zoom (1). */
    goTo: (
      place:
        | { x?: number; y?: number; zoom?: number; rotation?: number }
        | { bounds: [number, number, number, number]; margin?: number; largest?: number },
    ) => void;
    /** What a click does: `select`, or the shape that is drawn, as in `polygon`. */
    tool: () => string;
  }

  export interface PanelRegistry {
    /** Fills a panel that the server declared. */
    mount: (id: string, fill: (element: HTMLElement) => void | Stop | Promise<void | Stop>) => Stop;
  }

  export interface ToolbarRegistry {
    /** Of a tool that the server declared. */
    onPress: (id: string, press: () => unknown) => Stop;
    setPressed: (id: string, pressed: boolean) => void;
    setEnabled: (id: string, enabled: boolean) => void;
  }

  export interface ShortcutRegistry {
    /** Throws when the key is taken. */
    add: (shortcut: { keys: string; title: string; run: () => unknown }) => Stop;
    /** Gives keys another meaning for as long as the plugin does something special, until it is taken back. */
    push: (shortcuts: { keys: string; title: string; run: () => unknown; repeat?: boolean; when?: () => boolean }[]) => Stop;
  }

  export interface OverlayRegistry {
    /** Of this plugin. */
    list: () => { id: string; title: string; visible: boolean; opacity: number }[];
    set: (id: string, change: { visible?: boolean; opacity?: number; refresh?: boolean }) => void;
    /**
     * An element that always covers the whole image; percentages inside are parts of the image. In the viewer one CSS
     * pixel inside is one level-0 pixel, so divide by the zoom for what is as thick as on the screen.
     */
    layer: (place: 'viewer' | 'navigator', className?: string) => { element: HTMLElement; remove: Stop };
  }

  export interface AnnotationFacade {
    /** `changed` tells what this page did, not what others do; no numbers mean that many were changed at once. */
    on: (event: 'changed' | 'selected', listener: (ids: number[]) => void) => Stop;
    /** One request per number, at most 200. */
    select: (ids: number[]) => Promise<void>;
    selected: () => number[];
    /** Shapes per annotation type. */
    counts: () => Record<number, number>;
    types: () => { id: number; name: string; color: string; product: { id: number; name: string } }[];
    /** Asks the server again, after the plugin changed something there. */
    refresh: () => void;
  }

  export interface JobFacade {
    /** Until it has ended. */
    watch: (id: number, listener: (job: any) => void) => Stop;
    cancel: (id: number) => Promise<any>;
  }

  /** What a hole of a template may hold: nodes and lists of them; everything else is text, never markup. */
  export type Hole = Node | string | number | boolean | null | undefined | readonly any[];

  /** DOM nodes from a template: one element when it has one root, else a fragment. */
  export function html(strings: TemplateStringsArray, ...values: any[]): any;
  /** Replace what is in an element. */
  export function render(target: Element, ...content: Hole[]): void;
  export function setStyle(element: HTMLElement, style: Record<string, string | number | null> | null): void;
  /** An icon of the platform; it is decoration, so say what it means beside it. */
  export function icon(name: string, classes?: string): SVGSVGElement;

  /** A short message in the corner; returns what closes it. */
  export function toast(
    message: string,
    options?: {
      kind?: 'info' | 'success' | 'warning' | 'error';
      detail?: string;
      action?: { label: string; run: () => unknown };
      /** 0 keeps it until it is closed. */
      seconds?: number;
    },
  ): () => void;
  /** Say what failed; aborted requests say nothing. */
  export function showError(error: unknown, what?: string): void;

  export interface DialogOptions {
    title: string;
    /** Nodes or text. */
    body: any;
    /** Text of the main button; without one there is only Close. */
    action?: string;
    cancel?: string;
    danger?: boolean;
    size?: 'small' | 'wide' | '';
    /** May be async; a thrown error stays in the dialog. */
    submit?: (form: FormData, dialog: HTMLDialogElement) => unknown;
  }
  /** What `submit` gave, true without one, or null when it was cancelled. */
  export function openDialog(options: DialogOptions): Promise<any>;
  /** Ask before something that cannot be taken back. */
  export function confirmDialog(options: {
    title: string;
    body: any;
    action: string;
    danger?: boolean;
    submit?: DialogOptions['submit'];
  }): Promise<boolean>;

  /** What went wrong with a request, in words that can be shown; status 0: the server could not be reached. */
  export class ApiError extends Error {
    status: number;
    code: string;
    detail: string;
    body: any;
    constructor(status: number, code: string, detail: string, body?: any);
    /** Messages per field of a form, from a validation problem. */
    get fields(): Record<string, string>;
  }
  /** A key for a create that may be repeated; made once per intention, not per try. */
  export function idempotencyKey(): string;

  /** "3 hours ago" */
  export function ago(value: string | number | Date | null | undefined, now?: number): string;
  /** "22 Nov 2026, 14:05" */
  export function dateTime(value: string | number | Date | null | undefined): string;
  /** "1 image", "1,204 images" */
  export function plural(count: number, one: string, many?: string): string;
  /** "4 s", "3 min", "2 h 10 min" */
  export function duration(seconds: number): string;

  export interface MenuItem {
    label?: string;
    icon?: string;
    href?: string;
    keys?: string;
    danger?: boolean;
    checked?: boolean;
    run?: () => unknown;
    separator?: boolean;
    heading?: string;
  }
  /** Open a menu when a button is pressed. */
  export function attachMenu(button: HTMLElement, items: () => (MenuItem | null | false)[], align?: 'start' | 'end'): void;

  export function formatMicrometres(micrometres: number): string;
  export function formatSquareMicrometres(squareMicrometres: number): string;
  export function formatPixels(pixels: number, unit?: string): string;
  /** A number with three digits that count. */
  export function rounded(value: number): string;

  /** At most once per drawn frame, with the latest arguments. */
  export function perFrame<A extends any[]>(run: (...args: A) => void): (...args: A) => void;
  /** Once things have been quiet for a while, with the latest arguments. */
  export function afterRest<A extends any[]>(
    run: (...args: A) => void,
    ms: number,
  ): ((...args: A) => void) & { cancel: () => void };

  /** Version of this interface; its major number changes when a plugin could break. */
  export const API_VERSION: '1.0';
}
