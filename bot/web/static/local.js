// The local messenger's page. Data becomes text nodes and attributes, never markup: a name like <img> is that text.
'use strict';

const WORDS = {
  zh: {
    brand: '回款', view: '按谁的能力显示', people: '人员', hour: '+1 小时', day: '次日 9:00', workday: '下个工作日', pick: '选时间…',
    views: { full: '完整', slack: 'Slack', dingtalk: '钉钉', wecom: '企业微信', text: '纯文本' },
    mailbox: '客户邮箱', mailboxNote: '发给客户的信', say: '例如：余额 花果山', send: '发送',
    quick: ['待办', '逾期', '账龄', '帮助'], approvals: '审批', nothing: '还没有消息', nothingNote: '到了该提醒的时候，消息会出现在这里。',
    noLetters: '还没有信', noLettersNote: '信函发给客户后，会出现在这里。', older: '更早的消息', fresh: '新消息 ↓', closed: '已结束',
    cancel: '取消', ok: '确定', close: '关闭', dates: ['今天', '昨天', '明天', '3 天后', '周五', '月底'], all: '不填 = 全部', none: '不要求', choose: '请选择', search: '按姓名查找', which: '显示哪些人',
    preview: '写模板的人：消息预览 ›', whichNote: '手机上每次一人，在底部切换。', needed: '请填写', badAmount: '请填金额，例如 50,000 或 5万', lost: (where, n) => `${where}里有 ${n} 处不同`, offline: '连接断开，正在重连…',
    gone: '连接已结束：请在终端重新运行命令，打开新的链接。', error: '出错了，没有保存', saved: '已保存', sure: '尚未保存，请在下面的卡片上确认', advance: '时间走到', to: '收件人', cc: '抄送',
    past: '只能往后走', stages: ['信', '友好提醒', '付款通知', '最后通知'], done: '已办', weekdays: '日一二三四五六', rest: '休息日', change: '选好', clockTitle: '走到什么时候', clockNote: '途中每个工作小时都会经过，提醒与升级照常发生。', busy: '时间正在走…',
    roles: { rep: '业务员', sales_manager: '销售经理', sales_director: '销售总监', finance: '财务', finance_manager: '财务经理', finance_director: '财务总监', risk: '风控', management: '管理层', admin: '管理员' },
  },
  en: {
    brand: 'Huikuan', view: 'Show as in', people: 'People', hour: '+1 hour', day: 'Next day 9:00', workday: 'Next workday', pick: 'Pick…',
    views: { full: 'Everything', slack: 'Slack', dingtalk: 'DingTalk', wecom: 'WeCom', text: 'Plain text' },
    mailbox: 'Customer mail', mailboxNote: 'Letters to customers', say: 'e.g. balance hgsgy', send: 'Send',
    quick: ['/todo', '/overdue', '/aging', '/help'], approvals: '/approvals', nothing: 'No messages yet', nothingNote: 'When it is time to remind somebody, it shows here.',
    noLetters: 'No letters yet', noLettersNote: 'Letters that were sent to customers show here.', older: 'Earlier messages', fresh: 'New messages ↓', closed: 'Closed',
    cancel: 'Cancel', ok: 'OK', close: 'Close', dates: ['Today', 'Yesterday', 'Tomorrow', 'In 3 days', 'Friday', 'Month end'], all: 'blank = everything', none: 'Not required', choose: 'Please choose', search: 'Find by name', which: 'Whose chats to show',
    preview: 'For who writes templates: message preview ›', whichNote: 'On a phone one at a time; switch at the bottom.', needed: 'Please fill in', badAmount: 'An amount, e.g. 50,000', lost: (where, n) => `${n} ${n === 1 ? 'thing' : 'things'} different in ${where}`, offline: 'Connection lost, trying again…',
    gone: 'Disconnected: run the command again and open its new link.', error: 'Something went wrong; not saved', saved: 'Saved', sure: 'Not saved yet: please confirm on the card below', advance: 'Moving to', to: 'To', cc: 'Cc',
    past: 'Time only moves forward', stages: ['Letter', 'Friendly reminder', 'Payment notice', 'Final notice'], done: 'Done', weekdays: ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'], rest: 'day off', change: 'Choose', clockTitle: 'Move the clock to', clockNote: 'Every working hour in between is passed; reminders and escalations happen as they would.', busy: 'The clock is moving…',
    roles: { rep: 'Sales rep', sales_manager: 'Sales manager', sales_director: 'Sales director', finance: 'Finance', finance_manager: 'Finance manager', finance_director: 'Finance director', risk: 'Risk', management: 'Management', admin: 'Admin' },
  },
};
const LOST = [ // what bot.fit says in English, for readers of Chinese
  [/^reply code instead of a control$/, '改为回复序号'], [/^link instead of a control$/, '改为一次性链接'], [/^menu instead of the card$/, '改为下拉菜单'],
  [/^ready dates only$/, '只能选常用日期'], [/^ready answers only$/, '只有常用答案'], [/^too many buttons$/, '按钮太多，放不下'], [/^too many$/, '放不下'],
  [/^not asked on the card$/, '卡片上不能填'], [/^can't be asked$/, '不能填'], [/^no way to ask$/, '无法填写'], [/^no confirmation$/, '没有再次确认'],
  [/^confirmed in a form$/, '确认改为表单'], [/^confirmed in a second card$/, '确认改为第二张卡片'], [/^cut$/, '被截短'], [/^not shown$/, '不显示'],
  [/^as text$/, '表格改为文字'], [/^(\d+) lines not shown$/, '$1 行不显示'], [/^(\d+) not shown$/, '$1 行不显示'], [/^(\d+) choices not shown$/, '$1 个选项不显示'], [/^reply code not shown$/, '回复序号不显示'],
];
const PARTS = { title: '标题', text: '正文', footer: '页脚', rows: '表格', cell: '单元格' };
const MAIL = '@mailbox';
const $ = id => document.getElementById(id);
const narrow = matchMedia('(max-width: 760px)');
const state = { people: new Map(), chats: new Map(), version: 0, clock: null, zone: 'Asia/Shanghai', demo: false, company: {}, source: null, unread: new Map(), moving: null };
const remembered = JSON.parse(safely(() => localStorage.getItem('huikuan')) || '{}');
const choice = { lang: remembered.lang, view: remembered.view || 'full', shown: remembered.shown, active: remembered.active, before: remembered.before };
let t = WORDS.zh;

function safely(work) { try { return work(); } catch { return null; } }
function remember() { safely(() => localStorage.setItem('huikuan', JSON.stringify(choice))); }

// h('p.text', {title: 'x'}, 'text', node…)
function h(name, attributes, ...children) {
  const [tag, ...classes] = name.split('.');
  const node = document.createElement(tag || 'div');
  if (classes.length) node.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'value') node.value = value;
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined && child !== ''));
  return node;
}

