// @ts-check
/** A list of types that is put in order and into a tree: by dragging the grip, or with the arrow keys on it. */

/**
 * @typedef {import('./type_tree.js').Place} Place
 *
 * @typedef {object} TreeListOptions
 * @property {(id: number, key: string) => Place | null} placeOfKey
 * @property {(id: number, place: Place) => unknown} move
 * @property {(row: HTMLElement) => Place} after the place behind a row, among its siblings
 */

/**
 * @param {HTMLElement} list its children are the rows, each with `data-id` and `data-parent` and a `.grip` button
 * @param {TreeListOptions} options
 */
export function treeList(list, options) {
  const rows = () => /** @type {HTMLElement[]} */ ([...list.children]);

  list.addEventListener('keydown', (event) => {
    const row = rowOf(event.target);
    if (!row || !(event.target instanceof Element) || !event.target.closest('.grip') || !event.key.startsWith('Arrow')) return;
    event.preventDefault();
    const id = Number(row.dataset.id);
    const place = options.placeOfKey(id, event.key);
    if (place) options.move(id, place);
  });

  list.addEventListener('pointerdown', (event) => {
    const row = rowOf(event.target);
    const handle = event.target instanceof Element ? event.target.closest('.grip') : null;
    if (!row || !(handle instanceof HTMLElement) || event.button) return;
    handle.setPointerCapture(event.pointerId);
    row.toggleAttribute('data-dragging', true);
    /** @type {{row: HTMLElement, how: 'before' | 'into' | 'after'} | null} */
    let target = null;
    const mark = () => rows().forEach((each) => {
      if (target?.row === each) each.dataset.drop = target.how;
      else delete each.dataset.drop;
    });
    const drag = (/** @type {PointerEvent} */ move) => {
      const over = rows().find((each) => {
        const box = each.getBoundingClientRect();
        return move.clientY >= box.top && move.clientY < box.bottom;
      });
      target = over && over !== row ? { row: over, how: howOf(over, move.clientY) } : null;
      mark();
    };
    const end = (/** @type {Event} */ ended) => {
      handle.removeEventListener('pointermove', drag);
      handle.removeEventListener('pointerup', end);
      handle.removeEventListener('pointercancel', end);
      row.removeAttribute('data-dragging');
      const chosen = target;
      target = null;
      mark();
      if (!chosen || ended.type === 'pointercancel') return;
      options.move(Number(row.dataset.id), placeOf(chosen));
    };
    handle.addEventListener('pointermove', drag);
    handle.addEventListener('pointerup', end);
    handle.addEventListener('pointercancel', end);
  });

  /** The edges of a row mean beside it, its middle below it. @param {HTMLElement} over @param {number} y */
  function howOf(over, y) {
    const box = over.getBoundingClientRect();
    const part = (y - box.top) / box.height;
    return part < 0.3 ? 'before' : part > 0.7 ? 'after' : 'into';
  }

  /** @param {{row: HTMLElement, how: string}} chosen @returns {Place} */
  function placeOf({ row, how }) {
    const id = Number(row.dataset.id);
    if (how === 'into') return { parent: id, before: null };
    if (how === 'before') return { parent: Number(row.dataset.parent) || null, before: id };
    return options.after(row);
  }

  /** @param {EventTarget | null} element */
  function rowOf(element) {
    return rows().find((each) => element instanceof Node && each.contains(element)) ?? null;
  }
}
