// @ts-check
/** Imports into, and exports of, the image that is open. */

import { openExport } from '../shell/exchange/export_dialog.js';
import { openImport } from '../shell/exchange/import_dialog.js';
import { attachMenu } from '../shell/menu.js';
import { toast } from '../shell/toast.js';

/** @typedef {import('./workplace.js').Workplace} Workplace */

/**
 * @param {HTMLElement} button
 * @param {Workplace} at
 */
export function addExchange(button, at) {
  const { data, image } = at;
  const mayExport = Boolean(data.rights.export);
  if (!at.mayAnnotate && !mayExport) return;
  button.hidden = false;
  const place = { imageSetId: data.imageSet.id, imageId: image.id, imageName: image.name, version: data.version };
  attachMenu(button, () => [
    at.mayAnnotate && { label: 'Import annotations', icon: 'download', run: () => bringIn() },
    mayExport && { label: 'Export annotations', icon: 'upload', run: () => openExport({ ...place, rights: data.rights }) },
    { label: 'All imports and exports', icon: 'arrow-down-up', href: `/image-sets/${data.imageSet.id}/exchange` },
  ]);

  const bringIn = async () => {
    if (!(await at.journal.drained())) {
      toast('Your last changes are not saved yet.', { kind: 'warning', detail: 'Wait until the server can be reached, then import.' });
      return;
    }
    await openImport({ ...place, changed: () => at.lookAgain() });
  };
}
