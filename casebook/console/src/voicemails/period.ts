import { shanghaiDay, shanghaiMoment } from '../shared/format'

export type PeriodName = 'night-and-today' | 'night' | 'today' | 'week' | 'custom'

export const PERIODS: Readonly<Record<PeriodName, string>> = {
  'night-and-today': '昨夜和今天',
  night: '昨夜 17:30–08:30',
  today: '今天',
  week: '近七天',
  custom: '自选时间',
}

/** Office hours end at 17:30 and begin at 08:30. */
const NIGHT = { from: '17:30', to: '08:30' }
const DAY_MS = 86_400_000

/** What a period's name means at this moment; an open end is left out. */
export function periodBounds(name: PeriodName, now: Date, custom: { from: string; to: string }): { since?: string; until?: string } {
  const today = shanghaiDay(now)
  const yesterday = shanghaiDay(new Date(now.getTime() - DAY_MS))
  const lastEvening = shanghaiMoment(yesterday, NIGHT.from).toISOString()
  switch (name) {
    case 'night-and-today':
      return { since: lastEvening }
    case 'night':
      return { since: lastEvening, until: shanghaiMoment(today, NIGHT.to).toISOString() }
    case 'today':
      return { since: shanghaiMoment(today, '00:00').toISOString() }
    case 'week':
      return { since: new Date(now.getTime() - 7 * DAY_MS).toISOString() }
    case 'custom':
      return { ...bound('since', custom.from), ...bound('until', custom.to) }
  }
}

/** A field's "2026-11-23T17:30" is Shanghai time. */
function bound(name: 'since' | 'until', value: string): { since?: string; until?: string } {
  const [date, time] = value.split('T')
  return date && time ? { [name]: shanghaiMoment(date, time.slice(0, 5)).toISOString() } : {}
}