async function call(path, body) {
  const init = body === undefined ? {} : { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch('api/' + path, init);
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(data.error?.message || data.error?.code || String(answer.status)), { status: answer.status, code: data.error?.code });
  return data;
}

// --- time, in the company's zone ---------------------------------------------------------------------------

function local(iso) { // the parts of an instant as the company's clock shows them
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: state.zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' }).formatToParts(new Date(iso));
  const p = Object.fromEntries(parts.map(part => [part.type, part.value]));
  return { date: `${p.year}-${p.month}-${p.day}`, time: `${p.hour}:${p.minute}` };
}
function shift(day, days) { const d = new Date(day + 'T12:00:00Z'); d.setUTCDate(d.getUTCDate() + days); return d.toISOString().slice(0, 10); }
function weekday(day) { return new Date(day + 'T12:00:00Z').getUTCDay(); }
function dayWords(day, year = true) {
  const [y, m, d] = day.split('-').map(Number), w = t.weekdays[weekday(day)];
  if (choice.lang === 'en') return `${w} ${d} ${['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][m - 1]}${year ? ' ' + y : ''}`;
  return `${year ? y + '年' : ''}${m}月${d}日 周${w}`;
}
const NEAR = { again_on: 5 }; // as in bot/fit.py: days ahead that are always accepted
function quickDates(past, name) {
  const today = state.clock.today, [now, yesterday, tomorrow, three, friday, end] = t.dates;
  if (past) return [[now, today], [yesterday, shift(today, -1)]];
  const month = shift(today.slice(0, 8) + '01', 0).split('-').map(Number);
  const last = new Date(Date.UTC(month[0], month[1], 0)).toISOString().slice(0, 10);
  const list = [[tomorrow, shift(today, 1)], [three, shift(today, 3)], [friday, shift(today, ((5 - weekday(today) + 7) % 7) || 7)]];
  if (last > today) list.push([end, last]);
  return list.filter(([, day]) => !NEAR[name] || day <= shift(today, NEAR[name]));
}

// --- phones ------------------------------------------------------------------------------------------------

function hue(handle) { return 'av' + (handle === MAIL || handle === SHOP ? 5 : [...state.people.keys()].indexOf(handle) % 5); }
function avatar(handle) {
  const name = nameOf(handle);
  return h(`div.avatar.${hue(handle)}`, { 'aria-hidden': 'true' }, handle === MAIL ? '✉' : handle === SHOP ? '⛁' : [...name].slice(/^[\u4e00-\u9fff]{3,4}$/.test(name) ? -2 : 0).slice(0, /^[\u4e00-\u9fff]{3,4}$/.test(name) ? 2 : 1).join(''));
}
function nameOf(handle) { return handle === MAIL ? t.mailbox : handle === SHOP ? shopWords().name : state.people.get(handle)?.name || handle; }
function postOf(handle) {
  if (handle === MAIL) return t.mailboxNote;
  if (handle === SHOP) return shopWords().note;
  const person = state.people.get(handle);
  const roles = (person?.roles || []).map(role => t.roles[role] || role).join('、');
  return roles || handle;
}
function phone(handle) { return [...document.querySelectorAll('.phone')].find(node => node.dataset.person === handle); }
function visible(handle) { return choice.shown.includes(handle) && (!narrow.matches || choice.active === handle) && !document.hidden; }
function chatOf(handle) {
  if (!state.chats.has(handle)) state.chats.set(handle, { items: new Map(), loaded: false, more: false });
  return state.chats.get(handle);
}

