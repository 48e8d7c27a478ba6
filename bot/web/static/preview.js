// Draws the payloads that the messengers get, as nearly as they would. Data becomes text nodes, never markup.
'use strict';

const WORDS = {
  zh: {
    brand: '回款', title: '消息预览', kind: '消息种类', before: '上一种', after: '下一种', lost: n => n ? `少了或不同：${n} 处` : '什么也没少',
    note: '按模板的示例数据，由各平台的适配器画出真正发送的内容；这里再照着它画出大致的样子。按钮不起作用。', json: '发送的内容', error: '打不开：', notification: '通知', more: '更多',
    app: '应用', pick: '选日期', read: '查看详情', unknown: '这里不会画：', robot: '回款助手', groups: { task: '待办', alert: '提醒', letter: '信函', letters: '信函', document: '信函', promise: '承诺', claim: '称已付款', dispute: '争议', pause: '暂停', payment: '收款', receipt: '收款', receipts: '收款', delivery: '送达', digest: '汇总', note: '短句', reply: '答复' },
  },
  en: {
    brand: 'Huikuan', title: 'Message preview', kind: 'Kind of message', before: 'Previous', after: 'Next', lost: n => n ? `Missing or different: ${n}` : 'Nothing is missing',
    note: 'The example of each template as the adapters would really send it, drawn here roughly as it would look. Buttons do nothing.', json: 'What is sent', error: 'Not available: ', notification: 'Notification', more: 'More',
    app: 'APP', pick: 'Pick a date', read: 'Details', unknown: 'Not drawn here: ', robot: 'Huikuan', groups: { task: 'Tasks', alert: 'Alerts', letter: 'Letters', letters: 'Letters', document: 'Letters', promise: 'Promises', claim: 'Says paid', dispute: 'Disputes', pause: 'Pauses', payment: 'Money', receipt: 'Money', receipts: 'Money', delivery: 'Delivery', digest: 'Digest', note: 'Notes', reply: 'Answers' },
  },
};
const $ = id => document.getElementById(id);
const state = { lang: 'zh', kind: 'task.overdue', kinds: [], asked: 0 };
let t = WORDS.zh;

// h('p.text', {title: 'x'}, 'text', node…)
function h(name, attributes, ...children) {
  const [tag, ...classes] = name.split('.');
  const node = document.createElement(tag || 'div');
  if (classes.length) node.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== ''));
  return node;
}
function unknown(what) { return h('p.unknown', null, t.unknown + what); }

// --- Slack: Block Kit ----------------------------------------------------------------------------------------

