import type { Clock, Light } from '../api/cases'
import { shanghaiDay } from '../shared/format'

interface StateWord {
  word: string
  tone: 'open' | 'warn' | 'good' | 'off'
}

const STATES: Readonly<Record<string, StateWord>> = {
  DRAFT: { word: '登记中', tone: 'open' },
  REGISTERED: { word: '已登记', tone: 'open' },
  TRIAGE: { word: '待分办', tone: 'open' },
  CONSULT: { word: '会商中', tone: 'open' },
  DISPATCHED: { word: '待签收', tone: 'open' },
  HANDLING: { word: '办理中', tone: 'open' },
  SUSPENDED: { word: '挂起', tone: 'warn' },
  FED_BACK: { word: '已反馈待审核', tone: 'open' },
  CALLBACK: { word: '待回访', tone: 'open' },
  REWORK: { word: '重办', tone: 'warn' },
  CLOSED: { word: '已办结', tone: 'good' },
  ANSWERED: { word: '现场答复办结', tone: 'good' },
  TRANSFERRED: { word: '已转接', tone: 'good' },
  NOT_ACCEPTED: { word: '不予受理', tone: 'off' },
  MERGED: { word: '已并单', tone: 'off' },
  WITHDRAWN: { word: '诉求人撤回', tone: 'off' },
  ARCHIVED: { word: '已归档', tone: 'off' },
  DISCARDED: { word: '已作废', tone: 'off' },
}
export const STATE_CODES = Object.keys(STATES)
export const stateOf = (state: string): StateWord => STATES[state] ?? { word: state, tone: 'off' }

export const DEMANDS: Readonly<Record<string, string>> = {
  consult: '咨询', help: '求助', complaint: '投诉', report: '举报', opinion: '意见', suggestion: '建议', criticism: '批评', praise: '表扬', other: '其他',
}
export const demandWord = (demand: string): string => DEMANDS[demand] ?? '未选类型'

const CHANNELS: Readonly<Record<string, string>> = {
  phone: '电话', voicemail: '留言', web: '网站', app: '手机应用', wechat: '微信', patrol: '网格巡查', province: '省平台', mail: '信件', import: '批量导入',
}
export const channelWord = (channel: string): string => CHANNELS[channel] ?? channel

/** What a limit is for, as the back office says it. */
const CLOCKS: Readonly<Record<Clock['what'], string>> = {
  case: '案件时限', triage: '分办', refusal: '不予受理审核', return: '退单审核', consult: '会商', sign: '签收', handle: '办理', extension: '延期审批',
  review: '审核反馈', callback: '回访', rework: '重办派单', report: '督办报告',
}
export const clockWord = (what: Clock['what']): string => CLOCKS[what]

/** Sign and word besides the colour. */
export const LIGHTS: Readonly<Record<Light, { word: string; sign: string; tone: 'good' | 'warn' | 'bad' }>> = {
  green: { word: '时间充足', sign: '○', tone: 'good' },
  yellow: { word: '临近到期', sign: '◐', tone: 'warn' },
  red: { word: '超期', sign: '●', tone: 'bad' },
}

const MINUTE = 60_000

/** "还剩 2 天 3 小时", "超期 40 分钟". */
export function timeLeft(due: string, now: number): string {
  const left = new Date(due).getTime() - now
  return `${left < 0 ? '超期' : '还剩'} ${span(Math.abs(left))}`
}

function span(ms: number): string {
  const minutes = Math.floor(ms / MINUTE)
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)]
  if (days) return hours ? `${days} 天 ${hours} 小时` : `${days} 天`
  if (hours) return minutes % 60 ? `${hours} 小时 ${minutes % 60} 分钟` : `${hours} 小时`
  return minutes ? `${minutes} 分钟` : '不到 1 分钟'
}

const clock = new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })

/** "11月26日 24:00": a limit in days ends with its last day, not with the first minute of the next. */
export function dueTime(due: string): string {
  const moment = new Date(due)
  const time = clock.format(moment)
  const shown = time === '00:00' ? new Date(moment.getTime() - 1) : moment
  const [, month, day] = shanghaiDay(shown).split('-')
  return `${Number(month)}月${Number(day)}日 ${time === '00:00' ? '24:00' : time}`
}

