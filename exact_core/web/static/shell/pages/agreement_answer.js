// @ts-check
/** The figures of agreement as pictures and tables. */

import { barChart, chart, figureText, heatMap, withInterval } from '../charts.js';
import { html, icon, render } from '../html.js';
import { plural } from '../time.js';
import { empty } from '../view.js';

/** @typedef {Record<string, any>} Answer */
/** @typedef {{value: number | null, low: number | null, high: number | null} & Record<string, any>} Figure */

const PAGE = 25;
const SCALES = [['nominal', 'names'], ['ordinal', 'ordered'], ['interval', 'differences'], ['ratio', 'ratios']];
/** @type {[string, string, string, Record<string, string>][]} */
const PAIR_MEASURES = [
  ['cohen_kappa', 'left_out', 'Cohen’s κ, of what both marked', {}],
  ['cohen_kappa', 'left_out', 'Cohen’s κ, linear weights', { weights: 'linear' }],
  ['cohen_kappa', 'left_out', 'Cohen’s κ, quadratic weights', { weights: 'quadratic' }],
  ['cohen_kappa', 'counted', 'Cohen’s κ, missed is a class', {}],
  ['f1', '', 'F1 of detection and class', {}],
  ['matthews', 'left_out', 'Matthews correlation', {}],
  ['gwet_ac1', 'left_out', 'Gwet’s AC1', {}],
  ['percent_agreement', 'left_out', 'Same class, of what both marked', {}],
  ['iou', '', 'Overlap of outlines (IoU)', {}],
  ['dice', '', 'Overlap of outlines (Dice)', {}],
];

/**
 * @param {HTMLElement} target
 * @param {Answer} found
 * @param {number} imageSetId
 */
export function drawAnswer(target, found, imageSetId) {
  if (found.state === 'too_few_readers') {
    render(target, empty('users', 'Fewer than two readers', found.readers.length ? `Only ${found.readers[0].name} has marked anything in what is compared.` : 'Nobody has marked anything in what is compared.'));
    return;
  }
  if (found.state === 'no_common_images') {
    render(target, empty('images', 'No image was read by two', 'Each image was read by one reader only, so there is nothing to compare.'));
    return;
  }
  if (!found.items) {
    render(target, empty('shapes', 'Nothing to compare', 'The chosen classes have no mark that can be compared by this rule.'));
    return;
  }
  render(target, facts(found), together(found), html`<div class="agreement-pair">${pairs(found)}${confusion(found)}</div>`,
    html`<div class="agreement-pair">${classes(found)}${readers(found)}</div>`, counts(found), borders(found), groups(found), disagreements(found, imageSetId));
}

/**
 * @param {Answer} found
 * @param {Record<string, any>} wanted
 * @returns {Figure | undefined}
 */
function figure(found, wanted) {
  const about = { class_id: null, ...wanted };
  return found.figures.find((/** @type {Figure} */ each) => Object.entries(about).every(([key, value]) => (each[key] ?? '') === (value ?? '')));
}

/** @param {string} title @param {any} body @param {any} [note] */
function card(title, body, note = null) {
  return html`<section class="card" aria-label=${title}><div class="card__head"><h2 class="grow">${title}</h2></div><div class="card__body stack">${body}</div>
    ${note ? html`<p class="card__foot small muted">${note}</p>` : null}</section>`;
}

/** @param {Answer} found */
function facts(found) {
  const { images, rule } = found;
  const same = rule.kind === 'distance' ? `within ${rule.distance} ${rule.unit === 'um' ? 'µm' : 'px'}` : `IoU of ${rule.overlap} or more`;
  const fact = (/** @type {any} */ value, /** @type {string} */ label) => html`<div class="stat"><strong>${value}</strong><span class="small muted">${label}</span></div>`;
  return [html`<div class="stats">${fact(found.readers.length, 'readers')}${fact(`${images.all} of ${images.any}`, 'images read by all')}
    ${fact(found.items.toLocaleString('en'), 'things on them')}${fact(found.disagreeing.toLocaleString('en'), 'seen differently')}${fact(same, 'is one thing')}</div>`,
  found.not_comparable ? html`<p class="banner banner--warning">${icon('triangle-alert')}${plural(found.not_comparable, 'mark')} could not be compared${rule.without_scale ? `: ${plural(rule.without_scale, 'image')} without a known scale` : ' by this rule'}.</p>` : null];
}

