// @ts-check
/** The annotator's workplace: creates the parts of the page and connects them. */

import { api } from '../shell/api.js';
import { afterRest } from '../sdk/timing.js';
import { $ } from '../shell/html.js';
import { toast } from '../shell/toast.js';
import { addAdjustments } from './adjustments.js';
import { Commands } from './commands.js';
import { Conflicts } from './conflicts.js';
import { Counts, countRows } from './counts.js';
import { parseView } from './deep_link.js';
import { defaultSize } from './default_shape.js';
import { Edits } from './edits.js';
import { addExchange } from './exchange.js';
import { addFrameControls } from './frame_controls.js';
import { stepAt } from './geometry.js';
import { Gestures } from './gestures.js';
import { Highlights } from './highlights.js';
import { itemFromJson } from './items.js';
import { memoryStorage, openJournalStorage } from './journal_storage.js';
import { preferences, remember } from './layout.js';
import { syncAddress } from './link_sync.js';
import { addLiveModel } from './live/index.js';
import { Overlay } from './overlay.js';
import { Overview } from './overview.js';
import { HistoryPanel } from './panels/history_panel.js';
import { ShapeHistory } from './panels/shape_history.js';
import { PluginOverlays, addPluginTools, viewerFacade } from './plugin_page.js';
import { Predictions } from './predictions/index.js';
import { addReadouts } from './readouts.js';
import { createJournal, createLabels, createUndo } from './saving.js';
import { SaveChip } from './save_chip.js';
import { SelectedShapes } from './selected_shapes.js';
import { Review } from './review/index.js';
import { Selection } from './selection.js';
import { createShapeLayer } from './shape_layer.js';
import { addShortcuts } from './shortcuts.js';
import { typeKeys } from './shapes.js';
import { createDetailsPanel, createLayersPanel, createSearchPanel, createTypesPanel } from './side_panels.js';
import { Stage } from './stage.js';
import { ToolRack } from './tool_rack.js';
import { addTurnControls, addZoomControls } from './view_controls.js';
import { VersionView } from './version/index.js';
import { Visibility } from './visibility.js';

/**
 * @typedef {import('./types.js').Bootstrap} Bootstrap
 * @typedef {import('./items.js').Item} Item
 * @typedef {import('./stage.js').TileFrame} TileFrame
 * @typedef {import('./deep_link.js').View} View
 * @typedef {import('./journal.js').JournalStorage} JournalStorage
 */

const REFRESH_MS = 20_000;

/** Everything on the page of one readable image. */
export class Workplace {
  /** @param {Bootstrap} data @returns {Promise<Workplace>} */
  static async open(data) {
    const link = parseView(location.hash);
    const stage = new Stage($('#stage'), data.image);
    await stage.open(firstFrame(data.image, link));
    const storage = data.version ? { ...memoryStorage(), survivesReload: true } : await openJournalStorage(`${data.actor.id}:${data.image.id}`);
    const workplace = new Workplace(data, stage, link, storage);
    await workplace.#begin(storage.survivesReload);
    return workplace;
  }