function quickWords(handle) { // who may decide about orders has their list at hand
  const who = state.people.get(handle);
  return who?.approves ? [t.quick[0], t.approvals, ...t.quick.slice(1)] : t.quick;
}

function drawPhones() {
  $('phones').replaceChildren(...choice.shown.map(handle => {
    if (handle === SHOP) return shopPanel();
    const mail = handle === MAIL;
    const feed = h('div.feed', { role: 'log', 'aria-live': 'polite', tabindex: '0', 'aria-label': nameOf(handle) });
    const input = h('input', { type: 'text', placeholder: t.say, 'aria-label': t.say, autocomplete: 'off', maxlength: '4000', enterkeyhint: 'send' });
    const compose = mail ? null : h('div.compose', {},
      h('div.quick', {}, quickWords(handle).map(word => h('button', { type: 'button', onclick: () => say(handle, word) }, word))),
      h('form.say', { onsubmit: event => { event.preventDefault(); const text = input.value.trim(); if (text) { input.value = ''; say(handle, text, input); } } },
        input, h('button.primary', { type: 'submit' }, t.send)));
    const node = h('section.phone' + (mail ? '.mail' : '') + (choice.active === handle ? '.active' : ''), { 'data-person': handle, 'aria-label': nameOf(handle) },
      h('header', {}, avatar(handle), h('div', {}, h('h2', {}, nameOf(handle)), h('p', {}, postOf(handle)))), feed, compose);
    feed.addEventListener('scroll', () => { if (atEnd(feed)) node.querySelector('.fresh')?.remove(); }, { passive: true });
    return node;
  }));
  choice.shown.filter(handle => handle !== SHOP).forEach(handle => { if (chatOf(handle).loaded) drawFeed(handle); else load(handle); });
  drawTabs();
}

function drawTabs() {
  $('tabs').setAttribute('role', 'tablist');
  $('tabs').replaceChildren(...choice.shown.map(handle => h('button', {
    type: 'button', role: 'tab', 'aria-selected': String(choice.active === handle), 'data-tab': handle,
    onclick: () => { choice.active = handle; remember(); activate(); },
  }, avatar(handle), h('span', {}, nameOf(handle)), badge(state.unread.get(handle) || 0))));
  let others = 0;
  for (const [handle, count] of state.unread) if (!choice.shown.includes(handle)) others += count;
  $('others').hidden = !others;
  $('others').textContent = others > 99 ? '99+' : others;
  const all = [...state.unread.values()].reduce((a, b) => a + b, 0);
  document.title = (all ? `(${all}) ` : '') + (choice.lang === 'en' ? 'Huikuan 回款' : '回款 huikuan');
}
function badge(count) { return count ? h('i.badge', {}, count > 99 ? '99+' : String(count)) : null; }
function activate() {
  document.querySelectorAll('.phone').forEach(node => node.classList.toggle('active', node.dataset.person === choice.active));
  read(choice.active);
  const feed = phone(choice.active)?.querySelector('.feed');
  if (feed && choice.active !== MAIL && choice.active !== SHOP && !feed.dataset.seen) { toEnd(feed); feed.dataset.seen = '1'; }
}
function read(handle) { state.unread.delete(handle); drawTabs(); }

async function load(handle, before) {
  const mail = handle === MAIL, chat = chatOf(handle);
  const path = mail ? 'mailbox' : `chat/${encodeURIComponent(handle)}?profile=${choice.view}` + (before ? `&before=${before}` : '');
  try {
    const { items } = await call(path);
    items.forEach(item => keep(chat, item));
    chat.loaded = true;
    chat.more = !mail && items.length >= 100;
    drawFeed(handle, before);
  } catch (error) { toast(handle, error.message, 'bad'); }
}

function toEnd(feed) { // of a message taller than the screen the beginning
  const last = feed.querySelector(':scope > .message:last-child'), room = feed.clientHeight;
  feed.scrollTop = last && last.offsetHeight > room ? last.offsetTop - feed.offsetTop - 8 : feed.scrollHeight;
}
function atEnd(feed) {
  const last = feed.querySelector(':scope > .message:last-child');
  if (last && last.offsetHeight > feed.clientHeight && feed.scrollTop >= last.offsetTop - feed.offsetTop - 30) return true;
  return feed.scrollHeight - feed.scrollTop - feed.clientHeight < 70;
}
function ordered(handle) {
  const items = [...chatOf(handle).items.values()].sort((a, b) => a.id - b.id);
  return handle === MAIL ? items.reverse() : items;
}
function drawFeed(handle, kept) {
  const node = phone(handle);
  if (!node) return;
  const feed = node.querySelector('.feed'), chat = chatOf(handle), below = feed.scrollHeight - feed.scrollTop;
  const nodes = [];
  let day = '';
  if (chat.more) nodes.push(h('button.older', { type: 'button', onclick: () => load(handle, Math.min(...chat.items.keys())) }, t.older));
  for (const item of ordered(handle)) {
    const on = local(item.at).date;
    if (on !== day) { day = on; nodes.push(h('div.day', { 'data-day': day }, dayWords(day, day.slice(0, 4) !== state.clock.today.slice(0, 4)))); }
    nodes.push(draw(item));
  }
  if (!nodes.length) nodes.push(h('p.empty', {}, handle === MAIL ? t.noLetters : t.nothing, h('br'), handle === MAIL ? t.noLettersNote : t.nothingNote));
  feed.replaceChildren(...nodes);
  feed.scrollTop = kept ? feed.scrollHeight - below : 0;
  if (!kept && handle !== MAIL) toEnd(feed);
}

