/** How figures are written. */
import type { Figure, Indicator, Period } from '../api/boards'
import { fullTime, isoTime } from '../shared/format'

const NO_DATA = '—'
const whole = new Intl.NumberFormat('zh-CN')

export const count = (value: number | null): string => (value === null ? NO_DATA : whole.format(value))

/** "88.34%"; "100.00%" only where nothing is missing, "—" for no data: the same as in exported tables. */
export function percent(value: number | null): string {
  if (value === null) return NO_DATA
  const shown = Math.floor(value * 10_000 + 0.5 + 1e-9)
  return `${((shown === 10_000 && value < 1 ? 9_999 : shown) / 100).toFixed(2)}%`
}

export const shown = (figure: Figure, indicator: Indicator): string =>
  indicator.rate ? percent(figure.value) : count(figure.part)

/** "+12.0%", "-3.5%" of a number; "—" where the base is too small to say anything. */
export function change(now: number | null, then: number | null): string {
  if (now === null || then === null || then < 30) return NO_DATA
  return signed((now - then) / then)
}

export const signed = (share: number | null): string =>
  share === null ? NO_DATA : `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)}%`

/** "+1.20 个百分点" between two rates. */
export function points(now: number | null, then: number | null): string {
  if (now === null || then === null) return NO_DATA
  const difference = (now - then) * 100
  return `${difference > 0 ? '+' : ''}${difference.toFixed(2)} 个百分点`
}

export const seconds = (value: number): string => {
  const all = Math.max(0, Math.floor(value))
  return `${Math.floor(all / 60)}:${String(all % 60).padStart(2, '0')}`
}

/** "2026/11/30 24:00": a limit that ends with a day is that day's, not the next one's. */
export function deadline(iso: string): string {
  const shown = fullTime(iso)
  if (!shown.endsWith('00:00:00')) return shown.slice(0, 16)
  return `${fullTime(new Date(Date.parse(iso) - 1).toISOString()).slice(0, 10)} 24:00`
}

/** "2026年11月1日至2026年11月30日": what figures are of, which is not yet what has just been asked for. */
export const days = (period: Period): string => `${isoTime(period.first)}至${isoTime(period.last)}`

export const DEMANDS: Readonly<Record<string, string>> = {
  consult: '咨询', help: '求助', complaint: '投诉', report: '举报', opinion: '意见', suggestion: '建议',
  criticism: '批评', praise: '表扬', other: '其他', '': '未定',
}

export const STATES: Readonly<Record<string, string>> = {
  DRAFT: '登记中', REGISTERED: '已登记', TRIAGE: '待分办', CONSULT: '会商中', DISPATCHED: '待签收', HANDLING: '办理中',
  SUSPENDED: '挂起', FED_BACK: '待审核', CALLBACK: '待回访', REWORK: '重办', ANSWERED: '现场答复', TRANSFERRED: '已转接',
  NOT_ACCEPTED: '不予受理', MERGED: '已并单', CLOSED: '已办结', WITHDRAWN: '已撤回', ARCHIVED: '已归档', DISCARDED: '已作废',
}
