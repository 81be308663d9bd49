/** Numbers and times as people read them, in the site's time zone and the reader's language. */

export type Language = 'en' | 'zh';

const LOCALE: Record<Language, string> = { en: 'en-GB', zh: 'zh-CN' };
const made = new Map<string, Intl.DateTimeFormat>();

function formatter(language: Language, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify([language, zone, options]);
  let known = made.get(key);
  if (!known) {
    try {
      known = new Intl.DateTimeFormat(LOCALE[language], { ...options, timeZone: zone });
    } catch {
      // An old kiosk may lack a zone; UTC, said so by its name in the header, is better than a blank wall.
      known = new Intl.DateTimeFormat(LOCALE[language], { ...options, timeZone: 'UTC', timeZoneName: 'short' });
    }
    made.set(key, known);
  }
  return known;
}

type When = number | string;
const moment = (at: When): Date => new Date(at);

/** `14:02` */
export function clock(at: When, zone: string, language: Language): string {
  return formatter(language, zone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(moment(at));
}

/** `14:02:31` */
export function clockSeconds(at: When, zone: string, language: Language): string {
  const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
  return formatter(language, zone, options).format(moment(at));
}

/** `Sunday 22 November`, `11月22日星期日` */
export function day(at: When, zone: string, language: Language): string {
  return formatter(language, zone, { weekday: 'long', day: 'numeric', month: 'long' }).format(moment(at));
}

/** `22 Nov`, `11月22日` */
export function shortDay(at: When, zone: string, language: Language): string {
  return formatter(language, zone, { day: 'numeric', month: 'short' }).format(moment(at));
}

/** `Sat 22 Nov`, `11月22日周六`; with the year where it is another one than now. */
export function longDay(at: When, now: number, zone: string, language: Language): string {
  const year = (time: When): string => formatter(language, zone, { year: 'numeric' }).format(moment(time));
  const options = { weekday: 'short', day: 'numeric', month: 'short' } as const;
  const whole = year(at) === year(now) ? options : { ...options, year: 'numeric' as const };
  return formatter(language, zone, whole).format(moment(at));
}

/** What stands at a tick of a line of time: `22` or `22 Nov`, `Nov`, `2026`. */
export function tickText(at: When, step: 'day' | 'week' | 'month' | 'quarter' | 'year', zone: string, language: Language): string {
  if (step === 'year') return formatter(language, zone, { year: 'numeric' }).format(moment(at));
  if (step === 'month' || step === 'quarter') {
    const january = formatter('en', zone, { month: 'numeric' }).format(moment(at)) === '1';
    return formatter(language, zone, january ? { year: 'numeric', month: 'short' } : { month: 'short' }).format(moment(at));
  }
  return shortDay(at, zone, language);
}

/** What the clock there is called, in hours from UTC: `UTC+8`, `UTC-3:30`. */
export function zoneOf(at: When, zone: string, language: Language): string {
  const parts = formatter(language, zone, { timeZoneName: 'shortOffset' }).formatToParts(moment(at));
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? 'UTC';
  return name.replace('GMT', 'UTC').replace('−', '-').replace(/\+0$/, '');
}

/** The clock time on the site's own today, else the day with the time. */
export function clockOrDay(at: When, now: number, zone: string, language: Language): string {
  const time = clock(at, zone, language);
  return shortDay(at, zone, language) === shortDay(now, zone, language) ? time : `${shortDay(at, zone, language)} ${time}`;
}

/** A quantity: whole numbers whole, else at most one decimal; grouped by thousands. */
export function quantity(value: number, language: Language): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 1;
  return value.toLocaleString(LOCALE[language], { maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

/** A distance: `15 m`, `12.4 km`. */
export function distance(metres: number, language: Language): string {
  if (metres < 1000) return `${quantity(Math.round(metres), language)} m`;
  return `${quantity(Math.round(metres / 100) / 10, language)} km`;
}

/** A percentage, whole; 100 only when it is reached, 0 only when nothing is. */
export function percent(value: number): string {
  if (value > 0 && value < 1) return '1';
  if (value > 99 && value < 100) return '99';
  return String(Math.round(value));
}

/** UCUM codes as people write them; every other unit stays as it came. */
const WRITTEN: Readonly<Record<string, string>> = {
  Cel: '°C',
  'dB[A]': 'dB(A)',
  'ug/m3': 'µg/m³',
  'mg/m3': 'mg/m³',
  m2: 'm²',
  m3: 'm³',
  deg: '°',
  '[ppm]': 'ppm',
};

/** A unit as people write it: `Cel` is `°C`. Source: UCUM, case-sensitive codes. */
export function unit(code: string): string {
  return Object.hasOwn(WRITTEN, code) ? (WRITTEN[code] ?? code) : code;
}
