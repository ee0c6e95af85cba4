// @ts-check
/** The shapes of annotations: what they are called and the icon that stands for each. */

/** @type {Record<string, {label: string, symbol: string}>} */
export const SHAPES = {
  point: { label: 'Point', symbol: 'circle-dot' },
  box: { label: 'Box', symbol: 'square' },
  ellipse: { label: 'Ellipse', symbol: 'circle' },
  line: { label: 'Line', symbol: 'slash' },
  polyline: { label: 'Polyline', symbol: 'waypoints' },
  polygon: { label: 'Polygon', symbol: 'pentagon' },
  rotated_box: { label: 'Rotated box', symbol: 'diamond' },
  multi_polygon: { label: 'Multi-polygon', symbol: 'shapes' },
  image: { label: 'Whole image', symbol: 'image' },
  absent: { label: 'Not in this image', symbol: 'ban' },
};

/** Colours that can be told apart on stained tissue, in the order in which new types get them. */
export const PALETTE = [
  '#e6194b', '#4363d8', '#ffe119', '#3cb44b', '#f58231', '#42d4f4', '#911eb4', '#f032e6', '#bfef45', '#469990',
  '#9a6324', '#fabed4', '#dcbeff', '#aaffc3', '#800000', '#000075',
];
