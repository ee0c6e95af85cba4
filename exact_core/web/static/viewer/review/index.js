// @ts-check
/** Everything of the page that has to do with verifying: the state of the image, the walk, verdicts, decisions. */

import { api } from '../../shell/api.js';
import { afterRest } from '../../sdk/timing.js';
import { Adjudication } from './adjudication.js';
import { Marks } from './marks.js';
import { RegionFrames } from './region_frames.js';
import { StateBar } from './state_bar.js';
import { VerdictLine } from './verdict_line.js';
import { Walking } from './walking.js';

/** Connects the parts with the workplace. */
export class Review {
  /** @param {import('../workplace.js').Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
    this.line = new VerdictLine(workplace);
    this.marks = new Marks(workplace);
    this.bar = new StateBar(workplace, { walk: () => this.walking.toggle(), marks: this.marks });
    this.walking = new Walking(workplace, () => this.bar.verify());
    this.walking.onJudged(() => this.#said());
    this.regions = new RegionFrames(workplace);
    this.adjudication = new Adjudication(workplace);
  }

  async begin() {
    const { rights } = this.at.data;
    if (rights.verify) this.walking.restore();
    await this.bar.load();
    if (this.at.data.version) return this.marks.ask();
    this.regions.show(this.bar.review?.items ?? []);
    if (rights.verify) void api.post(`/images/${this.at.image.id}/review/opened`, {}).catch(() => undefined);
    const wanted = new URLSearchParams(location.search);
    const item = Number(wanted.get('adjudicate'));
    if (item && rights.adjudicate) {
      await this.adjudication.open(item);
      this.bar.draw();
    }
    else if (wanted.has('verify') && rights.verify) await this.walking.start();
  }

  /** Verdicts or states changed. */
  judged() {
    this.#said();
    this.regions.show(this.bar.review?.items ?? []);
    if (this.walking.isOpen) void this.walking.begin(this.walking.walk.filter, null);
  }

  /** Something was said of the selected shape. */
  judgedOne() {
    this.#said();
  }

  #said() {
    this.line.forget();
    void this.marks.ask();
  }

  /** Shapes were changed: an image that is in work now says so. */
  saved = afterRest(() => {
    if (this.bar.review && this.bar.state !== 'in_work') void this.bar.load();
  }, 1200);

  /** @returns {[string, string, () => unknown][]} keys for the registry */
  keys() {
    if (!this.at.data.rights.verify) return [];
    return [
      ['Shift+V', 'Verify one by one', () => this.walking.toggle()],
      ['Ctrl+Enter', 'Verify the image', () => void this.bar.verify()],
      ['N', 'Next image of your queue', () => void this.bar.next()],
    ];
  }
}
