// The demo's order system: a panel beside the phones. It is a client of the REST API like any other, with a token of its own.
'use strict';

const SHOP = '@shop';
const SHOP_WORDS = {
  zh: {
    name: '订单系统', note: '演示：代替贵司的订单系统，走 REST 接口', open: '订单系统', customer: '客户', amount: '金额', terms: '账期', prepaid: '预付',
    place: '下单', words: '给审批人的话（可不填）', usual: '按约定', none: '无', all: '全额', days: n => `${n} 天`, within: '额度内', over: '超额度', needed: '请填金额，例如 50,000',
    credit: c => [c.rating && c.rating !== 'new' ? `${c.rating} 级` : '新客户', c.limit === null ? '未设额度' : `额度 ${c.limit}`, c.limit === null ? '' : `可用 ${c.available}`, c.overdue_days ? `逾期 ${c.overdue_days} 天` : '', c.held ? '已暂停下单' : ''].filter(Boolean),
    states: { held: '暂缓放行', released: '已放行', refused: '已拒绝', rejected: '已驳回', conditions: '附条件批准', expired: '审批超时', cancelled: '已取消', closed: '已完结' },
    asked: name => `等 ${name} 审批`, by: { released: name => `经 ${name} 批准`, conditions: name => `经 ${name} 附条件批准`, rejected: (name, reason) => `${name}：${reason}` }, empty: '还没有订单', sending: '提交中…', sep: '；',
  },
  en: {
    name: 'Order system', note: 'Demo: stands for your order system, over the REST API', open: 'Orders', customer: 'Customer', amount: 'Amount', terms: 'Terms', prepaid: 'Prepaid',
    place: 'Place order', words: 'A word to whoever decides (optional)', usual: 'as agreed', none: 'none', all: 'all of it', days: n => `${n} days`, within: 'Within the limit', over: 'Beyond the limit', needed: 'An amount, e.g. 50,000',
    credit: c => [c.rating && c.rating !== 'new' ? `Rated ${c.rating}` : 'New', c.limit === null ? 'no limit set' : `limit ${c.limit}`, c.limit === null ? '' : `available ${c.available}`, c.overdue_days ? `${c.overdue_days} ${c.overdue_days === 1 ? 'day' : 'days'} overdue` : '', c.held ? 'orders on hold' : ''].filter(Boolean),
    states: { held: 'On hold', released: 'Released', refused: 'Refused', rejected: 'Rejected', conditions: 'On conditions', expired: 'No decision', cancelled: 'Cancelled', closed: 'Closed' },
    asked: name => `Waits for ${name}`, by: { released: name => `Approved by ${name}`, conditions: name => `Approved on conditions by ${name}`, rejected: (name, reason) => `${name}: ${reason}` }, empty: 'No orders yet', sending: 'Placing…', sep: '; ',
  },
};
const shop = { there: false, token: '', customers: [], orders: [], next: '', credit: null, form: { customer: '', amount: '', terms: '', prepaid: '', note: '' }, error: '', placing: false, timer: 0, fresh: '' };

function shopWords() { return SHOP_WORDS[choice.lang] || SHOP_WORDS.zh; }

async function shopLoad() {
  const found = await call(`shop?lang=${choice.lang}`);
  Object.assign(shop, found);
  if (!shop.form.customer) shop.form.customer = found.orders.find(order => order.asked.length)?.code || found.customers[0]?.code || '';
  await shopCredit();
}
async function shopCredit() {
  const code = shop.form.customer, found = code ? await call(`shop/customers/${encodeURIComponent(code)}?lang=${choice.lang}`) : null;
  if (code === shop.form.customer) { shop.credit = found; shopHint(); }
}
function shopSoon() { // something was said: an order may have been decided
  if (!shop.there || !shop.token) return;
  clearTimeout(shop.timer);
  shop.timer = setTimeout(() => shopRefresh().catch(() => {}), 120);
}
async function shopRefresh() {
  const before = new Map(shop.orders.map(order => [order.number, order.state]));
  Object.assign(shop, await call(`shop/orders?lang=${choice.lang}`));
  shopList(before);
  await shopCredit();
}