  /** @param {Bootstrap} data @param {Stage} stage @param {View} link @param {JournalStorage} storage */
  constructor(data, stage, link, storage) {
    this.data = data;
    this.image = data.image;
    this.stage = stage;
    this.link = link;
    this.types = data.types;
    this.keys = typeKeys(data.types.filter((type) => type.is_active));
    this.mayAnnotate = Boolean(data.rights.annotate) && !data.imageSet.is_locked;
    this.whyNot = data.version ? `This is version ${data.version.name}; a version stays as it was.`
      : data.imageSet.is_locked ? 'This image set is locked.' : 'You may look at this image set, but not annotate in it.';
    this.visibility = new Visibility(this);
    this.selection = new Selection();
    this.selected = new SelectedShapes(this);
    this.highlights = new Highlights(() => this.layer);
    this.#openAt();
    this.layer = createShapeLayer(this);
    this.journal = createJournal(this, storage);
    this.conflicts = new Conflicts($('#conflicts'), this);
    this.chip = new SaveChip($('#save'), this.journal, (problem) => this.edits.retry(problem), () => this.conflicts.show({ takeFocus: true }));
    this.edits = new Edits({
      layer: this.layer,
      journal: this.journal,
      image: this.image,
      actor: { id: data.actor.id, name: data.actor.display_name || data.actor.name },
      frame: () => this.frame,
      restore: (id) => this.#restore(id),
      step: () => stepAt(this.stage.zoom),
    });
    this.counts = new Counts(
      async () => countRows(await api.get(`/images/${this.image.id}/annotation-counts`, this.asOf)),
      () => this.journal.entries,
    );
    this.undo = createUndo(this);
    this.overlay = new Overlay(stage, $('#stage-overlays'));
    this.commands = new Commands(this);
    this.labels = createLabels(this);
    this.rack = new ToolRack($('#tools'), this);
    this.gestures = new Gestures(stage, () => this.rack.tool);
    this.typesPanel = createTypesPanel(this);
    this.review = new Review(this);
    this.details = createDetailsPanel(this);
    this.versions = new VersionView(this);
    this.shapeHistory = new ShapeHistory($('#shape-history'), this);
    this.history = new HistoryPanel($('#history'), this);
    this.changeListeners.add(() => this.history.changed());
    this.magnifications = addZoomControls($('#zoom'), stage, this.image);
    addAdjustments($('#view-tools'), stage);
    addTurnControls($('#view-tools'), stage, document.documentElement);
    this.readouts = addReadouts($('#readouts'), stage, this.image);
    this.overview = new Overview($('#overview'), stage, this.image, {
      isShown: preferences().overview ?? !matchMedia('(max-width: 52rem)').matches,
      remember: (overview) => remember({ overview }),
    });
    this.frames = addFrameControls($('#frames'), this.image, stage.frame, (frame) => this.setFrame(frame));
    this.pluginOverlays = new PluginOverlays(stage, this.image, this.overview.layers, $('#stage-overlays'), data.overlays);
    createLayersPanel(this);
    this.live = addLiveModel(this);
    addExchange($('#exchange'), this);
    this.search = createSearchPanel(this);
    this.predictions = new Predictions(this);
    this.#connect();
    addShortcuts(this);
  }

  /** @type {Set<(ids: number[]) => void>} */
  changeListeners = new Set();
  /** @type {Set<() => void>} */
  frameListeners = new Set();