/** @param {Answer} found */
function together(found) {
  const measures = [
    ['Krippendorff’s α', 'krippendorff_alpha', found.ordered ? SCALES : [SCALES[0]]], ['Fleiss’ κ', 'fleiss_kappa', [['', '']]],
    ['Gwet’s AC1', 'gwet_ac1', [['', '']]], ['Pairs of readers who agree', 'mean_agreement', [['', '']]],
  ];
  const rows = measures.flatMap(([title, name, scales]) => /** @type {string[][]} */ (scales).map(([scale, words]) => {
    const of = (/** @type {string} */ missed) => figure(found, { figure: name, scope: 'all', missed, scale });
    const [counted, without] = [of('counted'), of('left_out')];
    if (!counted && !without) return null;
    return html`<tr><th scope="row">${title}${words ? html` <span class="faint">${words}</span>` : null}</th><td data-label="missed is a class" class="num">${withInterval(counted)}</td><td data-label="of what was marked" class="num">${withInterval(without)}</td>
      <td data-label="things" class="num faint">${[counted?.items, without?.items].filter((n) => n !== undefined).join(' / ')}</td></tr>`;
  }));
  return html`<section class="card" aria-label="All readers"><div class="card__head"><h2>All readers</h2></div><div class="table-wrap"><table class="table table--cards"><thead><tr><th scope="col">Agreement beyond chance</th><th scope="col">Missed is a class</th><th scope="col">Of what was marked</th><th scope="col">Things</th></tr></thead><tbody>${rows}</tbody></table></div>
    <p class="card__foot small muted">In brackets: ${Math.round(found.resampling.level * 100)} % intervals from drawing images ${found.resampling.resamples.toLocaleString('en')} times (${found.resampling.method === 'bca' ? 'BCa' : 'percentile'}, seed ${found.resampling.seed}). Fleiss’ κ uses what all readers rated, the others what two did.</p></section>`;
}

/** @param {Answer} found */
function pairs(found) {
  const names = found.readers.map((/** @type {any} */ reader) => reader.name);
  const keys = found.readers.map((/** @type {any} */ reader) => reader.key);
  const of = (/** @type {any[]} */ measure, /** @type {number} */ a, /** @type {number} */ b) => {
    const [first, second] = a < b ? [a, b] : [b, a];
    return found.figures.find((/** @type {Figure} */ each) => each.scope === 'pair' && each.figure === measure[0] && each.missed === measure[1] && each.class_id === null
      && (each.weights ?? '') === (measure[3].weights ?? '') && each.readers[0] === keys[first] && each.readers[1] === keys[second]);
  };
  const known = PAIR_MEASURES.filter((measure) => found.figures.some((/** @type {Figure} */ each) => each.scope === 'pair' && each.figure === measure[0] && each.missed === measure[1] && (each.weights ?? '') === (measure[3].weights ?? '')));
  const place = html`<div></div>`;
  const draw = (/** @type {number} */ number) => {
    const measure = known[number];
    const value = (/** @type {number} */ a, /** @type {number} */ b) => (a === b ? null : of(measure, a, b)?.value ?? null);
    const rows = [];
    for (let a = 0; a < names.length; a += 1) for (let b = a + 1; b < names.length; b += 1) {
      const known_ = of(measure, a, b);
      rows.push([`${names[a]} / ${names[b]}`, withInterval(known_), known_?.items ?? 0, known_?.images ?? 0]);
    }
    render(place, chart({
      title: `${measure[2]} of each two readers`, heads: ['Readers', 'Value', 'Things', 'Images'], rows,
      picture: heatMap({ rows: names, columns: names, value, text: (a, b) => (a === b ? '' : figureText(value(a, b))), tip: (a, b) => (a === b ? names[a] : `${names[a]} / ${names[b]}: ${withInterval(of(measure, a, b))}`) }),
    }));
  };
  draw(0);
  return card('Between readers', [html`<select class="select" aria-label="Measure" id="pair-measure" @change=${(/** @type {any} */ event) => draw(Number(event.target.value))}>${known.map((measure, index) => html`<option value=${index}>${measure[2]}</option>`)}</select>`, place]);
}

