// @ts-check
/**
 * The types that the annotation layer and its users share.
 *
 * Lengths are level-0 pixels of the image unless a name says px, which are CSS pixels of the screen. `[0, 0]` is the outer
 * corner of the image's first pixel, whose middle is `[0.5, 0.5]`.
 */

/**
 * @typedef {"point"|"box"|"ellipse"|"line"|"polyline"|"polygon"|"rotated_box"|"multi_polygon"|"image"|"absent"} ShapeName
 */
/** @typedef {[number, number]} Vertex */
/** @typedef {[number, number, number, number]} Box  x0, y0, x1, y1 */

/**
 * A geometry as the server's JSON writes it; one-ring shapes may say `points`.
 * @typedef {object} Geometry
 * @property {ShapeName} shape
 * @property {Vertex[][]} [rings]
 * @property {Vertex[]} [points]
 * @property {Vertex[][][]} [parts] of a multi polygon: rings by part, the outline first
 */

/** @typedef {{id: number, name: string, color: string, visible: boolean}} TypeStyle */
/** @typedef {{z: number, t: number, c: number}} Frame */

/**
 * What one view request asks for; the keys are the query parameters of `/annotation-view`.
 * @typedef {{x0: number, y0: number, x1: number, y1: number, scale: number, z: number, t: number, c: number,
 *   limit: number}} ViewParams
 */

/**
 * An annotation as the server's JSON writes it. A shape that is not saved yet has no `id` and no `revision`.
 * @typedef {object} AnnotationJson
 * @property {string} [uuid]
 * @property {number | null} [id]
 * @property {number} type_id
 * @property {Geometry} geometry
 * @property {Frame} [frame]
 * @property {{id: number, name?: string} | null} [author]
 * @property {number | null} [revision]
 * @property {boolean} [deleted]
 */

/**
 * One annotation as the layer knows it.
 * @typedef {object} LayerShape
 * @property {number | null} id null until the server has named it
 * @property {string | null} uuid known for local edits only: views do not carry it
 * @property {number} typeId
 * @property {number} authorId 0 when unknown
 * @property {ShapeName | null} shape null for a centroid
 * @property {Geometry | null} geometry null for a centroid
 * @property {number} revision of the shape's last change; 0 when unknown
 * @property {Box} box
 */

/**
 * A hit of `pick`. `distance` is to the nearest edge (or centre of a point); `inside` says that the place lies in
 * the shape's area.
 * @typedef {LayerShape & {distance: number, inside: boolean}} Hit
 */

/** @typedef {"shapes" | "centroids" | "summary"} ViewKind */

/**
 * What was drawn last, and what is held.
 * @typedef {object} LayerStatistics
 * @property {"webgl2" | "canvas2d"} renderer
 * @property {ViewKind | null} kind
 * @property {number} revision
 * @property {number} cells held
 * @property {number} shapes held
 * @property {number} vertices held
 * @property {number} drawnCells
 * @property {number} drawnShapes
 * @property {number} drawnVertices
 * @property {number} uploadedCells whose copies the GPU holds
 * @property {number} frameMs CPU time of the last frame
 * @property {number} frames drawn so far
 * @property {number} requests sent so far
 * @property {boolean} loading or about to
 * @property {boolean} worker whether views are decoded away from the page's thread
 */

/**
 * Called after each view that arrived, for counters and states of the page.
 * @typedef {{kind: ViewKind, revision: number, n: number, box: Box}} LoadedView
 */

/**
 * @typedef {object} LayerOptions
 * @property {import('openseadragon').Viewer} viewer
 * @property {{width: number, height: number}} imageSize of level 0
 * @property {(params: ViewParams, signal: AbortSignal) => Promise<ArrayBuffer>} fetchView
 * @property {Map<number, TypeStyle>} types
 * @property {(error: Error) => void} [onError] told once per series of failures
 * @property {(view: LoadedView) => void} [onLoaded]
 * @property {Frame} [frame] default: z 0, t 0, c -1
 * @property {number} [limit] most shapes of one view, default 20 000
 * @property {"webgl2" | "canvas2d"} [renderer] to force one; the best that works by default
 */

/**
 * The drawn annotations of one image.
 * @typedef {object} AnnotationLayer
 * @property {(frame: Frame) => void} setFrame shows another focus plane, time point or channel
 * @property {() => void} refresh asks for the view again, after somebody changed something
 * @property {(annotation: AnnotationJson) => void} upsert
 *   Shows a local edit at once. It stays on top of fetched data until a fetched revision includes it (an edit without
 *   `revision` stays until it is upserted again with one). An annotation with `deleted: true` is hidden likewise.
 * @property {(key: number | string, revision?: number) => void} remove
 *   By id or uuid; again with the revision once it is known.
 * @property {(key: number | string) => void} forget drops the local edit: what the server says counts again
 * @property {(typeId: number, visible: boolean) => void} setTypeVisible
 * @property {(typeId: number, color: string) => void} setTypeColor `#rrggbb` or `#rgb`
 * @property {(types: Map<number, TypeStyle>) => void} setTypes
 * @property {(authorId: number, visible: boolean) => void} setAuthorVisible
 * @property {(opacity: number) => void} setOpacity 0 to 1
 * @property {(fill: boolean) => void} setFill
 * @property {(px: number) => void} setLineWidth
 * @property {(visible: boolean) => void} setVisible the whole layer
 * @property {(ids: Set<number | string>) => void} setHidden ids or uuids which somebody else draws
 * @property {(ids: Set<number | string>) => void} setHighlighted drawn thicker and filled, as under the mouse
 * @property {(point: {x: number, y: number}, tolerancePx?: number) => Hit[]} pick best first; never what is invisible
 * @property {(rect: Box) => LayerShape[]} pickBox what lies wholly inside the rectangle
 * @property {(key: number | string) => LayerShape | null} get by id or uuid, among what is loaded
 * @property {number} revision of the newest view; 0 before the first
 * @property {ViewKind | null} kind of the newest view
 * @property {() => LayerStatistics} statistics
 * @property {() => void} destroy
 */

export {};