function arrived(item) {
  const handle = item.channel === 'mail' ? MAIL : item.person, chat = chatOf(handle);
  const old = chat.items.get(item.id), isNew = item.version > state.version && !old;
  if (old && (old.version > item.version || same(old, item))) return;
  if (isNew && item.direction === 'out' && !visible(handle)) { state.unread.set(handle, (state.unread.get(handle) || 0) + 1); drawTabs(); }
  if (isNew) shopHeard(item);
  keep(chat, item); // also while the chat is being loaded: what is on its way may be older
  if (!chat.loaded) return;
  const node = phone(handle);
  if (!node) return;
  const feed = node.querySelector('.feed'), drawn = feed.querySelector(`[data-id="${item.id}"]`), end = atEnd(feed);
  const fresh = draw(item);
  if (!feed.clientHeight) delete feed.dataset.seen; // behind another tab: whoever comes back sees the end
  if (drawn) {
    if (old && old.version < item.version) fresh.classList.add('flash');
    if (drawn.contains(document.activeElement)) queueMicrotask(() => fresh.querySelector('button:not(:disabled)')?.focus({ preventScroll: true }));
    drawn.replaceWith(fresh);
  } else if (handle === MAIL || [...chat.items.keys()].some(id => id > item.id) || feed.querySelector('.empty')) {
    drawFeed(handle, handle === MAIL ? false : !end);
    feed.querySelector(`[data-id="${item.id}"]`)?.classList.add('new');
    return;
  } else {
    const day = local(item.at).date, days = feed.querySelectorAll('.day');
    if (days[days.length - 1]?.dataset.day !== day) feed.append(h('div.day', { 'data-day': day }, dayWords(day, day.slice(0, 4) !== state.clock.today.slice(0, 4))));
    fresh.classList.add('new');
    feed.append(fresh);
  }
  if (end) toEnd(feed);
  else if (!drawn && !node.querySelector('.fresh')) {
    node.append(h('button.fresh', { type: 'button', onclick: event => { toEnd(feed); event.target.remove(); } }, t.fresh));
  }
}
function keep(chat, item) { if (!(chat.items.get(item.id)?.version > item.version)) chat.items.set(item.id, item); }
function same(a, b) { return a.version === b.version && a.delivery === b.delivery && a.rev === b.rev && a.state === b.state; }

// --- messages ----------------------------------------------------------------------------------------------