/** @param {Answer} found */
function confusion(found) {
  const name = Object.fromEntries(found.readers.map((/** @type {any} */ reader) => [reader.key, reader.name]));
  const labels = [...found.classes.map((/** @type {any} */ each) => each.name), 'missed'];
  const place = html`<div></div>`;
  const draw = (/** @type {number} */ number) => {
    const { readers: [first, second], table } = found.confusion[number];
    const most = Math.max(1, ...table.flat());
    const of = (/** @type {number} */ a, /** @type {number} */ b) => table[a][b];
    const isNothing = (/** @type {number} */ a, /** @type {number} */ b) => a === labels.length - 1 && b === labels.length - 1;
    render(place, chart({
      title: `What ${name[first]} and ${name[second]} said of the same things`, heads: [`${name[first]} ↓  ${name[second]} →`, ...labels], rows: table.map((/** @type {number[]} */ row, /** @type {number} */ index) => [labels[index], ...row]),
      note: 'In the last corner: things that only a third reader marked.',
      picture: heatMap({ rows: labels, columns: labels, rowTitle: name[first], columnTitle: name[second], range: [0, Math.sqrt(most)], value: (a, b) => (isNothing(a, b) ? null : Math.sqrt(of(a, b))), text: (a, b) => of(a, b).toLocaleString('en'), tip: (a, b) => `${name[first]}: ${labels[a]}, ${name[second]}: ${labels[b]}: ${plural(of(a, b), 'thing')}` }),
    }));
  };
  draw(0);
  const choices = found.confusion.map((/** @type {any} */ pair, /** @type {number} */ index) => html`<option value=${index}>${name[pair.readers[0]]} and ${name[pair.readers[1]]}</option>`);
  return card('Confusion', [html`<select class="select" aria-label="Readers" id="confusion-pair" @change=${(/** @type {any} */ event) => draw(Number(event.target.value))}>${choices}</select>`, place]);
}

/** @param {Answer} found */
function classes(found) {
  const of = (/** @type {any} */ each, /** @type {string} */ name, missed = '') => figure(found, { figure: name, scope: 'class', class_id: each.id, missed });
  const marks = (/** @type {any} */ each) => found.counts.filter((/** @type {any} */ row) => row.class_id === each.id).reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + row.marks, 0);
  const bars = found.classes.map((/** @type {any} */ each) => ({ label: each.name, color: each.color, ...pick(of(each, 'f1')) }));
  return card('Classes', chart({
    title: 'F1 of each class, all pairs of readers', picture: barChart(bars), heads: ['Class', 'F1', 'Krippendorff’s α', 'Fleiss’ κ', 'Marks'],
    rows: found.classes.map((/** @type {any} */ each) => [each.name, withInterval(of(each, 'f1')), withInterval(of(each, 'krippendorff_alpha', 'counted')), withInterval(of(each, 'fleiss_kappa', 'counted')), marks(each).toLocaleString('en')]),
    note: 'F1 of each two readers, all added up. In the table also α and κ of this class against everything else, missed included.',
  }));
}

