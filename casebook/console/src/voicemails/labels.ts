/** The words for what the API says in codes. Never a colour alone: every mark carries its word. */

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

/** On the keypad one key stands for several kinds: what the caller chose is a hint, the reviewer decides. */
export const demandWord = (demand: string): string => DEMANDS[demand] ?? '未选类型'

export const stateOf = (state: string) => STATES[state] ?? { word: state, sign: '·', tone: 'off' }

export const UNSURE_BELOW = 0.6

export const percent = (share: number): string => `${Math.round(share * 100)}%`

const EVENTS: Readonly<Record<string, string>> = {
  open_by_voicemail: '收到留言，发放编号',
  start_clock: '通话结束，开始计时',
  register: '登记',
  discard: '作废',
}
export const eventWord = (kind: string): string => EVENTS[kind] ?? kind
export const actorWord = (actor: string): string => (actor === 'system' ? '系统' : actor)