function draw(item) {
  if (item.letter) return drawLetter(item);
  const at = h('div.at', {}, local(item.updated).date === local(item.at).date ? local(item.at).time : `${local(item.at).time} · ${dayWords(local(item.updated).date, false)} ${local(item.updated).time}`);
  if (!item.card) return h('div.line' + (item.direction === 'in' ? '.in' : ''), { 'data-id': item.id }, h('p', {}, item.text), at);
  const card = item.card, attributes = { 'data-id': item.id, 'data-delivery': item.delivery, 'data-kind': card.kind, 'data-rev': item.rev, 'data-state': card.closed || item.state === 'closed' ? 'closed' : 'open' };
  const body = h(`article.card.t-${toneOf(card)}${card.plain === undefined ? '' : '.bare'}`, { 'aria-label': card.title },
    card.closed ? h('div.done', {}, '✓ ' + t.closed) : null, ...(card.plain === undefined ? parts(card, item.person) : [h('p.plain', {}, linked(card.plain, item.person))]));
  const buttons = card.closed ? [] : card.actions.map(action => control(item, action)).filter(Boolean);
  if (buttons.length && card.plain === undefined) body.append(h('div.actions', {}, buttons));
  return h('div.message' + (card.closed ? '.closed' : ''), attributes, body,
    item.lost?.length ? h('details.lost', {}, h('summary', {}, t.lost(t.views[choice.view], item.lost.length)), h('ul', {}, [...new Set(item.lost.map(text => lostWords(text, item.asks || card.actions)))].map(text => h('li', {}, text)))) : null, at);
}
function toneOf(card) {
  const news = card.kind.startsWith('order.'); // good or bad by its own tone, however urgent the customer is
  if (!news && ['due_soon', 'overdue', 'severe', 'critical'].includes(card.severity)) return card.severity;
  if (card.tone === 'danger' && /critical|high_risk/.test(card.kind)) return 'critical';
  return { info: 'due_soon', success: 'ok', warning: 'overdue', danger: 'severe' }[card.tone] || 'muted';
}
function lostWords(text, actions) {
  const cut = text.lastIndexOf(': '), what = cut < 0 ? text : text.slice(0, cut), why = cut < 0 ? '' : text.slice(cut + 2);
  const action = actions.filter(a => what.startsWith(a.id)).sort((a, b) => b.id.length - a.id.length)[0];
  let name = what.replace(/^field /, '');
  if (action) {
    const rest = what.slice(action.id.length).replace(/^[. ]/, '').split(' ')[0], input = action.inputs.find(i => i.name === rest);
    name = action.label.split(' ')[0] + (input?.label ? ' · ' + input.label : rest && rest !== 'label' ? ' · ' + rest : '');
  } else if (choice.lang === 'zh') name = PARTS[name] || name;
  if (choice.lang !== 'zh') return `${name}: ${why}`;
  const [pattern, words] = LOST.find(([test]) => test.test(why)) || [/^.*$/, why];
  return `${name}：${why.replace(pattern, words)}`;
}
const MONEY = /^[^\d]{0,4}-?[\d,]+\.\d\d/, AMOUNT = /^[-+−]?[^\d\s]{1,4}\s?[-−]?[\d,]+(\.\d+)?$/;
const LETTER = /(letter-of-demand_[\p{L}\p{N}_-]+_\d{4}-\d\d-\d\d_\d+\.html)/u;
function linked(text, person) { // the letter of demand that a card names opens in a tab of its own
  return text.split(LETTER).map((part, i) => i % 2 ? h('a', { href: `letters/${encodeURIComponent(person)}/${encodeURIComponent(part)}`, target: '_blank', rel: 'noopener' }, part) : part);
}
function parts(card, person) {
  return [
    card.title ? h('h3', {}, card.title) : null,
    card.text ? h('p.text', {}, linked(card.text, person)) : null,
    card.fields.length ? h('dl.fields', {}, card.fields.map(field =>
      h('div' + ([...field.value].length > 17 || field.value.includes('\n') ? '.wide' : ''), {}, h('dt', {}, field.label), h('dd.text' + (AMOUNT.test(field.value) ? '.money' : ''), {}, field.value)))) : null,
    card.rows.length ? h('ul.rows', {}, card.rows.map(row), card.rows_more ? h('li.more', {}, card.lang === 'en' ? `and ${card.rows_more} more` : `还有 ${card.rows_more} 项`) : null) : null,
    card.footer ? h('p.foot', {}, card.footer) : null,
  ].filter(Boolean);
}
function row(cells) { // what and how much on one line, the rest below it: a table has no room on a phone
  const n = cells.findIndex((cell, i) => i && (MONEY.test(cell) || AMOUNT.test(cell)) && [...cell].length < 24), rest = cells.filter((cell, i) => cell && i && i !== n);
  if (n < 0 && cells.length === 2) return h('li.pair', {}, h('span', {}, cells[0]), h('span', {}, cells[1]));
  return h('li', {}, h('span.what', {}, cells[0]), n > 0 ? h('span.much', {}, cells[n]) : null, rest.length ? h('span.rest', {}, rest.join(' · ')) : null);
}
function drawLetter(item) {
  const letter = item.letter, at = local(item.at);
  return h('details.letter', { 'data-id': item.id, 'data-delivery': item.delivery },
    h('summary', {}, h('div.from', {}, h('span', {}, letter.to), letter.stage ? h('span.stage.s' + letter.stage, {}, t.stages[letter.stage] || '') : null, h('span', {}, at.time)),
      h('h3', {}, letter.subject), h('p.start', {}, letter.text.replace(/\s+/g, ' ').slice(0, 140))),
    h('div.body', {}, letter.text),
    letter.cc.length ? h('p.copies', {}, `${t.cc} ${letter.cc.join(', ')}`) : null);
}

// --- controls on cards: as the chosen messenger would draw them ----------------------------------------------

function control(item, action) {
  const mark = { 'data-action': action.id, 'data-target': action.target || undefined };
  const look = action.style === 'primary' ? '.primary' : action.style === 'danger' ? '.danger' : '';
  const waiting = item.delivery === null;
  if (action.draw === 'reply') return null; // the card says what to type
  if (action.draw === 'link') return h('a', { ...mark, href: /^https?:/.test(action.url) ? action.url : undefined, rel: 'noreferrer', target: '_blank' }, action.label + ' ↗');
  if (action.draw === 'inline' && action.inputs.length === 1) {
    const field = entry(action.inputs[0]);
    field.setAttribute('aria-label', action.label);
    const go = h('button', { type: 'button', disabled: waiting, ...mark, onclick: event => { if (field.value) press(item, action, { [action.inputs[0].name]: field.value }, event.currentTarget); else field.focus(); } }, t.change);
    return h('div.inline', {}, h('span', {}, action.label), field, go);
  }
  return h('button' + look, { type: 'button', disabled: waiting, ...mark, 'aria-haspopup': action.ask || action.confirm ? 'dialog' : undefined, onclick: event => ask(item, action, event.currentTarget) }, action.label);
}
function ask(item, action, button) {
  const given = Object.fromEntries(action.given), open = action.inputs.filter(input => !(input.name in given));
  if (!open.length) {
    if (action.confirm) confirmation(item, action, given, button);
    else press(item, action, given, button);
  } else if (action.draw === 'menu') menu(item, action, given, open, button);
  else sheet(item, action, given, open, button);
}