/** @param {Answer} found */
function readers(found) {
  const of = (/** @type {any} */ reader, /** @type {string} */ name) => found.figures.find((/** @type {Figure} */ each) => each.scope === 'reader' && each.figure === name && each.class_id === null && each.readers[0] === reader.key);
  const bars = found.readers.map((/** @type {any} */ reader) => ({ label: reader.name, ...pick(of(reader, 'f1')) }));
  return card('Readers', chart({
    title: 'F1 of each reader against the others', picture: barChart(bars), heads: ['Reader', 'F1', 'Precision', 'Recall', 'Marks', 'Images'],
    rows: found.readers.map((/** @type {any} */ reader) => [reader.name, withInterval(of(reader, 'f1')), withInterval(of(reader, 'precision')), withInterval(of(reader, 'recall')), reader.annotations.toLocaleString('en'), reader.images]),
    note: 'Each reader against each of the others, added up. Low precision: marks more than others do; low recall: less.',
  }));
}

/** @param {Answer} found */
function counts(found) {
  const all = found.figures.filter((/** @type {Figure} */ each) => each.figure === 'icc' && ['ICC(2,1)', 'ICC(3,1)', 'ICC(2,k)'].includes(each.form));
  if (!all.length) return null;
  const rows = [null, ...found.classes.map((/** @type {any} */ each) => each.id)].map((id) => all.filter((/** @type {Figure} */ each) => each.class_id === id)).filter((own) => own.length);
  const title = (/** @type {Figure} */ each) => found.classes.find((/** @type {any} */ known) => known.id === each.class_id)?.name ?? 'All classes';
  return html`<section class="card" aria-label="Numbers per image"><div class="card__head"><h2>Numbers per image</h2></div><div class="table-wrap"><table class="table table--cards"><thead><tr><th scope="col">Intraclass correlation of counts</th><th scope="col">ICC(2,1) absolute agreement</th><th scope="col">ICC(3,1) consistency</th><th scope="col">ICC(2,k) mean of the readers</th></tr></thead>
    <tbody>${rows.map((own) => html`<tr><th scope="row">${title(own[0])}</th>${own.map((/** @type {Figure} */ each) => html`<td class="num" data-label=${each.form}>${withInterval(each)}</td>`)}</tr>`)}</tbody></table></div>
    <p class="card__foot small muted">Of ${plural(all[0].images, 'image')} that all readers have read; intervals by F.</p></section>`;
}

/** @param {Answer} found */
function borders(found) {
  const name = Object.fromEntries(found.readers.map((/** @type {any} */ reader) => [reader.key, reader.name]));
  const all = found.figures.filter((/** @type {Figure} */ each) => each.scope === 'pair' && each.figure === 'hausdorff');
  if (!all.length) return null;
  const of = (/** @type {Figure} */ row, /** @type {string} */ measure) => found.figures.find((/** @type {Figure} */ each) => each.scope === 'pair' && each.figure === measure && each.class_id === null && each.readers.join() === row.readers.join());
  const unit = all[0].unit === 'um' ? 'µm' : 'px';
  return html`<section class="card" aria-label="Outlines"><div class="card__head"><h2>Outlines</h2></div><div class="table-wrap"><table class="table table--cards"><thead><tr><th scope="col">Readers</th><th scope="col">IoU</th><th scope="col">Dice</th><th scope="col">Hausdorff, ${unit}</th><th scope="col">95 % Hausdorff, ${unit}</th><th scope="col">Outlines</th></tr></thead>
    <tbody>${all.map((/** @type {Figure} */ row) => html`<tr><th scope="row">${name[row.readers[0]]} / ${name[row.readers[1]]}</th>${['iou', 'dice'].map((measure) => html`<td class="num" data-label=${measure}>${withInterval(of(row, measure))}</td>`)}${['hausdorff', 'hausdorff_95'].map((measure) => html`<td class="num" data-label=${measure}>${withInterval(of(row, measure), 1)}</td>`)}
      <td class="num faint" data-label="outlines">${row.items === row.of ? row.of : `${row.items} of ${row.of}`}</td></tr>`)}</tbody></table></div></section>`;
}

