// @ts-check
/** A list whose rows can be put in another order: by dragging the grip, or with the arrow keys on it. */

/**
 * @param {HTMLElement} list its children are the rows, each with `data-id` and a `.grip` button
 * @param {(ids: number[]) => unknown} changed called with the new order
 * @param {(text: string) => unknown} say tells screen readers where a row went
 */
export function reorderable(list, changed, say) {
  const rows = () => /** @type {HTMLElement[]} */ ([...list.children]);
  const ids = () => rows().map((row) => Number(row.dataset.id));

  /**
   * @param {HTMLElement} row
   * @param {number} by
   */
  const move = (row, by) => {
    const all = rows();
    const at = all.indexOf(row);
    const to = Math.max(0, Math.min(all.length - 1, at + by));
    if (to === at) return;
    if (by < 0) all[to].before(row);
    else all[to].after(row);
    grip(row)?.focus();
    say(`Moved to place ${to + 1} of ${all.length}`);
    changed(ids());
  };

  /** @param {HTMLElement} row @returns {HTMLElement | null} */
  const grip = (row) => row.querySelector('.grip');

  list.addEventListener('keydown', (event) => {
    const row = rowOf(event.target);
    if (!row || !(event.target instanceof Element) || !event.target.closest('.grip')) return;
    const by = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    move(row, by);
  });

  list.addEventListener('pointerdown', (event) => {
    const row = rowOf(event.target);
    const handle = event.target instanceof Element ? event.target.closest('.grip') : null;
    if (!row || !(handle instanceof HTMLElement) || event.button) return;
    handle.setPointerCapture(event.pointerId);
    const before = ids().join();
    row.toggleAttribute('data-dragging', true);
    const drag = (/** @type {PointerEvent} */ moveEvent) => {
      const over = rows().find((each) => {
        const box = each.getBoundingClientRect();
        return each !== row && moveEvent.clientY > box.top && moveEvent.clientY < box.bottom;
      });
      if (!over) return;
      const isBelow = row.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING;
      const box = over.getBoundingClientRect();
      // Only past the middle, so that rows of different height do not jump to and fro.
      if (isBelow && moveEvent.clientY > box.top + box.height / 2) over.after(row);
      else if (!isBelow && moveEvent.clientY < box.top + box.height / 2) over.before(row);
    };
    const end = () => {
      handle.removeEventListener('pointermove', drag);
      row.removeAttribute('data-dragging');
      if (ids().join() !== before) changed(ids());
    };
    handle.addEventListener('pointermove', drag);
    handle.addEventListener('lostpointercapture', end, { once: true });
  });

  /** @param {EventTarget | null} element */
  function rowOf(element) {
    return rows().find((row) => element instanceof Node && row.contains(element)) ?? null;
  }
}