const EVENTS: Readonly<Record<string, string>> = {
  open_by_voicemail: '收到留言，发放编号', start_clock: '通话结束，开始计时', raise_alert: '发现预警', acknowledge_alert: '处置预警',
  register: '登记', discard: '作废', answer_now: '现场答复', transfer: '转接', refuse: '提出不予受理', confirm_refusal: '确认不予受理',
  decline_refusal: '不同意不予受理', to_triage: '转后台分办', merge: '并单', unmerge: '撤销并单', dispatch: '派单', recall: '收回工单', sign: '签收', co_sign: '协办签收',
  return_order: '退单', accept_return: '同意退单', reject_return: '不同意退单，指定办理', consult: '会商', contact: '联系诉求人',
  request_extension: '申请延期', sign_extension: '签批延期申请', approve_extension: '批准延期', reject_extension: '不批准延期', drop_extension: '撤回延期申请', suspend: '挂起',
  resume: '恢复办理', feedback: '填写反馈', sign_feedback: '签批反馈', co_feedback: '协办反馈', review_ok: '审核通过', review_back: '退回重办',
  callback: '回访', close: '办结', propose_close: '提出按“未解决-已解释”办结', confirm_close: '确认办结', decline_close: '不同意办结', reopen: '重办', urge: '催办',
  answer_urging: '答复催办', supervise: '督办', report_supervision: '督办报告', instruct: '领导交办', withdraw: '诉求人撤回', archive: '归档', correct: '更正', correct_contact: '更正联系方式',
  grant_contact: '授权查看联系方式', attach: '上传附件', recount: '重算时限', remind: '热线环节超时提醒', co_return: '协办退单', accept_co_return: '同意协办退单', reject_co_return: '不同意协办退单',
}
export const eventWord = (kind: string): string => EVENTS[kind] ?? kind

export const RETURN_CODES: Readonly<Record<string, string>> = {
  not_ours: '不属于本单位职责', other_region: '不属于本区域', duplicate: '重复工单', legal_procedure: '应走法定途径', unclear: '诉求不清楚，无法办理',
}
export const DEFECTS: Readonly<Record<string, string>> = {
  off_the_point: '答非所问', perfunctory: '敷衍', not_contacted: '没有联系诉求人', incomplete: '要素不全',
}
export const SOLVED: Readonly<Record<string, string>> = { yes: '已解决', partly: '部分解决', no: '没有解决' }
export const HOW: Readonly<Record<string, string>> = { phone: '电话', visit: '上门或当面', message: '短信或消息' }
export const RESULTS: Readonly<Record<string, string>> = { reached: '接通并回答', refused: '接通但不愿回答', unreachable: '联系不上' }
export const SATISFIED: Readonly<Record<string, string>> = { 5: '非常满意', 4: '满意', 3: '基本满意', 2: '不满意', 1: '非常不满意' }
export const CAUSES: Readonly<Record<string, string>> = { citizen_material: '等诉求人补充材料', objective: '客观原因' }
export const CORRECTED: Readonly<Record<string, string>> = {
  matter: '事项', region: '区域', place: '地点', demand: '诉求类型', title: '标题', body: '内容', about_unit: '被投诉单位', commitment: '违示违诺', urgent: '紧急', secret: '保密',
}
export const OUTCOMES: Readonly<Record<string, string>> = {
  solved: '已解决', partly: '部分解决', refused_to_say: '不愿评价', unreachable: '联系不上', explained: '未解决-已解释', answered: '现场答复',
  refused: '不予受理', merged: '并单', withdrawn: '撤回',
}
export const ORDER_RESULTS: Readonly<Record<string, string>> = {
  done: '办毕', returned: '已退单', reworked: '退回后改派', withdrawn: '诉求人撤回', replaced: '收回或随主办改派',
}
export const size = (bytes: number): string => (bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`)
