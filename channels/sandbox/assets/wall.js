// The page works without this script. With it, messages appear by themselves, and nothing is lost from view.
'use strict';
(() => {
  const byId = (id) => document.getElementById(id);
  const cards = byId('cards'), open = byId('open'), strip = byId('strip'), say = byId('say'), find = document.querySelector('.find');
  let stream = null;

  const parse = (html) => {
    const t = document.createElement('template');
    t.innerHTML = html; // made and escaped by the server's templates; the page's policy allows no inline script
    return t.content;
  };
  const now = () => new URLSearchParams(location.search);
  const localTimes = (root) => {
    for (const t of root.querySelectorAll('time[datetime]')) {
      const at = new Date(t.dateTime);
      if (isNaN(at)) continue;
      t.textContent = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
      t.title = at.toLocaleString();
    }
  };
  const tell = (text, well = false) => { say.textContent = text; say.classList.toggle('well', well); };

  // refresh replaces the parts of a stretch of the page that have changed, and leaves the others alone: what one is
  // about to click, what is being written, and where one reads must survive.
  const raw = new WeakMap();
  const refresh = (old, fresh) => {
    const was = raw.get(old) || old.outerHTML, is = fresh.outerHTML;
    if (was === is) return false;
    raw.set(fresh, is);
    localTimes(fresh);
    const held = old.contains(document.activeElement) ? document.activeElement : null;
    old.replaceWith(fresh);
    if (held) {
      const again = held === old ? fresh : [...fresh.querySelectorAll('a, button')].find((b) => b.textContent === held.textContent);
      if (again) again.focus({ preventScroll: true });
    }
    return true;
  };

  // sync does the same child by child, for the messages of a screen.
  const sync = (old, fresh) => {
    const have = [...old.children], want = [...fresh.children];
    let changed = false;
    for (let i = 0; i < Math.max(have.length, want.length); i++) {
      if (!want[i]) { have[i].remove(); changed = true; continue; }
      if (have[i]) { changed = refresh(have[i], want[i]) || changed; continue; }
      raw.set(want[i], want[i].outerHTML);
      localTimes(want[i]);
      old.append(want[i]);
      changed = true;
    }
    return changed;
  };

  // remember keeps the parts as the server wrote them, before their times become local ones.
  const remember = (root) => {
    for (const part of root.querySelectorAll('.counts, .faults, .open-top, .state, .quick, .trace, .screen > *')) raw.set(part, part.outerHTML);
    localTimes(root);
  };

  const showStrip = (html) => {
    const fresh = parse(html);
    for (const part of ['.counts', '.faults']) refresh(strip.querySelector(part), fresh.querySelector(part));
  };

  const toEnd = () => { const s = open.querySelector('.screen'); if (s) s.scrollTop = s.scrollHeight; };
  const showPhone = (html) => {
    const before = open.querySelector('.open');
    const fresh = parse(html);
    const key = fresh.querySelector('.open').dataset.key;
    if (!before || before.dataset.key !== key) {
      open.replaceChildren(fresh);
      remember(open);
      toEnd();
      return;
    }
    const screen = before.querySelector('.screen');
    const atEnd = screen.scrollHeight - screen.scrollTop - screen.clientHeight < 40, top = screen.scrollTop;
    for (const part of ['.open-top', '.state', '.quick', '.trace']) {
      const old = before.querySelector(part), next = fresh.querySelector(part);
      if (old && next) refresh(old, next);
    }
    if (sync(screen, fresh.querySelector('.screen'))) screen.scrollTop = atEnd ? screen.scrollHeight : top;
    for (const name of ['#answer', '.send']) before.querySelector(name).disabled = fresh.querySelector(name).disabled;
  };

  const showCards = (list) => {
    let ul = cards.querySelector('.cards');
    if (!ul) {
      ul = document.createElement('ul');
      ul.className = 'cards';
      cards.replaceChildren(ul);
    }
    for (const c of list) {
      const fresh = parse(c.html).firstElementChild;
      const old = [...ul.children].find((li) => li.dataset.key === c.key);
      if (c.news) fresh.classList.add('fresh');
      if (!old) {
        if (c.top) ul.prepend(fresh);
        else if (!cards.querySelector('.more')) ul.append(fresh);
        continue;
      }
      // The link stays, so that a click on it that has begun is not lost.
      const link = old.querySelector('a');
      if (raw.get(link) === c.html) continue;
      raw.set(link, c.html);
      old.classList.remove('fresh');
      if (c.news) void old.offsetWidth; // so that the light goes on again
      old.className = fresh.className;
      link.replaceChildren(...fresh.querySelector('a').childNodes);
    }
  };

  const connect = () => {
    if (stream) stream.close();
    stream = new EventSource('/wall/events?' + now());
    stream.addEventListener('strip', (e) => showStrip(e.data));
    stream.addEventListener('phone', (e) => showPhone(e.data));
    stream.addEventListener('cards', (e) => showCards(JSON.parse(e.data)));
    stream.addEventListener('open', () => document.body.classList.remove('lost'));
    stream.addEventListener('error', () => document.body.classList.add('lost'));
  };

  const fragment = async (path) => {
    const r = await fetch(path);
    if (!r.ok) throw new Error(r.status === 404 ? 'There is no such phone.' : 'The sandbox did not answer.');
    return r.text();
  };

  const markOpen = (key) => {
    for (const li of cards.querySelectorAll('.card')) {
      const is = li.dataset.key === key;
      li.classList.toggle('is-open', is);
      const a = li.querySelector('a');
      if (is) a.setAttribute('aria-current', 'true'); else a.removeAttribute('aria-current');
    }
  };

  // go brings the page to where the address bar is.
  const go = async (focus) => {
    const q = now(), key = q.get('open') || '';
    try {
      if (key) {
        showPhone(await fragment('/wall/phone?' + q));
        open.hidden = false;
        document.body.classList.add('has-open');
        if (focus) { const h = open.querySelector('#answer'); if (h) h.focus({ preventScroll: true }); window.scrollTo({ top: matchMedia('(max-width: 62rem)').matches ? 0 : window.scrollY }); }
      } else {
        const was = open.querySelector('.open');
        open.hidden = true;
        open.replaceChildren();
        document.body.classList.remove('has-open');
        if (focus && was) { const li = [...cards.querySelectorAll('.card')].find((c) => c.dataset.key === was.dataset.key); if (li) li.querySelector('a').focus(); }
      }
      markOpen(key);
      connect();
    } catch (e) { tell(e.message); }
  };

  const reload = async () => {
    try {
      cards.replaceChildren(parse(await fragment('/wall/cards?' + now())));
      watchMore();
      connect();
    } catch (e) { tell(e.message); }
  };

  const more = async (link) => {
    const p = link.closest('.more');
    p.remove();
    const q = new URL(link.href).searchParams;
    const next = parse(await fragment('/wall/cards?' + q));
    const ul = cards.querySelector('.cards');
    const have = new Set([...ul.children].map((li) => li.dataset.key));
    for (const li of [...next.querySelectorAll('.card')]) if (!have.has(li.dataset.key)) ul.append(li);
    const again = next.querySelector('.more');
    if (again) { cards.append(again); watchMore(); }
  };
  const seen = new IntersectionObserver((list) => {
    for (const e of list) if (e.isIntersecting) { seen.unobserve(e.target); more(e.target).catch((err) => tell(err.message)); }
  }, { rootMargin: '400px' });
  const watchMore = () => { const a = cards.querySelector('.more a'); if (a) seen.observe(a); };

  document.addEventListener('click', (e) => {
    const a = e.target.closest('.card a, .close');
    if (!a || e.metaKey || e.ctrlKey || e.shiftKey || e.button) return;
    e.preventDefault();
    const to = new URL(a.href), q = now();
    const key = to.searchParams.get('open');
    if (key) q.set('open', key); else q.delete('open');
    q.delete('skip');
    history.pushState(null, '', q.size ? '/?' + q : '/');
    go(true);
  });
  window.addEventListener('popstate', () => go(false));
  document.addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && !open.hidden) open.querySelector('.close').click();
  });

  document.addEventListener('submit', async (e) => {
    const form = e.target;
    if (form.method !== 'post') return;
    e.preventDefault();
    const data = new URLSearchParams(new FormData(form, e.submitter));
    tell(data.get('action') ? e.submitter.textContent + ' …' : '', true); // killing the gateway takes seconds
    try {
      const r = await fetch(form.getAttribute('action'), { method: 'POST', body: data, headers: { 'X-Wall': '1' } });
      tell(await r.text(), r.ok);
      if (!r.ok) return;
      if (form.classList.contains('write') && !data.get('quick')) form.querySelector('#answer').value = '';
    } catch { tell('The sandbox did not answer.'); }
  });

  let typing = 0;
  const search = () => {
    const q = now();
    const data = new FormData(find);
    for (const name of ['q', 'kind']) { const v = String(data.get(name) || '').trim(); if (v) q.set(name, v); else q.delete(name); }
    q.delete('skip');
    history.replaceState(null, '', q.size ? '/?' + q : '/');
    reload();
  };
  find.addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(search, 200); });
  find.addEventListener('submit', (e) => { e.preventDefault(); clearTimeout(typing); search(); });

  document.documentElement.classList.add('live');
  remember(document);
  toEnd();
  watchMore();
  connect();
})();