function slackText(object) { // Slack escapes three characters, in plain text as well
  return (object?.text || '').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
const BLOCKS = {
  header: block => h('h4', null, slackText(block.text)),
  section: block => h('div.section', null,
    block.text ? h('p', null, slackText(block.text)) : null,
    block.fields ? h('div.pairs', null, block.fields.map(field => {
      const [label, ...value] = slackText(field).split('\n');
      return h('p', null, label, value.length ? h('br') : null, value.join('\n'));
    })) : null),
  context: block => h('p.context', null, block.elements.map(slackText).join(' ')),
  divider: () => h('hr'),
  table: block => h('div.scroll', null, h('table', null, block.rows.map(row => h('tr', null, row.map((cell, n) =>
    h('td' + (block.column_settings?.[n]?.align === 'right' ? '.right' : ''), null, slackText(cell))))))),
  actions: block => h('div.controls', null, block.elements.map(element => (CONTROLS[element.type] || (() => unknown(element.type)))(element))),
};
function asked(element) { return element.confirm ? `${slackText(element.confirm.title)}: ${slackText(element.confirm.text)}` : null; }
const CONTROLS = {
  button: element => h('button' + (element.style ? '.' + element.style : ''), { type: 'button', title: asked(element) }, slackText(element.text), element.confirm ? ' ⚠' : ''),
  datepicker: element => h('button.picker', { type: 'button', title: asked(element) }, '📅 ' + (slackText(element.placeholder) || t.pick)),
  static_select: element => h('select', { title: asked(element), 'aria-label': slackText(element.placeholder) }, h('option', null, slackText(element.placeholder)), element.options.map(option => h('option', null, slackText(option.text)))),
  overflow: element => h('details.overflow', null, h('summary', { 'aria-label': t.more }, '⋯'), h('ul', null, element.options.map(option => h('li', null, slackText(option.text))))),
};
function slack(payload) {
  return h('div.screen.slack', null,
    h('p.push', null, h('b', null, t.notification), ' ', slackText(payload)),
    h('div.from', null, h('span.avatar', { 'aria-hidden': 'true' }, '回'),
      h('div.body', null, h('p.who', null, h('b', null, t.robot), h('i', null, t.app), h('time', null, '9:00')),
        payload.blocks.map(block => (BLOCKS[block.type] || (() => unknown(block.type)))(block)))));
}

// --- DingTalk: markdown, and the variables of the card template -----------------------------------------------

// Bold, links, list items and escaped characters: what our adapter writes. Anything else shows as it is sent.
const INLINE = /\*\*((?:\\.|[^*\\])+)\*\*|\[((?:\\.|[^\]\\])*)\]\(([^)\s]+)\)|\\([!-/:-@[-`{-~])/g;
function inline(text) {
  const out = [];
  let last = 0;
  for (const found of text.matchAll(INLINE)) {
    out.push(text.slice(last, found.index));
    if (found[1] !== undefined) out.push(h('b', null, inline(found[1])));
    else if (found[3] !== undefined) out.push(link(inline(found[2]), found[3]));
    else out.push(found[4]);
    last = found.index + found[0].length;
  }
  return [...out, text.slice(last)].flat();
}
function link(words, address) { // nothing on this page leads elsewhere; pointing at a link tells what it says
  const said = address.startsWith('dtmd:') ? decodeURIComponent(address.split('content=')[1] || '') : address;
  return h('a', { title: said, tabindex: 0 }, words);
}
function markdown(text) {
  return text.split('\n\n').map(part => {
    if (part.startsWith('### ')) return h('h4', null, inline(part.slice(4)));
    const item = part.startsWith('- ');
    const lines = (item ? part.slice(2) : part).split('\n').map(line => inline(line.replace(/ {2}$/, '')));
    return h(item ? 'p.item' : 'p', null, lines.flatMap((line, n) => n ? [h('br'), ...line] : line));
  });
}
function fieldOf(field) {
  const options = field.options ? h('select', null, h('option', null, field.placeholder || ''), field.options.map(one => h('option', null, one.text))) : null;
  return field.hidden ? null : h('label', null, field.label + (field.required ? ' *' : ''), options || h('input', { placeholder: field.placeholder, type: field.type === 'DATE' ? 'date' : 'text' }));
}
function dingtalk(payload) {
  const card = payload.cardData.cardParamMap;
  const form = card.show_form === 'true' ? JSON.parse(card.form).fields : [];
  return h('div.screen.ding', null, h('div.card.head-' + card.status_color, null,
    h('h4', null, card.title),
    h('div.body', null,
      card.status_text ? h('p.soft', null, card.status_text) : null,
      h('div.md', null, markdown(card.content)),
      card.notice ? h('p.notice', null, card.notice) : null,
      form.map(fieldOf), form.length ? h('button.blue', { type: 'button' }, card.form_btn_text) : null,
      buttons(JSON.parse(card.btns), one => one.color),
      card.result ? h('p.soft', null, card.result) : null)));
}
function buttons(list, style) {
  return list.length ? h('div.controls', null, list.map(one => h('button.' + style(one), { type: 'button' }, one.text, one.event?.type === 'openLink' || one.url ? ' ↗' : ''))) : null;
}
function dingtalkText(payload) { return h('div.screen.ding', null, h('div.bubble.md', null, markdown(payload.text))); }

// --- WeCom: template cards ------------------------------------------------------------------------------------

const APP_STYLE = style => 's' + (style || 1);
const ROBOT_STYLE = style => 's' + ({ 3: 4, 4: 3 }[style] || style || 1); // its red is 3 and its black 4
function wecomRobot(payload) {
  if (payload.msgtype === 'markdown') return h('div.screen.wecom', null, h('p.bubble.plain', null, payload.markdown.content));
  return wecom(payload, ROBOT_STYLE);
}
function wecom(payload, style = APP_STYLE) {
  if (payload.msgtype === 'text') return h('div.screen.wecom', null, h('p.bubble.plain', null, payload.text.content));
  const card = payload.template_card;
  const menu = card.action_menu;
  return h('div.screen.wecom', null, h('div.card', null,
    h('header', null, h('p.source.c' + (card.source?.desc_color || 0), null, card.source?.desc),
      menu ? h('details.overflow', null, h('summary', { 'aria-label': menu.desc }, '⋯'), h('ul', null, menu.action_list.map(one => h('li', null, one.text)))) : null),
    h('h4', null, card.main_title?.title),
    card.main_title?.desc ? h('p.soft', null, card.main_title.desc) : null,
    card.emphasis_content ? h('p.big', null, card.emphasis_content.title, h('small', null, card.emphasis_content.desc)) : null,
    card.quote_area ? h('blockquote', null, card.quote_area.title, h('br'), card.quote_area.quote_text) : null,
    card.sub_title_text ? h('p.sub', null, card.sub_title_text) : null,
    card.horizontal_content_list ? h('dl', null, card.horizontal_content_list.map(row => [h('dt', null, row.keyname), h('dd', null, row.value)])) : null,
    (card.jump_list || []).map(row => h('p.jump', null, row.title, h('span', null, '›'))),
    (card.select_list || []).map(row => h('label', null, row.title, h('select', null, row.option_list.map(one => h('option', { selected: one.id === row.selected_id }, one.text))))),
    card.button_list ? buttons(card.button_list, one => style(one.style)) : null,
    card.submit_button ? h('div.controls', null, h('button.s1', { type: 'button' }, card.submit_button.text)) : null,
    card.card_type === 'text_notice' ? h('p.jump', null, t.read, h('span', null, '›')) : null));
}

// --- text, mail, files ----------------------------------------------------------------------------------------

function text(payload) { return h('div.screen.text', null, h('p.bubble.plain', null, payload.text)); }
function mail(payload) { return h('div.screen.paper', null, h('h4', null, payload.subject), h('p.plain', null, payload.text)); }
const PRINTED = new Set(['H1', 'P', 'TABLE', 'TBODY', 'TR', 'TD', 'DL', 'DT', 'DD', 'FOOTER']);
function printed(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent;
  return PRINTED.has(node.tagName) ? h(node.tagName.toLowerCase(), null, [...node.childNodes].map(printed)) : null;
}
function file(payload) {
  const page = new DOMParser().parseFromString(payload.page.replace(/<style>[^]*?<\/style>/, ''), 'text/html');
  return h('div.screen.paper', null, [...page.body.children].map(printed));
}
const DRAW = { slack, dingtalk, 'dingtalk-text': dingtalkText, wecom, 'wecom-robot': wecomRobot, 'wecom-text': wecom, text, mail, file };

// --- the page -------------------------------------------------------------------------------------------------

function shape(face) {
  const kind = face.payload.template_card?.card_type || face.payload.msgtype;
  return { slack: 'Block Kit', dingtalk: 'createAndDeliver', 'dingtalk-text': 'sampleMarkdown', wecom: kind, 'wecom-robot': kind, 'wecom-text': kind }[face.name] || '';
}
function drawFace(face) {
  return h('section.face', { 'data-face': face.name },
    h('header', null, h('h2', null, face.label), h('code', null, shape(face))),
    DRAW[face.name](face.payload),
    h('details.lost' + (face.lost.length ? '' : '.none'), null, h('summary', null, t.lost(face.lost.length)),
      face.lost.length ? h('ul', null, face.lost.map(words => h('li', null, words))) : null),
    h('details.json', null, h('summary', null, t.json), h('pre', null, JSON.stringify(face.payload, null, 2))));
}
async function call(path) {
  const answer = await fetch('api/' + path);
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.error?.message || data.error?.code || String(answer.status));
  return data;
}
function drawBar() {
  t = WORDS[state.lang];
  document.documentElement.lang = state.lang;
  document.title = `${t.title} · ${t.brand}`;
  document.querySelectorAll('[data-t]').forEach(node => { node.textContent = t[node.dataset.t]; });
  document.querySelectorAll('[data-t-label]').forEach(node => { node.setAttribute('aria-label', t[node.dataset.tLabel]); node.title = t[node.dataset.tLabel]; });
  $('lang').textContent = state.lang === 'zh' ? 'EN' : '中文';
  const groups = new Map();
  for (const one of state.kinds) {
    const group = t.groups[one.kind.split('.')[0]] || one.kind.split('.')[0];
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(h('option', { value: one.kind, selected: one.kind === state.kind }, `${one.kind} — ${one.title}`));
  }
  $('kind').replaceChildren(...[...groups].map(([label, options]) => h('optgroup', { label }, options)));
}
function address() { return `#${state.kind}/${state.lang}`; }
function readAddress() {
  const [kind, lang] = decodeURIComponent(location.hash.slice(1)).split('/');
  if (kind) state.kind = kind;
  if (lang in WORDS) state.lang = lang;
}
async function show(words) { // words: the language changed, so the titles of the kinds did
  const turn = ++state.asked;
  try {
    const [listed, made] = await Promise.all([words ? call(`preview?lang=${state.lang}`) : null, call(`preview/${encodeURIComponent(state.kind)}?lang=${state.lang}`)]);
    if (turn !== state.asked) return; // somebody has chosen another one meanwhile
    if (listed) state.kinds = listed.kinds;
    drawBar();
    $('wrong').hidden = true;
    $('faces').replaceChildren(...made.previews.map(drawFace));
    $('faces').classList.toggle('few', made.previews.length < 3);
  } catch (error) {
    drawBar();
    $('wrong').hidden = false;
    $('wrong').textContent = t.error + error.message;
    $('faces').replaceChildren();
  }
  document.body.dataset.ready = address();
}
function choose(kind, lang) {
  const words = lang !== state.lang;
  Object.assign(state, { kind, lang });
  history.replaceState(null, '', address());
  show(words);
}
function step(by) {
  const all = [...$('kind').options].map(option => option.value);
  choose(all[(all.indexOf(state.kind) + by + all.length) % all.length], state.lang);
}
$('kind').onchange = () => choose($('kind').value, state.lang);
$('before').onclick = () => step(-1);
$('after').onclick = () => step(1);
$('lang').onclick = () => choose(state.kind, state.lang === 'zh' ? 'en' : 'zh');
window.addEventListener('hashchange', () => { readAddress(); show(true); });
readAddress();
show(true);
