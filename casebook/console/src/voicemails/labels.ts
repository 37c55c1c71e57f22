/** The words for what the API says in codes. Never a colour alone: every mark carries its word. */
import type { Quality, Suggestion, Word } from '../api/voicemails'
import { isoTime } from '../shared/format'

export const DEMANDS: Readonly<Record<string, string>> = {
  consult: '咨询',
  help: '求助',
  complaint: '投诉',
  report: '举报',
  opinion: '意见',
  suggestion: '建议',
  criticism: '批评',
  praise: '表扬',
  other: '其他',
}

export const STATES: Readonly<Record<string, { word: string; sign: string; tone: string }>> = {
  DRAFT: { word: '待审核', sign: '○', tone: 'open' },
  REGISTERED: { word: '已登记', sign: '✓', tone: 'good' },
  DISCARDED: { word: '已作废', sign: '✕', tone: 'off' },
}

/** Why a voicemail is discarded, in the order of the keys 1 to 5; the reviewer may add to them. */
export const DISCARD_REASONS = ['没有诉求', '误拨、打错电话', '骚扰电话', '听不清，且无法回拨', '试音或测试来电'] as const

/** States in which another case takes a duplicate. */
const CASE_STATES: Readonly<Record<string, string>> = { TRIAGE: '待分办', MERGED: '已并单', DISPATCHED: '已派单', HANDLING: '办理中' }

/** On the keypad one key stands for several kinds: what the caller chose is a hint, the reviewer decides. */
export const demandWord = (demand: string): string => DEMANDS[demand] ?? '未选类型'

export const stateOf = (state: string) => STATES[state] ?? { word: CASE_STATES[state] ?? '办理中', sign: '·', tone: 'off' }

export const UNSURE_BELOW = 0.6
export const isUnsure = (word: Word): boolean => word.confidence !== null && word.confidence < UNSURE_BELOW

/** Why a recording has no text, by the API's transcript_error. */
const REJECTIONS: Readonly<Record<string, string>> = {
  missing: '录音文件不见了',
  empty: '录音是空的，没有声音',
  not_audio: '录音文件不是声音',
  broken: '录音文件已损坏',
}
export const rejectionWord = (code: string | null): string => REJECTIONS[code ?? ''] ?? '录音文件读不出来'

/** Softer voices are lifted before they are recognised; with more clipping a voice is hard to recognise. */
const SOFT_BELOW_DBFS = -48
const CLIPPED_ABOVE = 0.01

/** What the figures of a recording warn of. */
export function qualityWarnings(quality: Quality): string[] {
  const { speech_dbfs: level, clipped_share: clipped = 0 } = quality
  const found: string[] = []
  if (level === null) found.push('没有检测到人声')
  else if (level !== undefined && level < SOFT_BELOW_DBFS) found.push(`音量过低（${level} dBFS），听录音时请调大音量`)
  if (clipped > CLIPPED_ABOVE) found.push(`失真：${(clipped * 100).toFixed(1)}% 的采样超出量程，转写可能不准`)
  return found
}

export const SUGGESTIONS: Readonly<Record<Suggestion['kind'], string>> = {
  phone: '电话',
  place: '地点',
  matter: '事项',
  time: '时间',
}
export const suggestionValue = (one: Suggestion): string => (one.kind === 'time' ? isoTime(one.value) : one.value)

export const percent = (share: number): string => `${Math.round(share * 100)}%`

const EVENTS: Readonly<Record<string, string>> = {
  open_by_voicemail: '收到留言，发放编号',
  start_clock: '通话结束，开始计时',
  register: '登记',
  discard: '作废',
  to_triage: '转后台分办',
  merge: '并单',
  raise_alert: '发现预警',
  acknowledge_alert: '处置预警',
}
export const eventWord = (kind: string): string => EVENTS[kind] ?? kind
export const actorWord = (actor: string): string => (actor === 'system' ? '系统' : actor)
