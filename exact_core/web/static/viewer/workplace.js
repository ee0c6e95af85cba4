// @ts-check
/** The annotator's workplace: creates the parts of the page and connects them. */

import { api } from '../shell/api.js';
import { afterRest } from '../sdk/timing.js';
import { $ } from '../shell/html.js';
import { toast } from '../shell/toast.js';
import { addAdjustments } from './adjustments.js';
import { Commands } from './commands.js';
import { Counts, countRows } from './counts.js';
import { parseView } from './deep_link.js';
import { defaultSize } from './default_shape.js';
import { Edits, sent } from './edits.js';
import { addFrameControls } from './frame_controls.js';
import { Gestures } from './gestures.js';
import { itemFromJson, itemFromLayer, keyOf } from './items.js';
import { Journal } from './journal.js';
import { openJournalStorage } from './journal_storage.js';
import { createAnnotationLayer } from './layer/index.js';
import { preferences, remember } from './layout.js';
import { syncAddress } from './link_sync.js';
import { Overlay } from './overlay.js';
import { Overview } from './overview.js';
import { DetailsPanel } from './panels/details_panel.js';
import { LayersPanel } from './panels/layers_panel.js';
import { TypesPanel } from './panels/types_panel.js';
import { PluginOverlays, addPluginTools, viewerFacade } from './plugin_page.js';
import { addReadouts } from './readouts.js';
import { SaveChip } from './save_chip.js';
import { Selection } from './selection.js';
import { addShortcuts } from './shortcuts.js';
import { typeKeys } from './shapes.js';
import { Stage } from './stage.js';
import { ToolRack } from './tool_rack.js';
import { UndoStack } from './undo.js';
import { addTurnControls, addZoomControls } from './view_controls.js';

/**
 * @typedef {import('./types.js').Bootstrap} Bootstrap
 * @typedef {import('./items.js').Item} Item
 * @typedef {import('./stage.js').TileFrame} TileFrame
 * @typedef {import('./deep_link.js').View} View
 * @typedef {import('./journal.js').JournalStorage} JournalStorage
 */

/** More selected shapes than this stay with the layer, which only highlights them. */
const MOST_RICH = 60;
const REFRESH_MS = 20_000;

/** Everything on the page of one readable image. */
export class Workplace {
  /** @param {Bootstrap} data @returns {Promise<Workplace>} */
  static async open(data) {
    const link = parseView(location.hash);
    const stage = new Stage($('#stage'), data.image);
    await stage.open(firstFrame(data.image, link));
    const storage = await openJournalStorage(`${data.actor.id}:${data.image.id}`);
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
    this.whyNot = data.imageSet.is_locked ? 'This image set is locked.' : 'You may look at this image set, but not annotate in it.';
    this.display = { fill: false, opacity: 1, width: 2, ...preferences().display, visible: true };
    this.selection = new Selection();
    this.#openAt();
    this.layer = this.#createLayer();
    this.journal = this.#createJournal(storage);
    this.chip = new SaveChip($('#save'), this.journal, (problem) => this.edits.retry(problem));
    this.edits = new Edits({
      layer: this.layer,
      journal: this.journal,
      image: this.image,
      actor: { id: data.actor.id, name: data.actor.display_name || data.actor.name },
      frame: () => this.frame,
    });
    this.counts = new Counts(
      async () => countRows(await api.get(`/images/${this.image.id}/annotation-counts`)),
      () => this.journal.entries,
    );
    this.undo = this.#createUndo();
    this.overlay = new Overlay(stage, $('#stage-overlays'));
    this.commands = new Commands(this);
    this.rack = new ToolRack($('#tools'), this);
    this.gestures = new Gestures(stage, () => this.rack.tool);
    this.typesPanel = this.#createTypesPanel();
    this.details = this.#createDetails();
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
    new LayersPanel($('#layers'), this.pluginOverlays, preferences().layers ?? {}, (layers) => remember({ layers }));
    this.#connect();
    addShortcuts(this);
  }

