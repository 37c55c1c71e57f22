/** How times and numbers are written. The hotline's day is a Shanghai day, wherever the browser is. */

const ZONE = 'Asia/Shanghai'
const OFFSET = '+08:00' // Shanghai has had no summer time since 1991

const clock = new Intl.DateTimeFormat('zh-CN', { timeZone: ZONE, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const day = new Intl.DateTimeFormat('zh-CN', { timeZone: ZONE, month: 'numeric', day: 'numeric' })
const full = new Intl.DateTimeFormat('zh-CN', {
  timeZone: ZONE, year: 'numeric', month: '2-digit', day: '2-digit',
  hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
})
const isoDay = new Intl.DateTimeFormat('en-CA', { timeZone: ZONE, year: 'numeric', month: '2-digit', day: '2-digit' })

export const clockTime = (iso: string): string => clock.format(new Date(iso))
export const fullTime = (iso: string): string => full.format(new Date(iso))

/** "2026-11-23" of a moment, in Shanghai. */
export const shanghaiDay = (moment: Date): string => isoDay.format(moment)

/** The moment of a Shanghai day ("2026-11-23") and time of day ("17:30"). */
export const shanghaiMoment = (date: string, time: string): Date => new Date(`${date}T${time}:00${OFFSET}`)

/** 今天, 昨天, else "11月23日". */
export function dayName(iso: string, now: Date): string {
  const date = shanghaiDay(new Date(iso))
  if (date === shanghaiDay(now)) return '今天'
  if (date === shanghaiDay(new Date(now.getTime() - 86_400_000))) return '昨天'
  return day.format(new Date(iso))
}

/** "2026-11-23T15:00" and "2026-11-23", which are Shanghai times already, as people write them; other words as they are. */
export function isoTime(value: string): string {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}:\d{2}))?$/.exec(value)
  if (!match) return value
  const date = `${match[1]}年${Number(match[2])}月${Number(match[3])}日`
  return match[4] ? `${date} ${match[4]}` : date
}

/** "1:05" */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** LYG20261123000042 -> LYG, 2026, 1123, 000042: how it is read aloud. */
export function caseNumberGroups(caseNo: string): string[] {
  const match = /^([A-Z]+)(\d{4})(\d{4})(\d+)$/.exec(caseNo)
  return match ? match.slice(1) : [caseNo]
}
