// @ts-check
/** Small round signs over the picture, each at a place of the image and of the same size at every magnification. */

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {{x: number, y: number, sign: string, color: string, isStrong?: boolean}} Sign  ``x`` and ``y`` in image px. */

/** One layer of signs. */
export class Signs {
  /** @param {import('./stage.js').Stage} stage @param {HTMLElement} host @param {string} name of its class */
  constructor(stage, host, name) {
    this.stage = stage;
    this.svg = document.createElementNS(SVG, 'svg');
    this.svg.setAttribute('class', `rich signs ${name}`);
    this.svg.setAttribute('aria-hidden', 'true');
    host.append(this.svg);
    stage.on('change', () => this.#place());
  }

  /** @type {{element: SVGElement, x: number, y: number}[]} */
  #signs = [];

  /** @param {Sign[]} signs */
  show(signs) {
    this.#signs = signs.map(({ x, y, sign, color, isStrong }) => {
      const group = document.createElementNS(SVG, 'g');
      const disc = document.createElementNS(SVG, 'circle');
      const letter = document.createElementNS(SVG, 'text');
      disc.setAttribute('r', isStrong ? '11' : '8');
      disc.setAttribute('fill', color);
      letter.textContent = sign;
      group.append(disc, letter);
      return { element: group, x, y };
    });
    this.svg.replaceChildren(...this.#signs.map(({ element }) => element));
    this.#place();
  }

  #place() {
    for (const { element, x, y } of this.#signs) {
      const [left, top] = this.stage.toScreen([x, y]);
      element.setAttribute('transform', `translate(${left} ${top})`);
    }
  }
}
