// @ts-check
/** Annotation types as a tree: in which order they are shown, and what moving one means. */

/**
 * @typedef {{id: number, parent_id?: number | null, sort_order?: number}} TreeType
 * @typedef {{parent: number | null, before: number | null}} Place below which type, and before which of its children; null for the top, and for the end
 */

/**
 * @template {TreeType} T
 * @typedef {{type: T, depth: number, children: number}} TreeRow
 */

/**
 * The types in the order in which a tree shows them; one whose parent is not among them stands at the top.
 * @template {TreeType} T
 * @param {T[]} types in their order
 * @returns {TreeRow<T>[]}
 */
export function flatten(types) {
  const ids = new Set(types.map((type) => type.id));
  /** @type {Map<number | null, T[]>} */
  const below = new Map();
  for (const type of types) {
    const parent = type.parent_id && ids.has(type.parent_id) ? type.parent_id : null;
    below.set(parent, [...(below.get(parent) ?? []), type]);
  }
  /** @type {TreeRow<T>[]} */
  const rows = [];
  /** @param {T} type @param {number} depth */
  const add = (type, depth) => {
    const children = below.get(type.id) ?? [];
    rows.push({ type, depth, children: children.length });
    children.forEach((child) => add(child, depth + 1));
  };
  (below.get(null) ?? []).forEach((type) => add(type, 0));
  return rows;
}

/** A type and everything below it. @param {TreeType[]} types @param {number} id @returns {Set<number>} */
export function withDescendants(types, id) {
  const found = new Set([id]);
  for (let size = 0; size !== found.size;) {
    size = found.size;
    for (const type of types) if (type.parent_id && found.has(type.parent_id)) found.add(type.id);
  }
  return found;
}

/**
 * The types after one was put in another place, in their new order; null when the place lies below the type itself.
 * @template {TreeType} T
 * @param {T[]} types
 * @param {number} id
 * @param {Place} place
 * @returns {T[] | null}
 */
export function moved(types, id, { parent, before }) {
  const branch = withDescendants(types, id);
  if ((parent !== null && branch.has(parent)) || before === id) return null;
  const moving = types.find((type) => type.id === id);
  if (!moving) return null;
  const others = types.filter((type) => type.id !== id);
  const placed = { ...moving, parent_id: parent };
  const at = before === null ? others.length : others.findIndex((type) => type.id === before);
  return flatten([...others.slice(0, at), placed, ...others.slice(at)]).map((row) => row.type);
}

/**
 * Where an arrow key on a type puts it: up and down among its neighbours, right below the one above, left out of its parent.
 * @param {TreeType[]} types
 * @param {number} id
 * @param {string} key
 * @returns {Place | null} null when it cannot go there
 */
export function placeOfKey(types, id, key) {
  const rows = flatten(types);
  const row = rows.find(({ type }) => type.id === id);
  if (!row) return null;
  const parent = parentOf(types, row.type);
  const siblings = rows.filter(({ type }) => parentOf(types, type) === parent).map(({ type }) => type.id);
  const at = siblings.indexOf(id);
  if (key === 'ArrowUp') return at > 0 ? { parent, before: siblings[at - 1] } : null;
  if (key === 'ArrowDown') return at < siblings.length - 1 ? { parent, before: siblings[at + 2] ?? null } : null;
  if (key === 'ArrowRight') return at > 0 ? { parent: siblings[at - 1], before: null } : null;
  if (key === 'ArrowLeft' && parent !== null) {
    const above = types.find((type) => type.id === parent);
    const grand = above ? parentOf(types, above) : null;
    const aunts = rows.filter(({ type }) => parentOf(types, type) === grand).map(({ type }) => type.id);
    return { parent: grand, before: aunts[aunts.indexOf(parent) + 1] ?? null };
  }
  return null;
}

/** @param {TreeType[]} types @param {TreeType} type */
function parentOf(types, type) {
  return type.parent_id && types.some((other) => other.id === type.parent_id) ? type.parent_id : null;
}