async function press(item, action, input, button, wrong) {
  button?.setAttribute('disabled', '');
  button?.setAttribute('aria-busy', 'true');
  try {
    const body = { person: item.person, delivery: item.delivery, action: action.id, rev: item.rev, input: action.target ? { ...input, target: action.target } : input };
    const { outcome, message, next, answer } = await call('tap', body);
    if (next) { setTimeout(() => ask(item, { ...next.action, given: [] }, button?.isConnected ? button : null)); return true; }
    if (wrong && outcome === 'invalid') { wrong(message || outcome); return false; }
    if (!message && answer && outcome === 'done') { // a card of its own: a question, or what was opened
      if (answer === 'reply.sure') toast(item.person, t.sure, 'odd');
      return true;
    }
    toast(item.person, message || t.saved, { done: 'done', already: 'odd', stale: 'odd' }[outcome] || 'bad');
    return true;
  } catch (error) {
    const text = `${t.error} (${error.message})`;
    if (wrong) wrong(text); else toast(item.person, text, 'bad');
    return false;
  } finally {
    button?.removeAttribute('disabled');
    button?.removeAttribute('aria-busy');
  }
}
async function say(handle, text, input) {
  const feed = phone(handle)?.querySelector('.feed');
  if (feed) feed.scrollTop = feed.scrollHeight;
  try { await call('say', { person: handle, text }); } catch (error) {
    toast(handle, `${t.error} (${error.message})`, 'bad');
    if (input && !input.value) input.value = text;
  }
}

function entry(input) {
  if (input.choices?.length) {
    return h('select', { name: input.name }, h('option', { value: '' }, input.required ? t.choose : t.none), input.choices.map(c => h('option', { value: c.value }, c.label)));
  }
  const type = { date: 'date', number: 'number' }[input.type] || 'text';
  return h('input', { type, name: input.name, autocomplete: 'off', inputmode: input.type === 'amount' ? 'decimal' : undefined, placeholder: input.type === 'amount' && !input.required ? t.all : undefined });
}
function isPast(action, input) { return /paid|received/.test(input.name) || (/paid/.test(action.id) && input.type === 'date'); }

// The inputs of an action as a form: [nodes, read() -> values or null when something is missing]
function form(action, inputs) {
  const fields = inputs.map(input => [input, entry(input)]);
  const nodes = fields.map(([input, field]) => {
    const label = h('label', {}, h('span', {}, input.label || action.label, input.required && fields.length > 1 ? h('b.need', { 'aria-hidden': 'true' }, ' *') : null), field);
    if (input.type !== 'date') return label;
    const chips = h('div.chips', {}, quickDates(isPast(action, input), input.name).map(([word, day]) => h('button', { type: 'button', title: day, 'aria-pressed': 'false', onclick: () => { field.value = day; mark(); } }, word)));
    const said = h('span.said', { 'aria-live': 'polite' }); // the field itself is written as the browser's language has it
    const mark = () => {
      [...chips.children].forEach(chip => chip.setAttribute('aria-pressed', String(chip.title === field.value)));
      said.textContent = field.value ? dayWords(field.value) : '';
    };
    field.addEventListener('input', mark);
    return h('div.dated', {}, label, said, chips);
  });
  const values = wrong => {
    const out = {};
    for (const [input, field] of fields) {
      const value = field.value.trim();
      field.removeAttribute('aria-invalid');
      if (!value && (input.required || field.validity.badInput)) { wrong(`${t.needed}：${input.label || action.label}`); field.setAttribute('aria-invalid', 'true'); field.focus(); return null; }
      if (value && input.type === 'amount' && !/\d/.test(value)) { wrong(t.badAmount); field.setAttribute('aria-invalid', 'true'); field.focus(); return null; }
      if (value) out[input.name] = value;
    }
    return out;
  };
  return [nodes, values];
}