  /** @type {Set<number>} */
  hiddenTypes = new Set();
  /** @type {Set<number>} */
  hiddenAuthors = new Set();
  /** @type {Map<number, number>} */
  imageLabels = new Map();
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
    this.stage.refresh();
    void this.counts.load();
    void this.undo.refresh();
    void this.#loadImageLabels();
    if (this.link.annotation) void this.selectById(this.link.annotation, this.link.x === undefined);
  }

  /** The frame that new shapes belong to and that the layer shows. @returns {import('./types.js').Frame} */
  get frame() {
    const { z, t } = this.stage.frame;
    return { z, t, c: -1 };
  }

  get zoom() {
    return this.stage.zoom;
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
      const json = await api.get(`/annotations/${id}`);
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

  #createLayer() {
    const types = new Map(this.types.map(({ id, name, color }) => [id, { id, name, color, visible: true }]));
    const layer = createAnnotationLayer({
      viewer: this.stage.viewer,
      imageSize: this.image,
      types,
      frame: this.frame,
      fetchView: (params, signal) => api.get(`/images/${this.image.id}/annotation-view`, params, { signal, as: 'binary' }),
      onError: (error) => this.#layerFailed(error),
      onLoaded: () => {
        this.#layerProblem?.();
        this.#layerProblem = null;
        $('#stage').dataset.shapes = String(layer.statistics().shapes);
      },
    });
    layer.setFill(this.display.fill);
    layer.setOpacity(this.display.opacity);
    layer.setLineWidth(this.display.width);
    return layer;
  }

  /** @type {(() => void) | null} */
  #layerProblem = null;

  /** @param {Error} error */
  #layerFailed(error) {
    this.#layerProblem ??= toast('Shapes could not be loaded; trying again.', { kind: 'warning', detail: error.message, seconds: 0 });
  }

  /** @param {import('./journal.js').JournalStorage} storage */
  #createJournal(storage) {
    const path = `/images/${this.image.id}/annotation-changes`;
    const lock = `exact-journal-${this.data.actor.id}-${this.image.id}`;
    const journal = new Journal({
      storage,
      send: async (operations, idempotencyKey) => {
        try {
          return await api.post(path, { operations: operations.map(sent) }, { idempotencyKey });
        } catch (error) {
          const { status, code, detail, body } = /** @type {any} */ (error);
          throw { status: status ?? 0, code: code ?? '', detail: detail ?? String(error), current: body?.current ?? null, retryAfter: body?.retry_after };
        }
      },
      exclusive: navigator.locks ? (run) => navigator.locks.request(lock, run) : undefined,
      onState: () => {
        this.chip?.show();
        this.counts?.changed();
      },
      onSaved: (entry, answer) => {
        this.edits.confirm(answer);
        this.undo.refreshSoon();
        this.counts.noteSaved(entry);
        this.#announce(answer.annotations.map((annotation) => annotation.id));
      },
      onProblem: (problem) => {
        this.edits.refuse(problem);
        this.counts.askSoon();
        this.undo.refreshSoon();
        toast(problem.kind === 'conflict' ? 'Somebody else changed this shape first.' : 'The server did not accept a change.', {
          kind: 'warning', detail: `${problem.label}: ${problem.message}`, seconds: 0,
          action: { label: 'Look', run: () => this.chip.showProblems() },
        });
      },
    });
    return journal;
  }

  #createUndo() {
    const path = `/images/${this.image.id}`;
    const buttons = { undo: /** @type {HTMLButtonElement} */ ($('#undo')), redo: /** @type {HTMLButtonElement} */ ($('#redo')) };
    const stack = new UndoStack({
      journal: this.journal,
      edits: this.edits,
      ask: () => api.get(`${path}/undo-state`),
      send: (which) => api.post(`${path}/${which}`, {}),
      show: (state) => {
        buttons.undo.disabled = !state.can_undo;
        buttons.redo.disabled = !state.can_redo;
        buttons.undo.dataset.tip = state.undo_label ? `Undo: ${state.undo_label}` : 'Undo';
        buttons.redo.dataset.tip = state.redo_label ? `Redo: ${state.redo_label}` : 'Redo';
      },
      tell: (message, kind, answer) => this.#tellUndo(message, kind, answer),
    });
    buttons.undo.addEventListener('click', () => this.commands.undo());
    buttons.redo.addEventListener('click', () => this.commands.redo());
    return stack;
  }

  /** @param {string} message @param {'info'|'warning'} kind @param {import('./journal.js').Answer} [answer] */
  #tellUndo(message, kind, answer) {
    const items = (answer?.annotations ?? []).filter((one) => !one.deleted).map(itemFromJson);
    const unseen = items.length > 0 && !this.commands.isInView(items);
    if (unseen || kind === 'warning') {
      const action = unseen ? { action: { label: 'Show', run: () => this.commands.goTo(items) } } : {};
      toast(message, { kind, seconds: 5, ...action });
    } else {
      this.flash(message);
    }
    this.counts.askSoon();
    this.#announce((answer?.annotations ?? []).map((one) => one.id));
  }

  #createTypesPanel() {
    const { data, commands } = this;
    return new TypesPanel($('#types'), {
      types: this.types.filter((type) => type.is_active || this.counts.ofType(type.id) > 0),
      keys: this.keys,
      counts: this.counts,
      active: () => this.rack.activeType?.id ?? null,
      tool: () => this.rack.shape,
      hiddenTypes: this.hiddenTypes,
      hiddenAuthors: this.hiddenAuthors,
      display: () => this.display,
      mayAnnotate: this.mayAnnotate,
      hasScale: Boolean(this.image.mpp_x),
      setUrl: data.imageSet.url,
      actorId: data.actor.id,
      imageLabels: this.imageLabels,
      choose: (type) => commands.chooseType(type),
      chooseShape: (shape) => this.rack.choose(shape),
      show: (typeId, visible) => this.showType(typeId, visible),
      solo: (typeId) => this.soloType(typeId),
      showAuthor: (authorId, visible) => this.showAuthor(authorId, visible),
      jump: (typeId, step) => void commands.jump(typeId, step),
      toggleImageLabel: (type) => void commands.toggleImageLabel(type),
      setDisplay: (change) => this.setDisplay(change),
    });
  }

  #createDetails() {
    const { data, commands } = this;
    return new DetailsPanel($('#details'), {
      selection: this.selection,
      types: this.types,
      image: this.image,
      actorId: data.actor.id,
      mayEdit: (item) => this.mayEdit(item),
      whyNot: this.mayAnnotate ? 'Somebody else drew this; only reviewers may change it.' : this.whyNot,
      relabel: (typeId) => commands.relabel(typeId),
      change: (item, patch, label) => void this.edits.update([item], () => patch, `${label} ${this.nameOf(item.typeId)}`),
      goTo: () => commands.goTo(this.selection.items),
      duplicate: () => commands.duplicate(),
      remove: () => commands.remove(),
      close: () => this.selection.clear(),
    });
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
  }

  #connect() {
    const note = syncAddress(() => this.#view(), (view) => this.#follow(view));
    this.stage.on('change', note);
    this.selection.onChange(note);
    this.frameListeners.add(note);
    this.stage.on('change', () => this.#showZoomed());
    this.selection.onChange(() => this.#selectionChanged());
    this.edits.onChange(({ changed, removed }) => {
      this.selection.replace(changed);
      this.selection.drop(removed);
      this.#drawRich();
    });
    this.stage.on('change', () => this.readouts.showPosition(this.gestures.position));
    $('#stage').addEventListener('pointermove', () => this.readouts.showPosition(this.gestures.position));
    $('#stage').addEventListener('pointerleave', () => this.readouts.showPosition(null));
    addEventListener('online', () => void this.journal.retryNow());
    addEventListener('beforeunload', (event) => {
      if (this.journal.waiting > 0 || this.rack.isDrawing) event.preventDefault();
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#lookAgain();
    });
    setInterval(() => document.visibilityState === 'visible' && this.#lookAgain(), REFRESH_MS);
  }

  /** Others annotate too: ask now and then what is new. */
  #lookAgain() {
    if (this.journal.waiting > 0) return;
    this.layer.refresh();
    void this.counts.load();
  }

  #selectionChanged() {
    this.#drawRich();
    this.details.render();
    this.typesPanel.renderKeepingFolds();
    for (const item of this.selection.items.slice(0, 1)) if (!item.isComplete && item.id && this.selection.size === 1) void this.#complete(item.id);
    const ids = this.selection.items.map((item) => item.id).filter((id) => id !== null);
    this.commands.tellSelected(ids);
  }

  /** @param {number} id */
  async #complete(id) {
    try {
      const json = await api.get(`/annotations/${id}`);
      const { single } = this.selection;
      if (!single || single.id !== id || single.isComplete) return;
      if (json.deleted) {
        this.selection.clear();
        this.layer.refresh();
        return;
      }
      const read = itemFromJson(json);
      const isEdited = single.revision === 0;
      this.selection.replace([isEdited ? { ...read, typeId: single.typeId, geometry: single.geometry, revision: 0 } : read]);
    } catch (error) {
      this.hint(error instanceof Error ? `The details could not be read: ${error.message}` : '');
    }
  }

  /** @param {Map<string | number, import('./types.js').Geometry>} [preview] */
  #drawRich(preview = new Map()) {
    const { items } = this.selection;
    const rich = items.length <= MOST_RICH ? items.filter((item) => this.display.visible) : [];
    this.layer.setHidden(new Set(rich.flatMap((item) => [item.id, item.uuid].filter((key) => key !== null))));
    this.layer.setHighlighted(new Set(items.length > MOST_RICH ? items.map(keyOf) : []));
    this.overlay.setShapes(rich.map((item) => ({
      key: keyOf(item),
      geometry: preview.get(keyOf(item)) ?? item.geometry,
      color: this.type(item.typeId)?.color ?? '#888888',
      editable: this.mayEdit(item) && items.length === 1,
    })));
  }

  /** @param {Map<string | number, import('./types.js').Geometry>} geometries */
  preview(geometries) {
    this.#drawRich(geometries);
  }

  /** @param {TileFrame} frame */
  setFrame(frame) {
    this.stage.setFrame(frame);
    this.layer.setFrame(this.frame);
    this.selection.clear();
    this.frameListeners.forEach((listener) => listener());
  }

  /** @param {Partial<{visible: boolean, fill: boolean, opacity: number, width: number}>} change */
  setDisplay(change) {
    Object.assign(this.display, change);
    const { visible, fill, opacity, width } = this.display;
    this.layer.setVisible(visible);
    this.layer.setFill(fill);
    this.layer.setOpacity(opacity);
    this.layer.setLineWidth(width);
    remember({ display: { fill, opacity, width } });
    this.#drawRich();
    this.typesPanel.renderKeepingFolds();
  }

  /** @param {number} typeId @param {boolean} visible */
  showType(typeId, visible) {
    if (visible) this.hiddenTypes.delete(typeId);
    else this.hiddenTypes.add(typeId);
    this.layer.setTypeVisible(typeId, visible);
    if (!visible) this.selection.set(this.selection.items.filter((item) => item.typeId !== typeId));
    this.typesPanel.renderKeepingFolds();
  }

  /** Show one type alone; the same again shows all. @param {number} typeId */
  soloType(typeId) {
    const others = this.types.filter((type) => type.id !== typeId);
    const isSolo = others.every((type) => this.hiddenTypes.has(type.id)) && !this.hiddenTypes.has(typeId);
    this.showType(typeId, true);
    others.forEach((type) => this.showType(type.id, isSolo));
  }

  /** @param {number} authorId @param {boolean} visible */
  showAuthor(authorId, visible) {
    if (visible) this.hiddenAuthors.delete(authorId);
    else this.hiddenAuthors.add(authorId);
    this.layer.setAuthorVisible(authorId, visible);
    this.typesPanel.renderKeepingFolds();
  }

  async #loadImageLabels() {
    const types = this.types.filter((type) => type.shapes[0] === 'image');
    if (types.length === 0) return;
    const answer = await api.get(`/images/${this.image.id}/annotation-counts`).catch(() => null);
    if (!answer) return;
    for (const row of countRows(answer)) {
      if (types.some((type) => type.id === row.type_id)) this.imageLabels.set(row.type_id, (this.imageLabels.get(row.type_id) ?? 0) + row.count);
    }
    this.typesPanel.renderKeepingFolds();
  }

  /** Shapes under the pointer, best first. @param {import('./gestures.js').Pointer} pointer @returns {Item[]} */
  pick(pointer) {
    const hits = this.layer.pick({ x: pointer.at[0], y: pointer.at[1] }, pointer.reach * this.stage.zoom);
    const items = hits.map((hit) => this.edits.current({ id: hit.id, uuid: hit.uuid }) ?? itemFromLayer(hit, this.frame));
    const selected = this.display.visible ? this.selection.items.filter((item) => this.commands.isUnder(item, pointer)) : [];
    return [...selected, ...items.filter((item) => item !== null && !this.selection.has(item))].filter((item) => item !== null);
  }

  /** @param {import('./types.js').Bounds} bounds @returns {Item[]} */
  pickBox(bounds) {
    return this.layer.pickBox(bounds).map((shape) => itemFromLayer(shape, this.frame)).filter((item) => item !== null);
  }

  /** @param {number[]} ids */
  #announce(ids) {
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
