// @ts-check
/** Programs and textures of one WebGL2 context. */

/** A linked program and the places of its uniforms. */
export class Program {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {string} vertex
   * @param {string} fragment
   */
  constructor(gl, vertex, fragment) {
    this.gl = gl;
    this.program = /** @type {WebGLProgram} */ (gl.createProgram());
    const shaders = [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]].map(([kind, source]) => {
      const shader = /** @type {WebGLShader} */ (gl.createShader(/** @type {number} */ (kind)));
      gl.shaderSource(shader, /** @type {string} */ (source));
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
      return shader;
    });
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS) && !gl.isContextLost()) {
      const log = [gl.getProgramInfoLog(this.program), ...shaders.map((shader) => gl.getShaderInfoLog(shader))];
      throw new Error(`A drawing program does not fit this graphics driver: ${log.filter(Boolean).join(' ')}`);
    }
    for (const shader of shaders) gl.deleteShader(shader);
    /** @type {Map<string, WebGLUniformLocation | null>} */
    this.locations = new Map();
  }

  /** @param {string} name */
  at(name) {
    let location = this.locations.get(name);
    if (location === undefined) {
      location = this.gl.getUniformLocation(this.program, name);
      this.locations.set(name, location);
    }
    return location;
  }

  destroy() {
    this.gl.deleteProgram(this.program);
  }
}

/**
 * Creates a texture that is read texel by texel.
 * @param {WebGL2RenderingContext} gl
 * @param {number} filter
 */
export function createTexture(gl, filter = gl.NEAREST) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, filter);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, filter);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  return texture;
}

/** @typedef {{texture: WebGLTexture | null, shift: number}} TexelTexture  Texels in rows of 2 ** shift. */
/** @typedef {{version: number, paths: TexelTexture | null, ellipses: TexelTexture | null, points: TexelTexture | null}}
 *   CellTextures */

/** Textures of cells, uploaded when a cell is first drawn and freed when the store drops it. */
export class CellTextureCache {
  /** @type {Map<import('./cells.js').Cell, CellTextures>} */
  #held = new Map();

  /** @param {WebGL2RenderingContext} gl */
  constructor(gl) {
    this.gl = gl;
    this.largest = Number(gl.getParameter(gl.MAX_TEXTURE_SIZE)) || 2048;
  }

  /** @param {import('./cells.js').Cell} cell @returns {CellTextures} */
  of(cell) {
    const held = this.#held.get(cell);
    if (held?.version === cell.version) return held;
    if (held) this.drop(cell);
    const textures = {
      version: cell.version, paths: this.#upload(cell.paths), ellipses: this.#upload(cell.ellipses),
      points: this.#upload(cell.points),
    };
    this.#held.set(cell, textures);
    return textures;
  }

  /** @param {import('./cells.js').Texels} texels @returns {TexelTexture | null} */
  #upload({ data, count, shift }) {
    if (count === 0) return null;
    const { gl } = this;
    const texture = createTexture(gl);
    let rows = Math.ceil(count / 2 ** shift);
    let pixels = data;
    let widened = shift;
    if (rows > this.largest) {
      // Too tall for this driver: the same texels in the widest rows that it takes.
      widened = Math.floor(Math.log2(this.largest));
      rows = Math.min(this.largest, Math.ceil(count / 2 ** widened));
      pixels = new Float32Array(4 * 2 ** widened * rows);
      pixels.set(data.subarray(0, Math.min(4 * count, pixels.length)));
    }
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, 2 ** widened, rows, 0, gl.RGBA, gl.FLOAT, pixels);
    return { texture, shift: widened };
  }

  /** @param {import('./cells.js').Cell} cell */
  drop(cell) {
    const held = this.#held.get(cell);
    if (!held) return;
    for (const entry of [held.paths, held.ellipses, held.points]) if (entry) this.gl.deleteTexture(entry.texture);
    this.#held.delete(cell);
  }

  get size() {
    return this.#held.size;
  }

  clear() {
    for (const cell of [...this.#held.keys()]) this.drop(cell);
  }
}