/** @param {Answer} found */
function groups(found) {
  return ['site', 'round'].map((grouping) => {
    const own = found.figures.filter((/** @type {Figure} */ each) => each.scope === 'group' && each.grouping === grouping);
    if (!own.length) return null;
    const of = (/** @type {string} */ group, /** @type {string} */ name, missed = '') => own.find((/** @type {Figure} */ each) => each.group === group && each.figure === name && each.missed === missed && (each.scale ?? 'nominal') === 'nominal');
    const names = [...new Set(own.map((/** @type {Figure} */ each) => each.group))];
    return card(grouping === 'site' ? 'Sites' : 'Rounds', chart({
      title: `F1 of each ${grouping}`, picture: barChart(names.map((group) => ({ label: group, ...pick(of(group, 'f1')) }))), heads: [grouping === 'site' ? 'Site' : 'Round', 'F1', 'Krippendorff’s α', 'Images'],
      rows: names.map((group) => [group, withInterval(of(group, 'f1')), withInterval(of(group, 'krippendorff_alpha', 'counted')), of(group, 'krippendorff_alpha', 'counted')?.images ?? 0]),
      note: `From the tags of images that begin with “${grouping}:”. α with missed as a class.`,
    }));
  });
}

/**
 * @param {Answer} found
 * @param {number} imageSetId
 */
function disagreements(found, imageSetId) {
  if (!found.disagreeing) return html`<p class="banner">${icon('circle-check')}All readers see everything alike.</p>`;
  const list = html`<ul class="list" id="disagreements"></ul>`;
  const more = html`<button type="button" class="btn btn--small" @click=${() => add()}>Show more</button>`;
  let shown = 0;
  const add = () => {
    const next = found.disagreements.slice(shown, shown + PAGE);
    shown += next.length;
    list.append(...next.map((/** @type {any} */ item) => row(found, item, imageSetId)));
    more.hidden = shown >= found.disagreements.length;
  };
  add();
  const rest = found.disagreeing - found.disagreements.length;
  return html`<section class="card" aria-label="Where readers differ"><div class="card__head"><h2 class="grow">Where readers differ</h2><span class="small muted num">${found.disagreeing.toLocaleString('en')}</span></div>${list}
    <div class="card__foot row">${more}${rest > 0 ? html`<span class="small muted">The ${plural(found.disagreements.length, 'most divided thing')} are listed; the other ${rest.toLocaleString('en')} are in the table “Every thing”.</span>` : null}</div></section>`;
}

/**
 * @param {Answer} found
 * @param {any} item
 * @param {number} imageSetId
 */
function row(found, item, imageSetId) {
  const annotation = item.annotations.find((/** @type {number | null} */ id) => id !== null);
  const place = item.is_label ? '' : `x=${item.x}&y=${item.y}&zoom=1&`;
  const frame = item.z > 0 || item.t > 0 ? `frame=${Math.max(0, item.z)}.${Math.max(0, item.t)}.rgb&` : '';
  const href = `/image-sets/${imageSetId}/images/${item.image_id}#${place}${frame}annotation=${annotation}`;
  const said = item.said.map((/** @type {number} */ value, /** @type {number} */ index) => {
    if (value === -2) return null;
    const known = found.classes[value];
    return html`<span>${known ? html`<span class="swatch" .style=${{ '--swatch': known.color }}></span>` : icon('x', 'faint')}<span><span class="faint">${found.readers[index].name}:</span> ${known ? known.name : 'missed'}</span></span>`;
  });
  return html`<li class="list__item"><div class="grow stack stack--tight"><a class="truncate" href=${href}>${item.image}<span class="faint num">${item.is_label ? ' · whole image' : ` · ${Math.round(item.x)}, ${Math.round(item.y)}`}</span></a><div class="said">${said}</div></div>
    <a class="icon-btn icon-btn--small" href=${href} aria-label="Look at it on the slide" data-tip="Look at it on the slide">${icon('microscope')}</a></li>`;
}

/** @param {Figure | undefined} figure_ */
function pick(figure_) {
  return { value: figure_?.value ?? null, low: figure_?.low ?? null, high: figure_?.high ?? null };
}