// Opens the scene (order system, approver, rep, finance), or goes back to the phones that were there before.
async function shopToggle() {
  if (choice.shown.includes(SHOP)) {
    choice.shown = choice.before?.filter(handle => handle === MAIL || state.people.has(handle)) || [];
    if (!choice.shown.length) choice.shown = [...state.first, MAIL];
    choice.active = choice.shown[0];
  } else {
    if (!shop.token) await shopLoad();
    choice.before = choice.shown;
    const waiting = shop.orders.find(order => order.asked.length), role = name => [...state.people.values()].find(person => person.roles.includes(name))?.handle;
    choice.shown = [...new Set([SHOP, waiting?.asked[0].handle || role('finance_director'), waiting?.rep?.handle || role('rep'), role('finance')])].filter(Boolean);
    choice.active = SHOP;
    choice.shown.forEach(handle => state.unread.delete(handle));
  }
  remember();
  drawPhones();
  $('shop').setAttribute('aria-pressed', String(choice.shown.includes(SHOP)));
}
function shopShow(order) { // whoever is asked, and the rep, have their phones on the table
  const asked = order.asked[0]?.handle, rep = order.rep?.handle, fixed = [SHOP, asked, rep].filter(Boolean);
  if (fixed.every(handle => choice.shown.includes(handle))) return;
  const finance = [...state.people.values()].find(person => person.roles.includes('finance'))?.handle;
  choice.shown = [...new Set([...fixed, ...choice.shown.filter(handle => handle === finance)])];
  remember();
  drawPhones();
}
function shopGo(handle) {
  if (!choice.shown.includes(handle)) { choice.shown = [...choice.shown.slice(0, 1), handle, ...choice.shown.slice(1)]; drawPhones(); }
  if (narrow.matches) { choice.active = handle; activate(); } else shopLight(handle);
  remember();
}
function shopLight(handle) {
  const node = phone(handle);
  if (!node) return;
  node.classList.remove('lit');
  void node.offsetWidth; // a second message lights it up again
  node.classList.add('lit');
  node.scrollIntoView({ inline: 'nearest', block: 'nearest' });
}
function shopHeard(item) { if (shop.there && item.direction === 'out' && item.card && /^(credit|order)\./.test(item.card.kind)) shopLight(item.person); }

async function shopPlace() {
  const form = shop.form, w = shopWords();
  const amount = form.amount.replace(/[,，\s]/g, '');
  shop.error = /^\d+(\.\d+)?$/.test(amount) && Number(amount) > 0 ? '' : w.needed;
  if (shop.error || shop.placing) return shopProblem();
  const customer = shop.customers.find(one => one.code === form.customer);
  const body = { number: shop.next, customer: form.customer, amount, currency: customer.currency };
  if (form.terms) body.terms = `net${form.terms}`;
  if (form.prepaid) body.prepaid = form.prepaid === 'all' ? true : (Math.round(Number(amount) * 30) / 100).toFixed(2);
  if (form.note.trim()) body.note = form.note.trim();
  shop.placing = true;
  shopProblem();
  try {
    const answer = await fetch('api/v1/orders', {
      method: 'POST', body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json', 'Accept-Language': choice.lang, Authorization: `Bearer ${shop.token}`, 'Idempotency-Key': `${shop.next}-${Date.now()}` },
    });
    const said = await answer.json();
    if (answer.ok) { Object.assign(form, { amount: '', note: '', terms: '', prepaid: '' }); shop.fresh = said.number; } else shop.error = said.error?.message || String(answer.status);
  } catch (error) { shop.error = `${t.error} (${error.message})`; }
  shop.placing = false;
  try {
    await shopRefresh();
    const order = shop.orders.find(one => one.number === shop.fresh);
    if (order && !shop.error) shopShow(order);
  } catch (error) { shop.error ||= error.message; }
  shopForm();
}

// --- drawing ---------------------------------------------------------------------------------------------------

