/* The gateway's page. ES5 without libraries: it must run on whatever phone a clerk has. */
(function () {
  'use strict';

  var WORDS = {
    en: {
      other: '中文', wait: 'Scan a label', wait_detail: 'The answer appears here, with or without the office.',
      sound_off: 'Sound', sound_on: 'On', past: 'Last scans', none: 'Nothing was scanned yet.',
      typing: 'Label cannot be read? Type its code:', send: 'Send', sending: 'Sending …', refused: 'Not taken: ',
      lost: 'No connection to the gateway. What stands here is old; trying again …',
      online: 'Office reached', offline: 'Office not reached', waiting: ' waiting', sent: 'all sent',
      list: 'Deliveries: ', lines: ' lines, ', old: ' old', fresh: 'latest', no_list: 'No delivery list yet', list_fault: 'Delivery list refused',
      clock_ok: 'Clock set', clock_free: 'Clock not set', s: ' s', min: ' min', h: ' h', d: ' d', ago: ' ago', since: ' for ', typed: 'typed',
      only: 'only '
    },
    zh: {
      other: 'EN', wait: '请扫码', wait_detail: '结果显示在此处，无需网络。',
      sound_off: '声音', sound_on: '已开', past: '最近扫码', none: '暂无扫码。',
      typing: '标签无法识别？请输入条码：', send: '提交', sending: '提交中…', refused: '未接受：',
      lost: '与网关断开，当前内容已过时，正在重连…',
      online: '已连接办公室', offline: '未连接办公室', waiting: ' 条待上传', sent: '已全部上传',
      list: '到货计划：', lines: ' 行，', old: '前更新', fresh: '最新', no_list: '尚无到货计划', list_fault: '到货计划被拒绝',
      clock_ok: '时钟已校准', clock_free: '时钟未校准', s: ' 秒', min: ' 分钟', h: ' 小时', d: ' 天', ago: '前', since: ' ', typed: '手工输入',
      only: '仅 '
    }
  };
  var ICONS = { already_received: 'again', ask: 'ask', certificate_missing: 'paper', over: 'plus', person: 'person', unknown: 'ask', kept: 'info' };
  var OLD_AFTER_MS = 20000, KEPT = 50;

  var query = {};
  location.search.slice(1).split('&').forEach(function (pair) {
    var at = pair.indexOf('=');
    if (at > 0) { query[pair.slice(0, at)] = plain(pair.slice(at + 1).replace(/\+/g, ' ')); }
  });
  var language = query.lang || stored('lang') || (/^zh/i.test(navigator.language || '') ? 'zh' : 'en');
  if (language !== 'zh') { language = 'en'; }
  var state = null, stateAt = 0, scans = [], shownAt = 0, audio = null, connected = false;

  function plain(value) { try { return decodeURIComponent(value); } catch (e) { return value; } }
  function $(id) { return document.getElementById(id); }
  function say(key) { return WORDS[language][key]; }
  function text(id, value) { $(id).textContent = value; }
  function stored(key) { try { return localStorage.getItem(key); } catch (e) { return null; } }
  function store(key, value) { try { localStorage.setItem(key, value); } catch (e) { /* private mode: it lasts as long as the page */ } }
  function icon(use, name) { use.setAttribute('href', '#' + name); use.setAttributeNS('http://www.w3.org/1999/xlink', 'xlink:href', '#' + name); }
  function tone(scan) { return scan.signal || 'info'; }
  function two(n) { return (n < 10 ? '0' : '') + n; }
  function time(ms) { var t = new Date(ms); return two(t.getHours()) + ':' + two(t.getMinutes()) + ':' + two(t.getSeconds()); }
  function span(s) {
    s = Math.max(0, Math.round(s));
    if (s < 60) { return s + say('s'); }
    if (s < 3600) { return Math.floor(s / 60) + say('min'); }
    if (s < 172800) { return Math.floor(s / 3600) + say('h'); }
    return Math.floor(s / 86400) + say('d');
  }

  /* Sound: the tap that switches it on is what browsers ask for. */
  function beep(signal, kind) {
    if (!audio) { return; }
    if (audio.state !== 'running' && audio.resume) { audio.resume(); } /* a phone that slept stops its sound */
    var tones = { good: [[1320, 0.14]], warn: [[740, 0.16], [740, 0.16]], bad: [[196, 0.55]], info: [[660, 0.08]] }[signal || 'info'];
    if (kind === 'not_kept') { tones = [[196, 0.2], [196, 0.2], [196, 0.2]]; }
    var at = audio.currentTime + 0.01;
    tones.forEach(function (one) {
      var source = audio.createOscillator(), gain = audio.createGain();
      source.type = signal === 'bad' ? 'square' : 'triangle';
      source.frequency.value = one[0];
      gain.gain.setValueAtTime(0.0001, at);
      gain.gain.exponentialRampToValueAtTime(0.5, at + 0.01);
      gain.gain.setValueAtTime(0.5, at + one[1] - 0.03);
      gain.gain.exponentialRampToValueAtTime(0.0001, at + one[1]);
      source.connect(gain); gain.connect(audio.destination);
      source.start(at); source.stop(at + one[1] + 0.02);
      at += one[1] + 0.09;
    });
  }
  function switchSound() {
    var Audio = window.AudioContext || window.webkitAudioContext;
    if (!Audio) { $('sounds').hidden = true; return; }
    if (audio) { if (audio.close) { audio.close(); } audio = null; } else {
      audio = new Audio();
      if (audio.resume) { audio.resume(); }
      beep('good');
    }
    showSound();
  }
  function showSound() {
    $('sounds').className = audio ? 'on' : 'off';
    text('sounds-word', say(audio ? 'sound_on' : 'sound_off'));
    icon($('sounds-icon'), audio ? 'sound' : 'mute');
  }

  function showCard(isNew) {
    var scan = scans[0], card = $('card');
    if (!scan) {
      card.className = 'info';
      icon($('card-icon'), 'info');
      text('card-title', say('wait')); text('card-detail', say('wait_detail')); text('card-todo', ''); text('card-code', ''); text('card-where', '');
      return;
    }
    var old = !connected || Date.now() - shownAt > OLD_AFTER_MS;
    card.className = tone(scan) + (old ? ' old' : '');
    if (isNew) { void card.offsetWidth; card.className += ' new'; }
    icon($('card-icon'), ICONS[scan.kind] || tone(scan));
    text('card-title', scan.title[language]);
    text('card-detail', scan.detail[language]);
    text('card-todo', scan.todo ? scan.todo[language] : '');
    text('card-code', scan.code);
    text('card-where', (scan.typed ? say('typed') : scan.device) + ' · ' + time(scan.at_ms));
  }
  function row(scan) {
    var li = document.createElement('li'), what = document.createElement('div');
    var svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    var b = document.createElement('b'), small = document.createElement('small'), when = document.createElement('time');
    li.className = tone(scan);
    svg.setAttribute('class', 'dot'); icon(use, ICONS[scan.kind] || tone(scan)); svg.appendChild(use);
    what.className = 'what'; b.textContent = scan.title[language]; small.textContent = scan.detail[language];
    what.appendChild(b); what.appendChild(small);
    when.textContent = time(scan.at_ms);
    li.appendChild(svg); li.appendChild(what); li.appendChild(when);
    return li;
  }
  function showPast() {
    var list = $('scans');
    while (list.firstChild) { list.removeChild(list.firstChild); }
    scans.slice(1).forEach(function (scan) { list.appendChild(row(scan)); });
    $('past-empty').hidden = scans.length > 0;
    $('past').hidden = scans.length === 1;
  }

  function chip(list, name, level, words) {
    var li = document.createElement('li'), svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    var use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    li.className = level; icon(use, name); svg.appendChild(use); li.appendChild(svg);
    li.appendChild(document.createTextNode(words));
    list.appendChild(li);
  }
  function showState() {
    var list = $('chips');
    while (list.firstChild) { list.removeChild(list.firstChild); }
    if (!state) { return; }
    var gone = (Date.now() - stateAt) / 1000, plan = state.manifest;
    text('gateway', state.gateway);
    text('site', state.site + (query.device ? ' · ' + say('only') + query.device : ''));
    document.title = state.gateway + ' · Plumbline';
    chip(list, state.online ? 'link' : 'nolink', state.online ? 'good' : 'warn',
      say(state.online ? 'online' : 'offline') + (state.online ? '' : say('since') + span(state.since_s + gone)));
    chip(list, 'tray', state.waiting && !state.online ? 'warn' : 'good', state.waiting ? state.waiting + say('waiting') : say('sent'));
    if (state.fault) { chip(list, 'warn', 'bad', say('list_fault')); }
    if (!plan) { chip(list, 'list', 'warn', say('no_list')); } else {
      chip(list, 'list', 'good', say('list') + plan.lines + say('lines') + (plan.latest ? say('fresh') : span(plan.age_s + gone) + say('old')));
    }
    chip(list, 'clock', state.clock === 'free' ? 'warn' : 'good', say(state.clock === 'free' ? 'clock_free' : 'clock_ok'));
    $('typing').hidden = !state.typing;
  }
  function showWords() {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
    text('language', say('other')); text('past-title', say('past')); text('past-empty', say('none'));
    text('typing-label', say('typing')); text('send', say('send')); text('lost', say('lost'));
    showSound(); showState(); showCard(false); showPast();
  }
  function live(now) {
    if (now === connected) { return; }
    connected = now;
    $('lost').hidden = now;
    showCard(false);
  }

  function take(scan) {
    for (var i = 0; i < scans.length; i += 1) { if (scans[i].id === scan.id && scans[i].kind === scan.kind) { return; } }
    scans.unshift(scan);
    scans.length = Math.min(scans.length, KEPT);
    shownAt = Date.now();
    showCard(true); showPast();
    beep(scan.signal, scan.kind);
  }
  var heard = Date.now(), source = null;
  function listen() {
    if (source) { source.close(); }
    heard = Date.now();
    source = new EventSource('api/stream' + (query.device ? '?device=' + encodeURIComponent(query.device) : ''));
    source.addEventListener('hello', function (event) {
      var data = JSON.parse(event.data);
      heard = Date.now();
      state = data.state; stateAt = Date.now();
      var missed = scans.length && data.scans.length && scans[0].id !== data.scans[0].id;
      scans = data.scans;
      if (missed) { shownAt = Date.now(); }
      connected = true; $('lost').hidden = true;
      showState(); showCard(false); showPast();
    });
    source.addEventListener('state', function (event) { heard = Date.now(); state = JSON.parse(event.data); stateAt = Date.now(); live(true); showState(); });
    source.addEventListener('scan', function (event) { heard = Date.now(); live(true); take(JSON.parse(event.data)); });
    source.onerror = function () { live(false); };
  }

  $('sounds').onclick = switchSound;
  $('language').onclick = function () { language = language === 'zh' ? 'en' : 'zh'; store('lang', language); showWords(); };
  $('typing').onsubmit = function (event) {
    event.preventDefault();
    var code = $('code').value.replace(/^\s+|\s+$/g, '');
    if (!code) { return; }
    var ask = new XMLHttpRequest();
    ask.open('POST', 'api/scan');
    ask.setRequestHeader('Content-Type', 'application/json');
    ask.timeout = 10000;
    ask.onload = function () {
      var ok = ask.status === 200, problem = '';
      if (!ok) { try { problem = JSON.parse(ask.responseText); problem = problem[language] || problem.detail; } catch (e) { problem = String(ask.status); } }
      text('typing-answer', ok ? '' : say('refused') + problem);
      if (ok) { $('code').value = ''; $('code').blur(); window.scrollTo(0, 0); }
    };
    ask.onerror = ask.ontimeout = function () { text('typing-answer', say('lost')); };
    text('typing-answer', say('sending'));
    ask.send(JSON.stringify({ code: code }));
  };
  setInterval(function () {
    if (Date.now() - heard > 12000) { live(false); listen(); }
    if (scans.length && !/ old/.test($('card').className) && Date.now() - shownAt > OLD_AFTER_MS) { showCard(false); }
    showState();
  }, 2000);
  showWords();
  listen();
}());
