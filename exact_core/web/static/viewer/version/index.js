// @ts-check
/** Versions on the page: the bar of one that is looked at, and differences from another one. */

import { $ } from '../../shell/html.js';
import { ChangesView } from './changes_view.js';
import { VersionBar } from './version_bar.js';

/** Connects both with the workplace. */
export class VersionView {
  /** @param {import('../workplace.js').Workplace} workplace */
  constructor(workplace) {
    this.at = workplace;
    this.changes = new ChangesView(workplace);
    if (workplace.data.version) this.bar = new VersionBar(workplace, $('.viewer__body'), (from) => this.compare(from));
  }

  async begin() {
    const from = Number(new URLSearchParams(location.search).get('diff'));
    if (Number.isSafeInteger(from) && from > 0) await this.changes.open(from);
  }

  /** @param {number} from the version's number */
  compare(from) {
    const address = new URL(location.href);
    address.searchParams.set('diff', String(from));
    history.replaceState(history.state, '', address);
    void this.changes.open(from);
  }
}
