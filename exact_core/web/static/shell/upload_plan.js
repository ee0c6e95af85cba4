// @ts-check
/** Which chosen files go up alone, and which belong together: an MRXS slide and its folder, a DICOM series. */

/**
 * @typedef {object} Chosen a file with its place in what was chosen or dropped
 * @property {File} file
 * @property {string} path `folder/inner/name.ext`, or only the name
 */
/**
 * @typedef {object} Plan
 * @property {Chosen[]} single
 * @property {{folder: string, files: Chosen[]}[]} groups
 * @property {Chosen[]} skipped hidden files of file managers
 */

const INDEX = /\.(mrxs|vms|vmu)$/i;
const SERIES = /\.dcm$/i;

/** @param {string} path */
function parts(path) {
  return path.split('/').filter(Boolean);
}

/** @param {string} path */
function folderOf(path) {
  return parts(path).slice(0, -1).join('/');
}

/** @param {string} name */
function isClutter(name) {
  return name.startsWith('.') || name === '__MACOSX' || name === 'Thumbs.db' || name === 'desktop.ini';
}

/**
 * Files that need each other make one group per topmost folder, because only the server can tell which of them are
 * one slide; a picture that stands alone is an upload of its own, so that one failure holds up nothing else.
 * @param {Chosen[]} chosen
 * @returns {Plan}
 */
export function planUploads(chosen) {
  const skipped = chosen.filter(({ path }) => parts(path).some(isClutter));
  const files = chosen.filter((each) => !skipped.includes(each));
  const owned = ownedFolders(files);
  /** @type {Map<string, Chosen[]>} */
  const groups = new Map();
  /** @type {Chosen[]} */
  const single = [];
  for (const each of files) {
    const name = parts(each.path).at(-1) ?? '';
    const folder = folderOf(each.path);
    const belongs = INDEX.test(name) || SERIES.test(name) || !name.includes('.') || isInside(folder, owned);
    if (!belongs) {
      single.push(each);
      continue;
    }
    const top = parts(each.path).length > 1 ? parts(each.path)[0] : '';
    // Slides chosen without a folder stay apart by their own name: "a.mrxs" with "a/…", "b.mrxs" with "b/…".
    const key = INDEX.test(name) && !top ? name.replace(INDEX, '') : top;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return { single, groups: [...groups].map(([folder, members]) => ({ folder, files: members })), skipped };
}

/**
 * Folders whose every file belongs to a slide: the data folder of an MRXS file, the folder of a VMS file.
 * @param {Chosen[]} files
 */
function ownedFolders(files) {
  const owned = new Set();
  for (const { path } of files) {
    if (/\.mrxs$/i.test(path)) owned.add(path.replace(/\.mrxs$/i, ''));
    else if (/\.(vms|vmu)$/i.test(path)) owned.add(folderOf(path));
  }
  return owned;
}

/**
 * @param {string} folder
 * @param {Set<string>} owned
 */
function isInside(folder, owned) {
  const path = parts(folder);
  if (owned.has('') && !path.length) return true;
  return path.some((_, index) => owned.has(path.slice(0, index + 1).join('/')));
}

/**
 * Every file of a drop, folders included.
 * @param {DataTransfer} data
 * @returns {Promise<Chosen[]>}
 */
export async function droppedFiles(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => !!entry);
  if (!entries.length) return [...data.files].map((file) => ({ file, path: file.name }));
  /** @type {Chosen[]} */
  const found = [];
  for (const entry of entries) await walk(/** @type {FileSystemEntry} */ (entry), '', found);
  return found;
}

/**
 * @param {FileSystemEntry} entry
 * @param {string} prefix
 * @param {Chosen[]} found
 */
async function walk(entry, prefix, found) {
  const path = prefix + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject));
    found.push({ file: /** @type {File} */ (file), path });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    // A reader gives at most 100 entries at a time.
    const batch = /** @type {FileSystemEntry[]} */ (await new Promise((resolve, reject) => reader.readEntries(resolve, reject)));
    if (!batch.length) return;
    for (const each of batch) await walk(each, `${path}/`, found);
  }
}

/**
 * Files of a file or folder chooser.
 * @param {FileList} list
 * @returns {Chosen[]}
 */
export function chosenFiles(list) {
  return [...list].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}