function open(node, title, note, content, back) { // a sheet inside a phone; Escape and the veil close it
  const before = document.activeElement;
  const rest = [...node.children].filter(child => !child.classList.contains('toast'));
  const close = () => { veil.remove(); rest.forEach(child => { child.inert = false; }); (back?.isConnected ? back : before?.isConnected ? before : node.querySelector('.feed'))?.focus({ preventScroll: true }); };
  const box = h('div.sheet', { role: 'dialog', 'aria-modal': 'true', 'aria-label': title },
    h('header', {}, h('h3', {}, title, note ? h('p', {}, note) : null), h('button.x', { type: 'button', 'aria-label': t.close, onclick: close }, '×')), content);
  const veil = h('div.veil', { onclick: event => { if (event.target === veil) close(); }, onkeydown: event => { if (event.key === 'Escape') { event.stopPropagation(); close(); } } }, box);
  rest.forEach(child => { child.inert = true; });
  node.append(veil);
  (box.querySelector('form input, form select, .options button, .go .first') || box.querySelector('button')).focus({ preventScroll: true });
  return close;
}
function sheet(item, action, given, inputs, button) {
  const node = phone(item.person), wrong = h('p.wrong', { role: 'alert', hidden: true });
  const complain = text => { wrong.hidden = false; wrong.textContent = text; };
  let close;
  if (action.ask === 'choice' && inputs.length === 1 && inputs[0].choices?.length) {
    const options = inputs[0].choices.map(c => h('button', { type: 'button', 'data-value': c.value, onclick: async event => { if (await press(item, action, { ...given, [inputs[0].name]: c.value }, event.currentTarget, complain)) close(); } }, c.label));
    close = open(node, action.label, item.card.title, [h('div.options', {}, options), wrong], button);
    return;
  }
  const [nodes, values] = form(action, inputs);
  const go = h('button.primary', { type: 'submit' }, t.ok);
  const content = h('form.sheet-form', { novalidate: true, onsubmit: async event => {
    event.preventDefault();
    wrong.hidden = true;
    const input = values(complain);
    if (input && await press(item, action, { ...given, ...input }, go, complain)) close();
  } }, nodes, action.confirm ? h('p', {}, action.confirm) : null, wrong, h('div.go', {}, h('button', { type: 'button', onclick: () => close() }, t.cancel), go));
  content.className = 'menu';
  close = open(node, action.label, item.card.title, content, button);
}
function confirmation(item, action, given, button) {
  const yes = h('button.primary' + (action.style === 'danger' ? '.danger' : ''), { type: 'button', onclick: async () => { await press(item, action, given, yes); close(); } }, action.label);
  const close = open(phone(item.person), action.confirm, item.card.title, h('div.go', {}, h('button.first', { type: 'button', onclick: () => close() }, t.cancel), yes), button);
}
function menu(item, action, given, inputs, button) { // the card's buttons give way to drop-downs, as in WeCom
  const place = button.closest('.actions'), before = [...place.children];
  const [nodes, values] = form(action, inputs), wrong = h('p.wrong', { role: 'alert', hidden: true });
  const complain = text => { wrong.hidden = false; wrong.textContent = text; };
  const go = h('button.primary', { type: 'submit' }, t.ok);
  place.replaceChildren(h('form.menu', { novalidate: true, onsubmit: async event => {
    event.preventDefault();
    const input = values(complain);
    if (input && await press(item, action, { ...given, ...input }, go, complain)) place.replaceChildren(...before);
  } }, h('b', {}, action.label), nodes, wrong, h('div.actions', {}, h('button', { type: 'button', onclick: () => { place.replaceChildren(...before); button.focus(); } }, t.cancel), go)));
  place.querySelector('input, select')?.focus();
}
function toast(handle, text, look) {
  const node = phone(handle) || document.querySelector('.phone');
  if (!node) return;
  node.querySelector('.toast')?.remove();
  const note = h('div.toast.' + look, { role: 'status' }, text);
  node.append(note);
  setTimeout(() => note.remove(), 2600 + 60 * text.length);
}

// --- the bar -------------------------------------------------------------------------------------------------