  /** @param {boolean} survivesReload */
  async #begin(survivesReload) {
    this.edits.replay(await this.journal.open());
    if (!survivesReload) {
      toast('This browser keeps nothing for this page.', {
        kind: 'warning', detail: 'Changes that wait for the server are lost when the page is closed.',
      });
    }
    this.typesPanel.render();
    this.details.render();
    this.rack.choose('select');
    this.conflicts.show();
    this.stage.refresh();
    void this.counts.load();
    void this.labels.load();
    if (!this.data.version) void this.undo.refresh();
    void this.review.begin();
    void this.versions.begin();
    if (this.link.annotation) void this.selectById(this.link.annotation, this.link.x === undefined);
    if (this.link.search) void this.search.run(this.link.search);
  }

  /** The frame that new shapes belong to and that the layer shows. @returns {import('./types.js').Frame} */
  get frame() {
    const { z, t } = this.stage.frame;
    return { z, t, c: -1 };
  }

  get zoom() {
    return this.stage.zoom;
  }

  /** What requests say about the version that is looked at; nothing in the present. */
  get asOf() {
    return this.data.version ? { version: this.data.version.id } : {};
  }

  /** The page of another image of the set, of the same version. @param {number} id */
  addressOf(id) {
    return `/image-sets/${this.data.imageSet.id}/images/${id}${this.data.version ? `?version=${this.data.version.id}` : ''}`;
  }

  /** @param {Item} item */
  mayEdit(item) {
    return this.mayAnnotate && (Boolean(this.data.rights.edit_any) || item.author?.id === this.data.actor.id);
  }

  /** @param {number} typeId */
  type(typeId) {
    return this.types.find((type) => type.id === typeId) ?? null;
  }

  /** @param {number} typeId */
  nameOf(typeId) {
    return this.type(typeId)?.name ?? 'shape';
  }

  /** @param {import('./types.js').AnnotationType} type */
  placedSize(type) {
    return defaultSize(type, this.image, this.stage.zoom);
  }

  /** @param {string} text */
  hint(text) {
    const place = $('#stage-hint');
    place.hidden = text === '';
    place.textContent = text;
  }

  /** A hint that goes by itself. @param {string} text */
  flash(text) {
    this.hint(text);
    this.#endFlash(text);
  }

  #endFlash = afterRest((/** @type {string} */ text) => {
    if ($('#stage-hint').textContent === text) this.hint('');
  }, 2500);

  /** @param {number} id @param {boolean} goThere */
  async selectById(id, goThere) {
    try {
      const json = await api.get(`/annotations/${id}`, this.asOf);
      if (json.deleted || json.image_id !== this.image.id) throw new Error('It was deleted.');
      const item = itemFromJson(json);
      this.selection.set([item]);
      if (goThere) this.commands.goTo([item]);
    } catch (error) {
      toast('The shape of this link is not there any more.', { kind: 'warning', detail: error instanceof Error ? error.message : '' });
    }
  }

  /** @returns {import('../sdk/context.js').Page} */
  pluginPage() {
    const toolbar = addPluginTools($('#plugin-tools'), this.data.plugins, (keys, title, run) => this.addKey(keys, title, run));
    return {
      imageSet: this.data.imageSet,
      image: this.image,
      actor: this.data.actor,
      rights: this.data.rights,
      viewer: viewerFacade(this.stage, this.image, (listener) => {
        this.frameListeners.add(listener);
        return () => this.frameListeners.delete(listener);
      }),
      annotations: (guard) => this.commands.pluginFacade(guard),
      overlays: (plugin, guard) => this.pluginOverlays.facade(plugin, guard),
      toolbar,
    };
  }

  /** Set by the shortcuts. @type {(keys: string, title: string, run: () => void) => void} */
  addKey = () => undefined;

  #openAt() {
    const { x, y, zoom, rotation, flip } = this.link;
    if (x !== undefined || zoom !== undefined || rotation !== undefined || flip) {
      this.stage.goTo({ x, y, zoom, rotation: rotation ?? 0, flip: flip ?? false }, true);
    }
  }

  #showZoomed() {
    const { element } = this.stage;
    element.dataset.zoom = String(Number(this.stage.zoom.toPrecision(6)));
  }

  /** @returns {import('./deep_link.js').View} */
  #view() {
    const [x, y] = this.stage.centre;
    return {
      x, y, zoom: this.stage.zoom, rotation: this.stage.rotation, flip: this.stage.flip, frame: this.stage.frame,
      annotation: this.selection.single?.id ?? undefined,
      search: this.search?.isOpen && this.search.query ? this.search.query : undefined,
    };
  }

  /** @param {import('./deep_link.js').View} view */
  #follow(view) {
    if (view.frame) {
      this.frames.set(view.frame);
      this.setFrame(view.frame);
    }
    this.stage.goTo({ ...view, rotation: view.rotation ?? 0, flip: view.flip ?? false });
    if (view.annotation) void this.selectById(view.annotation, view.x === undefined);
    if (view.search && view.search !== this.search.query) void this.search.run(view.search);
  }

  /** To a hit of a search on this image, on the focus plane and time that it belongs to. @param {import('../shell/search/hits.js').Hit} hit */
  goToHit(hit) {
    const { z, t } = hit.frame;
    const frame = { ...this.stage.frame, ...(z >= 0 ? { z } : {}), ...(t >= 0 ? { t } : {}) };
    if (frame.z !== this.stage.frame.z || frame.t !== this.stage.frame.t) {
      this.frames.set(frame);
      this.setFrame(frame);
    }
    if (this.visibility.hiddenTypes.has(hit.type_id)) this.visibility.showType(hit.type_id, true);
    if (!this.visibility.display.visible) this.visibility.set({ visible: true });
    if (this.rack.shape !== null) this.rack.choose('select');
    void this.selectById(hit.id, true);
  }

  /** Many shapes were changed on the server, not by this page's journal. */
  changedElsewhere() {
    this.selection.clear();
    this.layer.refresh();
    void this.counts.load();
    void this.undo.refresh();
    this.announce([]);
  }

  /** Set when the page is connected. @type {() => void} */
  noteView = () => undefined;

  #connect() {
    const note = syncAddress(() => this.#view(), (view) => this.#follow(view));
    this.noteView = note;
    this.stage.on('change', note);
    this.selection.onChange(note);
    this.frameListeners.add(note);
    this.stage.on('change', () => this.#showZoomed());
    this.selection.onChange(() => this.selected.changed());
    this.edits.onChange(({ changed, removed }) => {
      this.selection.replace(changed);
      this.selection.drop(removed);
      this.selected.draw();
      this.labels.note(changed, removed);
    });
    this.stage.on('change', () => this.readouts.showPosition(this.gestures.position));
    $('#stage').addEventListener('pointermove', () => this.readouts.showPosition(this.gestures.position));
    $('#stage').addEventListener('pointerleave', () => this.readouts.showPosition(null));
    addEventListener('online', () => void this.journal.retryNow());
    addEventListener('beforeunload', (event) => {
      if (this.journal.waiting > 0 || this.rack.isDrawing) event.preventDefault();
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.lookAgain();
    });
    setInterval(() => document.visibilityState === 'visible' && this.lookAgain(), REFRESH_MS);
  }

  /** Others annotate too: ask now and then what is new. */
  lookAgain() {
    if (this.journal.waiting > 0 || this.data.version) return;
    this.layer.refresh();
    void this.counts.load();
    void this.labels.load();
  }

  /** The server changed many shapes at once: look at all of them again. */
  seeAgain() {
    this.layer.refresh();
    this.counts.askSoon();
    void this.undo.refresh();
    void this.selected.readAgain();
    this.announce([]);
  }

  /** Bring a deleted shape back. @param {number} id @returns {Promise<any>} the shape, or null when it cannot be */
  async #restore(id) {
    try {
      const report = await api.post(`/images/${this.image.id}/trash/restore`, { ids: [id] });
      return report.restored === 1 ? await api.get(`/annotations/${id}`) : null;
    } catch {
      return null;
    }
  }

  /** @param {TileFrame} frame */
  setFrame(frame) {
    this.stage.setFrame(frame);
    this.layer.setFrame(this.frame);
    this.selection.clear();
    void this.labels.load();
    this.frameListeners.forEach((listener) => listener());
  }

  /** Tell plugins which shapes changed. @param {number[]} ids */
  announce(ids) {
    this.changeListeners.forEach((listener) => listener(ids));
  }
}

/** The frame of the link, else the one that the file proposes. @param {import('./types.js').ImageInfo} image @param {View} link @returns {TileFrame} */
function firstFrame(image, link) {
  const told = parseView(`frame=${image.frames?.default ?? ''}`).frame;
  const { z, t, c } = link.frame ?? told ?? { z: 0, t: 0, c: /** @type {const} */ ('rgb') };
  return {
    z: Math.min(z, image.size_z - 1),
    t: Math.min(t, image.size_t - 1),
    c: c === 'rgb' ? c : Math.min(c, image.size_c - 1),
  };
}
