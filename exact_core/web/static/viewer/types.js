// @ts-check
/**
 * The values that travel between the parts of the viewer page. This module has types only.
 *
 * @typedef {'point'|'box'|'ellipse'|'line'|'polyline'|'polygon'|'rotated_box'|'multi_polygon'|'image'|'absent'} Shape
 *
 * @typedef {[number, number]} XY  Level-0 pixels: x right, y down. The image reaches from 0 to its width; the middle of
 *   its first pixel is 0.5, 0.5.
 * @typedef {[number, number, number, number]} Bounds  x0, y0, x1, y1.
 *
 * @typedef {object} Geometry
 * @property {Shape} shape
 * @property {XY[][]} rings  One ring for every shape but polygons (outline, then holes) and multi polygons.
 * @property {boolean[]} [holes]  Of a multi polygon: which rings are holes of the outline before them.
 *
 * @typedef {{z: number, t: number, c: number}} Frame
 *
 * @typedef {object} Annotation
 * @property {number} id  The server's number; negative for a shape that the server has not confirmed yet.
 * @property {string} uuid
 * @property {number} type_id
 * @property {Geometry} geometry
 * @property {Frame} frame
 * @property {string} text
 * @property {Record<string, unknown>} attributes
 * @property {{id: number, name: string} | null} author
 * @property {string} [claimed_author]
 * @property {string} [created_at]
 * @property {string} [edited_at]
 * @property {number} revision
 * @property {boolean} [deleted]
 * @property {{id: number | null, name: string} | null} [changed_by]  In a conflict: who changed it last.
 *
 * @typedef {object} Operation
 * @property {'create'|'update'|'delete'} op
 * @property {string} [uuid]  A shape is named by its uuid, its id, or both.
 * @property {number} [id]
 * @property {number} [base_revision]  Left out of an operation that follows an unconfirmed one on the same shape.
 * @property {number} [type_id]
 * @property {object} [geometry]
 * @property {Frame} [frame]
 * @property {string} [text]
 * @property {Record<string, unknown>} [attributes]
 * @property {number} [was]  Of an update or delete: the type before. Never sent.
 * @property {Operation} [whole]  Of an update: how to draw the shape anew, should somebody have deleted it. Never sent.
 *
 * @typedef {import('../shell/attribute_fields.js').Definition} AttributeField
 *
 * @typedef {object} AnnotationType
 * @property {number} id
 * @property {string} name
 * @property {string} description
 * @property {Shape[]} shapes
 * @property {string} color
 * @property {string | null} key
 * @property {number | null} default_width
 * @property {number | null} default_height
 * @property {'um'|'px'} default_unit
 * @property {AttributeField[]} attributes
 * @property {boolean} is_active
 * @property {{id: number, name: string}} product
 * @property {string} example_url  Empty when there is none.
 * @property {number | null} [parent_id]  The type above it in the label tree.
 * @property {string} [external_id]
 * @property {string} [rank]
 *
 * @typedef {object} Level
 * @property {number} index
 * @property {number} width
 * @property {number} height
 * @property {number} downsample
 * @property {number} tile_width
 * @property {number} tile_height
 * @property {number} columns
 * @property {number} rows
 * @property {boolean} [native]
 *
 * @typedef {object} ImageInfo
 * @property {number} id
 * @property {string} name
 * @property {string} private_name  Empty without the right to see it.
 * @property {'probing'|'converting'|'ready'|'unreadable'} status
 * @property {string} status_reason
 * @property {number} width
 * @property {number} height
 * @property {number} size_z
 * @property {number} size_t
 * @property {number} size_c
 * @property {Record<string, any>} frames
 * @property {Level[]} levels
 * @property {number | null} mpp_x
 * @property {number | null} mpp_y
 * @property {number | null} objective_power
 * @property {string} content_version
 * @property {boolean} is_in_bin  Of an image that only versions show.
 *
 * @typedef {object} OverlayInfo  A picture that a plugin lays over the slide or its overview.
 * @property {string} id
 * @property {string} plugin
 * @property {string} title
 * @property {string} url
 * @property {('viewer'|'navigator')[]} places
 * @property {number} opacity
 * @property {boolean} is_shown
 * @property {boolean} is_tiled
 *
 * @typedef {import('../sdk/context.js').PluginEntry} PluginEntry
 *
 * @typedef {object} Bootstrap
 * @property {{id: number, name: string, display_name: string, is_admin: boolean}} actor
 * @property {{id: number, name: string, mode: string, is_blind: boolean, items: 'image'|'region'|'annotation', is_locked: boolean, url: string}} imageSet
 * @property {ImageInfo} image
 * @property {Record<string, boolean>} rights
 * @property {AnnotationType[]} types
 * @property {PluginEntry[]} plugins
 * @property {OverlayInfo[]} overlays
 * @property {{total: number, position: number, previous: number | null, next: number | null}} strip
 * @property {{id: number, name: string, revision: number, created_at: string, creator: string} | null} version  That is looked at, read only.
 * @property {import('./study.js').StudyPlace | null} [study]  The running study for which the image is read.
 */

export {};
