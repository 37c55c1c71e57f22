/** The desk's words for what the API says in codes. */
import { ApiProblem, sentenceOf } from '../api/client'

export const DISPOSITIONS = {
  consult: '咨询，已答复',
  repeat: '重复来电，已有诉求',
  wrong_number: '打错电话',
  silent: '无声',
  dropped: '通话中断，没说完',
  nuisance: '骚扰',
  other: '其他（写明）',
} as const

export const END_REASONS = ['辱骂', '威胁', '骚扰', '无理占线'] as const

export const CALLBACK_REASONS: Readonly<Record<string, string>> = {
  requested: '要求回拨',
  missed: '漏接',
  abandoned: '排队中放弃',
}

/** Keys of the emergency lines, beside whatever else lines.yaml has. */
export const EMERGENCY_KEYS: Readonly<Record<string, string>> = { '110': 'p', '119': 'f', '120': 'e', '122': 't' }

const CASE_STATES: Readonly<Record<string, string>> = {
  DRAFT: '登记中',
  REGISTERED: '已登记',
  ANSWERED: '现场答复',
  TRANSFERRED: '已转接',
  NOT_ACCEPTED: '不予受理',
  MERGED: '已并单',
  TRIAGE: '待分办',
  CONSULT: '会商中',
  DISPATCHED: '待签收',
  HANDLING: '办理中',
  SUSPENDED: '挂起',
  FED_BACK: '已反馈待审核',
  CALLBACK: '待回访',
  REWORK: '重办',
  CLOSED: '已办结',
  WITHDRAWN: '已撤回',
  ARCHIVED: '已归档',
  DISCARDED: '已作废',
}
const OVER = new Set(['ANSWERED', 'TRANSFERRED', 'NOT_ACCEPTED', 'MERGED', 'CLOSED', 'WITHDRAWN', 'ARCHIVED', 'DISCARDED'])
export const caseState = (state: string): string => CASE_STATES[state] ?? state
export const isOpen = (state: string): boolean => !OVER.has(state)

const LIGHTS: Readonly<Record<string, string>> = { yellow: '临期', red: '超期' }
export const lightWord = (light: string): string => LIGHTS[light] ?? ''

const LIKE: Readonly<Record<string, string>> = { caller: '同一来电人', place: '同一地点', text: '内容相似' }
export const likeWords = (reasons: readonly string[]): string => reasons.map((one) => LIKE[one] ?? one).join('、')

/** The sentence for a refusal of the desk's own routes: without a PBX they are not there. */
export function deskSentence(error: unknown): string {
  return error instanceof ApiProblem && error.status === 404 ? '这里没有接入电话系统，不能接打电话。' : sentenceOf(error)
}
