// @ts-check
/** Draws scenes with WebGL2. */

import { CellTextureCache, createTexture, Program } from './gl_resources.js';
import { PALETTE_SIDE } from './palette.js';
import {
  dotRadius, ellipseSegments, FILL_OPACITY, HIGHLIGHT, outlineWidth, POINT_BORDER, POINT_RADIUS,
} from './scene.js';
import * as shaders from './shaders.js';

/** @typedef {import('./cells.js').Cell} Cell */
/** @typedef {import('./gl_resources.js').TexelTexture} TexelTexture */
/** @typedef {import('./scene.js').Scene} Scene */

/** Quads of one draw call: as many as 16-bit indices reach. */
const QUADS_PER_CALL = 16384;
/** Segments in view from which outlines become plain one-pixel lines. */
const MOST_QUADS = 400_000;
/** Radius of dots in device px from which they are drawn as discs. */
const LARGEST_SPECK = 1.5;

/** One renderer for one canvas; loses and regains its context without help. */
export class WebGLRenderer {
  name = /** @type {const} */ ('webgl2');

  #paletteVersion = -1;

  /** @type {import('./heat.js').HeatPicture | null} */
  #heatPicture = null;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{onLost: () => void, onRestored: () => void}} events
   */
  constructor(canvas, events) {
    const gl = canvas.getContext('webgl2', {
      alpha: true, antialias: false, depth: false, stencil: true, premultipliedAlpha: true, desynchronized: false,
    });
    if (!gl) throw new Error('This browser has no WebGL2 to draw with.');
    this.canvas = canvas;
    this.gl = gl;
    this.lost = false;
    this.lostListener = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.lost = true;
      events.onLost();
    };
    this.restoredListener = () => {
      this.lost = false;
      this.#prepare();
      events.onRestored();
    };
    canvas.addEventListener('webglcontextlost', this.lostListener);
    canvas.addEventListener('webglcontextrestored', this.restoredListener);
    this.#prepare();
  }

  #prepare() {
    const { gl } = this;
    this.textures = new CellTextureCache(gl);
    this.programs = {
      outline: new Program(gl, shaders.OUTLINE_VERTEX, shaders.OUTLINE_FRAGMENT),
      ellipse: new Program(gl, shaders.ELLIPSE_VERTEX, shaders.OUTLINE_FRAGMENT),
      thin: new Program(gl, shaders.THIN_VERTEX, shaders.FLAT_FRAGMENT),
      fill: new Program(gl, shaders.FILL_VERTEX, shaders.NOTHING_FRAGMENT),
      fillEllipse: new Program(gl, shaders.FILL_ELLIPSE_VERTEX, shaders.NOTHING_FRAGMENT),
      cover: new Program(gl, shaders.COVER_VERTEX, shaders.COVER_FRAGMENT),
      point: new Program(gl, shaders.POINT_VERTEX, shaders.POINT_FRAGMENT),
      speck: new Program(gl, shaders.POINT_VERTEX, shaders.SPECK_FRAGMENT),
      heat: new Program(gl, shaders.HEAT_VERTEX, shaders.HEAT_FRAGMENT),
    };
    this.typeTexture = createTexture(gl);
    this.authorTexture = createTexture(gl);
    this.heatTexture = createTexture(gl, gl.LINEAR);
    this.#paletteVersion = -1;
    this.#heatPicture = null;
    this.vertexArray = gl.createVertexArray();
    this.indices = gl.createBuffer();
    gl.bindVertexArray(this.vertexArray);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.indices);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, quadIndices(), gl.STATIC_DRAW);
  }

  get uploaded() {
    return this.textures?.size ?? 0;
  }

  /** @param {Cell} cell */
  drop(cell) {
    if (!this.lost) this.textures?.drop(cell);
  }

  /**
   * @param {Scene} scene
   * @returns {import('./scene.js').Drawn}
   */
  draw(scene) {
    const { gl } = this;
    const drawn = { cells: 0, shapes: 0, vertices: 0 };
    if (this.lost || gl.isContextLost()) return drawn;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clearStencil(0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.STENCIL_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindVertexArray(this.vertexArray ?? null);
    this.#bindPalette(scene.palette);
    if (scene.heat) this.#drawHeat(scene, scene.heat);
    if (scene.fill) this.#fill(scene, scene.cells, FILL_OPACITY);
    this.#fill(scene, scene.highlighted, FILL_OPACITY * 1.4);
    this.#outline(scene, scene.cells, 1);
    this.#outline(scene, scene.highlighted, HIGHLIGHT);
    for (const cell of scene.cells) this.#points(scene, cell, 1);
    for (const cell of scene.highlighted) this.#points(scene, cell, HIGHLIGHT);
    for (const cell of scene.cells) {
      drawn.cells += 1;
      drawn.shapes += cell.n - cell.suppressed;
      drawn.vertices += cell.vertices;
    }
    return drawn;
  }

  /** @param {import('./palette.js').Palette} palette */
  #bindPalette(palette) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.typeTexture ?? null);
    const isNew = this.#paletteVersion !== palette.version;
    if (isNew) {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, PALETTE_SIDE, PALETTE_SIDE, 0, gl.RGBA, gl.UNSIGNED_BYTE,
        palette.typeTexels);
    }
    gl.activeTexture(gl.TEXTURE2);
    gl.bindTexture(gl.TEXTURE_2D, this.authorTexture ?? null);
    if (isNew) {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, PALETTE_SIDE, PALETTE_SIDE, 0, gl.RED, gl.UNSIGNED_BYTE,
        palette.authorTexels);
    }
    this.#paletteVersion = palette.version;
    gl.activeTexture(gl.TEXTURE0);
  }

  /**
   * Takes a program up and sets what holds for the whole scene.
   * @param {Program} program
   * @param {Scene} scene
   */
  #use(program, { transform, ratio, palette }) {
    const { gl } = this;
    gl.useProgram(program.program);
    gl.uniform1i(program.at('u_texels'), 0);
    gl.uniform1i(program.at('u_types'), 1);
    gl.uniform1i(program.at('u_authors'), 2);
    gl.uniform1i(program.at('u_everyone'), palette.isEveryoneVisible ? 1 : 0);
    gl.uniform2f(program.at('u_screen'), this.canvas.width, this.canvas.height);
    const { a, b, c, d } = transform;
    gl.uniformMatrix2fv(program.at('u_matrix'), false, [a * ratio, b * ratio, c * ratio, d * ratio]);
  }

  /**
   * Points a program at the texels of one cell. The cell's corner is placed in doubles, so that nothing shakes far out.
   * @param {Program} program
   * @param {Scene} scene
   * @param {{originX: number, originY: number}} cell
   * @param {TexelTexture} texels
   */
  #place(program, { transform: t, ratio }, cell, texels) {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, texels.texture);
    gl.uniform1i(program.at('u_shift'), texels.shift);
    gl.uniform2f(program.at('u_origin'), (t.a * cell.originX + t.c * cell.originY + t.e) * ratio,
      (t.b * cell.originX + t.d * cell.originY + t.f) * ratio);
  }

  /**
   * @param {Program} program
   * @param {number} first
   * @param {number} count
   */
  #quads(program, first, count) {
    const { gl } = this;
    for (let done = 0; done < count; done += QUADS_PER_CALL) {
      gl.uniform1i(program.at('u_first'), first + done);
      gl.drawElements(gl.TRIANGLES, 6 * Math.min(QUADS_PER_CALL, count - done), gl.UNSIGNED_SHORT, 0);
    }
  }

  /**
   * @param {Scene} scene
   * @param {Cell[]} cells
   * @param {number} thickness
   */
  #outline(scene, cells, thickness) {
    const { gl, programs } = this;
    if (!programs || !this.textures || cells.length === 0) return;
    const width = outlineWidth(scene.lineWidth, scene.transform.scale, scene.ratio) * thickness;
    const segments = cells.reduce((sum, cell) => sum + cell.paths.count, 0);
    const program = segments > MOST_QUADS ? programs.thin : programs.outline;
    this.#use(program, scene);
    gl.uniform1f(program.at('u_half'), width / 2);
    for (const cell of cells) {
      const texels = this.textures.of(cell).paths;
      if (!texels) continue;
      this.#place(program, scene, cell, texels);
      if (program === programs.outline) this.#quads(program, 0, cell.paths.count - 1);
      else {
        gl.uniform1i(program.at('u_first'), 0);
        gl.drawArrays(gl.LINES, 0, 2 * (cell.paths.count - 1));
      }
    }
    this.#use(programs.ellipse, scene);
    gl.uniform1f(programs.ellipse.at('u_half'), width / 2);
    for (const cell of cells) {
      this.#ellipses(programs.ellipse, scene, cell, (steps, first, count) => {
        this.#quads(programs.ellipse, first * steps, count * steps);
      });
    }
  }

  /**
   * @param {Program} program in use
   * @param {Scene} scene
   * @param {Cell} cell
   * @param {(segments: number, first: number, count: number) => void} draw
   */
  #ellipses(program, scene, cell, draw) {
    const texels = this.textures?.of(cell).ellipses;
    if (!texels) return;
    this.#place(program, scene, cell, texels);
    for (let range = 0; range < cell.ellipseRanges.length; range += 3) {
      const [first, count, radius] = cell.ellipseRanges.subarray(range, range + 3);
      const segments = ellipseSegments(radius * scene.transform.scale * scene.ratio);
      this.gl.uniform1i(program.at('u_segments'), segments);
      draw(segments, first, count);
    }
  }

  /**
   * Fills areas, holes left out: per type the stencil counts windings, then one triangle colours what is wound around.
   * @param {Scene} scene
   * @param {Cell[]} cells
   * @param {number} opacity
   */
  #fill(scene, cells, opacity) {
    const { gl, programs } = this;
    if (!programs || cells.length === 0) return;
    const slots = new Set();
    for (const cell of cells) for (const slot of cell.typeSlots) slots.add(slot);
    gl.enable(gl.STENCIL_TEST);
    for (const slot of slots) {
      if (!scene.palette.isTypeVisible(slot)) continue;
      gl.colorMask(false, false, false, false);
      gl.stencilFunc(gl.ALWAYS, 0, 255);
      gl.stencilOpSeparate(gl.FRONT, gl.KEEP, gl.KEEP, gl.INCR_WRAP);
      gl.stencilOpSeparate(gl.BACK, gl.KEEP, gl.KEEP, gl.DECR_WRAP);
      this.#windPaths(scene, cells, slot);
      this.#windEllipses(scene, cells, slot);
      gl.colorMask(true, true, true, true);
      gl.stencilFunc(gl.NOTEQUAL, 0, 255);
      gl.stencilOp(gl.KEEP, gl.KEEP, gl.ZERO);
      gl.useProgram(programs.cover.program);
      const [red, green, blue] = scene.palette.color(slot).map((part) => (part / 255) * opacity);
      gl.uniform4f(programs.cover.at('u_color'), red, green, blue, opacity);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
    gl.disable(gl.STENCIL_TEST);
  }

  /** @param {Scene} scene @param {Cell[]} cells @param {number} slot */
  #windPaths(scene, cells, slot) {
    const { gl, programs } = this;
    if (!programs) return;
    this.#use(programs.fill, scene);
    for (const cell of cells) {
      for (let range = 0; range < cell.pathRanges.length; range += 3) {
        if (cell.pathRanges[range] !== slot) continue;
        const texels = this.textures?.of(cell).paths;
        if (!texels) continue;
        this.#place(programs.fill, scene, cell, texels);
        gl.uniform1i(programs.fill.at('u_first'), cell.pathRanges[range + 1]);
        gl.drawArrays(gl.TRIANGLES, 0, 3 * (cell.pathRanges[range + 2] - 1));
      }
    }
  }

  /** @param {Scene} scene @param {Cell[]} cells @param {number} slot */
  #windEllipses(scene, cells, slot) {
    const { gl, programs } = this;
    if (!programs) return;
    const program = programs.fillEllipse;
    this.#use(program, scene);
    gl.uniform1i(program.at('u_only'), slot);
    for (const cell of cells) {
      if (cell.ellipses.count === 0 || !cell.typeSlots.includes(slot)) continue;
      this.#ellipses(program, scene, cell, (segments, first, count) => {
        gl.uniform1i(program.at('u_first'), first * segments);
        gl.drawArrays(gl.TRIANGLES, 0, 3 * count * segments);
      });
    }
  }

  /**
   * @param {Scene} scene
   * @param {Cell} cell
   * @param {number} thickness
   */
  #points(scene, cell, thickness) {
    const { gl, programs } = this;
    if (!programs || cell.points.count === 0) return;
    const texels = this.textures?.of(cell).points;
    if (!texels) return;
    const isDot = cell.kind === 'centroids';
    const radius = (isDot ? dotRadius(scene.transform.scale) : POINT_RADIUS) * scene.ratio * Math.sqrt(thickness);
    const isSpeck = isDot && radius < LARGEST_SPECK;
    const program = isSpeck ? programs.speck : programs.point;
    this.#use(program, scene);
    this.#place(program, scene, cell, texels);
    gl.uniform1f(program.at('u_radius'), isSpeck ? shaders.SPECK_RADIUS : radius);
    gl.uniform1f(program.at('u_border'), isDot ? 0 : POINT_BORDER * scene.ratio * thickness);
    gl.uniform1i(program.at('u_first'), 0);
    gl.drawArrays(gl.POINTS, 0, cell.points.count);
  }

  /** @param {Scene} scene @param {import('./heat.js').HeatPicture} heat */
  #drawHeat(scene, heat) {
    const { gl, programs } = this;
    if (!programs) return;
    const program = programs.heat;
    gl.bindTexture(gl.TEXTURE_2D, this.heatTexture ?? null);
    if (this.#heatPicture !== heat) {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, heat.width, heat.height, 0, gl.RGBA, gl.UNSIGNED_BYTE,
        new Uint8Array(heat.pixels.buffer));
      this.#heatPicture = heat;
    }
    this.#use(program, scene);
    const [x0, y0, x1, y1] = heat.box;
    this.#place(program, scene, { originX: x0, originY: y0 }, { texture: this.heatTexture ?? null, shift: 0 });
    gl.uniform1i(program.at('u_heat'), 0);
    gl.uniform2f(program.at('u_size'), x1 - x0, y1 - y0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  destroy() {
    const { gl } = this;
    this.canvas.removeEventListener('webglcontextlost', this.lostListener);
    this.canvas.removeEventListener('webglcontextrestored', this.restoredListener);
    this.textures?.clear();
    for (const program of Object.values(this.programs ?? {})) program.destroy();
    for (const texture of [this.typeTexture, this.authorTexture, this.heatTexture]) gl.deleteTexture(texture ?? null);
    gl.deleteBuffer(this.indices ?? null);
    gl.deleteVertexArray(this.vertexArray ?? null);
    // Browsers allow few contexts at a time: give this one back now and not at the next collection.
    gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}

/** Two triangles for each quad of four vertices. */
function quadIndices() {
  const indices = new Uint16Array(6 * QUADS_PER_CALL);
  for (let quad = 0; quad < QUADS_PER_CALL; quad++) {
    const v = 4 * quad;
    indices.set([v, v + 1, v + 2, v + 2, v + 1, v + 3], 6 * quad);
  }
  return indices;
}