function modal(title, note, content) {
  const before = document.activeElement, rest = [...document.body.children].filter(node => node !== $('modal') && node.tagName !== 'SCRIPT');
  const close = () => { $('modal').hidden = true; $('modal').replaceChildren(); rest.forEach(node => { node.inert = false; }); before?.focus(); };
  $('modal').replaceChildren(h('div.sheet', { role: 'dialog', 'aria-modal': 'true', 'aria-label': title },
    h('header', {}, h('h3', {}, title, note ? h('p', {}, note) : null), h('button.x', { type: 'button', 'aria-label': t.close, onclick: close }, '×')), content));
  $('modal').onclick = event => { if (event.target === $('modal')) close(); };
  $('modal').onkeydown = event => { if (event.key === 'Escape') close(); };
  rest.forEach(node => { node.inert = true; });
  $('modal').hidden = false;
  $('modal').querySelector('input, select')?.focus();
  return close;
}
function pickPeople() {
  const search = h('input', { type: 'search', placeholder: t.search, 'aria-label': t.search }), list = h('div.pick');
  const handles = [...new Set([...choice.shown, ...state.people.keys(), MAIL])].filter(handle => handle !== SHOP);
  const fill = () => list.replaceChildren(...handles.filter(handle => (nameOf(handle) + handle + postOf(handle)).toLowerCase().includes(search.value.trim().toLowerCase())).slice(0, 200).map(handle => {
    const box = h('input', { type: 'checkbox', checked: choice.shown.includes(handle), onchange: () => {
      const kept = choice.shown.filter(other => other !== handle && other !== MAIL), mail = choice.shown.includes(MAIL);
      if (handle === MAIL) choice.shown = box.checked ? [...kept, MAIL] : kept;
      else choice.shown = [...kept, ...(box.checked ? [handle] : []), ...(mail ? [MAIL] : [])];
      if (!choice.shown.length) { choice.shown = [handle]; box.checked = true; }
      if (!choice.shown.includes(choice.active)) choice.active = choice.shown[0];
      state.unread.delete(handle);
      remember(); drawPhones();
    } });
    return h('label', {}, box, avatar(handle), h('div', {}, nameOf(handle), h('small', {}, postOf(handle))), badge(state.unread.get(handle) || 0));
  }));
  search.addEventListener('input', fill);
  fill();
  modal(t.which, t.whichNote, [search, list, h('a.aside', { href: 'preview' }, t.preview)]);
}
function pickTime() {
  const input = h('input', { type: 'datetime-local', value: shift(state.clock.today, 7) + 'T09:00', min: state.clock.now.slice(0, 16), step: '60', name: 'to' });
  const close = modal(t.clockTitle, t.clockNote, h('form.menu', { onsubmit: async event => { event.preventDefault(); if (await turn({ to: input.value })) close(); } },
    h('label', {}, h('span', {}, t.advance), input), h('div.go', {}, h('button', { type: 'button', onclick: () => close() }, t.cancel), h('button.primary', { type: 'submit' }, t.ok))));
}
async function turn(body) {
  try { showClock(await call('clock', body)); return true; } catch (error) {
    toast(choice.active, error.code === 'clock.backwards' ? t.past : error.code === 'clock.busy' ? t.busy : error.message, 'bad');
    return false;
  }
}
function showClock(clock) {
  const before = state.clock;
  if (before && clock.moves < before.moves) return; // the answer to a click, overtaken by the stream
  state.clock = clock;
  if (!state.demo) return;
  $('clock-time').textContent = clock.now.slice(11, 16);
  $('clock-day').textContent = dayWords(clock.today, !narrow.matches) + (clock.works ? '' : ` · ${t.rest}`);
  document.body.classList.toggle('busy', Boolean(clock.target));
  document.querySelectorAll('.steps button').forEach(button => { button.disabled = Boolean(clock.target); });
  if (clock.target) {
    state.moving ??= Date.parse(clock.now);
    const way = Date.parse(clock.target) - state.moving, gone = Date.parse(clock.now) - state.moving;
    $('clock-progress').value = way > 0 ? Math.min(1, Math.max(.03, gone / way)) : 1;
  } else state.moving = null;
  if (clock.failed && clock.failed !== before?.failed) toast(choice.active, clock.failed, 'bad');
}
function drawBar() {
  t = WORDS[choice.lang];
  document.documentElement.lang = choice.lang;
  document.querySelectorAll('[data-t]').forEach(node => { node.textContent = t[node.dataset.t]; });
  $('company').textContent = state.company[choice.lang] || '';
  $('lang').textContent = choice.lang === 'zh' ? 'EN' : '中文';
  $('lang').setAttribute('lang', choice.lang === 'zh' ? 'en' : 'zh');
  $('view').replaceChildren(...Object.entries(t.views).map(([value, label]) => h('option', { value, selected: value === choice.view }, label)));
  $('view').setAttribute('aria-label', t.view);
  $('clock').hidden = !state.demo;
  $('shop').hidden = !shop.there;
  $('shop').textContent = shopWords().open;
  $('shop').setAttribute('aria-pressed', String(choice.shown.includes(SHOP)));
  $('clock-progress').setAttribute('aria-label', t.busy);
}

// --- live ----------------------------------------------------------------------------------------------------

function listen() {
  state.source?.close();
  const source = new EventSource(`api/events?since=${state.version}&profile=${choice.view}`);
  state.source = source;
  source.addEventListener('messages', event => {
    const items = JSON.parse(event.data);
    items.forEach(arrived);
    shopSoon();
    state.version = Math.max(state.version, ...items.map(item => item.version));
  });
  source.addEventListener('clock', event => { showClock(JSON.parse(event.data)); shopSoon(); });
  source.onopen = () => { $('offline').hidden = true; };
  source.onerror = () => {
    $('offline').hidden = false;
    $('offline').textContent = source.readyState === EventSource.CLOSED ? t.gone : t.offline;
  };
}
async function start() {
  const hello = await call('people');
  hello.people.forEach(person => state.people.set(person.handle, person));
  Object.assign(state, { version: hello.version, zone: hello.zone, demo: hello.demo, company: hello.company, first: hello.first });
  shop.there = hello.shop;
  if (!WORDS[choice.lang]) choice.lang = WORDS[hello.lang] ? hello.lang : 'zh';
  if (!hello.views.includes(choice.view)) choice.view = 'full';
  choice.shown = (choice.shown || []).filter(handle => handle === MAIL || (handle === SHOP && shop.there) || state.people.has(handle));
  if (!choice.shown.length) choice.shown = [...hello.first, MAIL];
  if (!choice.shown.includes(choice.active)) choice.active = choice.shown[0];
  if (choice.shown.includes(SHOP)) await shopLoad();
  drawBar();
  showClock(hello.clock);
  drawPhones();
  listen();
  $('lang').onclick = () => { choice.lang = choice.lang === 'zh' ? 'en' : 'zh'; remember(); drawBar(); showClock(state.clock); drawPhones(); shopSoon(); };
  $('view').onchange = () => { choice.view = $('view').value; remember(); state.chats.clear(); drawPhones(); listen(); };
  $('people').onclick = pickPeople;
  $('shop').onclick = () => shopToggle().catch(error => toast(choice.active, error.message, 'bad'));
  $('clock-pick').onclick = pickTime;
  document.querySelectorAll('[data-step]').forEach(button => { button.onclick = () => turn({ step: button.dataset.step }); });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) choice.shown.filter(visible).forEach(read); });
  narrow.addEventListener('change', () => { showClock(state.clock); activate(); });
  document.body.dataset.ready = '1';
}
start().catch(error => { $('offline').hidden = false; $('offline').textContent = `${t.gone} (${error.message})`; });