function shopPanel() {
  const w = shopWords(), f = shop.form;
  const field = (name, label, node) => { node.name = name; node.addEventListener('input', () => { f[name] = node.value; }); return h('label', {}, h('span', {}, label), node); };
  const select = (name, label, options) => field(name, label, h('select', {}, options.map(([value, text]) => h('option', { value, selected: f[name] === value }, text))));
  const customer = select('customer', w.customer, shop.customers.map(one => [one.code, `${one.name} · ${one.code}`]));
  customer.classList.add('whole');
  customer.addEventListener('change', () => shopCredit().catch(() => {}));
  const amount = field('amount', w.amount, h('input', { type: 'text', inputmode: 'decimal', autocomplete: 'off', maxlength: '20', value: f.amount }));
  amount.classList.add('whole');
  const note = field('note', w.words, h('input', { type: 'text', autocomplete: 'off', maxlength: '200', value: f.note }));
  note.classList.add('whole');
  const form = h('form.order', { novalidate: true, onsubmit: event => { event.preventDefault(); shopPlace(); } },
    customer, h('p.credit.whole', { 'data-shop': 'credit', 'aria-live': 'polite' }), amount, h('div.chips.whole', { 'data-shop': 'amounts' }),
    select('terms', w.terms, [['', w.usual], ...[30, 60, 90].map(n => [String(n), w.days(n)])]), select('prepaid', w.prepaid, [['', w.none], ['30', '30%'], ['all', w.all]]), note,
    h('p.wrong.whole', { role: 'alert', hidden: true }), h('button.primary.whole', { type: 'submit' }, w.place));
  const node = h('section.phone.shop' + (choice.active === SHOP ? '.active' : ''), { 'data-person': SHOP, 'aria-label': w.name },
    h('header', {}, avatar(SHOP), h('div', {}, h('h2', {}, w.name), h('p', {}, w.note))), h('div.feed', { tabindex: '0' }, form, h('ol.orders', { 'aria-live': 'polite' })));
  queueMicrotask(() => { shopHint(); shopList(); shopProblem(); });
  return node;
}
function shopForm() { // after an order went in: an empty form again
  const form = phone(SHOP)?.querySelector('form');
  if (!form) return;
  for (const name of ['amount', 'terms', 'prepaid', 'note']) form.elements[name].value = shop.form[name];
  shopProblem();
}
function shopHint() {
  const node = phone(SHOP);
  if (!node || !shop.credit) return;
  const w = shopWords(), c = shop.credit, input = node.querySelector('input[name=amount]');
  node.querySelector('[data-shop=credit]').replaceChildren(...w.credit(c).map(part => h('span', {}, part)));
  const room = c.room === null ? null : Number(c.room), chip = (text, value) => h('button', { type: 'button', 'data-amount': value, onclick: () => { input.value = value; shop.form.amount = value; } }, text);
  const even = value => Math.max(100, Math.round(value / 1000) * 1000 || Math.round(value)).toLocaleString('en-US');
  node.querySelector('[data-shop=amounts]').replaceChildren(...(room === null ? [] : [room >= 1000 ? chip(w.within, even(room * .3)) : null, chip(w.over, even(room * 1.25 + 10000))].filter(Boolean)));
}
function shopProblem() {
  const node = phone(SHOP);
  if (!node) return;
  const wrong = node.querySelector('.wrong'), button = node.querySelector('form [type=submit]');
  wrong.hidden = !shop.error;
  wrong.textContent = shop.error;
  button.disabled = shop.placing;
  button.textContent = shop.placing ? shopWords().sending : shopWords().place;
}
function shopList(before) {
  const list = phone(SHOP)?.querySelector('.orders');
  if (!list) return;
  const w = shopWords();
  if (!shop.orders.length) { list.replaceChildren(h('li.empty', {}, w.empty)); return; }
  list.replaceChildren(...shop.orders.map(order => {
    const changed = before && before.get(order.number) !== order.state;
    return h('li' + (changed ? '.changed' : ''), { 'data-order': order.number, 'data-state': order.state },
      h('div.top', {}, h('b', {}, order.number), h('span.state', {}, w.states[order.state] || order.state)),
      h('div.what', {}, h('span', {}, order.customer), h('span.much', {}, order.amount)),
      order.why.length && order.state !== 'rejected' ? h('p', {}, order.why.join(w.sep)) : null,
      order.by && w.by[order.state] ? h('p', {}, w.by[order.state](order.by.name, order.reason)) : null,
      order.asked.map(person => h('button', { type: 'button', 'data-asked': person.handle, onclick: () => shopGo(person.handle) }, w.asked(person.name) + ' ›')));
  }));
}
